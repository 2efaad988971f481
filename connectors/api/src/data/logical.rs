//! Logical types: names that give a base type a meaning.
//!
//! | Name | Base | Meaning |
//! |---|---|---|
//! | [`DECIMAL`] | bytes | big-endian two's complement, times 10 to the minus `scale` |
//! | [`DATE`] | int32 | days since 1970 |
//! | [`TIME`] | int32 | milliseconds since midnight |
//! | [`TIMESTAMP`] | int64 | milliseconds since 1970, UTC |

use super::schema::Parts;
use super::{Schema, Type};

/// The name of decimal schemas; the parameter [`SCALE`] has the scale.
pub const DECIMAL: &str = "org.apache.kafka.connect.data.Decimal";
/// The name of date schemas.
pub const DATE: &str = "org.apache.kafka.connect.data.Date";
/// The name of time-of-day schemas.
pub const TIME: &str = "org.apache.kafka.connect.data.Time";
/// The name of timestamp schemas.
pub const TIMESTAMP: &str = "org.apache.kafka.connect.data.Timestamp";
/// The parameter of a decimal schema that has its scale.
pub const SCALE: &str = "scale";

/// Creates the schema of required decimals with this many digits after the point.
pub fn decimal(scale: i32) -> Schema {
    let mut parts = named(Type::Bytes, DECIMAL);
    parts.parameters.insert(SCALE.to_owned(), scale.to_string());
    parts.seal()
}

/// Creates the schema of required dates.
pub fn date() -> Schema {
    named(Type::Int32, DATE).seal()
}

/// Creates the schema of required times of day.
pub fn time() -> Schema {
    named(Type::Int32, TIME).seal()
}

/// Creates the schema of required timestamps.
pub fn timestamp() -> Schema {
    named(Type::Int64, TIMESTAMP).seal()
}

fn named(kind: Type, name: &str) -> Parts {
    let mut parts = Parts::plain(kind);
    parts.name = Some(name.into());
    parts.version = Some(1);
    parts
}

/// Returns the scale of a decimal schema; `None` for any other, and if it is no number.
pub fn scale(schema: &Schema) -> Option<i32> {
    if schema.name() != Some(DECIMAL) {
        return None;
    }
    schema.parameters().get(SCALE)?.parse().ok()
}
