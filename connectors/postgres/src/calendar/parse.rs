//! Dates and times from text: PostgreSQL's ISO style and ISO 8601 itself.

use super::{Civil, DAY, Interval, SECOND};
use crate::value::ValueError;

/// Walks over text.
#[derive(Debug, Clone, Copy)]
struct Scan<'a> {
    rest: &'a [u8],
}

impl<'a> Scan<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { rest: text }
    }

    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Takes one byte if it is this one.
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), ValueError> {
        if self.take(byte) {
            Ok(())
        } else {
            Err(NOT_A_TIME)
        }
    }

    /// Takes a number of at least one digit.
    fn number(&mut self) -> Result<(i64, usize), ValueError> {
        let digits = self.rest.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 || digits > 18 {
            return Err(NOT_A_TIME);
        }
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        Ok((
            number.iter().fold(0, |n, d| n * 10 + i64::from(d - b'0')),
            digits,
        ))
    }

    /// Takes `.123` as microseconds; more than six digits are cut.
    fn fraction(&mut self) -> Result<i64, ValueError> {
        if !self.take(b'.') {
            return Ok(0);
        }
        let (number, digits) = self.number()?;
        let shift = |n: usize| 10i64.pow(n as u32);
        Ok(if digits <= 6 {
            number * shift(6 - digits)
        } else {
            number / shift(digits - 6)
        })
    }

    /// Takes a time of day, whose hours may be any number, as microseconds.
    fn time(&mut self) -> Result<i64, ValueError> {
        let (hours, _) = self.number()?;
        self.expect(b':')?;
        let (minutes, _) = self.number()?;
        let mut micros = 0;
        if self.take(b':') {
            let (seconds, _) = self.number()?;
            micros = seconds.checked_mul(SECOND).ok_or(NOT_A_TIME)? + self.fraction()?;
        }
        let whole = hours
            .checked_mul(3600)
            .and_then(|h| h.checked_add(minutes.checked_mul(60)?));
        whole
            .and_then(|s| s.checked_mul(SECOND)?.checked_add(micros))
            .ok_or(NOT_A_TIME)
    }

    /// Takes an offset from UTC in seconds east, if there is one.
    fn zone(&mut self) -> Result<Option<i64>, ValueError> {
        if self.take(b'Z') {
            return Ok(Some(0));
        }
        let sign = match self.peek() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Ok(None),
        };
        self.rest = &self.rest[1..];
        let mut seconds = self.number()?.0.min(1_000) * 3600;
        for unit in [60, 1] {
            if self.take(b':') {
                seconds += self.number()?.0.min(1_000) * unit;
            }
        }
        Ok(Some(sign * seconds))
    }

    /// Takes year, month and day; an era behind them comes later.
    fn civil(&mut self) -> Result<Civil, ValueError> {
        let negative = self.take(b'-');
        if !negative {
            self.take(b'+');
        }
        let (year, digits) = self.number()?;
        if digits > 9 {
            return Err(NOT_A_TIME);
        }
        self.expect(b'-')?;
        let (month, _) = self.number()?;
        self.expect(b'-')?;
        let (day, _) = self.number()?;
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return Err(NOT_A_TIME);
        }
        Ok(Civil {
            year: if negative { -year } else { year },
            month: month as u32,
            day: day as u32,
        })
    }

    fn era(&mut self, civil: &mut Civil) {
        if let Some(rest) = self.rest.strip_prefix(b" BC") {
            self.rest = rest;
            civil.year = 1 - civil.year;
        }
    }

    fn finish(&self) -> Result<(), ValueError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(NOT_A_TIME)
        }
    }
}

/// Reads a date as days after 2000-01-01.
pub(crate) fn parse_date(text: &[u8]) -> Result<i32, ValueError> {
    match text {
        b"infinity" => return Ok(i32::MAX),
        b"-infinity" => return Ok(i32::MIN),
        _ => {}
    }
    let mut scan = Scan::new(text);
    let mut civil = scan.civil()?;
    scan.era(&mut civil);
    scan.finish()?;
    i32::try_from(civil.days()).map_err(|_| NOT_A_TIME)
}

/// Reads a timestamp, with or without a zone, as microseconds after 2000-01-01.
pub(crate) fn parse_timestamp(text: &[u8]) -> Result<i64, ValueError> {
    match text {
        b"infinity" => return Ok(i64::MAX),
        b"-infinity" => return Ok(i64::MIN),
        _ => {}
    }
    let mut scan = Scan::new(text);
    let mut civil = scan.civil()?;
    let mut micros = 0;
    if scan.take(b' ') || scan.take(b'T') {
        micros = scan.time()?;
        micros -= scan.zone()?.unwrap_or(0) * SECOND;
    }
    scan.era(&mut civil);
    scan.finish()?;
    civil
        .days()
        .checked_mul(DAY)
        .and_then(|d| d.checked_add(micros))
        .ok_or(NOT_A_TIME)
}

/// Reads a time of day with an offset: microseconds since midnight, and seconds *west* of UTC as in
/// the binary form. Without an offset it is UTC.
pub(crate) fn parse_timetz(text: &[u8]) -> Result<(i64, i32), ValueError> {
    let mut scan = Scan::new(text);
    let micros = scan.time()?;
    let east = scan.zone()?.unwrap_or(0);
    scan.finish()?;
    if micros > DAY {
        return Err(NOT_A_TIME);
    }
    Ok((micros, i32::try_from(-east).map_err(|_| NOT_A_TIME)?))
}

/// Reads an interval in PostgreSQL's own style.
pub(crate) fn parse_interval(text: &[u8]) -> Result<Interval, ValueError> {
    match text {
        b"infinity" => return Ok(Interval::INFINITY),
        b"-infinity" => return Ok(Interval::MINUS_INFINITY),
        _ => {}
    }
    let mut interval = Interval::default();
    for word in Words::of(text) {
        let (number, unit) = word?;
        let (negative, digits) = match number.split_first() {
            Some((b'-', digits)) => (true, digits),
            Some((b'+', digits)) => (false, digits),
            _ => (false, number),
        };
        let mut scan = Scan::new(digits);
        if unit.is_empty() {
            let micros = scan.time()?;
            scan.finish()?;
            interval.micros = if negative { -micros } else { micros };
            continue;
        }
        let (count, _) = scan.number()?;
        scan.finish()?;
        let count = if negative { -count } else { count };
        let narrow = |n: i64| i32::try_from(n).map_err(|_| NOT_A_TIME);
        match unit {
            b"year" | b"years" => {
                let months = narrow(count.checked_mul(12).ok_or(NOT_A_TIME)?)?;
                interval.months = interval.months.checked_add(months).ok_or(NOT_A_TIME)?;
            }
            b"mon" | b"mons" => {
                interval.months = interval
                    .months
                    .checked_add(narrow(count)?)
                    .ok_or(NOT_A_TIME)?
            }
            b"day" | b"days" => interval.days = narrow(count)?,
            _ => return Err(NOT_A_TIME),
        }
    }
    Ok(interval)
}

/// Pairs of a number and its unit; a time of day has none.
struct Words<'a> {
    words: std::slice::Split<'a, u8, fn(&u8) -> bool>,
}

impl<'a> Words<'a> {
    fn of(text: &'a [u8]) -> Self {
        Self {
            words: text.split(|b| *b == b' '),
        }
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = Result<(&'a [u8], &'a [u8]), ValueError>;

    fn next(&mut self) -> Option<Self::Item> {
        let number = self.words.next()?;
        if number.contains(&b':') {
            return Some(Ok((number, &[])));
        }
        Some(
            self.words
                .next()
                .filter(|u| !u.is_empty())
                .map(|unit| (number, unit))
                .ok_or(NOT_A_TIME),
        )
    }
}

const NOT_A_TIME: ValueError =
    ValueError::new("a date or time has a text that is not the ISO style's");
