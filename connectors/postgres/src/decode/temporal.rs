//! Dates, times, timestamps and intervals.

use walbridge_schemas::avro::Reader;

use crate::calendar::{self, EPOCH_DAYS, EPOCH_MICROS, Interval};
use crate::encode::{INFINITY_MICROS, MINUS_INFINITY_MICROS};
use crate::value::ValueError;

/// Days after 2000-01-01; the infinities wrap back.
#[inline]
pub(super) fn read_date(reader: &mut Reader<'_>) -> Result<i32, ValueError> {
    // What Debezium's snapshots write for the infinities, unlike its streams.
    const SNAPSHOT_INFINITY: i32 = -622_191_234;
    const SNAPSHOT_MINUS_INFINITY: i32 = -625_821_272;
    Ok(match reader.int()? {
        SNAPSHOT_INFINITY => i32::MAX,
        SNAPSHOT_MINUS_INFINITY => i32::MIN,
        days => days.wrapping_sub(EPOCH_DAYS),
    })
}

#[inline]
pub(super) fn date(reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), ValueError> {
    out.extend_from_slice(&read_date(reader)?.to_be_bytes());
    Ok(())
}

#[inline]
pub(super) fn read_time(reader: &mut Reader<'_>, unit: i64) -> Result<i64, ValueError> {
    reader.long()?.checked_mul(unit).ok_or(OUT_OF_RANGE)
}

#[inline]
pub(super) fn time(
    reader: &mut Reader<'_>,
    unit: i64,
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    out.extend_from_slice(&read_time(reader, unit)?.to_be_bytes());
    Ok(())
}

/// Microseconds after 2000-01-01.
#[inline]
pub(super) fn read_timestamp(reader: &mut Reader<'_>, unit: i64) -> Result<i64, ValueError> {
    let value = reader.long()?;
    if value == INFINITY_MICROS / unit {
        return Ok(i64::MAX);
    }
    if value == MINUS_INFINITY_MICROS / unit {
        return Ok(i64::MIN);
    }
    let micros = i128::from(value) * i128::from(unit) - i128::from(EPOCH_MICROS);
    i64::try_from(micros).map_err(|_| OUT_OF_RANGE)
}

#[inline]
pub(super) fn timestamp(
    reader: &mut Reader<'_>,
    unit: i64,
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    out.extend_from_slice(&read_timestamp(reader, unit)?.to_be_bytes());
    Ok(())
}

#[inline]
pub(super) fn timestamptz(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    out.extend_from_slice(&calendar::parse_timestamp(text)?.to_be_bytes());
    Ok(())
}

#[inline]
pub(super) fn timetz(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let (micros, west) = calendar::parse_timetz(text)?;
    out.extend_from_slice(&micros.to_be_bytes());
    out.extend_from_slice(&west.to_be_bytes());
    Ok(())
}

#[inline]
pub(super) fn interval(reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), ValueError> {
    write_interval(
        Interval {
            micros: reader.long()?,
            ..Interval::default()
        },
        out,
    );
    Ok(())
}

/// Appends the binary form of an interval.
pub(super) fn write_interval(interval: Interval, out: &mut Vec<u8>) {
    out.extend_from_slice(&interval.micros.to_be_bytes());
    out.extend_from_slice(&interval.days.to_be_bytes());
    out.extend_from_slice(&interval.months.to_be_bytes());
}

const OUT_OF_RANGE: ValueError = ValueError::new("a time is beyond what the column can hold");
