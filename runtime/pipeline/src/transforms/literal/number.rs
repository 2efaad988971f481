//! Numbers of a literal, in the smallest type that holds them.

use num_bigint::BigInt;
use walbridge_connector_api::data::{Decimal, Schema, SchemaAndValue, Type, Value, logical};

use super::super::numbers::{decimal_to_long, parse_decimal};

/// Reads a number; `None` if it is none.
pub(super) fn parse(text: &str) -> Option<SchemaAndValue> {
    let decimal = parse_decimal(text)?;
    if let Some(whole) = whole(&decimal) {
        return Some(smallest(whole));
    }
    let plain = decimal.to_string();
    let float: f32 = plain.parse().unwrap_or(f32::INFINITY);
    let double: f64 = plain.parse().unwrap_or(f64::INFINITY);
    if float.is_finite() && decimal.scale != 0 {
        return Some(SchemaAndValue::new(Schema::of(Type::Float32), float));
    }
    if double.is_finite() && decimal.scale != 0 {
        return Some(SchemaAndValue::new(Schema::of(Type::Float64), double));
    }
    let schema = logical::decimal(decimal.scale);
    Some(SchemaAndValue::new(schema, decimal.to_bytes()))
}

/// Returns a number that has nothing after its point and fits 64 bits.
fn whole(decimal: &Decimal) -> Option<i64> {
    let zero = decimal.unscaled == BigInt::ZERO;
    let digits = i64::try_from(decimal.unscaled.magnitude().to_string().len()).ok()?;
    let scale = i64::from(decimal.scale);
    if zero {
        return Some(0);
    }
    // Out of range, or all digits after the point; the powers of ten below stay small.
    if digits - scale > 19 || scale > digits {
        return None;
    }
    let ten = BigInt::from(10);
    let power = ten.pow(decimal.scale.unsigned_abs());
    let number = if scale > 0 {
        if &decimal.unscaled % &power != BigInt::ZERO {
            return None;
        }
        &decimal.unscaled / power
    } else {
        &decimal.unscaled * power
    };
    let long = decimal_to_long(decimal);
    (BigInt::from(long) == number).then_some(long)
}

fn smallest(number: i64) -> SchemaAndValue {
    let (kind, value) = if let Ok(n) = i8::try_from(number) {
        (Type::Int8, Value::Int8(n))
    } else if let Ok(n) = i16::try_from(number) {
        (Type::Int16, Value::Int16(n))
    } else if let Ok(n) = i32::try_from(number) {
        (Type::Int32, Value::Int32(n))
    } else {
        (Type::Int64, Value::Int64(number))
    };
    SchemaAndValue::new(Schema::of(kind), value)
}
