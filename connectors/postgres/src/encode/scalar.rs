//! Booleans, integers, floats and text.

use std::str::FromStr;

use walbridge_schemas::avro;

use crate::types::PgType;
use crate::value::{ValueError, Wire, exactly};

#[inline]
pub(super) fn bool(wire: Wire, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let value = match (wire, bytes) {
        (Wire::Binary, [0]) | (Wire::Text, b"f" | b"false") => false,
        (Wire::Binary, [1]) | (Wire::Text, b"t" | b"true") => true,
        _ => return Err(ValueError::new("a boolean is neither true nor false")),
    };
    avro::write_bool(out, value);
    Ok(())
}

#[inline]
pub(super) fn int2(wire: Wire, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let value = match wire {
        Wire::Binary => i16::from_be_bytes(exactly(bytes)?),
        Wire::Text => parse(bytes)?,
    };
    avro::write_long(out, i64::from(value));
    Ok(())
}

#[inline]
pub(super) fn int4(wire: Wire, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let value = match wire {
        Wire::Binary => i32::from_be_bytes(exactly(bytes)?),
        Wire::Text => parse(bytes)?,
    };
    avro::write_long(out, i64::from(value));
    Ok(())
}

#[inline]
pub(super) fn int8(wire: Wire, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let value = match wire {
        Wire::Binary => i64::from_be_bytes(exactly(bytes)?),
        Wire::Text => parse(bytes)?,
    };
    avro::write_long(out, value);
    Ok(())
}

#[inline]
pub(super) fn oid(wire: Wire, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let value = match wire {
        Wire::Binary => u32::from_be_bytes(exactly(bytes)?),
        Wire::Text => parse(bytes)?,
    };
    avro::write_long(out, i64::from(value));
    Ok(())
}

#[inline]
pub(super) fn float4(wire: Wire, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let value = match wire {
        Wire::Binary => f32::from_be_bytes(exactly(bytes)?),
        // The server's own spellings: Rust knows NaN, Infinity and -Infinity as well.
        Wire::Text => parse(bytes)?,
    };
    avro::write_float(out, value);
    Ok(())
}

#[inline]
pub(super) fn float8(wire: Wire, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let value = match wire {
        Wire::Binary => f64::from_be_bytes(exactly(bytes)?),
        Wire::Text => parse(bytes)?,
    };
    avro::write_double(out, value);
    Ok(())
}

/// Text is the same in both forms; it must be UTF-8, or nobody could read the record.
#[inline]
pub(super) fn text(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    avro::write_str(out, std::str::from_utf8(bytes).map_err(|_| NOT_UTF8)?);
    Ok(())
}

/// Any type as the text that the server prints.
pub(super) fn printed(
    ty: &PgType,
    wire: Wire,
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    match wire {
        Wire::Text => text(bytes, out),
        Wire::Binary => sized(out, |out| crate::print::print(ty, bytes, out)),
    }
}

/// Appends what `write` appends, with its length before it; it must be UTF-8.
pub(super) fn sized(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), ValueError>,
) -> Result<(), ValueError> {
    let start = out.len();
    write(out)?;
    std::str::from_utf8(&out[start..]).map_err(|_| NOT_UTF8)?;
    let end = out.len();
    avro::write_long(out, (end - start) as i64);
    let prefix = out.len() - end;
    out[start..].rotate_right(prefix);
    Ok(())
}

#[inline]
pub(crate) fn parse<T: FromStr>(bytes: &[u8]) -> Result<T, ValueError> {
    std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(ValueError::new("a number's text is not a number"))
}

const NOT_UTF8: ValueError =
    ValueError::new("text is not UTF-8: is the database's encoding SQL_ASCII?");

/// The one-byte type: a zero byte is empty text, a byte beyond ASCII is written in octal.
pub(super) fn char(wire: Wire, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    match wire {
        Wire::Text => text(bytes, out),
        Wire::Binary => sized(out, |out| crate::print::print_char(bytes, out)),
    }
}
