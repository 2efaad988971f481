//! Types made of other types: arrays, rows, ranges.

use super::{delimiter_of, print};
use crate::array::{self, Dimension, MAX_DIMENSIONS};
use crate::types::PgType;
use crate::value::{Pieces, ValueError};

pub(super) fn array(items: &PgType, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let delimiter = delimiter_of(items);
    let mut pieces = Pieces::new(bytes);
    let dimensions = read_dimensions(&mut pieces)?;
    let mut writer = array::Writer::begin(&dimensions, delimiter, out);
    while !pieces.rest().is_empty() {
        let item = pieces.sized()?;
        writer.next(out);
        let Some(item) = item else {
            out.extend_from_slice(b"NULL");
            continue;
        };
        let start = out.len();
        print(items, item, out)?;
        array::quote(out, start, delimiter);
    }
    writer.end(out);
    Ok(())
}

fn read_dimensions(pieces: &mut Pieces<'_>) -> Result<Vec<Dimension>, ValueError> {
    let count = usize::try_from(pieces.i32()?).unwrap_or(usize::MAX);
    let (_has_nulls, _item_oid) = (pieces.i32()?, pieces.i32()?);
    if count > MAX_DIMENSIONS {
        return Err(ValueError::new("an array has too many dimensions"));
    }
    (0..count)
        .map(|_| {
            Ok(Dimension {
                len: pieces.i32()?,
                lower: pieces.i32()?,
            })
        })
        .collect()
}

/// Appends `int2vector` and `oidvector`: numbers between blanks.
pub(super) fn number_vector(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut pieces = Pieces::new(bytes);
    read_dimensions(&mut pieces)?;
    let mut first = true;
    while !pieces.rest().is_empty() {
        let number = match pieces.sized()?.unwrap_or_default() {
            [a, b] => i64::from(i16::from_be_bytes([*a, *b])),
            [a, b, c, d] => i64::from(u32::from_be_bytes([*a, *b, *c, *d])),
            _ => {
                return Err(ValueError::new(
                    "a vector of numbers has something else in it",
                ));
            }
        };
        if !first {
            out.push(b' ');
        }
        first = false;
        out.extend_from_slice(number.to_string().as_bytes());
    }
    Ok(())
}

pub(super) fn composite(
    columns: &[PgType],
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    let mut pieces = Pieces::new(bytes);
    if usize::try_from(pieces.i32()?) != Ok(columns.len()) {
        return Err(ValueError::new(
            "a row has another number of columns than its type",
        ));
    }
    out.push(b'(');
    for (i, column) in columns.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        let _oid = pieces.i32()?;
        if let Some(value) = pieces.sized()? {
            let start = out.len();
            print(column, value, out)?;
            quote(out, start, b"\"\\(), \t\n\r\x0b\x0c");
        }
    }
    out.push(b')');
    pieces.finish()
}

pub(super) fn range(bounds: &PgType, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    const EMPTY: u8 = 0x01;
    const LOWER_INCLUSIVE: u8 = 0x02;
    const UPPER_INCLUSIVE: u8 = 0x04;
    const LOWER_INFINITE: u8 = 0x08;
    const UPPER_INFINITE: u8 = 0x10;

    let mut pieces = Pieces::new(bytes);
    let flags = pieces.u8()?;
    if flags & EMPTY != 0 {
        out.extend_from_slice(b"empty");
        return pieces.finish();
    }
    let mut bound = |infinite: u8, out: &mut Vec<u8>| -> Result<(), ValueError> {
        if flags & infinite != 0 {
            return Ok(());
        }
        let value = pieces
            .sized()?
            .ok_or(ValueError::new("a range's bound is null"))?;
        let start = out.len();
        print(bounds, value, out)?;
        quote(out, start, b"\"\\()[], \t\n\r\x0b\x0c");
        Ok(())
    };
    out.push(if flags & LOWER_INCLUSIVE != 0 {
        b'['
    } else {
        b'('
    });
    bound(LOWER_INFINITE, out)?;
    out.push(b',');
    bound(UPPER_INFINITE, out)?;
    out.push(if flags & UPPER_INCLUSIVE != 0 {
        b']'
    } else {
        b')'
    });
    pieces.finish()
}

pub(super) fn multirange(
    range: &PgType,
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    let mut pieces = Pieces::new(bytes);
    out.push(b'{');
    for i in 0..pieces.i32()? {
        if i > 0 {
            out.push(b',');
        }
        print(range, pieces.sized()?.unwrap_or_default(), out)?;
    }
    out.push(b'}');
    pieces.finish()
}

/// Puts text appended since `start` between quotes if it is empty or has one of the bytes; quotes and
/// backslashes are doubled.
fn quote(out: &mut Vec<u8>, start: usize, special: &[u8]) {
    let text = &out[start..];
    if !text.is_empty() && !text.iter().any(|b| special.contains(b)) {
        return;
    }
    let text = text.to_vec();
    out.truncate(start);
    out.push(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(byte);
        }
        out.push(byte);
    }
    out.push(b'"');
}
