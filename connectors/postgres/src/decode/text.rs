//! Values as text, for columns that take them by a cast.

use std::io::Write;

use walbridge_schemas::FieldType;
use walbridge_schemas::avro::Reader;

use super::array::each_item;
use super::{bits, decimal, scalar, temporal};
use crate::array::{Dimension, Writer, quote};
use crate::calendar::{self, Interval};
use crate::print::{delimiter_of, print_float4, print_float8, print_hex};
use crate::types::{Kind, Known, PgType};
use crate::value::ValueError;
use crate::{hstore, numeric};

/// Appends the text that PostgreSQL reads as the value that comes next.
pub(super) fn write(
    ty: &FieldType,
    target: &PgType,
    reader: &mut Reader<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    match ty {
        FieldType::Boolean => {
            let (yes, no) = match Known::of(target.base()) {
                Some(Known::Bit | Known::Varbit) => (b'1', b'0'),
                _ => (b't', b'f'),
            };
            out.push(if reader.bool()? { yes } else { no });
        }
        FieldType::Int16 | FieldType::Int32 | FieldType::Int64 => {
            let _ = write!(out, "{}", reader.long()?);
        }
        FieldType::Float => print_float4(reader.float()?, out),
        FieldType::Double => print_float8(reader.double()?, out),
        FieldType::Bytes => print_hex(reader.bytes()?, out),
        FieldType::Decimal { scale, .. } => {
            let (negative, value) = decimal::unscaled(reader)?;
            numeric::print_unscaled(negative, value, *scale, out);
        }
        FieldType::VariableScaleDecimal => {
            let (negative, value, scale) = decimal::scaled(reader)?;
            numeric::print_unscaled(negative, value, scale, out);
        }
        FieldType::Date => calendar::print_date(temporal::read_date(reader)?, out),
        FieldType::Time => calendar::print_time(temporal::read_time(reader, 1_000)?.max(0), out),
        FieldType::MicroTime => calendar::print_time(temporal::read_time(reader, 1)?.max(0), out),
        FieldType::Timestamp => {
            calendar::print_timestamp(temporal::read_timestamp(reader, 1_000)?, false, out)
        }
        FieldType::MicroTimestamp => {
            calendar::print_timestamp(temporal::read_timestamp(reader, 1)?, false, out)
        }
        FieldType::ZonedTimestamp => {
            calendar::print_timestamp(calendar::parse_timestamp(reader.bytes()?)?, true, out)
        }
        FieldType::MicroDuration => {
            let interval = Interval {
                micros: reader.long()?,
                ..Interval::default()
            };
            calendar::print_interval(interval, out);
        }
        FieldType::Bits { length } => {
            let fixed = Known::of(target.base()) != Some(Known::Varbit);
            bits::text(reader.bytes()?, fixed.then_some(*length), out)?;
        }
        FieldType::Point => {
            let (x, y) = scalar::read_point(reader)?;
            out.push(b'(');
            print_float8(x, out);
            out.push(b',');
            print_float8(y, out);
            out.push(b')');
        }
        FieldType::Json if Known::of(target.base()) == Some(Known::Hstore) => {
            hstore::text_of_json(reader.str()?, out)?
        }
        FieldType::Array(items) => {
            let item_type = match &target.base().kind {
                Kind::Array(items) => items,
                _ => target,
            };
            array(&items.ty, items.nullable, item_type, reader, out)?;
        }
        FieldType::Opaque => {
            return Err(ValueError::new(
                "the field's schema has a type that is not known here",
            ));
        }
        _ => scalar::text(reader, out)?,
    }
    Ok(())
}

fn array(
    ty: &FieldType,
    nullable: bool,
    target: &PgType,
    reader: &mut Reader<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    let delimiter = delimiter_of(target);
    // The bounds are the usual ones, so the number of items is not needed beforehand.
    let dimension = [Dimension { len: 0, lower: 1 }];
    let mut writer = Writer::begin(&dimension, delimiter, out);
    let mut empty = true;
    each_item(reader, nullable, |item| {
        empty = false;
        writer.next(out);
        let Some(reader) = item else {
            out.extend_from_slice(b"NULL");
            return Ok(());
        };
        let start = out.len();
        write(ty, target, reader, out)?;
        quote(out, start, delimiter);
        Ok(())
    })?;
    if empty {
        out.push(b'{');
    }
    writer.end(out);
    Ok(())
}
