//! From a column's type to the field that carries it.

use walbridge_schemas::FieldType;

use super::{Kind, Known, PgType};

/// Choices about how types travel; the defaults are Debezium's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeModes {
    /// `money.fraction.digits`.
    pub money_fraction_digits: u32,
    /// `unavailable.value.placeholder`.
    pub unavailable: String,
}

impl Default for TypeModes {
    fn default() -> Self {
        Self {
            money_fraction_digits: 2,
            unavailable: "__debezium_unavailable_value".to_owned(),
        }
    }
}

/// Returns the field type that carries values of a PostgreSQL type: Debezium's, and for a type that
/// Debezium leaves out a string with the value's text form. Every type has one.
pub fn field_type(ty: &PgType, modes: &TypeModes) -> FieldType {
    let ty = ty.base();
    match &ty.kind {
        Kind::Enum { labels } => FieldType::Enum {
            allowed: labels.clone(),
        },
        Kind::Array(items) => {
            // Debezium's enum arrays have items that cannot be null.
            let nullable = !matches!(items.base().kind, Kind::Enum { .. });
            FieldType::array_of(field_type(items, modes), nullable)
        }
        Kind::Base => {
            Known::of(ty).map_or(FieldType::String, |known| of_known(known, ty.typmod, modes))
        }
        _ => FieldType::String,
    }
}

fn of_known(known: Known, typmod: i32, modes: &TypeModes) -> FieldType {
    match known {
        Known::Bool => FieldType::Boolean,
        Known::Int2 => FieldType::Int16,
        Known::Int4 => FieldType::Int32,
        Known::Int8 | Known::Oid => FieldType::Int64,
        Known::Float4 => FieldType::Float,
        Known::Float8 => FieldType::Double,
        Known::Numeric => numeric(typmod),
        Known::Money => FieldType::Decimal {
            precision: None,
            scale: modes.money_fraction_digits,
        },
        Known::Bytea => FieldType::Bytes,
        Known::Uuid => FieldType::Uuid,
        Known::Json | Known::Jsonb | Known::Hstore => FieldType::Json,
        Known::Xml => FieldType::Xml,
        Known::Ltree => FieldType::Ltree,
        Known::Tsvector => FieldType::Tsvector,
        Known::Date => FieldType::Date,
        Known::Time if (0..=3).contains(&typmod) => FieldType::Time,
        Known::Time => FieldType::MicroTime,
        Known::Timetz => FieldType::ZonedTime,
        Known::Timestamp if (0..=3).contains(&typmod) => FieldType::Timestamp,
        Known::Timestamp => FieldType::MicroTimestamp,
        Known::Timestamptz => FieldType::ZonedTimestamp,
        Known::Interval => FieldType::MicroDuration,
        Known::Bit | Known::Varbit if typmod == 1 => FieldType::Boolean,
        // Without a length `bit` is bit(1) and never comes here; `varbit` is as long as it likes.
        Known::Bit | Known::Varbit => FieldType::Bits {
            length: u32::try_from(typmod).unwrap_or(i32::MAX as u32),
        },
        Known::Point => FieldType::Point,
        _ => FieldType::String,
    }
}

/// Splits numeric's type modifier; a negative scale becomes digits before the point.
fn numeric(typmod: i32) -> FieldType {
    if typmod < 4 {
        return FieldType::VariableScaleDecimal;
    }
    let packed = typmod - 4;
    let precision = (packed >> 16) & 0xffff;
    // Eleven bits, signed.
    let scale = ((packed & 0x7ff) ^ 1024) - 1024;
    FieldType::Decimal {
        precision: Some((precision - scale.min(0)) as u32),
        scale: scale.max(0) as u32,
    }
}
