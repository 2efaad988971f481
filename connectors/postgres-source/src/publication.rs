//! The publication: created if wanted, then checked for what the connector needs.

use std::collections::BTreeSet;

use walbridge_connector_api::{ConnectorError, Result, StopToken};
use walbridge_postgres::ident::{literal, qualified, quote};

use crate::catalog::{Catalog, Published, text};
use crate::config::{Autocreate, Options};
use crate::identity;
use crate::names;

/// Makes sure that the publication exists, and returns the captured tables in it.
pub(crate) fn prepare(
    catalog: &mut Catalog,
    options: &Options,
    version: u32,
    stop: &StopToken,
) -> Result<Vec<Published>> {
    let name = &options.publication;
    identity::set(catalog, options)?;
    if !exists(catalog, name)? {
        create(catalog, options)?;
    } else if options.autocreate == Autocreate::Filtered {
        // A new table that is locked or not ours to publish must not hold up all the others.
        let mut own = Catalog::open(&options.database, stop)?;
        if let Err(error) = extend(&mut own, options, version, &mut BTreeSet::new()) {
            tracing::warn!(%error, "cannot add new tables to the publication");
        }
    }
    warn_of_missing_operations(catalog, options)?;
    let captured = captured(catalog, options, version)?;
    for table in identity::without(catalog, options)? {
        tracing::warn!(
            table = %table,
            "the table has no replica identity: the server refuses its updates and deletes while it \
             is published; ALTER TABLE {table} REPLICA IDENTITY FULL (or add a primary key)"
        );
    }
    Ok(captured)
}

/// Returns the tables that are both published and captured.
pub(crate) fn captured(
    catalog: &mut Catalog,
    options: &Options,
    version: u32,
) -> Result<Vec<Published>> {
    let mut tables = catalog.published(&options.publication, version)?;
    tables.retain(|table| options.filter.captures(&table.schema, &table.name));
    Ok(tables)
}

fn exists(catalog: &mut Catalog, name: &str) -> Result<bool> {
    let sql = format!(
        "SELECT 1 FROM pg_publication WHERE pubname = {}",
        literal(name)
    );
    Ok(!catalog.query(&sql)?.is_empty())
}

fn create(catalog: &mut Catalog, options: &Options) -> Result<()> {
    let name = &options.publication;
    let wanted = wanted(catalog, options)?;
    if matches!(
        options.autocreate,
        Autocreate::AllTables | Autocreate::Filtered
    ) {
        // Nothing is left behind at the server by a start that must fail.
        let tables: Vec<_> = wanted.iter().map(Published::whole).collect();
        names::check(catalog, options, &tables)?;
        identity::check(catalog, options, &wanted)?;
    }
    let tables = match options.autocreate {
        Autocreate::Disabled => {
            return Err(ConnectorError::stop(
                "PublicationMissing",
                format!(
                    "publication \"{name}\" does not exist in {}",
                    options.database.target()
                ),
            )
            .remedy(format!("CREATE PUBLICATION {} FOR TABLE …", quote(name))));
        }
        Autocreate::AllTables => " FOR ALL TABLES".to_owned(),
        Autocreate::NoTables => String::new(),
        Autocreate::Filtered if wanted.is_empty() => String::new(),
        Autocreate::Filtered => {
            let names: Vec<_> = wanted.iter().map(|(_, s, t)| qualified(s, t)).collect();
            format!(" FOR TABLE {}", names.join(", "))
        }
    };
    let root = options.via_partition_root;
    let with = format!(
        "publish = '{}', publish_via_partition_root = {root}",
        operations(options)
    );
    tracing::info!(publication = %name, tables = wanted.len(), "creating the publication");
    catalog.query(&format!(
        "CREATE PUBLICATION {}{tables} WITH ({with})",
        quote(name)
    ))?;
    Ok(())
}

fn wanted(catalog: &mut Catalog, options: &Options) -> Result<Vec<(u32, String, String)>> {
    let mut tables = catalog.tables(options.via_partition_root)?;
    tables.retain(|(_, schema, name)| options.filter.captures(schema, name));
    Ok(tables)
}

/// Adds tables that the lists capture and the publication lacks, as long as they have no rows yet.
///
/// A table with rows cannot join without a snapshot of its own: its rows would be missing for ever.
/// It is told once, and then stands in `left_out`.
pub(crate) fn extend(
    catalog: &mut Catalog,
    options: &Options,
    version: u32,
    left_out: &mut BTreeSet<u32>,
) -> Result<()> {
    let name = &options.publication;
    let published = catalog.published(name, version)?;
    for (oid, schema, table) in wanted(catalog, options)? {
        if published.iter().any(|p| p.oid == oid) || left_out.contains(&oid) {
            continue;
        }
        let qualified = qualified(&schema, &table);
        // The lock holds writers off for the moment between the look and the change.
        let empty = catalog.query(&format!(
            "BEGIN; SET LOCAL lock_timeout = '2s'; LOCK TABLE ONLY {qualified} IN SHARE MODE; \
             SELECT 1 FROM {qualified} LIMIT 1"
        ))?;
        if empty.is_empty() {
            tracing::info!(table = %qualified, "adding the table to the publication");
            catalog.query(&format!(
                "ALTER PUBLICATION {} ADD TABLE {qualified}; COMMIT",
                quote(name)
            ))?;
        } else {
            catalog.query("ROLLBACK")?;
            left_out.insert(oid);
            tracing::warn!(
                table = %qualified,
                "the table is wanted but not in the publication, and it has rows already: it is not captured"
            );
        }
    }
    Ok(())
}

fn operations(options: &Options) -> String {
    let all = [
        ("insert", options.skipped.create),
        ("update", options.skipped.update),
        ("delete", options.skipped.delete),
        ("truncate", options.skipped.truncate),
    ];
    let kept: Vec<_> = all
        .iter()
        .filter(|(_, skipped)| !skipped)
        .map(|(name, _)| *name)
        .collect();
    kept.join(", ")
}

fn warn_of_missing_operations(catalog: &mut Catalog, options: &Options) -> Result<()> {
    let row = catalog.row(&format!(
        "SELECT pubinsert, pubupdate, pubdelete, pubtruncate FROM pg_publication WHERE pubname = {}",
        literal(&options.publication)
    ))?;
    let wanted = [
        ("insert", !options.skipped.create),
        ("update", !options.skipped.update),
        ("delete", !options.skipped.delete),
        ("truncate", !options.skipped.truncate),
    ];
    for (index, (operation, wanted)) in wanted.into_iter().enumerate() {
        if wanted && text(&row, index) != "t" {
            tracing::warn!(
                publication = %options.publication,
                operation,
                "the publication does not publish an operation that the connector would emit"
            );
        }
    }
    Ok(())
}
