//! The replica identity of tables: what names a row in an update or a delete.
//!
//! Once a table is published that has none, the server refuses its updates and deletes: whoever uses the
//! database is told so, not whoever started the connector. So identities are set where the configuration
//! says so, and a publication is not made over a table that would still be without.

use regex::{Regex, RegexBuilder};
use walbridge_connector_api::{ConnectorError, Result, Settings};
use walbridge_postgres::ident::{literal, qualified, quote};

use crate::catalog::{Catalog, text};
use crate::config::{Autocreate, Options};
use crate::filter::split;

/// The key of the list that says which table gets which identity.
pub(crate) const AUTOSET: &str = "replica.identity.autoset.values";

/// The condition that table `c` has nothing that names its rows. Partitions count by themselves: they do not
/// inherit the identity. A primary key that is deferrable is none.
const NONE: &str = "c.relkind = 'r' AND c.relreplident <> 'f' AND NOT EXISTS (\
     SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid \
     AND CASE c.relreplident WHEN 'd' THEN i.indisprimary AND i.indimmediate \
                             WHEN 'i' THEN i.indisreplident ELSE false END)";

/// How many tables a message names.
const MOST: usize = 20;

/// An identity that a table can have.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Identity {
    Default,
    Full,
    Nothing,
    Index(String),
}

/// Which tables get which identity: the first expression that matches decides.
#[derive(Debug, Default)]
pub(crate) struct Autoset(Vec<(Regex, Identity)>);

impl Autoset {
    /// Reads the list: `expression:identity`, the identity being `DEFAULT`, `FULL`, `NOTHING` or `INDEX name`.
    ///
    /// # Errors
    /// The entry that cannot be used, and why.
    pub(crate) fn new(settings: &Settings) -> std::result::Result<Self, (String, String)> {
        let entries = split(settings.text(AUTOSET)).into_iter();
        let read = entries.map(|entry| {
            let found = entry.rsplit_once(':').and_then(|(tables, identity)| {
                let identity = Identity::read(identity.trim())?;
                Some((tables.trim().to_owned(), identity))
            });
            let Some((tables, identity)) = found else {
                let why = "an entry is schema.table:DEFAULT, :FULL, :NOTHING or :INDEX name";
                return Err((entry, why.to_owned()));
            };
            let regex = RegexBuilder::new(&format!("^(?:{tables})$"))
                .case_insensitive(true)
                .build();
            match regex {
                Ok(regex) => Ok((regex, identity)),
                Err(error) => Err((entry, error.to_string().replace('\n', " "))),
            }
        });
        read.collect::<std::result::Result<_, _>>().map(Self)
    }

    fn of(&self, names: [&str; 2]) -> Option<&Identity> {
        let mut all = self.0.iter();
        let found = all.find(|(tables, _)| names.iter().any(|name| tables.is_match(name)));
        found.map(|(_, identity)| identity)
    }
}

impl Identity {
    fn read(text: &str) -> Option<Self> {
        let upper = text.to_ascii_uppercase();
        match upper.as_str() {
            "DEFAULT" => Some(Self::Default),
            "FULL" => Some(Self::Full),
            "NOTHING" => Some(Self::Nothing),
            _ => {
                let name = upper.strip_prefix("INDEX ")?.len();
                Some(Self::Index(text[text.len() - name..].trim().to_owned()))
            }
        }
    }

    /// Returns `pg_class.relreplident`, and the index where that is one.
    fn stored(&self) -> (&'static str, &str) {
        match self {
            Self::Default => ("d", ""),
            Self::Full => ("f", ""),
            Self::Nothing => ("n", ""),
            Self::Index(name) => ("i", name),
        }
    }

    fn sql(&self) -> String {
        match self {
            Self::Default => "DEFAULT".to_owned(),
            Self::Full => "FULL".to_owned(),
            Self::Nothing => "NOTHING".to_owned(),
            Self::Index(name) => format!("USING INDEX {}", quote(name)),
        }
    }
}

/// Sets the identities that the configuration names, where a captured table has another one.
pub(crate) fn set(catalog: &mut Catalog, options: &Options) -> Result<()> {
    if options.identities.0.is_empty() {
        return Ok(());
    }
    let rows = catalog.query(
        "SELECT n.nspname, c.relname, rn.nspname, r.relname, c.relreplident, coalesce((\
             SELECT x.relname FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid \
             WHERE i.indrelid = c.oid AND i.indisreplident), '') \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_class r ON r.oid = coalesce(pg_partition_root(c.oid), c.oid) \
         JOIN pg_namespace rn ON rn.oid = r.relnamespace \
         WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND c.oid >= 16384 ORDER BY 1, 2",
    )?;
    for row in rows {
        let [schema, table, root_schema, root, kind, index] =
            std::array::from_fn(|at| text(&row, at));
        let (own, whole) = (format!("{schema}.{table}"), format!("{root_schema}.{root}"));
        let captured = options.filter.captures(&schema, &table)
            || options.filter.captures(&root_schema, &root);
        let wanted = options.identities.of([&own, &whole]);
        let Some(wanted) = wanted.filter(|_| captured) else {
            continue;
        };
        if wanted.stored() == (&kind, &index) || (wanted.stored().0 == kind && kind != "i") {
            continue;
        }
        let statement = format!(
            "ALTER TABLE {} REPLICA IDENTITY {}",
            qualified(&schema, &table),
            wanted.sql()
        );
        tracing::info!(statement, "setting the replica identity");
        // Whoever uses the table queues up behind this, so a table that is busy is not waited for for long.
        let run = format!("BEGIN; SET LOCAL lock_timeout = '1s'; {statement}; COMMIT");
        if let Err(error) = catalog.query(&run) {
            let _ = catalog.query("ROLLBACK");
            let text = format!("{AUTOSET} asks for {statement}: {error}");
            // Somebody holds the table: that passes.
            if text.contains("SQLSTATE 55P03") {
                return Err(ConnectorError::retry("ReplicaIdentityNotSet", text).because(error));
            }
            return Err(ConnectorError::stop("ReplicaIdentityNotSet", text)
                .because(error)
                .remedy(format!(
                    "let the table's owner do it, then take its entry out of {AUTOSET}; or run the \
                     connector with a role that owns the table"
                )));
        }
    }
    Ok(())
}

/// Refuses to publish tables whose updates and deletes the server would then refuse.
///
/// One whose identity is NOTHING is that on purpose: it only grows.
pub(crate) fn check(
    catalog: &mut Catalog,
    options: &Options,
    wanted: &[(u32, String, String)],
) -> Result<()> {
    if options.skipped.update && options.skipped.delete {
        return Ok(());
    }
    let published = match options.autocreate {
        Autocreate::Disabled | Autocreate::NoTables => return Ok(()),
        // The lists say what is captured; all is published all the same.
        Autocreate::AllTables => catalog.tables(options.via_partition_root)?,
        Autocreate::Filtered => wanted.to_vec(),
    };
    let oids: Vec<_> = published.iter().map(|(oid, ..)| oid.to_string()).collect();
    let rows = catalog.query(&format!(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE EXISTS (SELECT FROM unnest(ARRAY[{}]::oid[]) w WHERE c.oid = w \
             OR c.oid IN (SELECT relid FROM pg_partition_tree(w))) \
         AND c.relreplident <> 'n' AND {NONE} ORDER BY 1, 2",
        oids.join(", ")
    ))?;
    if rows.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = (rows.iter())
        .map(|row| (text(row, 0), text(row, 1)))
        .collect();
    let tables: Vec<_> = names.iter().map(|(s, t)| qualified(s, t)).collect();
    let values: Vec<_> = names.iter().map(|(s, t)| entry(s, t)).collect();
    let first = &values[..values.len().min(MOST)];
    let text = format!(
        "{} would have no replica identity in the publication \"{}\": the server would refuse their \
         updates and deletes as long as they are published",
        shown(&tables),
        options.publication
    );
    let leave = match options.autocreate {
        Autocreate::AllTables => {
            "publication.autocreate.mode=filtered with them in table.exclude.list"
        }
        _ => "table.exclude.list",
    };
    Err(ConnectorError::stop("NoReplicaIdentity", text).remedy(format!(
        "give them a primary key; or let the connector set an identity \
         ({AUTOSET}={}; NOTHING instead of FULL for a table that only grows); or leave them out ({leave})",
        first.join(",")
    )))
}

/// Returns the entry of the list that gives a table a full identity.
fn entry(schema: &str, table: &str) -> String {
    let part = |name| regex::escape(name).replace(',', "\\,");
    format!("{}.{}:FULL", part(schema), part(table))
}

/// Returns the published tables whose updates and deletes the server refuses, as SQL writes them.
pub(crate) fn without(catalog: &mut Catalog, options: &Options) -> Result<Vec<String>> {
    let rows = catalog.query(&format!(
        "SELECT DISTINCT n.nspname, c.relname FROM pg_publication_tables p \
         JOIN pg_publication b ON b.pubname = p.pubname AND (b.pubupdate OR b.pubdelete) \
         JOIN pg_namespace rn ON rn.nspname = p.schemaname \
         JOIN pg_class r ON r.relnamespace = rn.oid AND r.relname = p.tablename \
         JOIN pg_class c ON c.oid = r.oid OR c.oid IN (SELECT relid FROM pg_partition_tree(r.oid)) \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE p.pubname = {} AND {NONE} ORDER BY 1, 2",
        literal(&options.publication)
    ))?;
    let name = |row| qualified(&text(row, 0), &text(row, 1));
    Ok(rows.iter().map(name).collect())
}

/// Shows names, the first of them if there are many.
pub(crate) fn shown(tables: &[String]) -> String {
    let mut text = tables[..tables.len().min(MOST)].join(", ");
    if tables.len() > MOST {
        text.push_str(&format!(" and {} more", tables.len() - MOST));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn autoset(text: &str) -> std::result::Result<Autoset, (String, String)> {
        let values = BTreeMap::from([(AUTOSET.to_owned(), text.to_owned())]);
        Autoset::new(&crate::config::definition().settings(&values))
    }

    #[test]
    fn the_first_expression_that_matches_decides() {
        let set = autoset("public.a:FULL, public\\.b.*:index \"b i\" , s.(c|d):NOTHING,.*:default")
            .unwrap();
        let of = |name| set.of([name, name]).cloned();
        assert_eq!(of("public.a"), Some(Identity::Full));
        assert_eq!(of("public.b7"), Some(Identity::Index("\"b i\"".to_owned())));
        assert_eq!(of("s.d"), Some(Identity::Nothing));
        assert_eq!(of("s.x"), Some(Identity::Default));
        assert_eq!(set.of(["s.part", "public.a"]), Some(&Identity::Full));
    }

    #[test]
    fn an_entry_that_says_nothing_is_refused() {
        for wrong in ["public.a", "public.a:SOME", "public.a:INDEX", "(:FULL"] {
            assert_eq!(autoset(wrong).unwrap_err().0, wrong);
        }
    }
}
