//! Values as the text of a header.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use walbridge_connector_api::data::{Decimal, Schema, Value, double_text, float_text, logical};

use super::calendar::{DAY, print_moment};

/// Appends a value; texts inside of others stand in quotes.
pub(super) fn print(out: &mut String, schema: Option<&Schema>, value: &Value, inside: bool) {
    let name = schema.and_then(Schema::name);
    match value {
        Value::Null => out.push_str("null"),
        Value::Boolean(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Int8(n) => out.push_str(&n.to_string()),
        Value::Int16(n) => out.push_str(&n.to_string()),
        Value::Int32(n) => out.push_str(&match name {
            Some(logical::DATE) => print_moment(i64::from(*n) * DAY),
            Some(logical::TIME) => print_moment(i64::from(*n)),
            _ => n.to_string(),
        }),
        Value::Int64(n) => out.push_str(&match name {
            Some(logical::TIMESTAMP) => print_moment(*n),
            _ => n.to_string(),
        }),
        Value::Float32(n) => out.push_str(&float_text(*n)),
        Value::Float64(n) => out.push_str(&double_text(*n)),
        Value::String(text) if inside => quoted(out, text),
        Value::String(text) => out.push_str(text),
        Value::Bytes(bytes) => out.push_str(&match schema.and_then(logical::scale) {
            Some(scale) => Decimal::from_bytes(bytes, scale).to_string(),
            None if inside => format!("\"{}\"", STANDARD.encode(bytes)),
            None => STANDARD.encode(bytes),
        }),
        Value::Array(elements) => {
            let inner = schema.and_then(Schema::value_schema);
            out.push('[');
            for (i, element) in elements.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { "," });
                print(out, inner, element, true);
            }
            out.push(']');
        }
        Value::Map(pairs) => {
            out.push('{');
            for (i, (key, value)) in pairs.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { "," });
                print(out, schema.and_then(Schema::key_schema), key, true);
                out.push(':');
                print(out, schema.and_then(Schema::value_schema), value, true);
            }
            out.push('}');
        }
        Value::Struct(fields) => {
            out.push('{');
            for (i, field) in fields.schema().fields().iter().enumerate() {
                out.push_str(if i == 0 { "" } else { "," });
                quoted(out, &field.name);
                out.push(':');
                let value = fields.get_at(i).unwrap_or(&Value::Null);
                print(out, Some(&field.schema), value, true);
            }
            out.push('}');
        }
    }
}

fn quoted(out: &mut String, text: &str) {
    out.push('"');
    out.push_str(&text.replace('\\', "\\\\").replace('"', "\\\""));
    out.push('"');
}
