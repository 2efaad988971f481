//! Integers, text, UUIDs and points.

use walbridge_schemas::avro::Reader;

use crate::value::ValueError;

/// Reads an integer that must fit the column's type.
#[inline]
pub(super) fn integer<T: TryFrom<i64>>(reader: &mut Reader<'_>) -> Result<T, ValueError> {
    T::try_from(reader.long()?)
        .map_err(|_| ValueError::new("a number is out of the column's range"))
}

#[inline]
pub(super) fn text(reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), ValueError> {
    let text = reader.str()?.as_bytes();
    // COPY's receiver would refuse the whole batch without saying which value it was.
    if text.contains(&0) {
        return Err(ValueError::new("PostgreSQL's text cannot hold a zero byte"));
    }
    out.extend_from_slice(text);
    Ok(())
}

/// Appends the sixteen bytes of a UUID's text.
#[inline]
pub(super) fn uuid(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    const DAMAGED: ValueError = ValueError::new("a UUID's text is none");
    let mut bytes = [0u8; 16];
    let mut digits = 0;
    for &byte in text.iter().filter(|b| **b != b'-') {
        let digit = (byte as char).to_digit(16).ok_or(DAMAGED)? as u8;
        *bytes.get_mut(digits / 2).ok_or(DAMAGED)? |=
            if digits % 2 == 0 { digit << 4 } else { digit };
        digits += 1;
    }
    if digits != 32 {
        return Err(DAMAGED);
    }
    out.extend_from_slice(&bytes);
    Ok(())
}

/// Reads a point record; only its coordinates matter.
pub(super) fn read_point(reader: &mut Reader<'_>) -> Result<(f64, f64), ValueError> {
    let point = (reader.double()?, reader.double()?);
    if reader.long()? == 1 {
        reader.bytes()?;
    }
    if reader.long()? == 1 {
        reader.long()?;
    }
    Ok(point)
}

pub(super) fn point(reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), ValueError> {
    let (x, y) = read_point(reader)?;
    out.extend_from_slice(&x.to_be_bytes());
    out.extend_from_slice(&y.to_be_bytes());
    Ok(())
}
