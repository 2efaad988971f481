//! Values as Java prints them.

use std::fmt::Write as _;

use super::{DataError, Decimal, Schema, Struct, Value, logical};

/// Returns what `toString` gives in Java for a value.
///
/// # Errors
/// If there are bytes in it: they have no text form.
pub fn text_of(schema: Option<&Schema>, value: &Value) -> Result<String, DataError> {
    let mut text = String::new();
    print(&mut text, schema, value)?;
    Ok(text)
}

/// Appends what `toString` gives in Java.
fn print(out: &mut String, schema: Option<&Schema>, value: &Value) -> Result<(), DataError> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Boolean(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Int8(n) => out.push_str(&n.to_string()),
        Value::Int16(n) => out.push_str(&n.to_string()),
        Value::Int32(n) => out.push_str(&n.to_string()),
        Value::Int64(n) => out.push_str(&n.to_string()),
        Value::Float32(n) => out.push_str(&float_text(*n)),
        Value::Float64(n) => out.push_str(&double_text(*n)),
        Value::String(text) => out.push_str(text),
        Value::Bytes(bytes) => match schema.and_then(logical::scale) {
            Some(scale) => out.push_str(&Decimal::from_bytes(bytes, scale).to_string()),
            None => {
                return Err(DataError::Schema(
                    "bytes have no text form: use ByteArrayConverter for them".to_owned(),
                ));
            }
        },
        Value::Array(elements) => {
            out.push('[');
            let inner = schema.and_then(Schema::value_schema);
            for (i, element) in elements.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                print(out, inner, element)?;
            }
            out.push(']');
        }
        Value::Map(pairs) => {
            out.push('{');
            for (i, (key, value)) in pairs.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                print(out, schema.and_then(Schema::key_schema), key)?;
                out.push('=');
                print(out, schema.and_then(Schema::value_schema), value)?;
            }
            out.push('}');
        }
        Value::Struct(fields) => print_struct(out, fields)?,
    }
    Ok(())
}

fn print_struct(out: &mut String, fields: &Struct) -> Result<(), DataError> {
    out.push_str("Struct{");
    let mut first = true;
    for (field, value) in fields.schema().fields().iter().zip(fields.values()) {
        if value.is_null() {
            continue;
        }
        out.push_str(if first { "" } else { "," });
        first = false;
        let _ = write!(out, "{}=", field.name);
        print(out, Some(&field.schema), value)?;
    }
    out.push('}');
    Ok(())
}

/// Returns a number as Java's `Double.toString` prints it.
pub fn double_text(n: f64) -> String {
    java_float(n, &format!("{n:e}"))
}

/// Returns a number as Java's `Float.toString` prints it.
pub fn float_text(n: f32) -> String {
    java_float(f64::from(n), &format!("{n:e}"))
}

/// Lays the shortest digits out as Java does: plain from 0.001 to 10 million, else with an exponent.
fn java_float(n: f64, shortest: &str) -> String {
    if n.is_nan() {
        return "NaN".to_owned();
    }
    if n.is_infinite() {
        return if n > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let (sign, shortest) = match shortest.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", shortest),
    };
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let digits = mantissa.replace('.', "");
    if n == 0.0 {
        return format!("{sign}0.0");
    }
    let padded = |text: &str| {
        if text.is_empty() {
            "0".to_owned()
        } else {
            text.to_owned()
        }
    };
    if !(-3..7).contains(&exponent) {
        let (first, rest) = digits.split_at(1);
        return format!("{sign}{first}.{}E{exponent}", padded(rest));
    }
    match usize::try_from(exponent) {
        Ok(whole) => {
            let digits = format!("{digits:0<width$}", width = whole + 1);
            let (before, after) = digits.split_at(whole + 1);
            format!("{sign}{before}.{}", padded(after))
        }
        Err(_) => {
            let zeros = usize::try_from(-exponent - 1).unwrap_or_default();
            format!("{sign}0.{:0<zeros$}{digits}", "")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_look_as_in_java() {
        for (n, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-1.5, "-1.5"),
            (0.001, "0.001"),
            (0.0001, "1.0E-4"),
            (1_234_567.0, "1234567.0"),
            (12_345_678.0, "1.2345678E7"),
            (1e7, "1.0E7"),
            (123.456, "123.456"),
            (f64::MAX, "1.7976931348623157E308"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(double_text(n), text);
        }
        assert_eq!(float_text(0.1), "0.1");
        assert_eq!(float_text(16_777_216.0), "1.6777216E7");
    }
}
