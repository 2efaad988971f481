//! A table as the target database has it.

use walbridge_connector_api::{ConnectorError, Result};
use walbridge_postgres::connect::Session;
use walbridge_postgres::types::{PgType, TypeCatalog};

/// One column of the target's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetColumn {
    pub(crate) name: String,
    /// The type as it was declared.
    pub(crate) declared: String,
    /// The type without modifiers, safe to cast to.
    pub(crate) cast: String,
    pub(crate) nullable: bool,
    /// Computed by the server: never written.
    pub(crate) generated: bool,
    pub(crate) ty: PgType,
    /// The type's array type; 0 if it has none.
    pub(crate) array: u32,
    /// Whether equality must be asked of the text form: the type has none, or a coarser one.
    pub(crate) compare_text: bool,
}

/// The target's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetTable {
    pub(crate) columns: Vec<TargetColumn>,
    /// The primary key's columns.
    pub(crate) key: Vec<String>,
    /// Whether anything beside the primary key must be unique.
    pub(crate) other_uniques: bool,
}

const COLUMNS: &str = "\
SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), format_type(a.atttypid, -1),
    NOT a.attnotnull, a.attgenerated <> '', a.atttypid, a.atttypmod, t.typarray,
    t.typcategory = 'G' OR t.typname IN ('json', 'xml', 'numeric', 'jsonb')
        OR NOT EXISTS (SELECT 1 FROM pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod
            WHERE m.amname = 'btree' AND o.opcdefault AND o.opcintype = t.oid)
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum";

const KEYS: &str = "\
SELECT coalesce((SELECT array_agg(a.attname::text ORDER BY k.n)
        FROM pg_index i, unnest(i.indkey) WITH ORDINALITY AS k(attnum, n), pg_attribute a
        WHERE i.indrelid = $1 AND i.indisprimary AND a.attrelid = $1 AND a.attnum = k.attnum),
        '{}'::text[]),
    EXISTS (SELECT 1 FROM pg_index i
        WHERE i.indrelid = $1 AND (i.indisunique OR i.indisexclusion) AND NOT i.indisprimary)";

impl TargetTable {
    /// Reads a table from the catalog; `None` if there is none.
    pub(crate) fn load(
        session: &Session,
        types: &mut TypeCatalog,
        schema: &str,
        name: &str,
    ) -> Result<Option<Self>> {
        let found = session.query(
            "SELECT c.oid, c.relkind::text FROM pg_class c JOIN pg_namespace n
                ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2",
            &[&schema, &name],
        )?;
        let Some(row) = found.first() else {
            return Ok(None);
        };
        let (oid, kind): (u32, &str) = (row.get(0), row.get(1));
        if !matches!(kind, "r" | "p") {
            return Err(ConnectorError::stop(
                "IncompatibleTable",
                format!("{schema}.{name} is not a table at the target"),
            )
            .remedy("rename what has the table's name"));
        }
        let rows = session.query(COLUMNS, &[&oid])?;
        if rows.iter().any(|row| !types.contains(row.get(5))) {
            load_types(session, types)?;
        }
        let columns = rows
            .iter()
            .map(|row| {
                let declared: String = row.get(1);
                let ty = types.resolve(row.get(5), row.get(6)).ok_or_else(|| {
                    ConnectorError::stop(
                        "IncompatibleTable",
                        format!("{schema}.{name}: type {declared} cannot be resolved"),
                    )
                })?;
                Ok(TargetColumn {
                    name: row.get(0),
                    declared,
                    cast: row.get(2),
                    nullable: row.get(3),
                    generated: row.get(4),
                    ty,
                    array: row.get(7),
                    compare_text: row.get(8),
                })
            })
            .collect::<Result<_>>()?;
        let keys = session.query(KEYS, &[&oid])?;
        let (key, other_uniques) = keys
            .first()
            .map(|row| (row.get(0), row.get(1)))
            .unwrap_or_default();
        Ok(Some(Self {
            columns,
            key,
            other_uniques,
        }))
    }
}

/// Reads all types anew.
fn load_types(session: &Session, types: &mut TypeCatalog) -> Result<()> {
    for row in session.query(TypeCatalog::QUERY, &[])? {
        let cells: [Option<&str>; 8] = std::array::from_fn(|at| row.get(at));
        types.insert(&cells);
    }
    Ok(())
}
