//! Reading dates by a pattern, as leniently as Java does: what follows is ignored, and numbers that
//! are too large run on into the next month, day or hour.

use std::time::{SystemTime, UNIX_EPOCH};

use super::super::numbers::digit;
use super::DAY;
use super::calendar::{Civil, days_of};
use super::pattern::{Pattern, Piece, starts_with_name};

/// What the fields have said so far; the order counts where two say the same thing.
#[derive(Default)]
struct Fields {
    bc: bool,
    year: Option<i64>,
    /// Whether the year was written with two digits, so that it may mean this century or the last.
    month: Option<i64>,
    day: Option<(i64, usize)>,
    day_of_year: Option<(i64, usize)>,
    hour: Option<(i64, usize)>,
    half_hour: Option<(i64, usize)>,
    afternoon: Option<(i64, usize)>,
    minute: i64,
    second: i64,
    milli: i64,
    zone: i64,
    two_digits: bool,
}

impl Pattern {
    /// Reads milliseconds since 1970; `None` if the text does not match.
    pub(crate) fn parse(&self, text: &str) -> Option<i64> {
        let chars: Vec<char> = text.chars().collect();
        let mut at = 0;
        let mut fields = Fields::default();
        for (i, piece) in self.pieces.iter().enumerate() {
            match piece {
                Piece::Text(expected) => {
                    for c in expected.chars() {
                        if chars.get(at) != Some(&c) {
                            return None;
                        }
                        at += 1;
                    }
                }
                Piece::Field(letter, count) => {
                    let next = self.pieces.get(i + 1);
                    let obey = matches!(next, Some(Piece::Field(c, n)) if numeric(*c, *n));
                    // A minus sign that stands after a number in the pattern is no sign of the next.
                    let reader = Reader {
                        chars: &chars,
                        count: *count,
                        obey,
                        order: i,
                    };
                    at = reader.field(at, *letter, &mut fields)?;
                }
            }
        }
        // Java takes a text of which nothing was read for no match.
        (at > 0).then(|| fields.millis())
    }
}

/// Returns whether a field is a number, so that one before it must not take its digits.
fn numeric(letter: char, count: usize) -> bool {
    match letter {
        'M' | 'L' => count <= 2,
        other => "yYdkHmsSDFwWhKu".contains(other),
    }
}

struct Reader<'a> {
    chars: &'a [char],
    count: usize,
    obey: bool,
    order: usize,
}

impl Reader<'_> {
    /// Reads one field and returns where the next begins.
    fn field(&self, start: usize, letter: char, fields: &mut Fields) -> Option<usize> {
        let blank = |c: &char| matches!(c, ' ' | '\t');
        let skipped = self
            .chars
            .get(start..)?
            .iter()
            .take_while(|c| blank(c))
            .count();
        let at = start + skipped;
        self.chars.get(at)?;
        let text: String = self.chars[at..].iter().take(40).collect();
        // Blanks before numbers and zones do not count; before words they do.
        let word = match letter {
            'M' | 'L' => self.count >= 3,
            other => "GaE".contains(other),
        };
        if word && skipped > 0 {
            return None;
        }
        match letter {
            'G' => {
                let era = text.get(..2)?;
                fields.bc = era.eq_ignore_ascii_case("BC");
                return (fields.bc || era.eq_ignore_ascii_case("AD")).then_some(at + 2);
            }
            'a' => {
                let half = text.get(..2)?;
                let pm = half.eq_ignore_ascii_case("PM");
                fields.afternoon = Some((i64::from(pm), self.order));
                return (pm || half.eq_ignore_ascii_case("AM")).then_some(at + 2);
            }
            'M' | 'L' if self.count >= 3 => {
                let (month, len) = starts_with_name(&text, 'M')?;
                fields.month = Some(month + 1);
                return Some(at + len);
            }
            'E' => return starts_with_name(&text, 'E').map(|(_, len)| at + len),
            'z' | 'Z' | 'X' => return self.zone(at, letter, &text, fields),
            _ => {}
        }
        let (number, end) = self.number(start, at)?;
        self.set(letter, number, at, end, fields);
        Some(end)
    }

    fn set(&self, letter: char, number: i64, at: usize, end: usize, fields: &mut Fields) {
        let order = self.order;
        match letter {
            'y' => {
                let digits =
                    end - at == 2 && self.chars[at..end].iter().all(|c| digit(*c).is_some());
                fields.two_digits = self.count <= 2 && digits;
                fields.year = Some(number);
            }
            'M' | 'L' => fields.month = Some(number),
            'd' => fields.day = Some((number, order)),
            'D' => fields.day_of_year = Some((number, order)),
            'H' => fields.hour = Some((number, order)),
            'k' => fields.hour = Some((if number == 24 { 0 } else { number }, order)),
            'K' => fields.half_hour = Some((number, order)),
            'h' => fields.half_hour = Some((if number == 12 { 0 } else { number }, order)),
            'm' => fields.minute = number,
            's' => fields.second = number,
            'S' => fields.milli = number,
            // A weekday beside a date says nothing more.
            _ => {}
        }
    }

    /// Reads a whole number, which may be negative, and returns where it ends.
    fn number(&self, start: usize, at: usize) -> Option<(i64, usize)> {
        let limit = if self.obey {
            let limit = start + self.count;
            if limit > self.chars.len() {
                return None;
            }
            limit
        } else {
            self.chars.len()
        };
        let negative = at < limit && self.chars[at] == '-';
        let mut end = at + usize::from(negative);
        let first = end;
        let mut number: i64 = 0;
        while let Some(d) = self
            .chars
            .get(end)
            .filter(|_| end < limit)
            .and_then(|c| digit(*c))
        {
            // Java's calendar counts in 32 bits; a number beyond them is not read here.
            number = number * 10 + i64::from(d);
            if number > i64::from(i32::MAX) {
                return None;
            }
            end += 1;
        }
        if end == first {
            return None;
        }
        Some((if negative { -number } else { number }, end))
    }

    fn zone(&self, at: usize, letter: char, text: &str, fields: &mut Fields) -> Option<usize> {
        let first = text.chars().next()?;
        let sign = |c: char| match c {
            '+' => Some(1),
            '-' => Some(-1),
            _ => None,
        };
        if letter == 'X' {
            if first == 'Z' {
                fields.zone = 0;
                return Some(at + 1);
            }
            let sign = sign(first)?;
            return self.offset(at + 1, sign, self.count, self.count == 3, fields);
        }
        if let Some(sign) = sign(first) {
            return self.offset(at + 1, sign, 0, false, fields);
        }
        if text.get(..3).is_some_and(|s| s.eq_ignore_ascii_case("GMT")) {
            let after = self.chars.get(at + 3).copied().and_then(sign);
            fields.zone = 0;
            return match after {
                Some(sign) => self.offset(at + 4, sign, 0, true, fields),
                None => Some(at + 3),
            };
        }
        // Names of zones change with the countries that use them: only UTC's are read.
        ["Coordinated Universal Time", "UTC"]
            .into_iter()
            .find_map(|name| {
                let start = text.get(..name.len())?;
                start.eq_ignore_ascii_case(name).then_some(at + name.len())
            })
    }

    /// Reads `hh`, `hhmm` or `hh:mm`.
    fn offset(
        &self,
        mut at: usize,
        sign: i64,
        count: usize,
        colon: bool,
        fields: &mut Fields,
    ) -> Option<usize> {
        let ascii = |at: usize| {
            let c = self.chars.get(at)?;
            c.to_digit(10).map(i64::from)
        };
        let mut hours = ascii(at)?;
        at += 1;
        self.chars.get(at).filter(|_| count != 1).or(Some(&' '))?;
        match ascii(at) {
            Some(d) => {
                hours = hours * 10 + d;
                at += 1;
            }
            None if count > 0 || !colon => return None,
            None => {}
        }
        let mut minutes = 0;
        if count != 1 {
            if colon {
                self.chars.get(at).filter(|c| **c == ':')?;
                at += 1;
            }
            minutes = ascii(at)? * 10 + ascii(at + 1)?;
            at += 2;
        }
        if hours > 23 || minutes > 59 {
            return None;
        }
        fields.zone = sign * (hours * 60 + minutes);
        Some(at)
    }
}

impl Fields {
    fn millis(&self) -> i64 {
        let mut year = self.year.unwrap_or(if self.bc { 1 } else { 1970 });
        let now = if self.two_digits { now() } else { 0 };
        // Two digits mean the year that lies within 80 years before and 20 after today.
        let begin = Civil::of(now);
        if self.two_digits {
            let from = begin.year - 80;
            let century = from - from.rem_euclid(100);
            year += century + if year < from.rem_euclid(100) { 100 } else { 0 };
        }
        let time = |year: i64| self.at(if self.bc { 1 - year } else { year });
        let millis = time(year);
        let from = days_of(begin.year - 80, begin.month, begin.day) * DAY + now.rem_euclid(DAY);
        if self.two_digits && year == begin.year - 80 && millis < from {
            return time(year + 100);
        }
        millis
    }

    fn at(&self, year: i64) -> i64 {
        let by_day_of_year = match (self.day, self.day_of_year) {
            (Some((_, day)), Some((n, order))) => (order > day).then_some(n),
            (None, Some((n, _))) => Some(n),
            _ => None,
        };
        let days = match by_day_of_year {
            Some(day) => days_of(year, 1, 1) + day - 1,
            // The day is counted on from the first, as it may be any number.
            None => {
                let day = self.day.map_or(1, |(day, _)| day);
                let month = self.month.unwrap_or(1);
                match day {
                    1..=28 => days_of(year, month, day),
                    _ => days_of(year, month, 1) + day - 1,
                }
            }
        };
        let half = self.half_hour.map(|(hour, order)| {
            let (pm, pm_order) = self.afternoon.unwrap_or_default();
            (hour + 12 * pm, order.max(pm_order))
        });
        let hour = match (self.hour, half) {
            (Some((hour, order)), Some((other, other_order))) => {
                if self.afternoon.is_some() && other_order > order {
                    other
                } else {
                    hour
                }
            }
            (Some((hour, _)), None) => hour,
            (None, Some((hour, _))) => hour,
            (None, None) => 12 * self.afternoon.map_or(0, |(pm, _)| pm),
        };
        let minutes = hour * 60 + self.minute - self.zone;
        days.wrapping_mul(DAY)
            .wrapping_add(minutes.wrapping_mul(60_000))
            .wrapping_add(self.second * 1000 + self.milli)
    }
}

fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or_default()
}
