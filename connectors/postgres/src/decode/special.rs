//! The values of `wb.special` headers: PostgreSQL's text to its binary form.

use walbridge_schemas::avro::Reader;

use super::codec::Codec;
use super::{set_length, temporal};
use crate::array::Literal;
use crate::calendar;
use crate::encode;
use crate::numeric::{NotANumber, parse, write_binary};
use crate::print::delimiter_of;
use crate::types::{Kind, Known, PgType, TypeModes, field_type};
use crate::value::{ValueError, Wire};

/// Appends the binary form of a text value.
pub(super) fn write(target: &PgType, text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let target = target.base();
    if let Kind::Array(items) = &target.kind {
        return array(items, text, out);
    }
    match Known::of(target) {
        Some(Known::Numeric) => match NotANumber::of_text(text) {
            Some(special) => special.write(out),
            None => {
                let (negative, value, scale) = parse(text)?;
                write_binary(negative, value, scale, out)?;
            }
        },
        Some(Known::Interval) => temporal::write_interval(calendar::parse_interval(text)?, out),
        Some(Known::Timetz) => temporal::timetz(text, out)?,
        Some(Known::Timestamp | Known::Timestamptz) => temporal::timestamptz(text, out)?,
        Some(Known::Bit | Known::Varbit) => bits(text, out)?,
        _ => by_field(target, text, out)?,
    }
    Ok(())
}

fn bits(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let len = u32::try_from(text.len()).map_err(|_| ValueError::new("a bit string is too long"))?;
    out.extend_from_slice(&len.to_be_bytes());
    for chunk in text.chunks(8) {
        let mut byte = 0;
        for (i, bit) in chunk.iter().enumerate() {
            match bit {
                b'0' => {}
                b'1' => byte |= 0x80 >> i,
                _ => return Err(ValueError::new("a bit string's text is none")),
            }
        }
        out.push(byte);
    }
    Ok(())
}

fn array(items: &PgType, text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let literal = Literal::read(text, delimiter_of(items))?;
    let nulls = literal.items.iter().any(Option::is_none);
    out.extend_from_slice(&(literal.dimensions.len() as u32).to_be_bytes());
    out.extend_from_slice(&u32::from(nulls).to_be_bytes());
    out.extend_from_slice(&items.oid.to_be_bytes());
    for dimension in &literal.dimensions {
        out.extend_from_slice(&dimension.len.to_be_bytes());
        out.extend_from_slice(&dimension.lower.to_be_bytes());
    }
    for item in &literal.items {
        let start = out.len();
        out.extend_from_slice(&[0xff; 4]);
        if let Some(item) = item {
            write(items, item, out)?;
            set_length(out, start);
        }
    }
    Ok(())
}

/// Takes the way that usual values take: to the field and back.
fn by_field(target: &PgType, text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let field = field_type(target, &TypeModes::default());
    let codec = Codec::new(&field, target).ok_or(ValueError::new("the column takes text only"))?;
    let mut avro = Vec::new();
    match encode::Codec::new(target, &field).encode(Wire::Text, text, &mut avro)? {
        encode::Outcome::Exact => codec.decode(&mut Reader::new(&avro), out),
        _ => Err(ValueError::new("a special value has no binary form here")),
    }
}
