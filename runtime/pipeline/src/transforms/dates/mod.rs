//! Java's `SimpleDateFormat` in the zone UTC and in English.

mod calendar;
mod parse;
mod pattern;

pub(crate) use pattern::Pattern;

/// Milliseconds of a day.
pub(crate) const DAY: i64 = 86_400_000;

/// Writes a date, time or timestamp as Kafka Connect does where it has no pattern for it.
///
/// Whatever lies before the second day of 1970 counts as a time, and a midnight as a date.
pub(crate) fn iso(millis: i64) -> String {
    let when = calendar::Civil::of(millis);
    let time = || {
        format!(
            "{:02}:{:02}:{:02}.{:03}Z",
            when.hour, when.minute, when.second, when.milli
        )
    };
    let date = || {
        format!(
            "{:04}-{:02}-{:02}",
            when.year_of_era(),
            when.month,
            when.day
        )
    };
    if millis < DAY {
        time()
    } else if millis % DAY == 0 {
        date()
    } else {
        format!("{}T{}", date(), time())
    }
}
