//! The text form of `numeric` and `money`.

use super::magnitude::POWERS;
use super::{MAX_SCALE, Magnitude};
use crate::value::ValueError;

/// Reads a plain decimal number: its sign, its digits without the point, its scale.
///
/// Currency signs and group separators are passed over, so that `money` is read too.
pub(crate) fn parse(text: &[u8]) -> Result<(bool, Magnitude, u32), ValueError> {
    let mut negative = false;
    let mut value = Magnitude::ZERO;
    let (mut chunk, mut chunk_digits, mut digits) = (0u32, 0usize, 0usize);
    let mut scale = None;
    for &byte in text {
        match byte {
            b'0'..=b'9' => {
                chunk = chunk * 10 + u32::from(byte - b'0');
                chunk_digits += 1;
                digits += 1;
                scale = scale.map(|s: u32| s + 1);
                if chunk_digits == 9 {
                    value.mul_add(POWERS[9], chunk);
                    (chunk, chunk_digits) = (0, 0);
                }
            }
            b'.' if scale.is_none() => scale = Some(0),
            b'-' if digits == 0 => negative = true,
            b'(' | b'+' | b'$' | b',' | b')' => {}
            _ => return Err(NOT_A_NUMBER),
        }
    }
    let scale = scale.unwrap_or(0);
    if digits == 0 || scale > MAX_SCALE {
        return Err(NOT_A_NUMBER);
    }
    value.mul_add(POWERS[chunk_digits], chunk);
    Ok((negative, value, scale))
}

const NOT_A_NUMBER: ValueError = ValueError::new("a numeric's text is not a number");
