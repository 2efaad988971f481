//! Values with a schema as Avro's bytes.

use walbridge_connector_api::data::{Schema, Type, Value};
use walbridge_schemas::avro::{
    write_bool, write_bytes, write_double, write_float, write_int, write_long, write_str,
};

use super::super::ConvertError;
use super::text;

/// Writes a value; a null stands for its schema's default if it has one.
pub(super) fn value(out: &mut Vec<u8>, schema: &Schema, value: &Value) -> Result<(), ConvertError> {
    if schema.is_optional() {
        // The default's type comes first in the union, and null otherwise.
        let null = i64::from(schema.default().is_some());
        if value.is_null() {
            write_long(out, null);
            return Ok(());
        }
        write_long(out, 1 - null);
    }
    let value = match (value, schema.default()) {
        (Value::Null, Some(default)) => default,
        _ => value,
    };
    match (schema.kind(), value) {
        (Type::Boolean, Value::Boolean(b)) => write_bool(out, *b),
        (Type::Int8, Value::Int8(n)) => write_int(out, i32::from(*n)),
        (Type::Int16, Value::Int16(n)) => write_int(out, i32::from(*n)),
        (Type::Int32, Value::Int32(n)) => write_int(out, *n),
        (Type::Int64, Value::Int64(n)) => write_long(out, *n),
        (Type::Float32, Value::Float32(n)) => write_float(out, *n),
        (Type::Float64, Value::Float64(n)) => write_double(out, *n),
        (Type::String, Value::String(text)) => write_str(out, text),
        (Type::Bytes, Value::Bytes(bytes)) => write_bytes(out, bytes),
        (Type::Array, Value::Array(all)) => array(out, schema, all)?,
        (Type::Map, Value::Map(pairs)) => map(out, schema, pairs)?,
        (Type::Struct, Value::Struct(fields)) => {
            let (wanted, found) = (schema.fields(), fields.schema());
            if wanted.len() != found.fields().len() {
                let (schema, found) = (schema.title(), found.title());
                return Err(ConvertError::data(format!(
                    "the schema is {schema}, and the struct is a {found}"
                )));
            }
            for (index, field) in wanted.iter().enumerate() {
                let inner = fields.get_at(index).unwrap_or(&Value::Null);
                self::value(out, &field.schema, inner)
                    .map_err(|error| inside(&field.name, error))?;
            }
        }
        (kind, value) => {
            let found = value.kind_name();
            return Err(ConvertError::data(format!(
                "the schema is {kind}, and the value is {found}"
            )));
        }
    }
    Ok(())
}

pub(super) fn inside(field: &str, error: ConvertError) -> ConvertError {
    match error {
        ConvertError::Data(message) => ConvertError::data(format!("field {field}: {message}")),
        other => other,
    }
}

fn unfinished(schema: &Schema) -> ConvertError {
    let title = schema.title();
    ConvertError::data(format!("the schema {title} does not say what it holds"))
}

fn array(out: &mut Vec<u8>, schema: &Schema, all: &[Value]) -> Result<(), ConvertError> {
    let inner = schema.value_schema().ok_or_else(|| unfinished(schema))?;
    if !all.is_empty() {
        write_long(out, all.len() as i64);
    }
    for element in all {
        value(out, inner, element)?;
    }
    write_long(out, 0);
    Ok(())
}

fn map(out: &mut Vec<u8>, schema: &Schema, pairs: &[(Value, Value)]) -> Result<(), ConvertError> {
    let (Some(key), Some(inner)) = (schema.key_schema(), schema.value_schema()) else {
        return Err(unfinished(schema));
    };
    if !pairs.is_empty() {
        write_long(out, pairs.len() as i64);
    }
    let plain = text::has_plain_keys(schema);
    for (name, pair) in pairs {
        match name {
            Value::String(name) if plain => write_str(out, name),
            name => value(out, key, name)?,
        }
        value(out, inner, pair)?;
    }
    write_long(out, 0);
    Ok(())
}
