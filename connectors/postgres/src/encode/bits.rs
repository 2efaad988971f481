//! Bit strings.

use walbridge_schemas::avro;

use super::codec::Outcome;
use crate::value::{Pieces, ValueError, Wire};

/// A bit string in either form.
enum Bits<'a> {
    Text(&'a [u8]),
    Binary(usize, &'a [u8]),
}

impl<'a> Bits<'a> {
    fn read(wire: Wire, bytes: &'a [u8]) -> Result<Self, ValueError> {
        match wire {
            Wire::Text if bytes.iter().all(|b| matches!(b, b'0' | b'1')) => Ok(Bits::Text(bytes)),
            Wire::Text => Err(NOT_BITS),
            Wire::Binary => {
                let mut pieces = Pieces::new(bytes);
                let len = usize::try_from(pieces.i32()?).map_err(|_| NOT_BITS)?;
                let packed = pieces.rest();
                if packed.len() == len.div_ceil(8) {
                    Ok(Bits::Binary(len, packed))
                } else {
                    Err(NOT_BITS)
                }
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Bits::Text(text) => text.len(),
            Bits::Binary(len, _) => *len,
        }
    }

    /// Returns a bit counted from the left.
    fn get(&self, index: usize) -> bool {
        match self {
            Bits::Text(text) => text[index] == b'1',
            Bits::Binary(_, packed) => packed[index / 8] & (0x80 >> (index % 8)) != 0,
        }
    }
}

/// `bit(1)` and `varbit(1)`; no bit at all fits no boolean.
pub(super) fn boolean(wire: Wire, bytes: &[u8], out: &mut Vec<u8>) -> Result<Outcome, ValueError> {
    let bits = Bits::read(wire, bytes)?;
    if bits.len() == 0 {
        return Ok(Outcome::Nothing);
    }
    avro::write_bool(out, bits.get(0));
    Ok(if bits.len() == 1 {
        Outcome::Exact
    } else {
        Outcome::Inexact
    })
}

/// The bits as a little-endian number without its high zero bytes.
///
/// The number does not say how many zeros stood on the left: without a fixed length that is exact
/// only if there were none.
pub(super) fn bits(
    wire: Wire,
    bytes: &[u8],
    fixed: Option<u32>,
    out: &mut Vec<u8>,
) -> Result<Outcome, ValueError> {
    let bits = Bits::read(wire, bytes)?;
    let len = bits.len();
    let first = (0..len).find(|&i| bits.get(i)).unwrap_or(len);
    let significant = len - first;
    avro::write_long(out, significant.div_ceil(8) as i64);
    for start in (0..significant).step_by(8) {
        let byte = (start..significant.min(start + 8)).rev();
        out.push(byte.fold(0, |byte, i| byte << 1 | u8::from(bits.get(len - 1 - i))));
    }
    let exact = match fixed {
        Some(fixed) => len == fixed as usize,
        None => first == 0,
    };
    Ok(if exact {
        Outcome::Exact
    } else {
        Outcome::Inexact
    })
}

const NOT_BITS: ValueError = ValueError::new("a bit string's value is none");
