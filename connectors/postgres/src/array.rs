//! Array literals: read, and written.

use crate::value::ValueError;

/// How deep PostgreSQL nests arrays.
pub(crate) const MAX_DIMENSIONS: usize = 6;

/// One dimension: how many items, and the index of the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dimension {
    pub(crate) len: i32,
    pub(crate) lower: i32,
}

/// A literal, read: its dimensions, and its items in row-major order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Literal {
    pub(crate) dimensions: Vec<Dimension>,
    /// `None` is a null.
    pub(crate) items: Vec<Option<Vec<u8>>>,
}

impl Literal {
    /// Reads a literal as the server writes it.
    pub(crate) fn read(text: &[u8], delimiter: u8) -> Result<Self, ValueError> {
        let (bounds, body) = match text {
            [b'[', ..] => {
                let equals = text.iter().position(|&b| b == b'=').ok_or(DAMAGED)?;
                (read_bounds(&text[..equals])?, &text[equals + 1..])
            }
            _ => (Vec::new(), text),
        };
        let mut reader = Reader {
            rest: body,
            delimiter,
            lens: Vec::new(),
            items: Vec::new(),
        };
        reader.array(0)?;
        if !reader.rest.is_empty() {
            return Err(DAMAGED);
        }
        if reader.items.is_empty() {
            return Ok(Self {
                dimensions: Vec::new(),
                items: reader.items,
            });
        }
        if !bounds.is_empty() && bounds.len() != reader.lens.len() {
            return Err(DAMAGED);
        }
        let lens = reader
            .lens
            .iter()
            .map(|&len| i32::try_from(len).map_err(|_| DAMAGED));
        let dimensions = lens
            .enumerate()
            .map(|(i, len)| {
                Ok(Dimension {
                    len: len?,
                    lower: bounds.get(i).copied().unwrap_or(1),
                })
            })
            .collect::<Result<_, ValueError>>()?;
        Ok(Self {
            dimensions,
            items: reader.items,
        })
    }
}

/// Reads `[1:2][0:3]` as the lower bounds.
fn read_bounds(text: &[u8]) -> Result<Vec<i32>, ValueError> {
    let text = std::str::from_utf8(text).map_err(|_| DAMAGED)?;
    let inner = text
        .strip_prefix('[')
        .and_then(|t| t.strip_suffix(']'))
        .ok_or(DAMAGED)?;
    let bounds = inner
        .split("][")
        .map(|pair| pair.split_once(':').and_then(|(low, _)| low.parse().ok()));
    bounds.collect::<Option<_>>().ok_or(DAMAGED)
}

struct Reader<'a> {
    rest: &'a [u8],
    delimiter: u8,
    lens: Vec<usize>,
    items: Vec<Option<Vec<u8>>>,
}

impl Reader<'_> {
    fn array(&mut self, depth: usize) -> Result<(), ValueError> {
        if depth >= MAX_DIMENSIONS {
            return Err(DAMAGED);
        }
        self.expect(b'{')?;
        let mut len = 0;
        if self.rest.first() != Some(&b'}') {
            loop {
                match self.rest.first() {
                    Some(b'{') => self.array(depth + 1)?,
                    _ => self.item()?,
                }
                len += 1;
                if self.rest.first() != Some(&self.delimiter) {
                    break;
                }
                self.rest = &self.rest[1..];
            }
        }
        self.expect(b'}')?;
        while self.lens.len() <= depth {
            self.lens.push(usize::MAX);
        }
        if self.lens[depth] == usize::MAX {
            self.lens[depth] = len;
        }
        if self.lens[depth] == len {
            Ok(())
        } else {
            Err(DAMAGED)
        }
    }

    fn item(&mut self) -> Result<(), ValueError> {
        let quoted = self.rest.first() == Some(&b'"');
        if quoted {
            self.rest = &self.rest[1..];
        }
        let mut text = Vec::new();
        loop {
            let (&byte, rest) = self.rest.split_first().ok_or(DAMAGED)?;
            match byte {
                b'\\' => {
                    let (&next, rest) = rest.split_first().ok_or(DAMAGED)?;
                    text.push(next);
                    self.rest = rest;
                    continue;
                }
                b'"' if quoted => {
                    self.rest = rest;
                    break;
                }
                b'}' if !quoted => break,
                _ if !quoted && byte == self.delimiter => break,
                _ => text.push(byte),
            }
            self.rest = rest;
        }
        let null = !quoted && text.eq_ignore_ascii_case(b"NULL");
        self.items.push(if null { None } else { Some(text) });
        Ok(())
    }

    fn expect(&mut self, byte: u8) -> Result<(), ValueError> {
        self.rest = self.rest.strip_prefix(&[byte]).ok_or(DAMAGED)?;
        Ok(())
    }
}

/// Writes the literal of an array whose items come in row-major order.
pub(crate) struct Writer<'a> {
    dimensions: &'a [Dimension],
    delimiter: u8,
    written: usize,
}

impl<'a> Writer<'a> {
    /// Starts the literal.
    pub(crate) fn begin(dimensions: &'a [Dimension], delimiter: u8, out: &mut Vec<u8>) -> Self {
        if dimensions.iter().any(|d| d.lower != 1) {
            for dimension in dimensions {
                let upper = i64::from(dimension.lower) + i64::from(dimension.len) - 1;
                out.extend_from_slice(format!("[{}:{upper}]", dimension.lower).as_bytes());
            }
            out.push(b'=');
        }
        if dimensions.is_empty() {
            out.push(b'{');
        }
        Self {
            dimensions,
            delimiter,
            written: 0,
        }
    }

    /// Appends what stands before the next item.
    pub(crate) fn next(&mut self, out: &mut Vec<u8>) {
        if self.written > 0 {
            let ended = self.ended();
            out.extend(std::iter::repeat_n(b'}', ended));
            out.push(self.delimiter);
            out.extend(std::iter::repeat_n(b'{', ended));
        } else {
            out.extend(std::iter::repeat_n(b'{', self.dimensions.len()));
        }
        self.written += 1;
    }

    /// Appends what stands behind the last item.
    pub(crate) fn end(&self, out: &mut Vec<u8>) {
        out.extend(std::iter::repeat_n(b'}', self.dimensions.len().max(1)));
    }

    /// Returns how many dimensions are full.
    fn ended(&self) -> usize {
        let mut size = 1usize;
        let mut ended = 0;
        for dimension in self.dimensions.iter().skip(1).rev() {
            size = size.saturating_mul(dimension.len.max(1) as usize);
            if !self.written.is_multiple_of(size) {
                break;
            }
            ended += 1;
        }
        ended
    }
}

/// Puts an item's text, appended since `start`, between quotes if it needs them.
pub(crate) fn quote(out: &mut Vec<u8>, start: usize, delimiter: u8) {
    let text = &out[start..];
    let special = |b: &u8| {
        matches!(
            b,
            b'"' | b'\\' | b'{' | b'}' | b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c
        ) || *b == delimiter
    };
    if !text.is_empty() && !text.eq_ignore_ascii_case(b"NULL") && !text.iter().any(special) {
        return;
    }
    let text = text.to_vec();
    out.truncate(start);
    out.push(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

const DAMAGED: ValueError = ValueError::new("an array's text is no array");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round(text: &str) -> String {
        let literal = Literal::read(text.as_bytes(), b',').unwrap();
        let mut out = Vec::new();
        let mut writer = Writer::begin(&literal.dimensions, b',', &mut out);
        for item in &literal.items {
            writer.next(&mut out);
            match item {
                None => out.extend_from_slice(b"NULL"),
                Some(item) => {
                    let start = out.len();
                    out.extend_from_slice(item);
                    quote(&mut out, start, b',');
                }
            }
        }
        writer.end(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn literals_survive() {
        for text in [
            "{}",
            "{1}",
            "{1,2,NULL}",
            "{\"NULL\",\"\",\"a b\",\"q\\\"\\\\\",x}",
            "{{1,2},{3,4}}",
            "{{{1},{2}},{{3},{4}}}",
            "[0:1]={5,6}",
            "[-1:0][2:3]={{1,2},{3,4}}",
        ] {
            assert_eq!(round(text), text);
        }
    }

    #[test]
    fn damaged_literals_are_refused() {
        for text in [
            "",
            "{",
            "{1",
            "{1}}",
            "{{1},{2,3}}",
            "[1:2]{1,2}",
            "{\"a}",
            "{{{{{{{1}}}}}}}",
        ] {
            assert!(Literal::read(text.as_bytes(), b',').is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[\\[\\]{}\",:=\\\\1aN]{0,30}") {
            let _ = Literal::read(text.as_bytes(), b',');
        }
    }
}
