//! Values as JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use walbridge_connector_api::data::{
    Decimal, Schema, Struct, Type, Value, double_text, float_text, logical,
};

use super::{ConvertError, Options};

/// Appends a value; without a schema its own type decides.
pub(super) fn value(
    out: &mut Vec<u8>,
    schema: Option<&Schema>,
    value: &Value,
    options: Options,
) -> Result<(), ConvertError> {
    if let (Some(schema), false) = (schema, value.is_null())
        && value.kind() != Some(schema.kind())
    {
        return Err(ConvertError::data(format!(
            "the schema {} wants {}, and the value is {}",
            schema.title(),
            schema.kind(),
            value.kind_name()
        )));
    }
    match value {
        Value::Null => return null(out, schema, options),
        Value::Boolean(b) => plain(out, b),
        Value::Int8(n) => plain(out, n),
        Value::Int16(n) => plain(out, n),
        Value::Int32(n) => plain(out, n),
        Value::Int64(n) => plain(out, n),
        Value::Float32(n) => float(out, n.is_finite(), &float_text(*n)),
        Value::Float64(n) => float(out, n.is_finite(), &double_text(*n)),
        Value::String(text) => string(out, text),
        Value::Bytes(bytes) => match schema.and_then(logical::scale) {
            Some(scale) if options.numeric => plain(out, &Decimal::from_bytes(bytes, scale)),
            _ => string(out, &STANDARD.encode(bytes)),
        },
        Value::Array(elements) => {
            let inner = schema.and_then(Schema::value_schema);
            list(out, b'[', elements, b']', |out, element| {
                self::value(out, inner, element, options)
            })?;
        }
        Value::Map(pairs) => map(out, schema, pairs, options)?,
        Value::Struct(fields) => structure(out, schema, fields, options)?,
    }
    Ok(())
}

fn null(out: &mut Vec<u8>, schema: Option<&Schema>, options: Options) -> Result<(), ConvertError> {
    if let Some(schema) = schema {
        if let (Some(default), true) = (schema.default(), options.defaults) {
            return value(out, Some(schema), default, options);
        }
        if !schema.is_optional() {
            return Err(ConvertError::data(
                "Conversion error: null value for field that is required and has no default value",
            ));
        }
    }
    out.extend_from_slice(b"null");
    Ok(())
}

fn map(
    out: &mut Vec<u8>,
    schema: Option<&Schema>,
    pairs: &[(Value, Value)],
    options: Options,
) -> Result<(), ConvertError> {
    let key = schema.and_then(Schema::key_schema);
    let inner = schema.and_then(Schema::value_schema);
    let named = match key {
        Some(key) => key.kind() == Type::String,
        None => pairs.iter().all(|(key, _)| key.as_str().is_some()),
    };
    if !named {
        return list(out, b'[', pairs, b']', |out, (k, v)| {
            out.push(b'[');
            value(out, key, k, options)?;
            out.push(b',');
            value(out, inner, v, options)?;
            out.push(b']');
            Ok(())
        });
    }
    list(out, b'{', pairs, b'}', |out, (k, v)| {
        let name = k.as_str().ok_or_else(|| {
            let found = k.kind_name();
            ConvertError::data(format!("a map with text keys has a key that is {found}"))
        })?;
        string(out, name);
        out.push(b':');
        value(out, inner, v, options)
    })
}

fn structure(
    out: &mut Vec<u8>,
    schema: Option<&Schema>,
    fields: &Struct,
    options: Options,
) -> Result<(), ConvertError> {
    if schema.is_some_and(|schema| schema != fields.schema()) {
        return Err(ConvertError::data("Mismatching schema."));
    }
    let pairs = fields.schema().fields().iter().zip(fields.values());
    list(out, b'{', pairs, b'}', |out, (field, inner)| {
        string(out, &field.name);
        out.push(b':');
        value(out, Some(&field.schema), inner, options)
            .map_err(|error| ConvertError::data(format!("{}: {error}", field.name)))
    })
}

fn list<I: IntoIterator>(
    out: &mut Vec<u8>,
    open: u8,
    items: I,
    close: u8,
    mut write: impl FnMut(&mut Vec<u8>, I::Item) -> Result<(), ConvertError>,
) -> Result<(), ConvertError> {
    out.push(open);
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write(out, item)?;
    }
    out.push(close);
    Ok(())
}

/// Appends what needs no quotes.
pub(super) fn plain(out: &mut Vec<u8>, value: &impl std::fmt::Display) {
    out.extend_from_slice(value.to_string().as_bytes());
}

/// Appends a float; JSON has no infinities, so those are texts.
fn float(out: &mut Vec<u8>, finite: bool, text: &str) {
    if finite {
        out.extend_from_slice(text.as_bytes());
    } else {
        string(out, text);
    }
}

/// Appends a text in quotes, escaped as Jackson does: capital hex digits, and whatever lies beyond
/// Unicode's first plane as a pair of surrogates.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            c if c < ' ' => escape(out, c as u16),
            c if c > '\u{FFFF}' => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    escape(out, *unit);
                }
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

fn escape(out: &mut Vec<u8>, unit: u16) {
    out.extend_from_slice(format!("\\u{unit:04X}").as_bytes());
}
