//! Replacements: `$1` and `${name}` stand for groups, a backslash makes the next character plain.

use fancy_regex::Captures;

use super::JavaRegex;

#[derive(Debug)]
enum Piece {
    Text(String),
    Group(usize),
}

/// A replacement as `Matcher.replaceFirst` reads it.
#[derive(Debug)]
pub(crate) struct Replacement(Vec<Piece>);

impl Replacement {
    /// Reads a replacement for a pattern, whose groups must exist.
    ///
    /// # Errors
    /// What Java throws when it comes to replacing.
    pub(crate) fn new(text: &str, regex: &JavaRegex) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' => plain.push(chars.next().ok_or("character to be escaped is missing")?),
                '$' => {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    pieces.push(Piece::Group(group(&mut chars, regex)?));
                }
                _ => plain.push(c),
            }
        }
        pieces.push(Piece::Text(plain));
        Ok(Self(pieces))
    }

    pub(super) fn append(&self, out: &mut String, groups: &Captures<'_, str>) {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Group(n) => out.push_str(groups.get(*n).map_or("", |m| m.as_str())),
            }
        }
    }
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn group(chars: &mut Chars<'_>, regex: &JavaRegex) -> Result<usize, String> {
    match chars.peek() {
        None => Err("Illegal group reference: group index is missing".to_owned()),
        Some('{') => {
            chars.next();
            let mut name = String::new();
            while let Some(c) = chars.next_if(char::is_ascii_alphanumeric) {
                name.push(c);
            }
            if name.is_empty() {
                return Err("named capturing group has 0 length name".to_owned());
            }
            if chars.next() != Some('}') {
                return Err("named capturing group is missing trailing '}'".to_owned());
            }
            if name.starts_with(|c: char| c.is_ascii_digit()) {
                return Err(format!(
                    "capturing group name {{{name}}} starts with digit character"
                ));
            }
            regex
                .group(&name)
                .ok_or_else(|| format!("No group with name {{{name}}}"))
        }
        Some(_) => {
            let digit = |c: char| c.to_digit(10).map(|d| d as usize);
            let mut number = chars
                .next()
                .and_then(digit)
                .ok_or("Illegal group reference")?;
            if number > regex.groups() {
                return Err(format!("No group {number}"));
            }
            // As many digits as make a group that there is.
            while let Some(d) = chars.peek().copied().and_then(digit) {
                let longer = number * 10 + d;
                if longer > regex.groups() {
                    break;
                }
                number = longer;
                chars.next();
            }
            Ok(number)
        }
    }
}
