//! The server's catalog of types.

use std::collections::HashMap;

use super::{Kind, PgType};

/// The types of one server, from which column types are resolved.
#[derive(Debug, Clone, Default)]
pub struct TypeCatalog {
    entries: HashMap<u32, Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    schema: String,
    name: String,
    kind: char,
    sends: bool,
    inner: u32,
    inner_typmod: i32,
    labels: Vec<String>,
    columns: Vec<(u32, i32)>,
}

impl TypeCatalog {
    /// The query whose rows [`insert`](Self::insert) takes; every column is text.
    ///
    /// Add a condition on `t.oid` to read the types of some columns only.
    pub const QUERY: &'static str = "\
        SELECT t.oid::text, n.nspname::text, t.typname::text, \
          CASE WHEN t.typtype = 'b' AND t.typcategory = 'A' AND t.typsubscript = 'array_subscript_handler'::regproc \
               THEN 'a' ELSE t.typtype::text END, \
          (t.typsend <> 0)::text, \
          CASE t.typtype WHEN 'd' THEN t.typbasetype \
               WHEN 'r' THEN (SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid) \
               WHEN 'm' THEN (SELECT r.rngtypid FROM pg_catalog.pg_range r WHERE r.rngmultitypid = t.oid) \
               ELSE t.typelem END::text, \
          t.typtypmod::text, \
          CASE t.typtype WHEN 'e' THEN (SELECT pg_catalog.json_agg(e.enumlabel ORDER BY e.enumsortorder) \
                 FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid)::text \
               WHEN 'c' THEN (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(a.atttypid::int8, a.atttypmod) \
                 ORDER BY a.attnum) FROM pg_catalog.pg_attribute a \
                 WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)::text END \
        FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace";

    /// Creates an empty catalog.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one row of [`QUERY`](Self::QUERY); `None` if it is none.
    pub fn insert(&mut self, row: &[Option<&str>; 8]) -> Option<()> {
        let [oid, schema, name, kind, sends, inner, inner_typmod, parts] = row;
        let kind = (*kind)?.chars().next()?;
        let parts: serde_json::Value = serde_json::from_str(parts.unwrap_or("[]")).ok()?;
        let parts = parts.as_array()?;
        let labels = parts
            .iter()
            .filter_map(|p| p.as_str().map(str::to_owned))
            .collect();
        let columns = parts.iter().filter_map(|p| {
            let (oid, typmod) = (p.get(0)?.as_u64()?, p.get(1)?.as_i64()?);
            Some((u32::try_from(oid).ok()?, i32::try_from(typmod).ok()?))
        });
        let entry = Entry {
            schema: (*schema)?.to_owned(),
            name: (*name)?.to_owned(),
            kind,
            sends: matches!((*sends)?, "true" | "t"),
            inner: inner.unwrap_or("0").parse().ok()?,
            inner_typmod: (*inner_typmod)?.parse().ok()?,
            labels,
            columns: columns.collect(),
        };
        self.entries.insert((*oid)?.parse().ok()?, entry);
        Some(())
    }

    /// Returns whether a type is known.
    pub fn contains(&self, oid: u32) -> bool {
        self.entries.contains_key(&oid)
    }

    /// Resolves a column's type; `None` if it, or a type inside it, is not known yet.
    pub fn resolve(&self, oid: u32, typmod: i32) -> Option<PgType> {
        self.resolve_at(oid, typmod, 0)
    }

    fn resolve_at(&self, oid: u32, typmod: i32, depth: u32) -> Option<PgType> {
        let entry = self.entries.get(&oid).filter(|_| depth < 32)?;
        let inner = |typmod| {
            self.resolve_at(entry.inner, typmod, depth + 1)
                .map(Box::new)
        };
        let kind = match entry.kind {
            // These have items, but are no arrays in text.
            'a' if matches!(&*entry.name, "int2vector" | "oidvector") => Kind::Base,
            'a' => Kind::Array(inner(typmod)?),
            // A domain's columns have no modifier of their own.
            'd' => Kind::Domain(inner(entry.inner_typmod)?),
            'r' => Kind::Range(inner(-1)?),
            'm' => Kind::Multirange(inner(-1)?),
            'e' => Kind::Enum {
                labels: entry.labels.clone(),
            },
            'c' => {
                let columns = entry.columns.iter();
                let columns = columns.map(|&(oid, typmod)| self.resolve_at(oid, typmod, depth + 1));
                Kind::Composite(columns.collect::<Option<_>>()?)
            }
            _ => Kind::Base,
        };
        Some(PgType {
            oid,
            schema: entry.schema.clone(),
            name: entry.name.clone(),
            typmod,
            sends: entry.sends,
            kind,
        })
    }
}
