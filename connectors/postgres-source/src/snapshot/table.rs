//! One table of a snapshot: how it is read, and whether what was read is what the snapshot saw.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use walbridge_connector_api::{ConnectorError, Result};
use walbridge_postgres::ident::{literal, qualified, quote};

use crate::catalog::{Catalog, Published, text};
use crate::columns;
use crate::pgoutput::Identity;
use crate::plan::{DefinedColumn, Definition, Plan};
use crate::shared::Shared;
use crate::wire::Wire;

/// One table to read.
pub(super) struct Table {
    oid: u32,
    /// The name as SQL writes it.
    qualified: String,
    pub(super) copy: String,
    /// Which columns come as text.
    pub(super) text: Vec<bool>,
    pub(super) plan: Arc<Mutex<Plan>>,
    pub(super) name: String,
    pub(super) rows: Arc<AtomicU64>,
}

/// Plans how a table is read; the catalog is seen as of the snapshot.
pub(super) fn plan(catalog: &mut Catalog, shared: &Shared, table: &Published) -> Result<Table> {
    let live = catalog.table(table.oid)?;
    let identity = Identity::from_code(table.identity).unwrap_or(Identity::Default);
    let flagged = match identity {
        Identity::Default => &live.primary_key,
        Identity::Index => &live.identity_index,
        Identity::Full | Identity::Nothing => &Vec::new(),
    };
    let columns: Vec<_> = live
        .columns
        .iter()
        .filter(|column| {
            table
                .columns
                .as_ref()
                .is_none_or(|names| names.contains(&column.name))
        })
        .map(|column| DefinedColumn {
            name: column.name.clone(),
            identity: identity == Identity::Full || flagged.contains(&column.name),
            type_oid: column.type_oid,
            typmod: column.typmod,
        })
        .collect();
    let definition = Definition {
        oid: table.oid,
        schema: table.schema.clone(),
        name: table.name.clone(),
        identity,
        columns,
    };
    let mut plan = Plan::new(
        definition,
        &live,
        &std::collections::BTreeSet::new(),
        catalog,
        shared,
    )?;
    // BEGIN has the definitions of all tables.
    plan.announce = false;
    let text: Vec<_> = plan
        .columns
        .iter()
        .map(|column| !column.copies_binary)
        .collect();
    if plan.columns.iter().any(|column| !column.reads_binary) {
        columns::ask_for_text(&shared.options);
    }
    let list: Vec<_> = plan
        .definition
        .columns
        .iter()
        .zip(&text)
        .map(|(column, text)| {
            format!(
                "{}{}",
                quote(&column.name),
                if *text { "::text" } else { "" }
            )
        })
        .collect();
    // ONLY leaves the rows of inheriting tables to their own topics; a partitioned table has none
    // itself and stands for its partitions.
    let only = if table.partitioned { "" } else { "ONLY " };
    let filter = table
        .filter
        .as_ref()
        .map(|filter| format!(" WHERE {filter}"))
        .unwrap_or_default();
    let name = qualified(&table.schema, &table.name);
    let select = format!("SELECT {} FROM {only}{name}{filter}", list.join(", "));
    Ok(Table {
        oid: table.oid,
        qualified: name,
        copy: format!("COPY ({select}) TO STDOUT (FORMAT binary)"),
        text,
        name: plan.collection(),
        plan: Arc::new(Mutex::new(plan)),
        rows: Arc::new(AtomicU64::new(0)),
    })
}

impl Table {
    /// Returns whether the table was emptied, rewritten or renamed between the snapshot and its copy.
    ///
    /// TRUNCATE and rewriting forms of ALTER TABLE do not respect snapshots: the copy shows the table as
    /// it is after them. The copy's lock lasts until the transaction ends, so what is compared here stays
    /// so: `pg_class` is read as of the snapshot, `pg_relation_filenode` and `to_regclass` as of now.
    pub(super) fn is_other(&self, wire: &mut Wire) -> Result<bool> {
        let (oid, name) = (self.oid, literal(&self.qualified));
        let same = wire.query(&format!(
            "SELECT to_regclass({name}) IS NOT DISTINCT FROM {oid}::regclass AND coalesce(bool_and(\
             relfilenode IS NOT DISTINCT FROM pg_relation_filenode(oid)), true) FROM pg_class \
             WHERE relkind = 'r' AND (oid = {oid} OR oid IN (SELECT relid FROM pg_partition_tree({oid})))"
        ))?;
        Ok(same.first().is_some_and(|row| text(row, 0) == "f"))
    }

    /// Starts to copy the table; `false` if it, or a column of it, is not there any more.
    pub(super) fn start_copy(&self, wire: &mut Wire) -> Result<bool> {
        match wire.start_copy(&self.copy) {
            Ok(()) => Ok(true),
            Err(error) if is_undefined(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The server's message ends with its code: undefined_table or undefined_column.
fn is_undefined(error: &ConnectorError) -> bool {
    let text = error.to_string();
    ["42P01", "42703"]
        .iter()
        .any(|code| text.contains(&format!("(SQLSTATE {code})")))
}
