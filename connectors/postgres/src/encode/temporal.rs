//! Dates, times, timestamps and intervals.

use walbridge_schemas::avro;

use super::codec::Outcome;
use super::scalar::sized;
use crate::calendar::{self, DAY, EPOCH_DAYS, EPOCH_MICROS, Interval, SECOND};
use crate::value::{Pieces, ValueError, Wire, exactly};

/// What Debezium writes for `infinity` in a timestamp of microseconds.
pub(crate) const INFINITY_MICROS: i64 = 9_223_372_036_825_200_000;
/// What Debezium writes for `-infinity` in a timestamp of microseconds.
pub(crate) const MINUS_INFINITY_MICROS: i64 = -9_223_372_036_832_400_000;

/// Days since 1970; the infinities wrap around and so are Debezium's and reversible.
#[inline]
pub(super) fn date(wire: Wire, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let days = match wire {
        Wire::Binary => i32::from_be_bytes(exactly(bytes)?),
        Wire::Text => calendar::parse_date(bytes)?,
    };
    avro::write_int(out, days.wrapping_add(EPOCH_DAYS));
    Ok(())
}

/// Time since midnight in units of so many microseconds.
#[inline]
pub(super) fn time(
    wire: Wire,
    bytes: &[u8],
    unit: i64,
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    let micros = match wire {
        Wire::Binary => i64::from_be_bytes(exactly(bytes)?),
        Wire::Text => calendar::parse_timetz(bytes)?.0,
    };
    if !(0..=DAY).contains(&micros) {
        return Err(ValueError::new("a time is not within a day"));
    }
    avro::write_long(out, micros / unit);
    Ok(())
}

/// Time since 1970 in units of so many microseconds.
///
/// The last days that PostgreSQL knows lie behind what a long can count, and one instant is the code
/// for infinity: those are inexact.
#[inline]
pub(super) fn timestamp(
    wire: Wire,
    bytes: &[u8],
    unit: i64,
    out: &mut Vec<u8>,
) -> Result<Outcome, ValueError> {
    let micros = match wire {
        Wire::Binary => i64::from_be_bytes(exactly(bytes)?),
        Wire::Text => calendar::parse_timestamp(bytes)?,
    };
    let (value, exact) = match micros {
        i64::MAX => (INFINITY_MICROS / unit, true),
        i64::MIN => (MINUS_INFINITY_MICROS / unit, true),
        _ => {
            let wide = i128::from(micros) + i128::from(EPOCH_MICROS);
            let value = wide.div_euclid(i128::from(unit)) as i64;
            let whole = wide.rem_euclid(i128::from(unit)) == 0;
            (
                value,
                whole && i64::try_from(wide).is_ok() && value != INFINITY_MICROS / unit,
            )
        }
    };
    avro::write_long(out, value);
    Ok(if exact {
        Outcome::Exact
    } else {
        Outcome::Inexact
    })
}

/// ISO 8601 text in UTC.
#[inline]
pub(super) fn timestamptz(
    wire: Wire,
    bytes: &[u8],
    digits: u32,
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    let micros = match wire {
        Wire::Binary => i64::from_be_bytes(exactly(bytes)?),
        Wire::Text => calendar::parse_timestamp(bytes)?,
    };
    match micros {
        i64::MAX => avro::write_str(out, "infinity"),
        i64::MIN => avro::write_str(out, "-infinity"),
        _ => {
            return sized(out, |out| {
                calendar::print_iso_timestamp(micros, digits, out);
                Ok(())
            });
        }
    }
    Ok(())
}

/// ISO 8601 text in UTC; another offset, and the midnight at a day's end, are inexact.
pub(super) fn timetz(wire: Wire, bytes: &[u8], out: &mut Vec<u8>) -> Result<Outcome, ValueError> {
    let (micros, west) = match wire {
        Wire::Binary => {
            let mut pieces = Pieces::new(bytes);
            let value = (pieces.i64()?, pieces.i32()?);
            pieces.finish()?;
            value
        }
        Wire::Text => calendar::parse_timetz(bytes)?,
    };
    let utc = micros
        .wrapping_add(i64::from(west) * SECOND)
        .rem_euclid(DAY);
    sized(out, |out| {
        calendar::print_iso_time(utc, out);
        Ok(())
    })?;
    Ok(if west == 0 && micros == utc {
        Outcome::Exact
    } else {
        Outcome::Inexact
    })
}

/// Microseconds; months and days, which have no fixed length, are inexact.
pub(super) fn interval(wire: Wire, bytes: &[u8], out: &mut Vec<u8>) -> Result<Outcome, ValueError> {
    let interval = match wire {
        Wire::Binary => read_interval(bytes)?,
        Wire::Text => calendar::parse_interval(bytes)?,
    };
    avro::write_long(out, interval.to_micros());
    let exact = interval.months == 0 && interval.days == 0;
    Ok(if exact {
        Outcome::Exact
    } else {
        Outcome::Inexact
    })
}

/// Reads the binary form of an interval.
pub(crate) fn read_interval(bytes: &[u8]) -> Result<Interval, ValueError> {
    let mut pieces = Pieces::new(bytes);
    let (micros, days, months) = (pieces.i64()?, pieces.i32()?, pieces.i32()?);
    pieces.finish()?;
    Ok(Interval {
        months,
        days,
        micros,
    })
}
