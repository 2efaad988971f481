//! Which code reads a column's values.

use walbridge_schemas::FieldType;

use super::array::{self, ArrayCodec};
use super::{bits, decimal, document, scalar, temporal};
use crate::types::{Kind, Known, PgType};
use crate::value::{ValueError, Wire};

/// How much of a value its field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All of it.
    Exact,
    /// What Debezium would keep of it.
    Inexact,
    /// Nothing was written: the field has no room for such a value.
    Nothing,
}

/// The code for one type.
#[derive(Debug, Clone)]
pub(crate) enum Codec {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    /// Text that is the same in both forms.
    Text,
    /// The one-byte type.
    Char,
    Bytea,
    Uuid,
    Jsonb,
    /// `numeric` with a scale of its own.
    Decimal {
        scale: u32,
    },
    /// `numeric` with a scale for each value.
    VariableDecimal,
    Money {
        scale: u32,
    },
    Date,
    TimeMillis,
    TimeMicros,
    Timetz,
    TimestampMillis,
    TimestampMicros,
    Timestamptz {
        digits: u32,
    },
    Interval,
    /// `bit(1)` and `varbit(1)`.
    Bit,
    /// Bits of this length, or of any up to the declared one.
    Bits {
        fixed: Option<u32>,
    },
    Point,
    Hstore,
    Array(Box<ArrayCodec>),
    /// Any other type, as the text PostgreSQL prints.
    Printed(Box<PgType>),
}

impl Codec {
    /// Chooses the code for a type and the field made for it.
    pub(crate) fn new(ty: &PgType, field: &FieldType) -> Codec {
        let ty = ty.base();
        let known = match &ty.kind {
            Kind::Enum { .. } => return Codec::Text,
            Kind::Array(items) => {
                return match field {
                    FieldType::Array(fields) => {
                        Codec::Array(Box::new(ArrayCodec::new(items, fields)))
                    }
                    _ => Codec::Printed(Box::new(ty.clone())),
                };
            }
            _ => Known::of(ty),
        };
        match (known, field) {
            (Some(Known::Bool), _) => Codec::Bool,
            (Some(Known::Int2), _) => Codec::Int2,
            (Some(Known::Int4), _) => Codec::Int4,
            (Some(Known::Int8), _) => Codec::Int8,
            (Some(Known::Oid), _) => Codec::Oid,
            (Some(Known::Float4), _) => Codec::Float4,
            (Some(Known::Float8), _) => Codec::Float8,
            (Some(Known::Text | Known::Bpchar | Known::Json | Known::Xml), _) => Codec::Text,
            (Some(Known::Char), _) => Codec::Char,
            (Some(Known::Bytea), _) => Codec::Bytea,
            (Some(Known::Uuid), _) => Codec::Uuid,
            (Some(Known::Jsonb), _) => Codec::Jsonb,
            (Some(Known::Numeric), FieldType::Decimal { scale, .. }) => {
                Codec::Decimal { scale: *scale }
            }
            (Some(Known::Numeric), _) => Codec::VariableDecimal,
            (Some(Known::Money), FieldType::Decimal { scale, .. }) => {
                Codec::Money { scale: *scale }
            }
            (Some(Known::Date), _) => Codec::Date,
            (Some(Known::Time), FieldType::Time) => Codec::TimeMillis,
            (Some(Known::Time), _) => Codec::TimeMicros,
            (Some(Known::Timetz), _) => Codec::Timetz,
            (Some(Known::Timestamp), FieldType::Timestamp) => Codec::TimestampMillis,
            (Some(Known::Timestamp), _) => Codec::TimestampMicros,
            (Some(Known::Timestamptz), _) => Codec::Timestamptz {
                digits: u32::try_from(ty.typmod).unwrap_or(6),
            },
            (Some(Known::Interval), _) => Codec::Interval,
            (Some(Known::Bit | Known::Varbit), FieldType::Boolean) => Codec::Bit,
            (Some(Known::Bit), FieldType::Bits { length }) => Codec::Bits {
                fixed: Some(*length),
            },
            (Some(Known::Varbit), _) => Codec::Bits { fixed: None },
            (Some(Known::Point), _) => Codec::Point,
            (Some(Known::Hstore), _) => Codec::Hstore,
            _ => Codec::Printed(Box::new(ty.clone())),
        }
    }

    /// Appends a value without a union's branch.
    #[inline]
    pub(crate) fn encode(
        &self,
        wire: Wire,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Outcome, ValueError> {
        match self {
            Codec::Bool => scalar::bool(wire, bytes, out)?,
            Codec::Int2 => scalar::int2(wire, bytes, out)?,
            Codec::Int4 => scalar::int4(wire, bytes, out)?,
            Codec::Int8 => scalar::int8(wire, bytes, out)?,
            Codec::Oid => scalar::oid(wire, bytes, out)?,
            Codec::Float4 => scalar::float4(wire, bytes, out)?,
            Codec::Float8 => scalar::float8(wire, bytes, out)?,
            Codec::Text => scalar::text(bytes, out)?,
            Codec::Char => scalar::char(wire, bytes, out)?,
            Codec::Bytea => document::bytea(wire, bytes, out)?,
            Codec::Uuid => document::uuid(wire, bytes, out)?,
            Codec::Jsonb => document::jsonb(wire, bytes, out)?,
            Codec::Hstore => document::hstore(wire, bytes, out)?,
            Codec::Point => document::point(wire, bytes, out)?,
            Codec::Date => temporal::date(wire, bytes, out)?,
            Codec::TimeMillis => temporal::time(wire, bytes, 1_000, out)?,
            Codec::TimeMicros => temporal::time(wire, bytes, 1, out)?,
            Codec::Timestamptz { digits } => temporal::timestamptz(wire, bytes, *digits, out)?,
            Codec::Printed(ty) => scalar::printed(ty, wire, bytes, out)?,
            Codec::Decimal { scale } => return decimal::fixed(wire, bytes, *scale, out),
            Codec::VariableDecimal => return decimal::variable(wire, bytes, out),
            Codec::Money { scale } => return decimal::money(wire, bytes, *scale, out),
            Codec::Timetz => return temporal::timetz(wire, bytes, out),
            Codec::TimestampMillis => return temporal::timestamp(wire, bytes, 1_000, out),
            Codec::TimestampMicros => return temporal::timestamp(wire, bytes, 1, out),
            Codec::Interval => return temporal::interval(wire, bytes, out),
            Codec::Bit => return bits::boolean(wire, bytes, out),
            Codec::Bits { fixed } => return bits::bits(wire, bytes, *fixed, out),
            Codec::Array(items) => return array::encode(items, wire, bytes, out),
        }
        Ok(Outcome::Exact)
    }
}
