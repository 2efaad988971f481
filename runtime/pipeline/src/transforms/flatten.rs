//! `Flatten`: nested fields become fields of the top, their names joined.

use walbridge_connector_api::data::{
    ConnectRecord, Schema, SchemaAndValue, SchemaBuilder, Struct, Type, Value,
};
use walbridge_connector_api::{ConfigDef, ConfigKey, Kind};

use super::cache::SchemaCache;
use super::kind::{Built, Plan};
use super::{Side, Transform, TransformError, structs};

const PURPOSE: &str = "flattening";

/// Returns the options.
pub(super) fn config() -> ConfigDef {
    ConfigDef::new(vec![
        ConfigKey::new("delimiter", Kind::String, "What stands between the names.").default("."),
    ])
}

/// Makes nested fields fields of the top.
struct Flatten {
    side: Side,
    delimiter: String,
    schemas: SchemaCache,
}

/// Makes the transform.
pub(super) fn build(plan: &Plan<'_>) -> Built {
    let options = plan.options(config());
    let delimiter = options.required("delimiter").to_owned();
    options.finish()?;
    Ok(Box::new(Flatten {
        side: plan.side,
        delimiter,
        schemas: SchemaCache::new(),
    }))
}

impl Transform for Flatten {
    fn apply(&self, mut record: ConnectRecord) -> Result<Option<ConnectRecord>, TransformError> {
        if self.side.of(&record).is_null() {
            return Ok(Some(record));
        }
        let SchemaAndValue { schema, value } = self.side.take(&mut record);
        let half = match schema {
            None => {
                let mut out = Vec::new();
                self.map(structs::require_map(value, PURPOSE)?, "", &mut out);
                SchemaAndValue::schemaless(Value::Map(out))
            }
            Some(schema) => {
                let fields = structs::require_struct(value, Some(&schema), PURPOSE)?;
                let flat = self.schemas.get_or(schema, |schema| self.schema(schema))?;
                let mut values = Vec::new();
                flatten(Some(fields), &flat, &mut values)?;
                let fields = Struct::from_values(flat.clone(), values)?;
                SchemaAndValue::new(flat, fields)
            }
        };
        self.side.put(&mut record, half);
        Ok(Some(record))
    }
}

impl Flatten {
    fn name(&self, prefix: &str, name: &str) -> String {
        if prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{prefix}{}{name}", self.delimiter)
        }
    }

    fn map(&self, pairs: Vec<(Value, Value)>, prefix: &str, out: &mut Vec<(Value, Value)>) {
        for (key, value) in pairs {
            // Without a schema keys are texts; any other is kept as it is.
            let Some(name) = key.as_str().map(|key| self.name(prefix, key)) else {
                out.push((key, value));
                continue;
            };
            match value {
                Value::Map(inner) => self.map(inner, &name, out),
                value => structs::put_entry(out, &name, value),
            }
        }
    }

    fn schema(&self, schema: &Schema) -> Result<Schema, TransformError> {
        let default = schema.default().and_then(Value::as_struct);
        let builder = structs::basics(schema, Type::Struct);
        let optional = schema.is_optional();
        Ok(self
            .fields(schema, "", builder, optional, default)?
            .build()?)
    }

    /// Adds the fields of a struct; what an outer struct says of null and default holds for the inner fields.
    fn fields(
        &self,
        schema: &Schema,
        prefix: &str,
        mut builder: SchemaBuilder,
        optional: bool,
        default: Option<&Struct>,
    ) -> Result<SchemaBuilder, TransformError> {
        for field in structs::fields(schema)? {
            let name = self.name(prefix, &field.name);
            let of = &field.schema;
            let optional = optional || of.is_optional();
            let default = of
                .default()
                .or_else(|| default?.get(&field.name))
                .filter(|value| !value.is_null());
            builder = match of.kind() {
                Type::Struct => {
                    let default = default.and_then(Value::as_struct);
                    self.fields(of, &name, builder, optional, default)?
                }
                Type::Map => {
                    return Err(TransformError::data(format!(
                        "Flatten transformation does not support MAP for record with schemas (for field {name})."
                    )));
                }
                kind => {
                    let mut flat = structs::basics(of, kind).with_optional(optional);
                    if let Some(element) = of.value_schema() {
                        flat = flat.element(element.clone());
                    }
                    if let Some(default) = default {
                        flat = flat.default(default.clone());
                    }
                    structs::add_field(builder, &name, flat.build()?)?
                }
            };
        }
        Ok(builder)
    }
}

/// Puts the values in the order of the flat schema's fields.
fn flatten(
    fields: Option<Struct>,
    flat: &Schema,
    out: &mut Vec<Value>,
) -> Result<(), TransformError> {
    let Some(fields) = fields else {
        return Ok(());
    };
    let schema = fields.schema().clone();
    for (field, value) in schema.fields().iter().zip(structs::values_of(fields, true)) {
        match (field.schema.kind(), value) {
            (Type::Struct, Value::Struct(inner)) => flatten(Some(inner), flat, out)?,
            (Type::Struct, _) => out.resize(out.len() + leaves(&field.schema), Value::Null),
            (_, value) => {
                if let (Some(to), true) = (flat.fields().get(out.len()), value.is_null()) {
                    structs::check(&to.name, &to.schema, &value)?;
                }
                out.push(value);
            }
        }
    }
    Ok(())
}

/// Returns how many fields a struct has when it is flat.
fn leaves(schema: &Schema) -> usize {
    let count = |field: &walbridge_connector_api::data::Field| match field.schema.kind() {
        Type::Struct => leaves(&field.schema),
        _ => 1,
    };
    schema.fields().iter().map(count).sum()
}
