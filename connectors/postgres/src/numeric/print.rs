//! Numbers as PostgreSQL prints them.

use super::{Magnitude, Numeric};

/// Appends a binary `numeric` as text.
pub(crate) fn print_binary(value: &Numeric<'_>, out: &mut Vec<u8>) {
    let (unscaled, _) = value.unscaled(value.scale);
    print_unscaled(value.negative, unscaled, value.scale, out);
}

/// Appends an unscaled value with its point put in.
pub(crate) fn print_unscaled(negative: bool, mut value: Magnitude, scale: u32, out: &mut Vec<u8>) {
    if negative && !value.is_zero() {
        out.push(b'-');
    }
    let start = out.len();
    let mut digits = 0;
    // Lowest digit first, and at least one before the point; reversed at the end.
    while !value.is_zero() || digits <= scale {
        let mut chunk = value.div_rem(10_000);
        for _ in 0..4 {
            if digits == scale && scale > 0 {
                out.push(b'.');
            }
            out.push(b'0' + (chunk % 10) as u8);
            chunk /= 10;
            digits += 1;
            if value.is_zero() && chunk == 0 && digits > scale {
                break;
            }
        }
    }
    out[start..].reverse();
}
