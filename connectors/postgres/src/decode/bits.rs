//! Bit strings.

use walbridge_schemas::avro::Reader;

use crate::value::ValueError;

/// Appends one bit.
pub(super) fn boolean(reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), ValueError> {
    out.extend_from_slice(&1u32.to_be_bytes());
    out.push(if reader.bool()? { 0x80 } else { 0 });
    Ok(())
}

/// Turns a little-endian number into bits from the left: as many as `fixed` says, else as many as the
/// number has.
pub(super) fn bits(number: &[u8], fixed: Option<u32>, out: &mut Vec<u8>) -> Result<(), ValueError> {
    let len = length(number, fixed)?;
    let count = u32::try_from(len).map_err(|_| TOO_LONG)?;
    out.extend_from_slice(&count.to_be_bytes());
    let start = out.len();
    out.resize(start + len.div_ceil(8), 0);
    for i in 0..len.min(number.len() * 8) {
        if number[i / 8] & (1 << (i % 8)) != 0 {
            let from_left = len - 1 - i;
            out[start + from_left / 8] |= 0x80 >> (from_left % 8);
        }
    }
    Ok(())
}

/// Appends the bits as text.
pub(super) fn text(number: &[u8], fixed: Option<u32>, out: &mut Vec<u8>) -> Result<(), ValueError> {
    let len = length(number, fixed)?;
    let bit = |i: usize| {
        number
            .get(i / 8)
            .is_some_and(|byte| byte & (1 << (i % 8)) != 0)
    };
    out.extend((0..len).rev().map(|i| b'0' + u8::from(bit(i))));
    Ok(())
}

fn length(number: &[u8], fixed: Option<u32>) -> Result<usize, ValueError> {
    /// The longest bit string that PostgreSQL takes, about.
    const MAX_BITS: usize = 83_886_080;
    let significant = number.iter().rposition(|&b| b != 0);
    let significant = significant.map_or(0, |last| {
        last * 8 + 8 - number[last].leading_zeros() as usize
    });
    let len = fixed.map_or(significant, |fixed| fixed as usize);
    if significant > len || len > MAX_BITS {
        Err(TOO_LONG)
    } else {
        Ok(len)
    }
}

const TOO_LONG: ValueError = ValueError::new("a bit string is longer than its column");
