//! Values written with a schema that is not their own: the newest of their subject.
//!
//! Fields meet by their names, numbers may grow wider, and what the value does not have is the
//! schema's default, or null where it may be.

use walbridge_connector_api::data::{Struct, Value};
use walbridge_schemas::avro::{
    write_bool, write_bytes, write_double, write_float, write_int, write_long, write_str,
};

use super::super::ConvertError;
use super::anything;
use super::plan::{Node, Shape};

/// Writes a value as the node has it; `strict` refuses fields that the node does not know.
pub(super) fn value(
    out: &mut Vec<u8>,
    node: &Node,
    value: &Value,
    strict: bool,
) -> Result<(), ConvertError> {
    let default = node.schema.as_ref().and_then(|schema| schema.default());
    let given = match (&*node.shape, value, default) {
        (Shape::Optional { .. } | Shape::Union(_) | Shape::Anything, _, _) => value,
        (_, Value::Null, Some(default)) => default,
        _ => value,
    };
    match (&*node.shape, given) {
        (Shape::Boolean, Value::Boolean(b)) => write_bool(out, *b),
        (Shape::Int(_), number) if whole(number).is_some() => {
            let number = whole(number).and_then(|n| i32::try_from(n).ok());
            write_int(out, number.ok_or_else(|| unlike("INT32", given))?);
        }
        (Shape::Long, number) if whole(number).is_some() => {
            write_long(out, whole(number).unwrap_or_default());
        }
        (Shape::Float, Value::Float32(n)) => write_float(out, *n),
        (Shape::Double, Value::Float32(n)) => write_double(out, f64::from(*n)),
        (Shape::Double, Value::Float64(n)) => write_double(out, *n),
        (Shape::String, Value::String(text)) => write_str(out, text),
        (Shape::Bytes, Value::Bytes(bytes)) => write_bytes(out, bytes),
        (Shape::Fixed(size), Value::Bytes(bytes)) if bytes.len() == *size => {
            out.extend_from_slice(bytes);
        }
        (Shape::Enum(symbols), Value::String(text)) => {
            let index = symbols.iter().position(|symbol| **symbol == **text);
            let index = index.ok_or_else(|| {
                let all = symbols.join(", ");
                ConvertError::data(format!("\"{text}\" is none of {all}"))
            })?;
            write_long(out, index as i64);
        }
        (Shape::Array(inner), Value::Array(all)) => block(out, all, |out, element| {
            self::value(out, inner, element, strict)
        })?,
        (Shape::Map(inner), Value::Map(pairs)) => block(out, pairs, |out, (key, element)| {
            match key {
                Value::String(key) => write_str(out, key),
                other => return Err(unlike("STRING", other)),
            }
            self::value(out, inner, element, strict)
        })?,
        (Shape::Entries(key, inner), Value::Map(pairs)) => {
            block(out, pairs, |out, (name, element)| {
                self::value(out, key, name, strict)?;
                self::value(out, inner, element, strict)
            })?;
        }
        (Shape::Record(fields), Value::Struct(found)) => record(out, node, fields, found, strict)?,
        (Shape::Optional { null, inner }, _) => optional(out, *null, inner, given, strict)?,
        (Shape::Union(branches), Value::Struct(found)) => union(out, branches, found, strict)?,
        (Shape::Union(branches), Value::Null) => match branches.iter().position(Option::is_none) {
            Some(null) => write_long(out, null as i64),
            None => return Err(unlike("a union without null", given)),
        },
        (Shape::Anything, any) => anything::write(out, any)?,
        _ => {
            let wanted = node.schema.as_ref().map(|schema| schema.kind());
            let wanted = wanted.map_or_else(|| "another type".into(), |kind| kind.to_string());
            return Err(unlike(&wanted, given));
        }
    }
    Ok(())
}

fn unlike(wanted: &str, value: &Value) -> ConvertError {
    let found = value.kind_name();
    ConvertError::data(format!(
        "the newest schema of the subject wants {wanted}, and the value is {found}"
    ))
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Int8(_) | Value::Int16(_) | Value::Int32(_) | Value::Int64(_) => value.as_i64(),
        _ => None,
    }
}

fn block<T>(
    out: &mut Vec<u8>,
    all: &[T],
    mut write: impl FnMut(&mut Vec<u8>, &T) -> Result<(), ConvertError>,
) -> Result<(), ConvertError> {
    if !all.is_empty() {
        write_long(out, all.len() as i64);
    }
    for element in all {
        write(out, element)?;
    }
    write_long(out, 0);
    Ok(())
}

fn optional(
    out: &mut Vec<u8>,
    null: i64,
    inner: &Node,
    value: &Value,
    strict: bool,
) -> Result<(), ConvertError> {
    if value.is_null() {
        write_long(out, null);
        return Ok(());
    }
    write_long(out, 1 - null);
    self::value(out, inner, value, strict)
}

fn record(
    out: &mut Vec<u8>,
    node: &Node,
    fields: &[Node],
    found: &Struct,
    strict: bool,
) -> Result<(), ConvertError> {
    let wanted = node
        .schema
        .as_ref()
        .map_or(&[][..], |schema| schema.fields());
    if strict {
        let unknown = found
            .schema()
            .fields()
            .iter()
            .find(|field| !wanted.iter().any(|known| known.name == field.name));
        if let Some(unknown) = unknown {
            return Err(ConvertError::data(format!(
                "the newest schema of the subject has no field {}, and its value would be lost; register \
                 a schema that has it, or set latest.compatibility.strict=false",
                unknown.name
            )));
        }
    }
    for (field, inner) in wanted.iter().zip(fields) {
        let given = found.get(&field.name);
        let value = given.or(field.schema.default()).unwrap_or(&Value::Null);
        if given.is_none() && value.is_null() && !field.schema.is_optional() {
            return Err(ConvertError::data(format!(
                "the newest schema of the subject has a field {} without a default, and the value has none",
                field.name
            )));
        }
        self::value(out, inner, value, strict)
            .map_err(|error| super::write::inside(&field.name, error))?;
    }
    Ok(())
}

/// Writes what was read from a union: a struct in which one field holds the value.
fn union(
    out: &mut Vec<u8>,
    branches: &[Option<(usize, Node)>],
    found: &Struct,
    strict: bool,
) -> Result<(), ConvertError> {
    for (at, branch) in branches.iter().enumerate() {
        let Some((index, inner)) = branch else {
            continue;
        };
        match found.get_at(*index) {
            None | Some(Value::Null) => {}
            Some(value) => {
                write_long(out, at as i64);
                return self::value(out, inner, value, strict);
            }
        }
    }
    Err(ConvertError::data(
        "no field of a union's struct holds a value",
    ))
}
