//! Values, with the schemas of structs by their numbers.

use walbridge_connector_api::data::{SchemaAndValue, Struct, Value};

use super::{Malformed, Reader, Result, SchemasIn, SchemasOut, Wire, put_bytes};

/// How deep values and schemas may be nested.
pub(super) const DEEPEST: usize = 64;

/// Stands for no schema.
const SCHEMALESS: u32 = u32::MAX;

pub(super) fn put(
    value: &Value,
    schemas: &mut SchemasOut,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<()> {
    if depth > DEEPEST {
        return Err(Malformed("a value is nested too deep"));
    }
    match value {
        Value::Null => out.push(0),
        Value::Boolean(flag) => (1u8, *flag).write(out),
        Value::Int8(number) => (2u8, *number).write(out),
        Value::Int16(number) => (3u8, *number).write(out),
        Value::Int32(number) => (4u8, *number).write(out),
        Value::Int64(number) => (5u8, *number).write(out),
        Value::Float32(number) => (6u8, *number).write(out),
        Value::Float64(number) => (7u8, *number).write(out),
        Value::String(text) => {
            out.push(8);
            put_bytes(out, text.as_bytes());
        }
        Value::Bytes(bytes) => {
            out.push(9);
            put_bytes(out, bytes);
        }
        Value::Array(all) => {
            (10u8, all.len() as u32).write(out);
            for value in all {
                put(value, schemas, out, depth + 1)?;
            }
        }
        Value::Map(pairs) => {
            (11u8, pairs.len() as u32).write(out);
            for (key, value) in pairs {
                put(key, schemas, out, depth + 1)?;
                put(value, schemas, out, depth + 1)?;
            }
        }
        Value::Struct(fields) => {
            (12u8, schemas.number(fields.schema())?).write(out);
            for value in fields.values() {
                put(value, schemas, out, depth + 1)?;
            }
        }
    }
    Ok(())
}

pub(super) fn get(from: &mut Reader<'_>, schemas: &SchemasIn, depth: usize) -> Result<Value> {
    if depth > DEEPEST {
        return Err(Malformed("a value is nested too deep"));
    }
    Ok(match u8::read(from)? {
        0 => Value::Null,
        1 => Value::Boolean(Wire::read(from)?),
        2 => Value::Int8(Wire::read(from)?),
        3 => Value::Int16(Wire::read(from)?),
        4 => Value::Int32(Wire::read(from)?),
        5 => Value::Int64(Wire::read(from)?),
        6 => Value::Float32(Wire::read(from)?),
        7 => Value::Float64(Wire::read(from)?),
        8 => Value::String(Wire::read(from)?),
        9 => Value::Bytes(from.bytes()?.to_vec()),
        10 => {
            let count = u32::read(from)? as usize;
            let mut all = Vec::with_capacity(from.room(count));
            for _ in 0..count {
                all.push(get(from, schemas, depth + 1)?);
            }
            Value::Array(all)
        }
        11 => {
            let count = u32::read(from)? as usize;
            let mut pairs = Vec::with_capacity(from.room(count));
            for _ in 0..count {
                let key = get(from, schemas, depth + 1)?;
                pairs.push((key, get(from, schemas, depth + 1)?));
            }
            Value::Map(pairs)
        }
        12 => {
            let schema = schemas.get(u32::read(from)?)?;
            let mut values = Vec::with_capacity(schema.fields().len());
            for _ in 0..schema.fields().len() {
                values.push(get(from, schemas, depth + 1)?);
            }
            let fields = Struct::from_values(schema.clone(), values);
            Value::Struct(fields.map_err(|_| Malformed("a struct of something else"))?)
        }
        _ => return Err(Malformed("no such type of value")),
    })
}

pub(super) fn put_data(
    data: &SchemaAndValue,
    schemas: &mut SchemasOut,
    out: &mut Vec<u8>,
) -> Result<()> {
    let schema = data.schema.as_ref();
    let number = schema.map(|schema| schemas.number(schema)).transpose()?;
    number.unwrap_or(SCHEMALESS).write(out);
    put(&data.value, schemas, out, 0)
}

pub(super) fn get_data(from: &mut Reader<'_>, schemas: &SchemasIn) -> Result<SchemaAndValue> {
    let schema = match u32::read(from)? {
        SCHEMALESS => None,
        number => Some(schemas.get(number)?.clone()),
    };
    let value = get(from, schemas, 0)?;
    Ok(SchemaAndValue { schema, value })
}
