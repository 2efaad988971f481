//! Patterns, and writing dates by them.

use super::calendar::Civil;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
const LETTERS: &str = "GyMdkHmsSEDFwWahKzZYuXL";

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text that stands for itself; `quoted` if it stood between quotes.
    Text(String),
    /// A letter and how often it is repeated.
    Field(char, usize),
}

/// A date pattern of `SimpleDateFormat`.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    source: String,
    pub(super) pieces: Vec<Piece>,
}

impl Pattern {
    /// Reads a pattern.
    pub(crate) fn new(source: &str) -> Result<Self, String> {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut text = String::new();
        let mut chars = source.chars().peekable();
        let mut quoted = false;
        while let Some(c) = chars.next() {
            if c == '\'' {
                if chars.next_if_eq(&'\'').is_some() {
                    text.push('\'');
                } else {
                    quoted = !quoted;
                }
            } else if quoted || !c.is_ascii_alphabetic() {
                text.push(c);
            } else {
                if !LETTERS.contains(c) {
                    return Err(format!("Illegal pattern character '{c}'"));
                }
                let mut count = 1;
                while chars.next_if_eq(&c).is_some() {
                    count += 1;
                }
                if c == 'X' && count > 3 {
                    return Err(format!("invalid ISO 8601 format: length={count}"));
                }
                if count > 255 {
                    return Err(format!("'{c}' is repeated {count} times"));
                }
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                pieces.push(Piece::Field(c, count));
            }
        }
        if quoted {
            return Err("Unterminated quote".to_owned());
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        let source = source.to_owned();
        Ok(Self { source, pieces })
    }

    /// Returns the pattern's text.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Returns the first letter that cannot be read back, only written.
    ///
    /// What a week or a weekday means for a date depends on the country and on the other fields.
    pub(crate) fn unreadable(&self) -> Option<char> {
        let has = |letters: &str| {
            self.pieces.iter().find_map(|piece| match piece {
                Piece::Field(c, _) if letters.contains(*c) => Some(*c),
                _ => None,
            })
        };
        has("YwWF").or_else(|| has("Eu").filter(|_| has("dD").is_none()))
    }

    /// Writes milliseconds since 1970.
    pub(crate) fn format(&self, millis: i64) -> String {
        let when = Civil::of(millis);
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Field(letter, count) => write_field(&mut out, &when, *letter, *count),
            }
        }
        out
    }
}

fn write_field(out: &mut String, when: &Civil, letter: char, count: usize) {
    let name = |full: &'static str| if count >= 4 { full } else { &full[..3] };
    let number = match letter {
        'y' | 'Y' => {
            let year = if letter == 'y' {
                when.year_of_era()
            } else {
                when.week().0
            };
            if count == 2 {
                year.rem_euclid(100)
            } else {
                year
            }
        }
        'M' | 'L' if count >= 3 => return out.push_str(name(pick(&MONTHS, when.month - 1))),
        'E' => return out.push_str(name(pick(&DAYS, when.day_of_week() - 1))),
        'G' => return out.push_str(if when.year > 0 { "AD" } else { "BC" }),
        'a' => return out.push_str(if when.hour < 12 { "AM" } else { "PM" }),
        'z' if count >= 4 => return out.push_str("Coordinated Universal Time"),
        'z' => return out.push_str("UTC"),
        'Z' => return out.push_str("+0000"),
        'X' => return out.push('Z'),
        'M' | 'L' => when.month,
        'd' => when.day,
        'H' => when.hour,
        'k' => {
            if when.hour == 0 {
                24
            } else {
                when.hour
            }
        }
        'K' => when.hour % 12,
        'h' => (when.hour + 11) % 12 + 1,
        'm' => when.minute,
        's' => when.second,
        'S' => when.milli,
        'D' => when.day_of_year(),
        'F' => (when.day - 1) / 7 + 1,
        'w' => when.week().1,
        'W' => when.week_of_month(),
        // ISO's day of the week: Monday 1 to Sunday 7.
        _ => (when.day_of_week() + 5) % 7 + 1,
    };
    let sign = if number < 0 { "-" } else { "" };
    out.push_str(&format!("{sign}{:0count$}", number.unsigned_abs()));
}

fn pick(names: &'static [&'static str], index: i64) -> &'static str {
    usize::try_from(index)
        .ok()
        .and_then(|i| names.get(i))
        .unwrap_or(&"???")
}

/// Returns the month's or weekday's position whose name stands at the start of a text, and its length.
pub(super) fn starts_with_name(text: &str, letter: char) -> Option<(i64, usize)> {
    let names: &[&str] = if letter == 'E' { &DAYS } else { &MONTHS };
    (0i64..)
        .zip(names)
        .flat_map(|(i, name)| [(i, *name), (i, &name[..3])])
        .filter(|(_, name)| {
            text.get(..name.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(name))
        })
        .map(|(i, name)| (i, name.len()))
        .max_by_key(|(_, len)| *len)
}
