//! Dates and times as text: as PostgreSQL prints them, and as ISO 8601 for Debezium's fields.

use super::{Civil, DAY, Interval, SECOND};

/// Appends a date as PostgreSQL's ISO style has it.
pub(crate) fn print_date(days: i32, out: &mut Vec<u8>) {
    match days {
        i32::MAX => out.extend_from_slice(b"infinity"),
        i32::MIN => out.extend_from_slice(b"-infinity"),
        _ => {
            let civil = Civil::of_days(i64::from(days));
            push_civil(civil, out);
            push_era(civil, out);
        }
    }
}

/// Appends a timestamp as PostgreSQL prints it, with `+00` behind it if it is one with a zone.
pub(crate) fn print_timestamp(micros: i64, zoned: bool, out: &mut Vec<u8>) {
    match micros {
        i64::MAX => return out.extend_from_slice(b"infinity"),
        i64::MIN => return out.extend_from_slice(b"-infinity"),
        _ => {}
    }
    let civil = Civil::of_days(micros.div_euclid(DAY));
    push_civil(civil, out);
    out.push(b' ');
    print_time(micros.rem_euclid(DAY), out);
    if zoned {
        out.extend_from_slice(b"+00");
    }
    push_era(civil, out);
}

/// Appends a time of day, its fraction without trailing zeros.
pub(crate) fn print_time(micros: i64, out: &mut Vec<u8>) {
    push_clock(micros / SECOND, out);
    push_trimmed_fraction(micros % SECOND, out);
}

/// Appends a time of day with its offset; `west` is in seconds.
pub(crate) fn print_timetz(micros: i64, west: i32, out: &mut Vec<u8>) {
    print_time(micros, out);
    out.push(if west > 0 { b'-' } else { b'+' });
    let offset = west.unsigned_abs();
    push_padded(u64::from(offset / 3600), 2, out);
    for part in [offset / 60 % 60, offset % 60]
        .iter()
        .take(if !offset.is_multiple_of(60) { 2 } else { 1 })
    {
        if !offset.is_multiple_of(3600) {
            out.push(b':');
            push_padded(u64::from(*part), 2, out);
        }
    }
}

/// Appends an interval in PostgreSQL's own style.
pub(crate) fn print_interval(interval: Interval, out: &mut Vec<u8>) {
    match interval {
        Interval::INFINITY => return out.extend_from_slice(b"infinity"),
        Interval::MINUS_INFINITY => return out.extend_from_slice(b"-infinity"),
        _ => {}
    }
    let start = out.len();
    let mut after_negative = false;
    let parts = [
        (interval.months / 12, "year"),
        (interval.months % 12, "mon"),
        (interval.days, "day"),
    ];
    for (count, unit) in parts {
        if count == 0 {
            continue;
        }
        if out.len() > start {
            out.push(b' ');
        }
        if after_negative && count > 0 {
            out.push(b'+');
        }
        out.extend_from_slice(count.to_string().as_bytes());
        out.push(b' ');
        out.extend_from_slice(unit.as_bytes());
        if count != 1 {
            out.push(b's');
        }
        after_negative = count < 0;
    }
    if out.len() > start && interval.micros == 0 {
        return;
    }
    if out.len() > start {
        out.push(b' ');
    }
    if interval.micros < 0 {
        out.push(b'-');
    } else if after_negative {
        out.push(b'+');
    }
    let micros = interval.micros.unsigned_abs();
    let seconds = micros / SECOND as u64;
    push_padded(seconds / 3600, 2, out);
    out.push(b':');
    push_padded(seconds / 60 % 60, 2, out);
    out.push(b':');
    push_padded(seconds % 60, 2, out);
    push_trimmed_fraction((micros % SECOND as u64) as i64, out);
}

/// Appends a timestamp in UTC as ISO 8601 with so many digits of fraction.
#[inline]
pub(crate) fn print_iso_timestamp(micros: i64, digits: u32, out: &mut Vec<u8>) {
    let civil = Civil::of_days(micros.div_euclid(DAY));
    if civil.year > 9999 {
        out.push(b'+');
    } else if civil.year < 0 {
        out.push(b'-');
    }
    push_padded(civil.year.unsigned_abs(), 4, out);
    out.push(b'-');
    push_padded(u64::from(civil.month), 2, out);
    out.push(b'-');
    push_padded(u64::from(civil.day), 2, out);
    out.push(b'T');
    let time = micros.rem_euclid(DAY);
    push_clock(time / SECOND, out);
    let fraction = (time % SECOND) as u64;
    let cut = 10u64.pow(6 - digits.min(6));
    // A value finer than its column says keeps what it has.
    let (fraction, digits) = if fraction.is_multiple_of(cut) {
        (fraction / cut, digits.min(6))
    } else {
        (fraction, 6)
    };
    if digits > 0 {
        out.push(b'.');
        push_padded(fraction, digits as usize, out);
    }
    out.push(b'Z');
}

/// Appends a time of day in UTC as ISO 8601.
pub(crate) fn print_iso_time(micros: i64, out: &mut Vec<u8>) {
    print_time(micros, out);
    out.push(b'Z');
}

fn push_civil(civil: Civil, out: &mut Vec<u8>) {
    let year = if civil.year > 0 {
        civil.year
    } else {
        1 - civil.year
    };
    push_padded(year as u64, 4, out);
    out.push(b'-');
    push_padded(u64::from(civil.month), 2, out);
    out.push(b'-');
    push_padded(u64::from(civil.day), 2, out);
}

fn push_era(civil: Civil, out: &mut Vec<u8>) {
    if civil.year <= 0 {
        out.extend_from_slice(b" BC");
    }
}

#[inline]
fn push_clock(seconds: i64, out: &mut Vec<u8>) {
    push_padded((seconds / 3600) as u64, 2, out);
    out.push(b':');
    push_padded((seconds / 60 % 60) as u64, 2, out);
    out.push(b':');
    push_padded((seconds % 60) as u64, 2, out);
}

fn push_trimmed_fraction(micros: i64, out: &mut Vec<u8>) {
    if micros == 0 {
        return;
    }
    out.push(b'.');
    push_padded(micros as u64, 6, out);
    while out.last() == Some(&b'0') {
        out.pop();
    }
}

/// Appends a number with at least so many digits.
#[inline]
fn push_padded(mut value: u64, width: usize, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 20];
    let mut start = 20;
    while value > 0 {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
    }
    out.extend_from_slice(&digits[start.min(20 - width)..]);
}
