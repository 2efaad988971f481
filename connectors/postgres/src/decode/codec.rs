//! Which code writes a column's values.

use walbridge_schemas::FieldType;
use walbridge_schemas::avro::Reader;

use super::array::{self, ArrayCodec};
use super::{bits, decimal, scalar, temporal};
use crate::types::{Kind, Known, PgType};
use crate::value::ValueError;

/// The code for one pair of field type and column type.
#[derive(Debug, Clone)]
pub(super) enum Codec {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Text,
    Jsonb,
    Bytea,
    Uuid,
    /// An unscaled value of this scale to `numeric`.
    Decimal {
        scale: u32,
    },
    VariableDecimal,
    Money {
        scale: u32,
    },
    Date,
    /// Time of day in units of so many microseconds.
    Time {
        unit: i64,
    },
    Timetz,
    /// Timestamp in units of so many microseconds.
    Timestamp {
        unit: i64,
    },
    Timestamptz,
    Interval,
    /// A boolean to `bit(1)` or `varbit(1)`.
    Bit,
    /// Bits padded to this length, or as many as the number has.
    Bits {
        fixed: Option<u32>,
    },
    Point,
    Array(Box<ArrayCodec>),
}

impl Codec {
    /// Chooses the code; `None` if the pair only fits by way of text.
    pub(super) fn new(field: &FieldType, target: &PgType) -> Option<Codec> {
        use FieldType as F;

        let target = target.base();
        let string = field.avro_type() == "string";
        match (&target.kind, field) {
            (Kind::Enum { .. }, _) if string => return Some(Codec::Text),
            (Kind::Array(items), F::Array(fields)) => {
                return ArrayCodec::new(items, fields).map(|codec| Codec::Array(Box::new(codec)));
            }
            _ => {}
        }
        let integer = matches!(field, F::Int16 | F::Int32 | F::Int64);
        Some(match (Known::of(target)?, field) {
            (Known::Bool, F::Boolean) => Codec::Bool,
            (Known::Int2, _) if integer => Codec::Int2,
            (Known::Int4, _) if integer => Codec::Int4,
            (Known::Int8, _) if integer => Codec::Int8,
            (Known::Oid, _) if integer => Codec::Oid,
            (Known::Float4, F::Float) => Codec::Float4,
            (Known::Float8, F::Double) => Codec::Float8,
            (Known::Text | Known::Bpchar, _) if string => Codec::Text,
            (Known::Json, F::Json | F::String) | (Known::Xml, F::Xml | F::String) => Codec::Text,
            (Known::Jsonb, F::Json | F::String) => Codec::Jsonb,
            (Known::Bytea, F::Bytes) => Codec::Bytea,
            (Known::Uuid, F::Uuid) => Codec::Uuid,
            (Known::Numeric, F::Decimal { scale, .. }) => Codec::Decimal { scale: *scale },
            (Known::Numeric, F::VariableScaleDecimal) => Codec::VariableDecimal,
            (Known::Money, F::Decimal { scale, .. }) => Codec::Money { scale: *scale },
            (Known::Date, F::Date) => Codec::Date,
            (Known::Time, F::Time) => Codec::Time { unit: 1_000 },
            (Known::Time, F::MicroTime) => Codec::Time { unit: 1 },
            (Known::Timetz, F::ZonedTime) => Codec::Timetz,
            (Known::Timestamp, F::Timestamp) => Codec::Timestamp { unit: 1_000 },
            (Known::Timestamp, F::MicroTimestamp) => Codec::Timestamp { unit: 1 },
            (Known::Timestamptz, F::ZonedTimestamp) => Codec::Timestamptz,
            (Known::Interval, F::MicroDuration) => Codec::Interval,
            (Known::Bit | Known::Varbit, F::Boolean) => Codec::Bit,
            (Known::Bit, F::Bits { length }) => Codec::Bits {
                fixed: Some(*length),
            },
            (Known::Varbit, F::Bits { .. }) => Codec::Bits { fixed: None },
            (Known::Point, F::Point) => Codec::Point,
            _ => return None,
        })
    }

    /// Appends the binary form of the value that comes next.
    #[inline]
    pub(super) fn decode(
        &self,
        reader: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), ValueError> {
        match self {
            Codec::Bool => out.push(u8::from(reader.bool()?)),
            Codec::Int2 => out.extend_from_slice(&scalar::integer::<i16>(reader)?.to_be_bytes()),
            Codec::Int4 => out.extend_from_slice(&scalar::integer::<i32>(reader)?.to_be_bytes()),
            Codec::Int8 => out.extend_from_slice(&reader.long()?.to_be_bytes()),
            Codec::Oid => out.extend_from_slice(&scalar::integer::<u32>(reader)?.to_be_bytes()),
            Codec::Float4 => out.extend_from_slice(&reader.float()?.to_be_bytes()),
            Codec::Float8 => out.extend_from_slice(&reader.double()?.to_be_bytes()),
            Codec::Text => scalar::text(reader, out)?,
            Codec::Jsonb => {
                out.push(1);
                scalar::text(reader, out)?;
            }
            Codec::Bytea => out.extend_from_slice(reader.bytes()?),
            Codec::Uuid => scalar::uuid(reader.bytes()?, out)?,
            Codec::Decimal { scale } => decimal::fixed(reader, *scale, out)?,
            Codec::VariableDecimal => decimal::variable(reader, out)?,
            Codec::Money { scale } => decimal::money(reader, *scale, out)?,
            Codec::Date => temporal::date(reader, out)?,
            Codec::Time { unit } => temporal::time(reader, *unit, out)?,
            Codec::Timetz => temporal::timetz(reader.bytes()?, out)?,
            Codec::Timestamp { unit } => temporal::timestamp(reader, *unit, out)?,
            Codec::Timestamptz => temporal::timestamptz(reader.bytes()?, out)?,
            Codec::Interval => temporal::interval(reader, out)?,
            Codec::Bit => bits::boolean(reader, out)?,
            Codec::Bits { fixed } => bits::bits(reader.bytes()?, *fixed, out)?,
            Codec::Point => scalar::point(reader, out)?,
            Codec::Array(items) => array::decode(items, reader, out)?,
        }
        Ok(())
    }
}
