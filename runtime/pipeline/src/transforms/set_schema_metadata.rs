//! `SetSchemaMetadata`: another name or version for the schema.

use walbridge_connector_api::data::{ConnectRecord, Schema, SchemaAndValue, Struct, Value};
use walbridge_connector_api::{ConfigDef, ConfigKey, Importance, Kind};

use super::cache::SchemaCache;
use super::kind::{Built, Plan, REPLACE_NULL};
use super::{Side, Transform, TransformError, structs};

/// Returns the options.
pub(super) fn config() -> ConfigDef {
    ConfigDef::new(vec![
        ConfigKey::new("schema.name", Kind::String, "The schema's new name.")
            .importance(Importance::High),
        ConfigKey::new("schema.version", Kind::Int, "The schema's new version.")
            .importance(Importance::High),
        REPLACE_NULL,
    ])
}

/// Gives schemas another name or version.
struct SetSchemaMetadata {
    side: Side,
    name: Option<String>,
    version: Option<i32>,
    defaults: bool,
    schemas: SchemaCache,
}

/// Makes the transform.
pub(super) fn build(plan: &Plan<'_>) -> Built {
    let mut options = plan.options(config());
    let name = options.text("schema.name").map(str::to_owned);
    let version = options.number("schema.version");
    if name.is_none() && options.text("schema.version").is_none() {
        options.problem("schema.name", "Neither schema name nor version configured");
    }
    let defaults = options.flag("replace.null.with.default");
    options.finish()?;
    Ok(Box::new(SetSchemaMetadata {
        side: plan.side,
        name,
        version,
        defaults,
        schemas: SchemaCache::new(),
    }))
}

impl SetSchemaMetadata {
    fn update(&self, schema: &Schema) -> Result<Schema, TransformError> {
        structs::fields(schema)?;
        let name = self.name.as_deref().or_else(|| schema.name());
        let version = self.version.or_else(|| schema.version());
        let builder = schema.to_builder().with_name(name).with_version(version);
        let Some(default) = schema.default().and_then(Value::as_struct) else {
            return Ok(builder.build()?);
        };
        // The default is a struct of the new schema too, but for the default itself.
        let bare = builder.clone().without_default().build()?;
        let default = Struct::from_values(bare, default.values().to_vec())?;
        Ok(builder.default(default.into()).build()?)
    }
}

impl Transform for SetSchemaMetadata {
    fn apply(&self, mut record: ConnectRecord) -> Result<Option<ConnectRecord>, TransformError> {
        let SchemaAndValue { schema, value } = self.side.take(&mut record);
        let Some(schema) = schema else {
            if value.is_null() {
                return Ok(Some(record));
            }
            return Err(TransformError::data(
                "Schema required for [updating schema metadata]",
            ));
        };
        let updated = self.schemas.get_or(schema, |schema| self.update(schema))?;
        let value = match value {
            Value::Struct(fields) => {
                let values = structs::values_of(fields, self.defaults);
                structs::moved(updated.clone(), values)?.into()
            }
            other => other,
        };
        self.side
            .put(&mut record, SchemaAndValue::new(updated, value));
        Ok(Some(record))
    }
}
