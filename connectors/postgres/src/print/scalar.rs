//! Numbers, times, bits and other values of one piece.

use std::io::Write;

use crate::calendar;
use crate::encode::read_interval;
use crate::numeric::{self, Magnitude, Numeric};
use crate::types::Known;
use crate::value::{Pieces, ValueError, exactly};

pub(super) fn print(known: Known, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    match known {
        Known::Bool => out.push(if exactly::<1>(bytes)? == [0] {
            b'f'
        } else {
            b't'
        }),
        Known::Int2 => display(i16::from_be_bytes(exactly(bytes)?), out),
        Known::Int4 => display(i32::from_be_bytes(exactly(bytes)?), out),
        Known::Int8 => display(i64::from_be_bytes(exactly(bytes)?), out),
        Known::Oid | Known::Xid => display(u32::from_be_bytes(exactly(bytes)?), out),
        Known::Xid8 => display(u64::from_be_bytes(exactly(bytes)?), out),
        Known::Float4 => print_float4(f32::from_be_bytes(exactly(bytes)?), out),
        Known::Float8 => print_float8(f64::from_be_bytes(exactly(bytes)?), out),
        Known::Numeric => match Numeric::read(bytes)? {
            Ok(number) => numeric::print_binary(&number, out),
            Err(special) => out.extend_from_slice(special.as_str().as_bytes()),
        },
        Known::Money => money(i64::from_be_bytes(exactly(bytes)?), out),
        Known::Char => print_char(bytes, out)?,
        Known::Bytea => print_hex(bytes, out),
        Known::Uuid => print_uuid(&exactly(bytes)?, out),
        Known::Date => calendar::print_date(i32::from_be_bytes(exactly(bytes)?), out),
        Known::Time => calendar::print_time(i64::from_be_bytes(exactly(bytes)?).max(0), out),
        Known::Timetz => {
            let mut pieces = Pieces::new(bytes);
            calendar::print_timetz(pieces.i64()?.max(0), pieces.i32()?, out);
        }
        Known::Timestamp => {
            calendar::print_timestamp(i64::from_be_bytes(exactly(bytes)?), false, out)
        }
        Known::Timestamptz => {
            calendar::print_timestamp(i64::from_be_bytes(exactly(bytes)?), true, out)
        }
        Known::Interval => calendar::print_interval(read_interval(bytes)?, out),
        Known::Bit | Known::Varbit => bits(bytes, out)?,
        Known::PgLsn => {
            let lsn = u64::from_be_bytes(exactly(bytes)?);
            display(format_args!("{:X}/{:X}", lsn >> 32, lsn as u32), out);
        }
        Known::Tid => {
            let mut pieces = Pieces::new(bytes);
            let (block, offset) = (pieces.i32()? as u32, pieces.u16()?);
            display(format_args!("({block},{offset})"), out);
        }
        Known::Snapshot => snapshot(bytes, out)?,
        Known::Vector => vector(bytes, out)?,
        _ => return Err(ValueError::new("this type's binary form is not known")),
    }
    Ok(())
}

fn display(value: impl std::fmt::Display, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "{value}");
}

/// Appends a float with the fewest digits that name it, in PostgreSQL's layout.
pub(crate) fn print_float8(value: f64, out: &mut Vec<u8>) {
    if !special_float(value, out) {
        layout(&format!("{value:e}"), 15, out);
    }
}

/// Appends a float of four bytes.
pub(crate) fn print_float4(value: f32, out: &mut Vec<u8>) {
    if !special_float(f64::from(value), out) {
        layout(&format!("{value:e}"), 6, out);
    }
}

fn special_float(value: f64, out: &mut Vec<u8>) -> bool {
    out.extend_from_slice(match value {
        _ if value.is_nan() => b"NaN".as_slice(),
        f64::INFINITY => b"Infinity",
        f64::NEG_INFINITY => b"-Infinity",
        _ => return false,
    });
    true
}

/// Turns `d.ddde±n` into plain digits where PostgreSQL shows no exponent.
fn layout(scientific: &str, plain_below: i32, out: &mut Vec<u8>) {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa
        .strip_prefix('-')
        .map_or(("", mantissa), |rest| ("-", rest));
    out.extend_from_slice(sign.as_bytes());
    if !(-4..plain_below).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return display(format_args!("{mantissa}e{sign}{:02}", exponent.abs()), out);
    }
    let digits: Vec<u8> = mantissa.bytes().filter(|b| *b != b'.').collect();
    if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', (-exponent - 1) as usize));
        return out.extend_from_slice(&digits);
    }
    let whole = exponent as usize + 1;
    out.extend_from_slice(&digits[..whole.min(digits.len())]);
    out.extend(std::iter::repeat_n(
        b'0',
        whole.saturating_sub(digits.len()),
    ));
    if digits.len() > whole {
        out.push(b'.');
        out.extend_from_slice(&digits[whole..]);
    }
}

/// Appends an amount as the C locale prints it.
fn money(cents: i64, out: &mut Vec<u8>) {
    if cents < 0 {
        out.push(b'-');
    }
    out.push(b'$');
    let mut text = Vec::new();
    numeric::print_unscaled(
        false,
        Magnitude::Small(u128::from(cents.unsigned_abs())),
        2,
        &mut text,
    );
    let whole = text.len() - 3;
    for (i, byte) in text.into_iter().enumerate() {
        if i > 0 && i < whole && (whole - i) % 3 == 0 {
            out.push(b',');
        }
        out.push(byte);
    }
}

/// Appends the one-byte type: nothing for a zero byte, octal beyond ASCII.
pub(crate) fn print_char(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    match exactly::<1>(bytes)? {
        [0] => {}
        [byte @ 1..128] => out.push(byte),
        [byte] => display(format_args!("\\{byte:03o}"), out),
    }
    Ok(())
}

/// Appends bytes as `\x…`.
pub(crate) fn print_hex(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\x");
    out.extend(
        bytes
            .iter()
            .flat_map(|b| [HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]]),
    );
}

/// Appends a UUID in its usual form.
#[inline]
pub(crate) fn print_uuid(bytes: &[u8; 16], out: &mut Vec<u8>) {
    let mut text = [b'-'; 36];
    let mut at = 0;
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            at += 1;
        }
        text[at] = HEX[usize::from(byte >> 4)];
        text[at + 1] = HEX[usize::from(byte & 15)];
        at += 2;
    }
    out.extend_from_slice(&text);
}

const HEX: &[u8; 16] = b"0123456789abcdef";

fn bits(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut pieces = Pieces::new(bytes);
    let len = usize::try_from(pieces.i32()?).unwrap_or(usize::MAX);
    let packed = pieces.rest();
    if packed.len() != len.div_ceil(8) {
        return Err(ValueError::new("a bit string's value is none"));
    }
    out.extend((0..len).map(|i| b'0' + u8::from(packed[i / 8] & (0x80 >> (i % 8)) != 0)));
    Ok(())
}

fn snapshot(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut pieces = Pieces::new(bytes);
    let count = pieces.i32()?;
    display(format_args!("{}:{}:", pieces.i64()?, pieces.i64()?), out);
    for i in 0..count {
        if i > 0 {
            out.push(b',');
        }
        display(pieces.i64()?, out);
    }
    Ok(())
}

/// Appends an embedding of the vector extension.
fn vector(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut pieces = Pieces::new(bytes);
    let (dimensions, _unused) = (pieces.u16()?, pieces.u16()?);
    out.push(b'[');
    for i in 0..dimensions {
        if i > 0 {
            out.push(b',');
        }
        print_float4(f32::from_be_bytes(pieces.next()?), out);
    }
    out.push(b']');
    pieces.finish()
}
