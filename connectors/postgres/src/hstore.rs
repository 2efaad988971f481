//! hstore's forms: pairs in binary, `"k"=>"v"` in text, a JSON object in Avro.

use std::borrow::Cow;

use crate::value::{Pieces, ValueError};

/// A key and its value.
type Pair<'a> = (Cow<'a, [u8]>, Option<Cow<'a, [u8]>>);

/// The pairs of the binary form.
pub(crate) struct BinaryPairs<'a> {
    pieces: Pieces<'a>,
    left: u32,
}

impl<'a> BinaryPairs<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, ValueError> {
        let mut pieces = Pieces::new(bytes);
        let left = u32::try_from(pieces.i32()?).map_err(|_| DAMAGED)?;
        Ok(Self { pieces, left })
    }
}

impl<'a> Iterator for BinaryPairs<'a> {
    type Item = Result<Pair<'a>, ValueError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let mut pair = || {
            let key = self.pieces.sized()?.ok_or(DAMAGED)?;
            Ok((Cow::Borrowed(key), self.pieces.sized()?.map(Cow::Borrowed)))
        };
        let pair = pair();
        if pair.is_err() {
            self.left = 0;
        }
        Some(pair)
    }
}

/// The pairs of the text form, as the server writes it.
pub(crate) struct TextPairs<'a> {
    rest: &'a [u8],
}

impl<'a> TextPairs<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { rest: text }
    }

    fn quoted(&mut self) -> Result<Cow<'a, [u8]>, ValueError> {
        let inner = self.rest.strip_prefix(b"\"").ok_or(DAMAGED)?;
        let mut escaped: Option<Vec<u8>> = None;
        let mut index = 0;
        loop {
            match inner.get(index) {
                Some(b'"') => break,
                Some(b'\\') => {
                    let text = escaped.get_or_insert_with(|| inner[..index].to_vec());
                    text.push(*inner.get(index + 1).ok_or(DAMAGED)?);
                    index += 2;
                }
                Some(&byte) => {
                    if let Some(text) = &mut escaped {
                        text.push(byte);
                    }
                    index += 1;
                }
                None => return Err(DAMAGED),
            }
        }
        self.rest = &inner[index + 1..];
        Ok(escaped.map_or(Cow::Borrowed(&inner[..index]), Cow::Owned))
    }

    fn pair(&mut self) -> Result<Pair<'a>, ValueError> {
        let key = self.quoted()?;
        self.rest = self.rest.strip_prefix(b"=>").ok_or(DAMAGED)?;
        let value = match self.rest.strip_prefix(b"NULL") {
            Some(rest) => {
                self.rest = rest;
                None
            }
            None => Some(self.quoted()?),
        };
        if !self.rest.is_empty() {
            self.rest = self.rest.strip_prefix(b", ").ok_or(DAMAGED)?;
        }
        Ok((key, value))
    }
}

impl<'a> Iterator for TextPairs<'a> {
    type Item = Result<Pair<'a>, ValueError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let pair = self.pair();
        if pair.is_err() {
            self.rest = &[];
        }
        Some(pair)
    }
}

/// Appends pairs as a JSON object without blanks, as Debezium writes it.
pub(crate) fn json_of_pairs<'a>(
    pairs: impl Iterator<Item = Result<Pair<'a>, ValueError>>,
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    out.push(b'{');
    for (i, pair) in pairs.enumerate() {
        let (key, value) = pair?;
        if i > 0 {
            out.push(b',');
        }
        push_json(&key, out)?;
        out.push(b':');
        match value {
            Some(value) => push_json(&value, out)?,
            None => out.extend_from_slice(b"null"),
        }
    }
    out.push(b'}');
    Ok(())
}

fn push_json(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let text = std::str::from_utf8(text).map_err(|_| DAMAGED)?;
    serde_json::to_writer(out, text).map_err(|_| DAMAGED)
}

/// Appends pairs in the text form.
pub(crate) fn text_of_pairs<'a>(
    pairs: impl Iterator<Item = Result<Pair<'a>, ValueError>>,
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    for (i, pair) in pairs.enumerate() {
        let (key, value) = pair?;
        if i > 0 {
            out.extend_from_slice(b", ");
        }
        push_quoted(&key, out);
        out.extend_from_slice(b"=>");
        match value {
            Some(value) => push_quoted(&value, out),
            None => out.extend_from_slice(b"NULL"),
        }
    }
    Ok(())
}

fn push_quoted(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// Appends the text form of a JSON object of strings and nulls.
pub(crate) fn text_of_json(json: &str, out: &mut Vec<u8>) -> Result<(), ValueError> {
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(json).map_err(|_| DAMAGED)?;
    let pairs = object.iter().map(|(key, value)| {
        let value = match value {
            serde_json::Value::Null => None,
            serde_json::Value::String(text) => Some(Cow::Borrowed(text.as_bytes())),
            _ => return Err(DAMAGED),
        };
        Ok((Cow::Borrowed(key.as_bytes()), value))
    });
    text_of_pairs(pairs, out)
}

const DAMAGED: ValueError = ValueError::new("an hstore's value is none");
