//! `HoistField`: the whole half as the one field of a struct or map.

use walbridge_connector_api::data::{ConnectRecord, SchemaAndValue, SchemaBuilder, Struct, Value};
use walbridge_connector_api::{ConfigDef, ConfigKey, Kind};

use super::cache::SchemaCache;
use super::kind::{Built, Plan};
use super::{Side, Transform, TransformError, structs};

/// Returns the options.
pub(super) fn config() -> ConfigDef {
    ConfigDef::new(vec![
        ConfigKey::new("field", Kind::String, "The name of the one field.").required(),
    ])
}

/// Wraps the half into a struct or map of one field.
struct HoistField {
    side: Side,
    field: String,
    schemas: SchemaCache,
}

/// Makes the transform.
pub(super) fn build(plan: &Plan<'_>) -> Built {
    let options = plan.options(config());
    let field = options.required("field").to_owned();
    options.finish()?;
    Ok(Box::new(HoistField {
        side: plan.side,
        field,
        schemas: SchemaCache::new(),
    }))
}

impl Transform for HoistField {
    fn apply(&self, mut record: ConnectRecord) -> Result<Option<ConnectRecord>, TransformError> {
        let SchemaAndValue { schema, value } = self.side.take(&mut record);
        let half = match schema {
            None => {
                let pair = (Value::from(self.field.as_str()), value);
                SchemaAndValue::schemaless(Value::Map(vec![pair]))
            }
            Some(schema) => {
                let outer = self.schemas.get_or(schema, |schema| {
                    let builder = SchemaBuilder::structure();
                    let builder = structs::add_field(builder, &self.field, schema.clone())?;
                    Ok::<_, TransformError>(builder.build()?)
                })?;
                if let Some(field) = outer.fields().first() {
                    structs::check(&field.name, &field.schema, &value)?;
                }
                let fields = Struct::from_values(outer.clone(), vec![value])?;
                SchemaAndValue::new(outer, fields)
            }
        };
        self.side.put(&mut record, half);
        Ok(Some(record))
    }
}
