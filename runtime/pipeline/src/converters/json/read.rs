//! Values from JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use walbridge_connector_api::data::{Decimal, Schema, Struct, Type, Value, logical};

use super::tree::Json;
use super::{ConvertError, Options};

/// Reads a value; without a schema, whole numbers are 64 bits wide and objects are maps.
pub(super) fn value(
    schema: Option<&Schema>,
    json: &Json,
    options: Options,
) -> Result<Value, ConvertError> {
    match schema {
        None => schemaless(json),
        Some(schema) if *json == Json::Null => null(schema, options),
        Some(schema) => with_schema(schema, json, options),
    }
}

fn schemaless(json: &Json) -> Result<Value, ConvertError> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Boolean(b) => (*b).into(),
        Json::String(text) => text.clone().into(),
        Json::Number(text) if text.contains(['.', 'e', 'E']) => {
            Value::Float64(number(text, Type::Float64)?)
        }
        Json::Number(text) => Value::Int64(number(text, Type::Int64)?),
        Json::Array(elements) => {
            Value::Array(elements.iter().map(schemaless).collect::<Result<_, _>>()?)
        }
        Json::Object(members) => Value::Map(
            members
                .iter()
                .map(|(name, json)| Ok((Value::from(name.as_str()), schemaless(json)?)))
                .collect::<Result<_, ConvertError>>()?,
        ),
    })
}

fn null(schema: &Schema, options: Options) -> Result<Value, ConvertError> {
    match schema.default() {
        Some(default) if options.defaults => Ok(default.clone()),
        _ if schema.is_optional() => Ok(Value::Null),
        _ => {
            let kind = schema.kind();
            Err(ConvertError::data(format!(
                "Invalid null value for required {kind} field"
            )))
        }
    }
}

fn with_schema(schema: &Schema, json: &Json, options: Options) -> Result<Value, ConvertError> {
    let kind = schema.kind();
    Ok(match (kind, json) {
        (Type::Boolean, Json::Boolean(b)) => (*b).into(),
        (Type::Int8, Json::Number(text)) => Value::Int8(number(text, kind)?),
        (Type::Int16, Json::Number(text)) => Value::Int16(number(text, kind)?),
        (Type::Int32, Json::Number(text)) => Value::Int32(number(text, kind)?),
        (Type::Int64, Json::Number(text)) => Value::Int64(number(text, kind)?),
        (Type::Float32, Json::Number(text)) => Value::Float32(number(text, kind)?),
        (Type::Float64, Json::Number(text)) => Value::Float64(number(text, kind)?),
        (Type::Float32, Json::String(text)) => Value::Float32(special(text)? as f32),
        (Type::Float64, Json::String(text)) => Value::Float64(special(text)?),
        (Type::String, Json::String(text)) => text.clone().into(),
        (Type::Bytes, Json::Number(text)) => decimal(schema, text)?,
        (Type::Bytes, Json::String(text)) => STANDARD
            .decode(text)
            .map_err(|error| ConvertError::data(format!("bytes are not in base64: {error}")))?
            .into(),
        (Type::Array, Json::Array(elements)) => Value::Array(
            elements
                .iter()
                .map(|element| value(schema.value_schema(), element, options))
                .collect::<Result<_, _>>()?,
        ),
        (Type::Map, json) => map(schema, json, options)?,
        (Type::Struct, Json::Object(_)) => {
            let fields = schema.fields().iter().map(|field| {
                let json = json.get(&field.name).unwrap_or(&Json::Null);
                value(Some(&field.schema), json, options)
                    .map_err(|error| ConvertError::data(format!("{}: {error}", field.name)))
            });
            let fields = fields.collect::<Result<_, _>>()?;
            Struct::from_values(schema.clone(), fields)?.into()
        }
        (kind, json) => return Err(unlike(kind, json)),
    })
}

fn unlike(kind: Type, json: &Json) -> ConvertError {
    ConvertError::data(format!(
        "the schema wants {kind}, and the JSON is {}",
        json.kind()
    ))
}

fn map(schema: &Schema, json: &Json, options: Options) -> Result<Value, ConvertError> {
    let (key, inner) = (schema.key_schema(), schema.value_schema());
    let named = key.is_none_or(|key| key.kind() == Type::String);
    let pairs: Result<_, ConvertError> = match json {
        Json::Object(members) if named => members
            .iter()
            .map(|(name, json)| Ok((name.as_str().into(), value(inner, json, options)?)))
            .collect(),
        Json::Array(pairs) if !named => pairs
            .iter()
            .map(|pair| match pair {
                Json::Array(two) if two.len() == 2 => Ok((
                    value(key, &two[0], options)?,
                    value(inner, &two[1], options)?,
                )),
                other => Err(unlike(Type::Map, other)),
            })
            .collect(),
        other => {
            let wanted = if named { "objects" } else { "arrays of pairs" };
            let found = other.kind();
            return Err(ConvertError::data(format!(
                "maps with such keys are {wanted} in JSON, and this is {found}"
            )));
        }
    };
    Ok(Value::Map(pairs?))
}

fn number<T: std::str::FromStr>(text: &str, kind: Type) -> Result<T, ConvertError> {
    text.parse()
        .map_err(|_| ConvertError::data(format!("{text} is not a number of type {kind}")))
}

/// Reads what JSON has no number for.
fn special(text: &str) -> Result<f64, ConvertError> {
    match text {
        "NaN" => Ok(f64::NAN),
        "Infinity" => Ok(f64::INFINITY),
        "-Infinity" => Ok(f64::NEG_INFINITY),
        other => Err(ConvertError::data(format!(
            "\"{other}\" is not a floating point number"
        ))),
    }
}

/// Reads a decimal written as a number; the schema's scale must hold it exactly.
fn decimal(schema: &Schema, text: &str) -> Result<Value, ConvertError> {
    let Some(scale) = logical::scale(schema) else {
        return Err(ConvertError::data(format!(
            "the schema wants BYTES, and the JSON is {text}"
        )));
    };
    let number: Decimal = text.parse()?;
    let number = number.rescale(scale).ok_or_else(|| {
        ConvertError::data(format!("{text} does not fit a decimal with scale {scale}"))
    })?;
    Ok(number.to_bytes().into())
}
