//! Values without a schema: one record that can be any of them.

use walbridge_connector_api::data::Value;
use walbridge_schemas::AvroError;
use walbridge_schemas::avro::{
    Reader, write_bool, write_bytes, write_double, write_float, write_long, write_str,
};

use super::super::ConvertError;

/// The record's full name.
pub(super) const NAME: &str = "io.confluent.connect.avro.Anything";

/// The schema as Confluent's converter registers it.
pub(super) const SCHEMA: &str = concat!(
    r#"{"type":"record","name":"Anything","namespace":"io.confluent.connect.avro","fields":["#,
    r#"{"name":"boolean","type":["null","boolean"],"default":null},"#,
    r#"{"name":"bytes","type":["null","bytes"],"default":null},"#,
    r#"{"name":"double","type":["null","double"],"default":null},"#,
    r#"{"name":"float","type":["null","float"],"default":null},"#,
    r#"{"name":"int","type":["null","int"],"default":null},"#,
    r#"{"name":"long","type":["null","long"],"default":null},"#,
    r#"{"name":"string","type":["null","string"],"default":null},"#,
    r#"{"name":"array","type":["null",{"type":"array","items":"Anything"}],"default":null},"#,
    r#"{"name":"map","type":["null",{"type":"array","items":{"type":"record","name":"MapEntry","#,
    r#""fields":[{"name":"key","type":"Anything"},{"name":"value","type":"Anything"}]}}],"#,
    r#""default":null}]}"#
);

/// The fields in order: which of them holds a value tells its type.
pub(super) const FIELDS: [&str; 9] = [
    "boolean", "bytes", "double", "float", "int", "long", "string", "array", "map",
];

/// How deep values may lie in one another.
const DEPTH: usize = 100;

/// Writes a value without a schema.
pub(super) fn write(out: &mut Vec<u8>, value: &Value) -> Result<(), ConvertError> {
    write_at(out, value, DEPTH)
}

fn write_at(out: &mut Vec<u8>, value: &Value, depth: usize) -> Result<(), ConvertError> {
    let depth = depth.checked_sub(1).ok_or(AvroError::Depth)?;
    let chosen = match value {
        Value::Null => FIELDS.len(),
        Value::Boolean(_) => 0,
        Value::Bytes(_) => 1,
        Value::Float64(_) => 2,
        Value::Float32(_) => 3,
        Value::Int8(_) | Value::Int16(_) | Value::Int32(_) => 4,
        Value::Int64(_) => 5,
        Value::String(_) => 6,
        Value::Array(_) => 7,
        Value::Map(_) => 8,
        Value::Struct(_) => {
            return Err(ConvertError::data(
                "a struct needs a schema, and none is given",
            ));
        }
    };
    for field in 0..FIELDS.len() {
        write_long(out, i64::from(field == chosen));
        if field != chosen {
            continue;
        }
        match value {
            Value::Boolean(b) => write_bool(out, *b),
            Value::Bytes(bytes) => write_bytes(out, bytes),
            Value::Float64(n) => write_double(out, *n),
            Value::Float32(n) => write_float(out, *n),
            Value::String(text) => write_str(out, text),
            Value::Array(all) => {
                for value in block(out, all) {
                    write_at(out, value, depth)?;
                }
            }
            Value::Map(pairs) => {
                for (key, value) in block(out, pairs) {
                    write_at(out, key, depth)?;
                    write_at(out, value, depth)?;
                }
            }
            other => write_long(out, other.as_i64().unwrap_or_default()),
        }
        if let Value::Array(all) = value
            && !all.is_empty()
        {
            write_long(out, 0);
        }
        if let Value::Map(pairs) = value
            && !pairs.is_empty()
        {
            write_long(out, 0);
        }
    }
    Ok(())
}

/// Writes the count that begins a block; that of an empty one ends it too.
fn block<'a, T>(out: &mut Vec<u8>, all: &'a [T]) -> &'a [T] {
    write_long(out, all.len() as i64);
    all
}

/// Reads a value without a schema.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<Value, AvroError> {
    read_at(reader, DEPTH)
}

fn read_at(reader: &mut Reader<'_>, depth: usize) -> Result<Value, AvroError> {
    let depth = depth.checked_sub(1).ok_or(AvroError::Depth)?;
    let mut found = Value::Null;
    for field in 0..FIELDS.len() {
        match reader.long()? {
            0 => continue,
            1 => {}
            other => return Err(AvroError::Branch(other)),
        }
        found = match field {
            0 => reader.bool()?.into(),
            1 => reader.bytes()?.to_vec().into(),
            2 => reader.double()?.into(),
            3 => reader.float()?.into(),
            4 => reader.int()?.into(),
            5 => reader.long()?.into(),
            6 => reader.str()?.into(),
            7 => {
                let mut all = Vec::new();
                while more(reader, &mut |reader| {
                    all.push(read_at(reader, depth)?);
                    Ok(())
                })? {}
                Value::Array(all)
            }
            _ => {
                let mut pairs = Vec::new();
                while more(reader, &mut |reader| {
                    let key = read_at(reader, depth)?;
                    pairs.push((key, read_at(reader, depth)?));
                    Ok(())
                })? {}
                Value::Map(pairs)
            }
        };
    }
    Ok(found)
}

/// Reads one block of an array or a map; false if it was the end.
pub(super) fn more<E: From<AvroError>>(
    reader: &mut Reader<'_>,
    item: &mut dyn FnMut(&mut Reader<'_>) -> Result<(), E>,
) -> Result<bool, E> {
    let count = reader.block()?;
    // What takes no bytes at all can be counted beyond any bound; nothing real is.
    if count > reader.rest().len().max(1 << 16) as u64 {
        return Err(AvroError::Length.into());
    }
    for _ in 0..count {
        item(reader)?;
    }
    Ok(count > 0)
}
