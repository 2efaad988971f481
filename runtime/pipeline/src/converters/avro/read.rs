//! Avro's bytes as values.

use walbridge_connector_api::data::{Schema, Struct, Type, Value};
use walbridge_schemas::AvroError;
use walbridge_schemas::avro::Reader;

use super::super::ConvertError;
use super::anything::{self, more};
use super::plan::{Node, Shape};

/// Reads a value.
pub(super) fn value(node: &Node, reader: &mut Reader<'_>) -> Result<Value, ConvertError> {
    shaped(&node.shape, node.schema.as_ref(), reader)
}

/// Reads a value of a shape; the schema may be an optional one of the shape's own.
fn shaped(
    shape: &Shape,
    schema: Option<&Schema>,
    reader: &mut Reader<'_>,
) -> Result<Value, ConvertError> {
    Ok(match shape {
        Shape::Boolean => reader.bool()?.into(),
        Shape::Int(kind) => narrow(*kind, reader.int()?)?,
        Shape::Long => reader.long()?.into(),
        Shape::Float => reader.float()?.into(),
        Shape::Double => reader.double()?.into(),
        Shape::String => reader.str()?.into(),
        Shape::Bytes => reader.bytes()?.to_vec().into(),
        Shape::Fixed(len) => reader.take(*len)?.to_vec().into(),
        Shape::Enum(symbols) => {
            let index = reader.long()?;
            let symbol = usize::try_from(index).ok().and_then(|i| symbols.get(i));
            symbol.ok_or(AvroError::Branch(index))?.as_str().into()
        }
        Shape::Array(inner) => {
            let mut all = Vec::new();
            while more(reader, &mut |reader| {
                all.push(value(inner, reader)?);
                Ok::<_, ConvertError>(())
            })? {}
            Value::Array(all)
        }
        Shape::Map(inner) => {
            let mut pairs = Vec::new();
            while more(reader, &mut |reader| {
                let key = reader.str()?.into();
                pairs.push((key, value(inner, reader)?));
                Ok::<_, ConvertError>(())
            })? {}
            Value::Map(pairs)
        }
        Shape::Entries(key, inner) => {
            let mut pairs = Vec::new();
            while more(reader, &mut |reader| {
                let key = value(key, reader)?;
                pairs.push((key, value(inner, reader)?));
                Ok::<_, ConvertError>(())
            })? {}
            Value::Map(pairs)
        }
        Shape::Record(fields) => {
            let mut values = Vec::with_capacity(fields.len());
            for field in fields {
                values.push(value(field, reader)?);
            }
            structure(schema, values)?
        }
        Shape::Optional { null, inner } => match reader.long()? {
            branch if branch == *null => Value::Null,
            branch if branch == 1 - *null => shaped(&inner.shape, schema, reader)?,
            other => return Err(AvroError::Branch(other).into()),
        },
        Shape::Union(branches) => {
            let branch = reader.long()?;
            let found = usize::try_from(branch).ok().and_then(|i| branches.get(i));
            let Some((index, inner)) = found.ok_or(AvroError::Branch(branch))? else {
                return Ok(Value::Null);
            };
            let mut values = vec![Value::Null; branches.iter().flatten().count()];
            let found = match &inner.schema {
                // A struct's schema is that of the union's field, which may be null.
                Some(own) => shaped(&inner.shape, Some(&own.optional()), reader)?,
                None => value(inner, reader)?,
            };
            if let Some(place) = values.get_mut(*index) {
                *place = found;
            }
            structure(schema, values)?
        }
        Shape::Anything => anything::read(reader)?,
    })
}

fn structure(schema: Option<&Schema>, values: Vec<Value>) -> Result<Value, ConvertError> {
    let schema = schema.ok_or(AvroError::Value("a record has no schema"))?;
    Ok(Struct::from_values(schema.clone(), values)?.into())
}

fn narrow(kind: Type, number: i32) -> Result<Value, ConvertError> {
    let value: Option<Value> = match kind {
        Type::Int8 => i8::try_from(number).ok().map(Into::into),
        Type::Int16 => i16::try_from(number).ok().map(Into::into),
        _ => Some(number.into()),
    };
    value.ok_or_else(|| ConvertError::data(format!("{number} is no {kind}, as its schema has it")))
}
