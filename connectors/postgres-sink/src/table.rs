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
    /// Whether values that are equal may differ: what is the same is told by the text form then.
    pub(crate) compare_text: bool,
    /// Whether equal texts are the same bytes.
    pub(crate) deterministic: bool,
    /// Whether a row that brings no value gets one.
    pub(crate) has_default: bool,
    /// Whether the server alone gives it its values, unless an INSERT overrides that.
    pub(crate) identity_always: bool,
}

/// The target's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetTable {
    pub(crate) columns: Vec<TargetColumn>,
    /// The primary key's constraint.
    pub(crate) primary: Option<String>,
    /// The primary key's columns.
    pub(crate) key: Vec<String>,
    /// What must be unique: columns, or `None` for expressions, parts of the rows and exclusions.
    pub(crate) uniques: Vec<Option<Vec<String>>>,
    /// Whether its rows are those of its partitions.
    pub(crate) partitioned: bool,
}

const COLUMNS: &str = "\
SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), format_type(a.atttypid, -1),
    NOT a.attnotnull, a.attgenerated <> '', a.atttypid, a.atttypmod, t.typarray,
    NOT (t.typtype = 'e' OR t.typnamespace = 'pg_catalog'::regnamespace AND t.typname IN ('bool', 'int2',
            'int4', 'int8', 'oid', 'uuid', 'bytea', 'date', 'time', 'timestamp', 'timestamptz', 'name')
        OR t.typnamespace = 'pg_catalog'::regnamespace AND t.typname IN ('text', 'varchar')
            AND coalesce(l.collisdeterministic, true)),
    coalesce(l.collisdeterministic, true), a.atthasdef OR a.attidentity <> '', a.attidentity = 'a'
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum";

/// What must be unique: whether it is the primary key, its constraint, its columns if all rows and
/// nothing but columns count.
const UNIQUES: &str = "\
SELECT i.indisprimary, c.conname::text,
    CASE WHEN i.indpred IS NULL AND i.indexprs IS NULL AND NOT i.indisexclusion THEN
        (SELECT array_agg(a.attname::text)
            FROM unnest(i.indkey) WITH ORDINALITY AS k(attnum, n)
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
            WHERE k.n <= i.indnkeyatts) END
FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype = 'p'
    AND c.conrelid = i.indrelid
WHERE i.indrelid = $1 AND (i.indisunique OR i.indisexclusion)";

impl TargetTable {
    /// Returns whether these columns tell all rows apart.
    pub(crate) fn is_unique(&self, columns: &[String]) -> bool {
        self.uniques
            .iter()
            .flatten()
            .any(|unique| is_same_set(unique, columns))
    }

    /// Returns whether anything beside these columns must be unique.
    pub(crate) fn has_other_uniques(&self, columns: &[String]) -> bool {
        let is_other = |unique: &Option<Vec<String>>| {
            (unique.as_ref()).is_none_or(|unique| !is_same_set(unique, columns))
        };
        self.uniques.iter().any(is_other)
    }

    /// Returns how a statement addresses the table's own rows: those of tables that inherit from it
    /// are not among them.
    pub(crate) fn rows(&self, name: &str) -> String {
        match self.partitioned {
            true => name.to_owned(),
            false => format!("ONLY {name}"),
        }
    }

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
        let partitioned = kind == "p";
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
                    deterministic: row.get(9),
                    has_default: row.get(10),
                    identity_always: row.get(11),
                })
            })
            .collect::<Result<_>>()?;
        let uniques = session.query(UNIQUES, &[&oid])?;
        let primary = uniques.iter().find(|row| row.get(0));
        Ok(Some(Self {
            columns,
            primary: primary.and_then(|row| row.get(1)),
            key: (primary.and_then(|row| row.get::<_, Option<_>>(2))).unwrap_or_default(),
            uniques: uniques.iter().map(|row| row.get(2)).collect(),
            partitioned,
        }))
    }
}

fn is_same_set(a: &[String], b: &[String]) -> bool {
    a.len() == b.len() && a.iter().all(|name| b.contains(name))
}

/// Reads all types anew.
fn load_types(session: &Session, types: &mut TypeCatalog) -> Result<()> {
    for row in session.query(TypeCatalog::QUERY, &[])? {
        let cells: [Option<&str>; 8] = std::array::from_fn(|at| row.get(at));
        types.insert(&cells);
    }
    Ok(())
}
