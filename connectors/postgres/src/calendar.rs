//! Days and microseconds as dates and times of day, in the proleptic Gregorian calendar.

mod parse;
mod print;

pub(crate) use parse::{parse_date, parse_interval, parse_timestamp, parse_timetz};
pub(crate) use print::{
    print_date, print_interval, print_iso_time, print_iso_timestamp, print_time, print_timestamp,
    print_timetz,
};

/// Days from 1970-01-01 to 2000-01-01, where PostgreSQL counts from.
pub(crate) const EPOCH_DAYS: i32 = 10_957;
/// Microseconds of a second.
pub(crate) const SECOND: i64 = 1_000_000;
/// Microseconds of a day.
pub(crate) const DAY: i64 = 86_400 * SECOND;
/// Microseconds from 1970 to 2000.
pub(crate) const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * DAY;

/// A day by its names; the year before 1 is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: u32,
    pub(crate) day: u32,
}

impl Civil {
    /// Returns the day that is so many days after 2000-01-01.
    #[inline]
    pub(crate) fn of_days(days: i64) -> Self {
        // Counted in eras of 400 years that begin on the first of March of year 0.
        let days = days + i64::from(EPOCH_DAYS) + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let day = (of_year - (153 * shifted + 2) / 5 + 1) as u32;
        let month = if shifted < 10 {
            shifted + 3
        } else {
            shifted - 9
        } as u32;
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self { year, month, day }
    }

    /// Returns the days after 2000-01-01.
    #[inline]
    pub(crate) fn days(self) -> i64 {
        let year = self.year - i64::from(self.month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let shifted = i64::from(if self.month > 2 {
            self.month - 3
        } else {
            self.month + 9
        });
        let of_year = (153 * shifted + 2) / 5 + i64::from(self.day) - 1;
        let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
        era * 146_097 + of_era - 719_468 - i64::from(EPOCH_DAYS)
    }
}

/// An `interval`: three parts that do not convert into each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Interval {
    pub(crate) months: i32,
    pub(crate) days: i32,
    pub(crate) micros: i64,
}

impl Interval {
    /// PostgreSQL 17's infinite interval.
    pub(crate) const INFINITY: Interval = Interval {
        months: i32::MAX,
        days: i32::MAX,
        micros: i64::MAX,
    };
    /// PostgreSQL 17's other infinite interval.
    pub(crate) const MINUS_INFINITY: Interval = Interval {
        months: i32::MIN,
        days: i32::MIN,
        micros: i64::MIN,
    };

    /// Returns it in microseconds, a month being 30.4375 days; too long a one is cut.
    pub(crate) fn to_micros(self) -> i64 {
        let months = i128::from(self.months) * 2_629_800 * i128::from(SECOND);
        let all = months + i128::from(self.days) * i128::from(DAY) + i128::from(self.micros);
        i64::try_from(all).unwrap_or(if all > 0 { i64::MAX } else { i64::MIN })
    }
}

#[cfg(test)]
mod tests;
