//! `ReplaceField`: fields left out or renamed.

use std::collections::BTreeMap;

use walbridge_connector_api::data::{ConnectRecord, Schema, SchemaAndValue, Struct, Type, Value};
use walbridge_connector_api::{ConfigDef, ConfigKey, Kind};

use super::cache::SchemaCache;
use super::kind::{Built, Plan, REPLACE_NULL};
use super::{Side, Transform, TransformError, structs};

const PURPOSE: &str = "field replacement";

/// Returns the options.
pub(super) fn config() -> ConfigDef {
    ConfigDef::new(vec![
        ConfigKey::new(
            "exclude",
            Kind::List,
            "Fields to leave out, even if they are included.",
        )
        .default(""),
        ConfigKey::new(
            "include",
            Kind::List,
            "Fields to keep; without it all are kept.",
        )
        .default(""),
        ConfigKey::new(
            "renames",
            Kind::List,
            "Pairs of an old and a new name, such as a:b.",
        )
        .default(""),
        REPLACE_NULL,
    ])
}

/// Leaves out and renames fields.
pub(super) struct ReplaceField {
    side: Side,
    exclude: Vec<String>,
    include: Vec<String>,
    renames: BTreeMap<String, String>,
    defaults: bool,
    schemas: SchemaCache,
}

/// Makes the transform.
pub(super) fn build(plan: &Plan<'_>) -> Built {
    let mut options = plan.options(config());
    let owned = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect();
    let mut renames = BTreeMap::new();
    let mappings = options.list("renames");
    for mapping in &mappings {
        // As Java splits: empty parts at the end do not count.
        match mapping.trim_end_matches(':').split_once(':') {
            Some((old, new)) if !new.contains(':') => {
                renames.insert(old.to_owned(), new.to_owned());
            }
            _ => {
                let all = format!("[{}]", mappings.join(", "));
                options.invalid(
                    "renames",
                    &all,
                    &format!("Invalid rename mapping: {mapping}"),
                );
            }
        }
    }
    let exclude = owned(options.list("exclude"));
    let include = owned(options.list("include"));
    let defaults = options.flag("replace.null.with.default");
    options.finish()?;
    Ok(Box::new(ReplaceField {
        side: plan.side,
        exclude,
        include,
        renames,
        defaults,
        schemas: SchemaCache::new(),
    }))
}

impl ReplaceField {
    /// Makes one that leaves out fields.
    pub(super) fn without(side: Side, exclude: Vec<String>) -> Self {
        Self {
            side,
            exclude,
            include: Vec::new(),
            renames: BTreeMap::new(),
            defaults: true,
            schemas: SchemaCache::sized(1),
        }
    }

    fn keeps(&self, name: &str) -> bool {
        let has = |list: &[String]| list.iter().any(|one| one == name);
        !has(&self.exclude) && (self.include.is_empty() || has(&self.include))
    }

    fn renamed<'a>(&'a self, name: &'a str) -> &'a str {
        self.renames.get(name).map_or(name, String::as_str)
    }

    /// Returns the field that has this new name; one that another takes its name from is that other.
    fn original<'a>(&'a self, name: &'a str) -> &'a str {
        let found = self.renames.iter().rev().find(|(_, new)| *new == name);
        found.map_or(name, |(old, _)| old)
    }

    fn update(&self, schema: &Schema) -> Result<Schema, TransformError> {
        let mut builder = structs::basics(schema, Type::Struct);
        for field in schema.fields() {
            if self.keeps(&field.name) {
                let name = self.renamed(&field.name);
                builder = structs::add_field(builder, name, field.schema.clone())?;
            }
        }
        Ok(builder.build()?)
    }

    /// Leaves out and renames the fields.
    pub(super) fn replace(
        &self,
        mut record: ConnectRecord,
    ) -> Result<ConnectRecord, TransformError> {
        if self.side.of(&record).is_null() {
            return Ok(record);
        }
        let SchemaAndValue { schema, value } = self.side.take(&mut record);
        let half = match schema {
            None => {
                let mut out = Vec::new();
                let mut pairs = structs::require_map(value, PURPOSE)?;
                // A renamed entry wins over one that had the name before.
                pairs.sort_by_key(|(key, _)| {
                    key.as_str()
                        .is_some_and(|key| self.renames.contains_key(key))
                });
                for (key, value) in pairs {
                    match key.as_str() {
                        Some(name) if self.keeps(name) => {
                            structs::put_entry(&mut out, self.renamed(name), value);
                        }
                        _ => {}
                    }
                }
                SchemaAndValue::schemaless(Value::Map(out))
            }
            Some(schema) => {
                let fields = structs::require_struct(value, Some(&schema), PURPOSE)?;
                let from = fields.schema().clone();
                let to = self
                    .schemas
                    .get_or(from.clone(), |schema| self.update(schema))?;
                let old = structs::values_of(fields, self.defaults);
                let mut values = Vec::with_capacity(to.fields().len());
                for field in to.fields() {
                    let index = structs::index_of(&from, self.original(&field.name))?;
                    let same = from.fields()[index].schema == field.schema;
                    if old[index].is_null() || !same {
                        structs::check(&field.name, &field.schema, &old[index])?;
                    }
                    values.push(old[index].clone());
                }
                let fields = Struct::from_values(to.clone(), values)?;
                SchemaAndValue::new(to, fields)
            }
        };
        self.side.put(&mut record, half);
        Ok(record)
    }
}

impl Transform for ReplaceField {
    fn apply(&self, record: ConnectRecord) -> Result<Option<ConnectRecord>, TransformError> {
        self.replace(record).map(Some)
    }
}
