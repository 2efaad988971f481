//! `Cast`: fields or the whole half of a record to another primitive type.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use walbridge_connector_api::data::{
    ConnectRecord, Decimal, Schema, SchemaAndValue, SchemaBuilder, Type, Value, logical,
};
use walbridge_connector_api::{ConfigDef, ConfigKey, Importance, Kind};

use super::cache::SchemaCache;
use super::kind::{Built, Plan, REPLACE_NULL};
use super::{Side, Transform, TransformError, dates, numbers, structs};

const PURPOSE: &str = "cast types";
const INPUT: &str = "[INT8, INT16, INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING, BYTES]";
const OUTPUT: &str = "[INT8, INT16, INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING]";

/// Returns the options.
pub(super) fn config() -> ConfigDef {
    ConfigDef::new(vec![
        ConfigKey::new("spec", Kind::List, "Pairs of a field and its new type, such as id:int64, or one type for the whole key or value.")
            .required()
            .importance(Importance::High),
        REPLACE_NULL,
    ])
}

/// Casts fields, or the whole half, to other types.
struct Cast {
    side: Side,
    whole: Option<Type>,
    fields: BTreeMap<String, Type>,
    defaults: bool,
    schemas: SchemaCache,
}

/// Makes the transform.
pub(super) fn build(plan: &Plan<'_>) -> Built {
    let mut options = plan.options(config());
    let (mut whole, mut fields) = (None, BTreeMap::new());
    let spec = options.list("spec");
    if spec.is_empty() {
        options.problem("spec", "Must specify at least one field to cast.");
    }
    for mapping in &spec {
        match parse(mapping, &spec) {
            Ok((None, kind)) => whole = Some(kind),
            Ok((Some(field), kind)) => drop(fields.insert(field, kind)),
            Err(message) => options.problem("spec", message),
        }
    }
    if whole.is_some() && spec.len() > 1 {
        options.problem("spec", "Cast transformations that specify a type to cast the entire value to may only specify a single cast in their spec");
    }
    let defaults = options.flag("replace.null.with.default");
    options.finish()?;
    Ok(Box::new(Cast {
        side: plan.side,
        whole,
        fields,
        defaults,
        schemas: SchemaCache::new(),
    }))
}

/// Reads `field:type` or `type`.
fn parse(mapping: &str, all: &[&str]) -> Result<(Option<String>, Type), String> {
    // As Java splits: empty parts at the end do not count.
    let parts: Vec<&str> = mapping.trim_end_matches(':').split(':').collect();
    let (field, kind) = match parts.as_slice() {
        [kind] => (None, kind.trim()),
        [field, kind] => (Some(field.trim().to_owned()), kind.trim()),
        _ => {
            return Err(format!(
                "Invalid value [{}] for configuration renames: Invalid rename mapping: {mapping}",
                all.join(", ")
            ));
        }
    };
    let upper = kind.to_uppercase();
    let Some(found) = Type::ALL.into_iter().find(|t| t.as_str() == upper) else {
        return Err(format!(
            "Invalid value java.lang.IllegalArgumentException: No enum constant org.apache.kafka.connect.data.Schema.Type.{upper} for configuration Invalid type found in casting spec: {kind}"
        ));
    };
    if !found.is_primitive() || found == Type::Bytes {
        return Err(format!(
            "Cast transformation does not support casting to {found}; supported types are {OUTPUT}"
        ));
    }
    Ok((field, found))
}

impl Transform for Cast {
    fn apply(&self, mut record: ConnectRecord) -> Result<Option<ConnectRecord>, TransformError> {
        if self.side.of(&record).is_null() {
            return Ok(Some(record));
        }
        let SchemaAndValue { schema, value } = self.side.take(&mut record);
        let half = match schema {
            None => self.schemaless(value)?,
            Some(schema) => self.with_schema(&schema, value)?,
        };
        self.side.put(&mut record, half);
        Ok(Some(record))
    }
}

impl Cast {
    fn schemaless(&self, value: Value) -> Result<SchemaAndValue, TransformError> {
        if let Some(kind) = self.whole {
            return Ok(SchemaAndValue::schemaless(cast(None, &value, kind)?));
        }
        let mut pairs = structs::require_map(value, PURPOSE)?;
        for (field, kind) in &self.fields {
            let old = structs::take_entry(&mut pairs, field);
            structs::put_entry(&mut pairs, field, cast(None, &old, *kind)?);
        }
        Ok(SchemaAndValue::schemaless(Value::Map(pairs)))
    }

    fn with_schema(&self, schema: &Schema, value: Value) -> Result<SchemaAndValue, TransformError> {
        let updated = self
            .schemas
            .get_or(schema.clone(), |schema| self.update(schema))?;
        if let Some(kind) = self.whole {
            return Ok(SchemaAndValue::new(
                updated,
                cast(Some(schema), &value, kind)?,
            ));
        }
        let fields = structs::require_struct(value, Some(schema), PURPOSE)?;
        let from = fields.schema().clone();
        let mut values = structs::values_of(fields, self.defaults);
        for (value, field) in values.iter_mut().zip(from.fields()) {
            if let Some(kind) = self.fields.get(&*field.name) {
                *value = cast(Some(&field.schema), value, *kind)?;
            }
        }
        let fields = structs::moved(updated.clone(), values)?;
        Ok(SchemaAndValue::new(updated, fields))
    }

    fn update(&self, schema: &Schema) -> Result<Schema, TransformError> {
        let mut builder = match self.whole {
            Some(kind) => structs::basics(schema, kind),
            None => {
                let mut builder = structs::basics(schema, Type::Struct);
                for field in structs::fields(schema)? {
                    let of = &field.schema;
                    let updated = match self.fields.get(&*field.name) {
                        None => of.clone(),
                        Some(kind) => {
                            let plain = SchemaBuilder::new(*kind).with_optional(of.is_optional());
                            with_default(plain, of, *kind)?.build()?
                        }
                    };
                    builder = builder.field(&*field.name, updated);
                }
                builder
            }
        };
        builder = builder.with_optional(schema.is_optional());
        let kind = self.whole.unwrap_or(Type::Struct);
        Ok(with_default(builder, schema, kind)?.build()?)
    }
}

fn with_default(
    builder: SchemaBuilder,
    of: &Schema,
    kind: Type,
) -> Result<SchemaBuilder, TransformError> {
    match of.default() {
        Some(default) => Ok(builder.default(cast(Some(of), default, kind)?)),
        None => Ok(builder),
    }
}

/// Casts one value.
fn cast(schema: Option<&Schema>, value: &Value, target: Type) -> Result<Value, TransformError> {
    let Some(kind) = schema.map(Schema::kind).or_else(|| value.kind()) else {
        return Ok(Value::Null);
    };
    if value.is_null() {
        return Ok(Value::Null);
    }
    if !kind.is_primitive() {
        return Err(TransformError::data(format!(
            "Cast transformation does not support casting from {kind}; supported types are {INPUT}"
        )));
    }
    if let (Some(schema), Value::Bytes(bytes)) = (schema, value)
        && schema.name() == Some(logical::DECIMAL)
    {
        let scale = logical::scale(schema).ok_or_else(|| {
            TransformError::data("Invalid Decimal schema: scale parameter not found.")
        })?;
        return cast_decimal(&Decimal::from_bytes(bytes, scale), target);
    }
    if target == Type::String {
        return Ok(Value::String(text(schema, value)));
    }
    let out_of_range = |text: &str| {
        TransformError::data(format!(
            "Value ({text}) was out of range for requested data type"
        ))
    };
    let cast = match value {
        Value::String(text) => from_text(text, target).ok_or_else(|| out_of_range(text))?,
        Value::Boolean(b) => from_long(i64::from(*b), target),
        Value::Float32(n) => from_double(f64::from(*n), target),
        Value::Float64(n) => from_double(*n, target),
        other => match other.as_i64() {
            Some(n) => from_long(n, target),
            None => {
                return Err(TransformError::data(format!(
                    "Unexpected type in Cast transformation: class {}",
                    structs::class_name(other, schema)
                )));
            }
        },
    };
    Ok(cast)
}

/// Narrows as Java does: only the last bits are kept.
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
fn from_long(n: i64, target: Type) -> Value {
    match target {
        Type::Int8 => Value::Int8(n as i8),
        Type::Int16 => Value::Int16(n as i16),
        Type::Int32 => Value::Int32(n as i32),
        Type::Float32 => Value::Float32(n as f32),
        Type::Float64 => Value::Float64(n as f64),
        Type::Boolean => Value::Boolean(n != 0),
        _ => Value::Int64(n),
    }
}

/// Narrows as Java does: to the nearest 32 or 64 bits, of which only the last are kept.
#[allow(clippy::cast_possible_truncation)]
fn from_double(n: f64, target: Type) -> Value {
    match target {
        Type::Int8 => Value::Int8(n as i32 as i8),
        Type::Int16 => Value::Int16(n as i32 as i16),
        Type::Int32 => Value::Int32(n as i32),
        Type::Float32 => Value::Float32(n as f32),
        Type::Float64 => Value::Float64(n),
        Type::Boolean => Value::Boolean(n as i64 != 0),
        _ => Value::Int64(n as i64),
    }
}

fn from_text(text: &str, target: Type) -> Option<Value> {
    let long = || numbers::parse_long(text);
    Some(match target {
        Type::Int8 => Value::Int8(i8::try_from(long()?).ok()?),
        Type::Int16 => Value::Int16(i16::try_from(long()?).ok()?),
        Type::Int32 => Value::Int32(i32::try_from(long()?).ok()?),
        Type::Float32 => Value::Float32(numbers::parse_float(text)?),
        Type::Float64 => Value::Float64(numbers::parse_double(text)?),
        Type::Boolean => Value::Boolean(text.eq_ignore_ascii_case("true")),
        _ => Value::Int64(long()?),
    })
}

fn cast_decimal(decimal: &Decimal, target: Type) -> Result<Value, TransformError> {
    let text = decimal.to_string();
    let number = match target {
        Type::String => Some(Value::String(text)),
        Type::Float32 => text.parse().ok().map(Value::Float32),
        Type::Float64 => text.parse().ok().map(Value::Float64),
        _ => Some(from_long(numbers::decimal_to_long(decimal), target)),
    };
    number.ok_or_else(|| TransformError::data(format!("{decimal} is not a number")))
}

/// Writes a value as text.
fn text(schema: Option<&Schema>, value: &Value) -> String {
    match (schema.and_then(Schema::name), value.as_i64()) {
        (Some(logical::DATE), Some(days)) => {
            return dates::iso(days.saturating_mul(dates::DAY));
        }
        (Some(logical::TIME | logical::TIMESTAMP), Some(millis)) => return dates::iso(millis),
        _ => {}
    }
    match value {
        Value::Boolean(b) => b.to_string(),
        Value::Float32(n) => numbers::float_text(*n),
        Value::Float64(n) => numbers::double_text(*n),
        Value::String(text) => text.clone(),
        Value::Bytes(bytes) => STANDARD.encode(bytes),
        other => other.as_i64().map(|n| n.to_string()).unwrap_or_default(),
    }
}
