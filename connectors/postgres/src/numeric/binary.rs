//! The binary form of `numeric`: groups of four digits, a weight, a sign, a display scale.

use super::magnitude::POWERS;
use super::{MAX_SCALE, Magnitude, NotANumber};
use crate::value::{Pieces, ValueError};

/// A binary `numeric`, borrowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numeric<'a> {
    /// Four digits each, two bytes each.
    pub(crate) groups: &'a [u8],
    /// The power of 10000 of the first group.
    pub(crate) weight: i32,
    pub(crate) negative: bool,
    /// How many digits to show behind the point.
    pub(crate) scale: u32,
}

impl<'a> Numeric<'a> {
    /// Reads the binary form.
    #[inline]
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Result<Self, NotANumber>, ValueError> {
        let mut pieces = Pieces::new(bytes);
        let count = usize::from(pieces.u16()?);
        let weight = i32::from(pieces.u16()? as i16);
        let sign = pieces.u16()?;
        let scale = u32::from(pieces.u16()?);
        let groups = pieces.rest();
        if groups.len() != 2 * count || scale > MAX_SCALE {
            return Err(ValueError::new(
                "a numeric's header does not fit its digits",
            ));
        }
        let negative = match sign {
            0 => false,
            0x4000 => true,
            0xc000 => return Ok(Err(NotANumber::NaN)),
            0xd000 => return Ok(Err(NotANumber::Infinity)),
            0xf000 => return Ok(Err(NotANumber::MinusInfinity)),
            _ => return Err(ValueError::new("a numeric's sign is unknown")),
        };
        Ok(Ok(Self {
            groups,
            weight,
            negative,
            scale,
        }))
    }

    /// Iterates over the groups, each below 10000.
    pub(crate) fn groups(&self) -> impl Iterator<Item = u32> + 'a {
        self.groups
            .chunks_exact(2)
            .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
    }

    /// Returns the value times ten to the `scale`, and whether no digit was cut off.
    #[inline]
    pub(crate) fn unscaled(&self, scale: u32) -> (Magnitude, bool) {
        let mut value = Magnitude::ZERO;
        let mut exact = true;
        // The power of ten of the group at hand, once scaled.
        let mut exponent = self.weight * 4 + scale as i32;
        for group in self.groups() {
            if exponent >= 0 {
                value.mul_add(10_000, group);
            } else if exponent > -4 {
                let cut = POWERS[(-exponent) as usize];
                value.mul_add(POWERS[(4 + exponent) as usize], group / cut);
                exact &= group % cut == 0;
            } else {
                exact &= group == 0;
            }
            exponent -= 4;
        }
        // The last group left a power of ten behind it.
        if exponent + 4 > 0 {
            value.scale_up((exponent + 4) as u32);
        }
        (value, exact)
    }
}

/// Appends the binary form of an unscaled value.
pub(crate) fn write_binary(
    negative: bool,
    mut value: Magnitude,
    scale: u32,
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    if scale > MAX_SCALE {
        return Err(ValueError::new(
            "a decimal's scale is beyond what numeric can have",
        ));
    }
    let negative = negative && !value.is_zero();
    // The point must stand between two groups.
    value.scale_up((4 - scale % 4) % 4);
    let fraction_groups = scale.div_ceil(4) as i32;

    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    // Groups come out lowest first: trailing zeros are skipped, the rest reversed in place.
    let mut power = -fraction_groups;
    let mut first_kept = None;
    while !value.is_zero() {
        let group = value.div_rem(10_000) as u16;
        if first_kept.is_some() || group != 0 {
            first_kept.get_or_insert(power);
            // Bytes swapped, for the reversal turns them as well.
            out.extend_from_slice(&group.to_le_bytes());
        }
        power += 1;
    }
    out[start + 8..].reverse();
    let count = (out.len() - start - 8) / 2;
    let weight = if count == 0 { 0 } else { power - 1 };
    let too_large = |_| ValueError::new("a decimal has more digits than numeric can have");
    let mut header = [0; 8];
    header[0..2].copy_from_slice(&u16::try_from(count).map_err(too_large)?.to_be_bytes());
    header[2..4].copy_from_slice(&i16::try_from(weight).map_err(too_large)?.to_be_bytes());
    header[4..6].copy_from_slice(&if negative { 0x4000u16 } else { 0 }.to_be_bytes());
    header[6..8].copy_from_slice(&(scale as u16).to_be_bytes());
    out[start..start + 8].copy_from_slice(&header);
    Ok(())
}
