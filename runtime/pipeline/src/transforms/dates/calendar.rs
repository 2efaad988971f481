//! Java's calendar: Julian until 4 October 1582, Gregorian from the day after, which was the 15th.

use super::DAY;

/// Days from 1970 to 15 October 1582.
const CUTOVER: i64 = -141_427;

/// A moment in the calendar's parts, UTC. The year before 1 is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(super) days: i64,
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
    pub(super) milli: i64,
}

impl Civil {
    /// Splits milliseconds since 1970.
    pub(super) fn of(millis: i64) -> Self {
        let days = millis.div_euclid(DAY);
        let rest = millis.rem_euclid(DAY);
        let (year, month, day) = date_of(days);
        Self {
            days,
            year,
            month,
            day,
            hour: rest / 3_600_000,
            minute: rest / 60_000 % 60,
            second: rest / 1000 % 60,
            milli: rest % 1000,
        }
    }

    /// Returns the year as it is written: 1 BC is 1 as AD 1 is.
    pub(super) fn year_of_era(&self) -> i64 {
        if self.year > 0 {
            self.year
        } else {
            1 - self.year
        }
    }

    /// Returns the day of the week, Sunday 1 to Saturday 7.
    pub(super) fn day_of_week(&self) -> i64 {
        (self.days + 4).rem_euclid(7) + 1
    }

    /// Returns the day of the year from 1.
    pub(super) fn day_of_year(&self) -> i64 {
        self.days - days_of(self.year, 1, 1) + 1
    }

    /// Returns the week of the year and the year it counts to, weeks beginning on Sundays and the first
    /// having 1 January, as in the United States.
    pub(super) fn week(&self) -> (i64, i64) {
        // The year's last week belongs to the next if that begins in it.
        let next = days_of(self.year + 1, 1, 1);
        let sunday = self.days - (self.day_of_week() - 1);
        if sunday + 6 >= next {
            return (self.year + 1, 1);
        }
        let first = days_of(self.year, 1, 1);
        let first_sunday = first - (first + 4).rem_euclid(7);
        (self.year, (sunday - first_sunday) / 7 + 1)
    }

    /// Returns the week of the month, beginning on Sundays.
    pub(super) fn week_of_month(&self) -> i64 {
        let first = self.days - (self.day - 1);
        let first_sunday = first - (first + 4).rem_euclid(7);
        (self.days - first_sunday) / 7 + 1
    }
}

/// Returns year, month and day of days since 1970.
fn date_of(days: i64) -> (i64, i64, i64) {
    // Years begin in March here, so that the day that is sometimes missing comes last.
    let gregorian = days >= CUTOVER;
    let (year, day_of_year) = if gregorian {
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day = shifted.rem_euclid(146_097);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        (year + era * 400, day - (365 * year + year / 4 - year / 100))
    } else {
        let shifted = days + 719_470;
        let era = shifted.div_euclid(1461);
        let day = shifted.rem_euclid(1461);
        let year = (day - day / 1460) / 365;
        (year + era * 4, day - 365 * year)
    };
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (year + i64::from(month <= 2), month, day)
}

/// Returns days since 1970; a month outside 1 to 12 and any day run on into other months and years.
pub(super) fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year + (month - 1).div_euclid(12);
    let month = (month - 1).rem_euclid(12) + 1;
    let shifted_year = year - i64::from(month <= 2);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let era = shifted_year.div_euclid(400);
    let of_era = shifted_year.rem_euclid(400);
    let gregorian =
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468;
    if gregorian >= CUTOVER {
        return gregorian;
    }
    let era = shifted_year.div_euclid(4);
    let of_era = shifted_year.rem_euclid(4);
    era * 1461 + of_era * 365 + day_of_year - 719_470
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_each_others_inverse() {
        for days in (-800_000..800_000).step_by(7) {
            let (year, month, day) = date_of(days);
            assert_eq!(days_of(year, month, day), days, "{year}-{month}-{day}");
        }
    }

    #[test]
    fn the_calendar_changes_in_october_1582() {
        assert_eq!(date_of(CUTOVER), (1582, 10, 15));
        assert_eq!(date_of(CUTOVER - 1), (1582, 10, 4));
        assert_eq!(date_of(0), (1970, 1, 1));
        assert_eq!(date_of(11_016), (2000, 2, 29));
    }
}
