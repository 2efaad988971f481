//! Dates and times of the Gregorian calendar as ISO 8601 text, in UTC.

/// Milliseconds of a day.
pub(super) const DAY: i64 = 86_400_000;

/// Returns the days from 1970 to a date, by counting years from March so that leap days come last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Returns the year, month and day that many days from 1970.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = era * 400 + year + i64::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

/// Prints a day as `yyyy-MM-dd`.
fn print_date(day: i64) -> String {
    let (year, month, day) = civil(day);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Prints milliseconds of a day as `HH:mm:ss.SSSZ`.
fn print_time(millis: i64) -> String {
    let millis = millis.rem_euclid(DAY);
    let seconds = millis / 1000;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hour:02}:{minute:02}:{second:02}.{:03}Z", millis % 1000)
}

/// Prints milliseconds since 1970 as `yyyy-MM-ddTHH:mm:ss.SSSZ`.
fn print_timestamp(millis: i64) -> String {
    let (date, time) = (print_date(millis.div_euclid(DAY)), print_time(millis));
    format!("{date}T{time}")
}

/// Prints a moment as Kafka Connect does, whatever its schema: what lies before the second day as a time,
/// midnight as a date.
pub(super) fn print_moment(millis: i64) -> String {
    if millis < DAY {
        print_time(millis)
    } else if millis % DAY == 0 {
        print_date(millis / DAY)
    } else {
        print_timestamp(millis)
    }
}

/// Reads numbers out of a text that looks like `shape`, where `0` stands for a digit.
fn fields(text: &str, shape: &str) -> Option<Vec<i64>> {
    let fits = |(c, s): (u8, u8)| {
        if s == b'0' {
            c.is_ascii_digit()
        } else {
            c == s
        }
    };
    if text.len() != shape.len() || !text.bytes().zip(shape.bytes()).all(fits) {
        return None;
    }
    let numbers = text.split(|c: char| !c.is_ascii_digit());
    Some(numbers.filter_map(|part| part.parse().ok()).collect())
}

/// Reads `yyyy-MM-dd` as days since 1970.
pub(super) fn parse_date(text: &str) -> Option<i64> {
    let numbers = fields(text, "0000-00-00")?;
    let &[year, month, day] = numbers.as_slice() else {
        return None;
    };
    let found = days(year, month, day);
    ((1..=12).contains(&month) && civil(found) == (year, month, day)).then_some(found)
}

/// Reads `HH:mm:ss.SSSZ` as milliseconds of a day.
pub(super) fn parse_time(text: &str) -> Option<i64> {
    let numbers = fields(text, "00:00:00.000Z")?;
    let &[hour, minute, second, milli] = numbers.as_slice() else {
        return None;
    };
    let fits = hour < 24 && minute < 60 && second < 60;
    fits.then_some(((hour * 60 + minute) * 60 + second) * 1000 + milli)
}

/// Reads `yyyy-MM-ddTHH:mm:ss.SSSZ` as milliseconds since 1970.
pub(super) fn parse_timestamp(text: &str) -> Option<i64> {
    let (date, time) = text.split_once('T')?;
    Some(parse_date(date)? * DAY + parse_time(time)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_moments() {
        assert_eq!(print_timestamp(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(print_timestamp(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(parse_date("2024-02-29"), Some(19_782));
        assert_eq!(parse_date("2023-02-29"), None);
        assert_eq!(parse_date("2023-13-01"), None);
        assert_eq!(parse_time("24:00:00.000Z"), None);
    }

    proptest! {
        #[test]
        fn moments_come_back(millis in -60_000_000_000_000i64..250_000_000_000_000) {
            prop_assert_eq!(parse_timestamp(&print_timestamp(millis)), Some(millis));
        }

        #[test]
        fn any_text_ends_without_panic(text: String) {
            let _ = (parse_timestamp(&text), parse_date(&text), parse_time(&text));
        }
    }
}
