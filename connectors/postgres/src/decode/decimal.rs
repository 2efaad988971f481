//! `numeric` and `money`.

use walbridge_schemas::avro::Reader;

use crate::numeric::{MAX_BYTES, MAX_SCALE, Magnitude, write_binary};
use crate::value::ValueError;

/// Reads an unscaled value with its sign.
#[inline]
pub(super) fn unscaled(reader: &mut Reader<'_>) -> Result<(bool, Magnitude), ValueError> {
    let bytes = reader.bytes()?;
    if bytes.len() > MAX_BYTES {
        return Err(ValueError::new(
            "a decimal has more digits than numeric can have",
        ));
    }
    Ok(Magnitude::of_twos_complement(bytes))
}

/// Reads a value with its own scale; a negative one becomes zeros before the point.
pub(super) fn scaled(reader: &mut Reader<'_>) -> Result<(bool, Magnitude, u32), ValueError> {
    let scale = reader.int()?;
    let (negative, mut value) = unscaled(reader)?;
    if scale.unsigned_abs() > MAX_SCALE {
        return Err(ValueError::new(
            "a decimal's scale is beyond what numeric can have",
        ));
    }
    if scale < 0 {
        value.scale_up(scale.unsigned_abs());
    }
    Ok((negative, value, scale.max(0) as u32))
}

#[inline]
pub(super) fn fixed(
    reader: &mut Reader<'_>,
    scale: u32,
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    let (negative, value) = unscaled(reader)?;
    write_binary(negative, value, scale, out)
}

#[inline]
pub(super) fn variable(reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), ValueError> {
    let (negative, value, scale) = scaled(reader)?;
    write_binary(negative, value, scale, out)
}

/// Appends hundredths.
pub(super) fn money(
    reader: &mut Reader<'_>,
    scale: u32,
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    const TOO_FINE: ValueError = ValueError::new("an amount does not fit money");
    let (negative, mut value) = unscaled(reader)?;
    value.scale_up(2u32.saturating_sub(scale));
    for _ in 2..scale {
        if value.div_rem(10) != 0 {
            return Err(TOO_FINE);
        }
    }
    let Magnitude::Small(cents) = value else {
        return Err(TOO_FINE);
    };
    let cents = i128::try_from(cents).map_err(|_| TOO_FINE)?;
    let cents = i64::try_from(if negative { -cents } else { cents }).map_err(|_| TOO_FINE)?;
    out.extend_from_slice(&cents.to_be_bytes());
    Ok(())
}
