//! Defaults in Avro's JSON, where bytes are text of the characters up to U+00FF.

use serde_json::Value as Json;
use walbridge_connector_api::data::{Schema, Struct, Type, Value, double_text, float_text};

use super::super::ConvertError;

/// Adds a text in quotes.
pub(super) fn quote(out: &mut String, text: &str) {
    out.push_str(&Json::from(text).to_string());
}

/// Writes a default.
pub(super) fn write(out: &mut String, schema: &Schema, value: &Value) -> Result<(), ConvertError> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Boolean(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Int8(_) | Value::Int16(_) | Value::Int32(_) | Value::Int64(_) => {
            out.push_str(&value.as_i64().unwrap_or_default().to_string());
        }
        Value::Float32(n) if n.is_finite() => out.push_str(&float_text(*n)),
        Value::Float64(n) if n.is_finite() => out.push_str(&double_text(*n)),
        Value::Float32(n) => quote(out, &float_text(*n)),
        Value::Float64(n) => quote(out, &double_text(*n)),
        Value::String(text) => quote(out, text),
        Value::Bytes(bytes) => quote(
            out,
            &bytes.iter().copied().map(char::from).collect::<String>(),
        ),
        Value::Array(all) => {
            out.push('[');
            for (index, element) in all.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                write(out, schema.value_schema().unwrap_or(schema), element)?;
            }
            out.push(']');
        }
        Value::Map(pairs) if super::text::has_plain_keys(schema) => {
            out.push('{');
            for (index, (key, value)) in pairs.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                quote(out, key.as_str().unwrap_or_default());
                out.push(':');
                write(out, schema.value_schema().unwrap_or(schema), value)?;
            }
            out.push('}');
        }
        Value::Map(pairs) => {
            out.push('[');
            for (index, (key, value)) in pairs.iter().enumerate() {
                out.push_str(if index == 0 {
                    "{\"key\":"
                } else {
                    ",{\"key\":"
                });
                write(out, schema.key_schema().unwrap_or(schema), key)?;
                out.push_str(",\"value\":");
                write(out, schema.value_schema().unwrap_or(schema), value)?;
                out.push('}');
            }
            out.push(']');
        }
        Value::Struct(fields) => {
            out.push('{');
            let all = fields.schema().fields().iter().zip(fields.values());
            for (index, (field, value)) in all.enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                quote(out, &field.name);
                out.push(':');
                write(out, &field.schema, value)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

/// Returns a field's schema with the field's own default, which counts before its type's
/// `connect.default`.
pub(super) fn of_field(
    schema: &Schema,
    own: &Json,
    metadata: bool,
) -> Result<Schema, ConvertError> {
    let mut builder = schema.to_builder().default(read(schema, own)?);
    if metadata && schema.default().is_none() {
        builder = builder.parameter("io.confluent.connect.avro.field.default", "true");
    }
    Ok(builder.build()?)
}

/// Returns the schema of a field that may be null, with the default that counts.
///
/// As in Java there is none without a `connect.default`. Where there is one, the field's own says what it
/// is: writers have put another form of bytes into `connect.default` (schema-registry's issue 1430), and a
/// named type brings that of its first use along.
pub(super) fn of_nullable(schema: &Schema, own: &Json) -> Result<Schema, ConvertError> {
    if schema.default().is_none() {
        return Ok(schema.clone());
    }
    let builder = schema.to_builder();
    let builder = match read(schema, own)? {
        Value::Null => builder.without_default(),
        value => builder.default(value),
    };
    Ok(builder.build()?)
}

/// Reads a default.
pub(super) fn read(schema: &Schema, json: &Json) -> Result<Value, ConvertError> {
    let wrong = || {
        let kind = schema.kind();
        ConvertError::data(format!("the default {json} is not of type {kind}"))
    };
    let whole = || json.as_i64().ok_or_else(wrong);
    let real = || match json {
        Json::String(text) => text.parse().map_err(|_| wrong()),
        json => json.as_f64().ok_or_else(wrong),
    };
    if json.is_null() && schema.is_optional() {
        return Ok(Value::Null);
    }
    Ok(match schema.kind() {
        Type::Boolean => json.as_bool().ok_or_else(wrong)?.into(),
        Type::Int8 => i8::try_from(whole()?).map_err(|_| wrong())?.into(),
        Type::Int16 => i16::try_from(whole()?).map_err(|_| wrong())?.into(),
        Type::Int32 => i32::try_from(whole()?).map_err(|_| wrong())?.into(),
        Type::Int64 => whole()?.into(),
        Type::Float32 => {
            #[allow(
                clippy::cast_possible_truncation,
                reason = "the text was a float's: nothing is lost"
            )]
            let narrow = real()? as f32;
            narrow.into()
        }
        Type::Float64 => real()?.into(),
        Type::String => json.as_str().ok_or_else(wrong)?.into(),
        Type::Bytes => {
            let chars = json.as_str().ok_or_else(wrong)?.chars();
            let bytes: Result<Vec<u8>, _> = chars.map(|c| u8::try_from(u32::from(c))).collect();
            bytes.map_err(|_| wrong())?.into()
        }
        Type::Array => {
            let inner = schema.value_schema().ok_or_else(wrong)?;
            let all = json.as_array().ok_or_else(wrong)?.iter();
            Value::Array(
                all.map(|json| read(inner, json))
                    .collect::<Result<_, _>>()?,
            )
        }
        Type::Map => {
            let (key, inner) = (schema.key_schema(), schema.value_schema());
            let (key, inner) = (key.ok_or_else(wrong)?, inner.ok_or_else(wrong)?);
            let mut pairs = Vec::new();
            match json {
                Json::Object(members) => {
                    for (name, json) in members {
                        pairs.push((name.as_str().into(), read(inner, json)?));
                    }
                }
                Json::Array(all) => {
                    for pair in all {
                        pairs.push((read(key, &pair["key"])?, read(inner, &pair["value"])?));
                    }
                }
                _ => return Err(wrong()),
            }
            Value::Map(pairs)
        }
        Type::Struct => {
            let members = json.as_object().ok_or_else(wrong)?;
            let values = schema.fields().iter().map(|field| {
                let given = members.get(&*field.name);
                match (given, field.schema.default()) {
                    (Some(json), _) => read(&field.schema, json),
                    (None, default) => Ok(default.cloned().unwrap_or_default()),
                }
            });
            let values: Result<Vec<_>, _> = values.collect();
            Struct::from_values(schema.clone(), values?)?.into()
        }
    })
}
