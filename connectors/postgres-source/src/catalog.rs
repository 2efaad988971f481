//! What the database's catalog says about tables, types, the publication and the slot.

use std::collections::BTreeMap;

use walbridge_connector_api::{ConnectorError, Result, StopToken};
use walbridge_postgres::Lsn;
use walbridge_postgres::connect::Settings;
use walbridge_postgres::ident::literal;
use walbridge_postgres::types::{PgType, TypeCatalog};

use crate::wire::{Row, Wire};

/// An ordinary connection for questions.
#[derive(Debug)]
pub(crate) struct Catalog {
    wire: Wire,
    types: TypeCatalog,
    has_system_types: bool,
}

/// A column as it is now, which a lagging stream may not have reached yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LiveColumn {
    pub(crate) name: String,
    pub(crate) not_null: bool,
    /// The default's expression.
    pub(crate) default: Option<String>,
    /// The value of rows that are older than the column, as text.
    pub(crate) missing: Option<String>,
    /// Whether it is `GENERATED … AS IDENTITY`.
    pub(crate) identity: bool,
    pub(crate) type_oid: u32,
    pub(crate) typmod: i32,
}

/// A table as it is now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LiveTable {
    pub(crate) columns: Vec<LiveColumn>,
    /// The primary key's columns in its own order.
    pub(crate) primary_key: Vec<String>,
    /// The columns of the index that `REPLICA IDENTITY USING INDEX` names.
    pub(crate) identity_index: Vec<String>,
    /// The columns of the first index by name that holds no two equal rows.
    pub(crate) unique: Vec<String>,
}

/// A table that a publication has, and what of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) oid: u32,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) identity: u8,
    /// Whether it has partitions of its own.
    pub(crate) partitioned: bool,
    /// The published columns; `None` for all.
    pub(crate) columns: Option<Vec<String>>,
    /// The condition that published rows meet.
    pub(crate) filter: Option<String>,
    /// Its size in pages, as far as the server knows.
    pub(crate) pages: i64,
}

impl Published {
    /// Describes a table all of which would be published.
    pub(crate) fn whole((oid, schema, name): &(u32, String, String)) -> Self {
        Self {
            oid: *oid,
            schema: schema.clone(),
            name: name.clone(),
            identity: b'd',
            partitioned: false,
            columns: None,
            filter: None,
            pages: 0,
        }
    }
}

/// Returns a `WITH` that defines `full_id(id, next)`: the 64 bits of an xid whose lower 32 the stream
/// tells, which are the ones nearest to where the server is, and where that is.
pub(crate) fn full_id(xid: u32) -> String {
    format!(
        "WITH now AS (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::numeric AS next), \
              full_id AS (SELECT next, {xid} + 4294967296 * round((next - {xid}) / 4294967296) AS id FROM now)"
    )
}

impl Catalog {
    pub(crate) fn open(settings: &Settings, stop: &StopToken) -> Result<Self> {
        let wire = Wire::open(settings, false, stop)?;
        Ok(Self {
            wire,
            types: TypeCatalog::new(),
            has_system_types: false,
        })
    }

    /// Runs SQL and returns the rows of all statements.
    pub(crate) fn query(&mut self, sql: &str) -> Result<Vec<Row>> {
        self.wire.query(sql)
    }

    /// Runs SQL that gives one row.
    pub(crate) fn row(&mut self, sql: &str) -> Result<Row> {
        self.wire.query(sql)?.into_iter().next().ok_or_else(|| {
            ConnectorError::retry(
                "Unreachable",
                format!("{} answered nothing", self.wire.target()),
            )
        })
    }

    /// Returns whether the server shows what a transaction of the stream has done.
    ///
    /// It sends a commit once that is in its log, and shows it a moment later, or, where commits wait
    /// for a synchronous standby, as much later as that takes.
    pub(crate) fn sees(&mut self, xid: u32) -> Result<bool> {
        let row = self.row(&format!(
            "{} SELECT id < 3 OR pg_visible_in_snapshot(id::text::xid8, pg_current_snapshot()) FROM full_id",
            full_id(xid)
        ))?;
        Ok(text(&row, 0) == "t")
    }

    /// Returns a table as it is now; one that is gone has no columns.
    pub(crate) fn table(&mut self, oid: u32) -> Result<LiveTable> {
        let columns = self.query(&format!(
            "SELECT a.attname, a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity, \
                    a.atttypid::bigint, a.atttypmod, \
                    CASE WHEN a.atthasmissing THEN (a.attmissingval::text::text[])[1] END \
             FROM pg_attribute a \
             LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
                  AND a.attgenerated = '' \
             WHERE a.attrelid = {oid} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
        ))?;
        let columns = columns
            .iter()
            .map(|row| LiveColumn {
                name: text(row, 0),
                not_null: text(row, 1) == "t",
                default: row.get(2).cloned().flatten(),
                identity: !text(row, 3).is_empty(),
                type_oid: number(row, 4),
                typmod: number(row, 5),
                missing: row.get(6).cloned().flatten(),
            })
            .collect();
        let mut table = LiveTable {
            columns,
            ..LiveTable::default()
        };
        let indexes = self.query(&format!(
            "SELECT i.indisprimary, i.indisreplident, \
                    i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL, \
                    c.relname, a.attname \
             FROM pg_index i \
             JOIN pg_class c ON c.oid = i.indexrelid \
             CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, ord) \
             LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
             WHERE i.indrelid = {oid} AND k.ord <= i.indnkeyatts AND i.indexprs IS NULL \
             ORDER BY c.relname, k.ord"
        ))?;
        let mut by_index: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
        for row in &indexes {
            by_index.entry(text(row, 3)).or_default().push(row);
        }
        for rows in by_index.values() {
            let names = || rows.iter().map(|row| text(row, 4)).collect::<Vec<_>>();
            // What is said of the index is the same in all its rows.
            let says = |column| rows.first().is_some_and(|row| text(row, column) == "t");
            if says(0) {
                table.primary_key = names();
            }
            if says(1) {
                table.identity_index = names();
            }
            if table.unique.is_empty() && says(2) {
                table.unique = names();
            }
        }
        Ok(table)
    }

    /// Returns types with their modifiers, resolved; `None` for one that is gone.
    pub(crate) fn types(&mut self, wanted: &[(u32, i32)]) -> Result<Vec<Option<PgType>>> {
        // The system's own types never change; others may, and are asked for anew.
        if !self.has_system_types {
            self.read_types("", "WHERE t.oid < 16384 AND t.typtype <> 'c'")?;
            self.has_system_types = true;
        }
        let own: Vec<_> = wanted
            .iter()
            .filter(|(oid, _)| *oid >= 16384)
            .map(|(oid, _)| oid.to_string())
            .collect();
        if !own.is_empty() {
            let with = format!(
                "WITH RECURSIVE need(oid) AS (SELECT unnest(ARRAY[{}]::oid[]) UNION \
                 SELECT part.oid FROM need JOIN pg_type t ON t.oid = need.oid CROSS JOIN LATERAL ( \
                    SELECT t.typelem AS oid UNION ALL SELECT t.typbasetype UNION ALL \
                    SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = t.oid UNION ALL \
                    SELECT r.rngtypid FROM pg_range r WHERE r.rngmultitypid = t.oid UNION ALL \
                    SELECT a.atttypid FROM pg_attribute a WHERE t.typtype = 'c' \
                      AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped \
                 ) part WHERE part.oid <> 0) ",
                own.join(",")
            );
            self.read_types(&with, "WHERE t.oid IN (SELECT oid FROM need)")?;
        }
        Ok(wanted
            .iter()
            .map(|(oid, typmod)| self.types.resolve(*oid, *typmod))
            .collect())
    }

    fn read_types(&mut self, with: &str, condition: &str) -> Result<()> {
        let sql = format!("{with}{} {condition}", TypeCatalog::QUERY);
        for row in self.query(&sql)? {
            let fields: Vec<_> = row.iter().map(Option::as_deref).collect();
            if let Ok(fields) = <&[Option<&str>; 8]>::try_from(fields.as_slice()) {
                self.types.insert(fields);
            }
        }
        Ok(())
    }

    /// Returns the text of types with their modifiers, in order.
    pub(crate) fn type_texts(&mut self, types: &[(u32, i32)]) -> Result<Vec<String>> {
        if types.is_empty() {
            return Ok(Vec::new());
        }
        let calls = types
            .iter()
            .map(|(oid, typmod)| format!("format_type({oid}, {typmod})"))
            .collect::<Vec<_>>()
            .join(", ");
        let row = self.row(&format!("SELECT {calls}"))?;
        Ok((0..types.len()).map(|index| text(&row, index)).collect())
    }

    /// Returns what a publication has; `version` is the server's.
    pub(crate) fn published(&mut self, publication: &str, version: u32) -> Result<Vec<Published>> {
        let (columns, filter) = if version >= 150_000 {
            // An absent column list is every column but the generated ones, which are never sent.
            (
                "(SELECT string_agg(a.attname, E'\\x01' ORDER BY a.attnum) FROM pg_attribute a \
                  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
                  AND a.attgenerated = '' AND a.attname = ANY (p.attnames))",
                "p.rowfilter",
            )
        } else {
            (
                "(SELECT string_agg(a.attname, E'\\x01' ORDER BY a.attnum) FROM pg_attribute a \
                  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
                  AND a.attgenerated = '')",
                "NULL",
            )
        };
        let rows = self.query(&format!(
            "SELECT c.oid::bigint, p.schemaname, p.tablename, c.relreplident, c.relkind, {columns}, {filter}, c.relpages \
             FROM pg_publication_tables p \
             JOIN pg_namespace n ON n.nspname = p.schemaname \
             JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename \
             WHERE p.pubname = {} AND c.relpersistence = 'p' ORDER BY 2, 3",
            literal(publication)
        ))?;
        Ok(rows
            .iter()
            .map(|row| Published {
                oid: number(row, 0),
                schema: text(row, 1),
                name: text(row, 2),
                identity: text(row, 3).bytes().next().unwrap_or(b'd'),
                partitioned: text(row, 4) == "p",
                columns: row
                    .get(5)
                    .cloned()
                    .flatten()
                    .map(|names| names.split('\x01').map(str::to_owned).collect()),
                filter: row.get(6).cloned().flatten(),
                pages: number(row, 7),
            })
            .collect())
    }

    /// Returns the permanent tables that a publication could have: oid, schema, name.
    pub(crate) fn tables(&mut self, via_root: bool) -> Result<Vec<(u32, String, String)>> {
        // With partitioned tables either the roots or the leaves are published, never both.
        let kinds = if via_root {
            "c.relkind IN ('r', 'p') AND NOT c.relispartition"
        } else {
            "c.relkind = 'r'"
        };
        let rows = self.query(&format!(
            "SELECT c.oid::bigint, n.nspname, c.relname FROM pg_class c \
             JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE {kinds} AND c.relpersistence = 'p' AND n.nspname NOT LIKE 'pg\\_%' \
               AND n.nspname <> 'information_schema' AND c.oid >= 16384 \
             ORDER BY 2, 3"
        ))?;
        Ok(rows
            .iter()
            .map(|row| (number(row, 0), text(row, 1), text(row, 2)))
            .collect())
    }
}

/// Returns a field's text; a null is empty.
pub(crate) fn text(row: &Row, index: usize) -> String {
    row.get(index).cloned().flatten().unwrap_or_default()
}

/// Returns a field's number; what is none is the type's zero.
pub(crate) fn number<T: std::str::FromStr + Default>(row: &Row, index: usize) -> T {
    text(row, index).parse().unwrap_or_default()
}

/// Returns a field's position in the log, if it has one.
pub(crate) fn lsn(row: &Row, index: usize) -> Option<Lsn> {
    text(row, index).parse().ok()
}
