//! `ValueToKey`: a new key from fields of the value.

use walbridge_connector_api::data::{
    ConnectRecord, Schema, SchemaAndValue, SchemaBuilder, Struct, Value,
};
use walbridge_connector_api::{ConfigDef, ConfigKey, Importance, Kind};

use super::cache::SchemaCache;
use super::kind::{Built, Plan, REPLACE_NULL};
use super::{Transform, TransformError, structs};

const PURPOSE: &str = "copying fields from value to key";

/// Returns the options.
pub(super) fn config() -> ConfigDef {
    ConfigDef::new(vec![
        ConfigKey::new(
            "fields",
            Kind::List,
            "The fields of the value that make the key.",
        )
        .required()
        .importance(Importance::High),
        REPLACE_NULL,
    ])
}

/// Makes keys from fields of the value.
struct ValueToKey {
    fields: Vec<String>,
    defaults: bool,
    schemas: SchemaCache,
}

/// Makes the transform.
pub(super) fn build(plan: &Plan<'_>) -> Built {
    let mut options = plan.options(config());
    let fields = options.names("fields");
    let defaults = options.flag("replace.null.with.default");
    options.finish()?;
    Ok(Box::new(ValueToKey {
        fields: fields.into_iter().map(str::to_owned).collect(),
        defaults,
        schemas: SchemaCache::new(),
    }))
}

impl ValueToKey {
    fn schema(&self, value: &Schema) -> Result<Schema, TransformError> {
        let mut builder = SchemaBuilder::structure();
        for name in &self.fields {
            let Some(field) = value.field(name) else {
                let message = format!("Field does not exist: {name}");
                return Err(TransformError::data(message));
            };
            builder = builder.field(name.as_str(), field.schema.clone());
        }
        Ok(builder.build()?)
    }
}

impl Transform for ValueToKey {
    fn apply(&self, mut record: ConnectRecord) -> Result<Option<ConnectRecord>, TransformError> {
        let value = &record.value.value;
        record.key = match (&record.value.schema, value) {
            (None, Value::Map(_)) => {
                let entry = |name: &String| value.entry(name).cloned().unwrap_or_default();
                let pair = |name: &String| (Value::from(name.as_str()), entry(name));
                let pairs = self.fields.iter().map(pair).collect();
                SchemaAndValue::schemaless(Value::Map(pairs))
            }
            (None, other) => {
                structs::require_map(other.clone(), PURPOSE)?;
                SchemaAndValue::NULL
            }
            (Some(_), Value::Struct(fields)) => {
                let from = fields.schema().clone();
                let schema = self.schemas.get_or(from, |schema| self.schema(schema))?;
                let mut values = Vec::with_capacity(self.fields.len());
                for (name, field) in self.fields.iter().zip(schema.fields()) {
                    let value = if self.defaults {
                        fields.get(name)
                    } else {
                        fields.get_exact(name)
                    };
                    let value = value.cloned().unwrap_or_default();
                    if value.is_null() {
                        structs::check(name, &field.schema, &value)?;
                    }
                    values.push(value);
                }
                SchemaAndValue::new(schema.clone(), Struct::from_values(schema, values)?)
            }
            (Some(schema), other) => {
                return Err(structs::not_a_struct(other, Some(schema), PURPOSE));
            }
        };
        Ok(Some(record))
    }
}
