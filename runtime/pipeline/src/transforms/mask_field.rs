//! `MaskField`: fields replaced by nothing of their type, or by a fixed value.

use num_bigint::BigInt;
use walbridge_connector_api::data::{
    ConnectRecord, Decimal, Schema, SchemaAndValue, Struct, Value, logical,
};
use walbridge_connector_api::{ConfigDef, ConfigKey, Importance, Kind};

use super::kind::{Built, Plan, REPLACE_NULL};
use super::{Side, Transform, TransformError, numbers, structs};

const PURPOSE: &str = "mask fields";

/// Returns the options.
pub(super) fn config() -> ConfigDef {
    ConfigDef::new(vec![
        ConfigKey::new("fields", Kind::List, "The fields to mask.")
            .required()
            .importance(Importance::High),
        ConfigKey::new(
            "replacement",
            Kind::String,
            "A number or text to put in their place, in the type of each field.",
        )
        .importance(Importance::Low),
        REPLACE_NULL,
    ])
}

/// Masks fields.
struct MaskField {
    side: Side,
    fields: Vec<String>,
    replacement: Option<String>,
    defaults: bool,
}

/// Makes the transform.
pub(super) fn build(plan: &Plan<'_>) -> Built {
    let mut options = plan.options(config());
    let fields = options.names("fields");
    let replacement = options.text("replacement");
    if replacement == Some("") {
        options.invalid("replacement", "", "String must be non-empty");
    }
    let defaults = options.flag("replace.null.with.default");
    options.finish()?;
    Ok(Box::new(MaskField {
        side: plan.side,
        fields: fields.into_iter().map(str::to_owned).collect(),
        replacement: replacement.map(str::to_owned),
        defaults,
    }))
}

impl Transform for MaskField {
    fn apply(&self, mut record: ConnectRecord) -> Result<Option<ConnectRecord>, TransformError> {
        let SchemaAndValue { schema, value } = self.side.take(&mut record);
        let half = match schema {
            None => {
                let mut pairs = structs::require_map(value, PURPOSE)?;
                for field in &self.fields {
                    let old = structs::take_entry(&mut pairs, field);
                    structs::put_entry(&mut pairs, field, self.mask(&old, None)?);
                }
                SchemaAndValue::schemaless(Value::Map(pairs))
            }
            Some(schema) => {
                let fields = structs::require_struct(value, Some(&schema), PURPOSE)?;
                let of = fields.schema().clone();
                let mut values = structs::values_of(fields, self.defaults);
                for (field, value) in of.fields().iter().zip(&mut values) {
                    if self.fields.iter().any(|name| **name == *field.name) {
                        *value = self.mask(value, Some(&field.schema))?;
                    }
                    if value.is_null() {
                        structs::check(&field.name, &field.schema, value)?;
                    }
                }
                SchemaAndValue::new(schema, Struct::from_values(of, values)?)
            }
        };
        self.side.put(&mut record, half);
        Ok(Some(record))
    }
}

impl MaskField {
    fn mask(&self, value: &Value, schema: Option<&Schema>) -> Result<Value, TransformError> {
        if value.is_null() {
            return Ok(Value::Null);
        }
        match &self.replacement {
            None => nothing(value, schema),
            Some(text) => replacement(value, schema, text),
        }
    }
}

fn nothing(value: &Value, schema: Option<&Schema>) -> Result<Value, TransformError> {
    Ok(match value {
        Value::Boolean(_) => Value::Boolean(false),
        Value::Int8(_) => Value::Int8(0),
        Value::Int16(_) => Value::Int16(0),
        Value::Int32(_) => Value::Int32(0),
        Value::Int64(_) => Value::Int64(0),
        Value::Float32(_) => Value::Float32(0.0),
        Value::Float64(_) => Value::Float64(0.0),
        Value::String(_) => Value::String(String::new()),
        Value::Array(_) => Value::Array(Vec::new()),
        Value::Map(_) => Value::Map(Vec::new()),
        Value::Bytes(_) if schema.and_then(Schema::name) == Some(logical::DECIMAL) => {
            let (unscaled, scale) = (BigInt::ZERO, 0);
            Value::Bytes(Decimal { unscaled, scale }.to_bytes())
        }
        other => {
            return Err(TransformError::data(format!(
                "Cannot mask value of type: class {}",
                structs::class_name(other, schema)
            )));
        }
    })
}

/// Reads the replacement as a value of the old one's type.
#[allow(clippy::cast_possible_truncation)]
fn replacement(
    value: &Value,
    schema: Option<&Schema>,
    text: &str,
) -> Result<Value, TransformError> {
    let class = structs::class_name(value, schema);
    let refused = || {
        TransformError::data(format!(
            "Cannot mask value of type class {class} with custom replacement."
        ))
    };
    let no_number = |what: &str| {
        TransformError::data(format!(
            "Unable to convert {text} (class java.lang.String) to {what}"
        ))
    };
    if class == "java.util.Date" {
        return Err(refused());
    }
    // Java takes the last bits of any decimal number's whole part.
    let long = || {
        let decimal = numbers::parse_decimal(text);
        let decimal = decimal.ok_or_else(|| no_number("a number"))?;
        Ok::<_, TransformError>(numbers::decimal_to_long(&decimal))
    };
    let double = || numbers::parse_double(text).ok_or_else(|| no_number("a number"));
    Ok(match value {
        Value::Int8(_) => Value::Int8(long()? as i8),
        Value::Int16(_) => Value::Int16(long()? as i16),
        Value::Int32(_) => Value::Int32(long()? as i32),
        Value::Int64(_) => Value::Int64(long()?),
        Value::Float32(_) => Value::Float32(double()? as f32),
        Value::Float64(_) => Value::Float64(double()?),
        Value::String(_) => Value::String(text.to_owned()),
        Value::Bytes(_) if class == "java.math.BigDecimal" => {
            let decimal = numbers::parse_decimal(text).ok_or_else(|| no_number("number"))?;
            let scale = schema.and_then(logical::scale).unwrap_or_default();
            let fitting = numbers::rescale(&decimal, scale).ok_or_else(|| {
                TransformError::data(format!(
                    "Unable to convert {text} to a decimal with scale {scale}"
                ))
            })?;
            Value::Bytes(fitting.to_bytes())
        }
        _ => return Err(refused()),
    })
}
