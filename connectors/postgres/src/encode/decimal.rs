//! `numeric` and `money`.

use walbridge_schemas::avro;

use super::codec::Outcome;
use crate::numeric::{self, Magnitude, NotANumber, Numeric, write_twos_complement};
use crate::value::{ValueError, Wire, exactly};

/// A `numeric` of declared scale, as an unscaled value of that scale.
#[inline]
pub(super) fn fixed(
    wire: Wire,
    bytes: &[u8],
    scale: u32,
    out: &mut Vec<u8>,
) -> Result<Outcome, ValueError> {
    let (negative, value, exact) = match wire {
        Wire::Binary => match Numeric::read(bytes)? {
            Ok(number) => {
                let (value, exact) = number.unscaled(scale);
                (number.negative, value, exact && number.scale <= scale)
            }
            Err(_) => return Ok(Outcome::Nothing),
        },
        Wire::Text if NotANumber::of_text(bytes).is_some() => return Ok(Outcome::Nothing),
        Wire::Text => {
            let (negative, value, shown) = numeric::parse(bytes)?;
            rescale(negative, value, shown, scale)
        }
    };
    write_twos_complement(negative, &value, out);
    Ok(if exact {
        Outcome::Exact
    } else {
        Outcome::Inexact
    })
}

/// A `numeric` of any scale, with the scale it shows: `1.50` stays `1.50`.
///
/// Debezium drops trailing zeros here, which a standby would be left without; the numbers are equal.
#[inline]
pub(super) fn variable(wire: Wire, bytes: &[u8], out: &mut Vec<u8>) -> Result<Outcome, ValueError> {
    let (negative, value, scale) = match wire {
        Wire::Binary => match Numeric::read(bytes)? {
            Ok(number) => (
                number.negative,
                number.unscaled(number.scale).0,
                number.scale,
            ),
            Err(_) => return Ok(Outcome::Nothing),
        },
        Wire::Text if NotANumber::of_text(bytes).is_some() => return Ok(Outcome::Nothing),
        Wire::Text => numeric::parse(bytes)?,
    };
    avro::write_long(out, i64::from(scale));
    write_twos_complement(negative, &value, out);
    Ok(Outcome::Exact)
}

/// `money`: hundredths in binary, `$1,234.56` in text.
pub(super) fn money(
    wire: Wire,
    bytes: &[u8],
    scale: u32,
    out: &mut Vec<u8>,
) -> Result<Outcome, ValueError> {
    let (negative, value, shown) = match wire {
        Wire::Binary => {
            let cents = i64::from_be_bytes(exactly(bytes)?);
            (
                cents < 0,
                Magnitude::Small(u128::from(cents.unsigned_abs())),
                2,
            )
        }
        Wire::Text => numeric::parse(bytes)?,
    };
    let (negative, value, exact) = rescale(negative, value, shown, scale);
    write_twos_complement(negative, &value, out);
    Ok(if exact {
        Outcome::Exact
    } else {
        Outcome::Inexact
    })
}

/// Brings an unscaled value from one scale to another; says whether nothing was cut off.
fn rescale(negative: bool, mut value: Magnitude, from: u32, to: u32) -> (bool, Magnitude, bool) {
    value.scale_up(to.saturating_sub(from));
    let mut exact = true;
    for _ in to..from {
        exact &= value.div_rem(10) == 0;
    }
    (negative, value, exact && from <= to)
}
