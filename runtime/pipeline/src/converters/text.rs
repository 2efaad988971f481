//! The converter of plain text.

use walbridge_connector_api::data::{Schema, SchemaAndValue, Type, Value, text_of};

use super::{ConvertError, Converter};

/// Writes any value as text and reads text as a string.
pub(super) struct Text {
    pub(super) encoding: Encoding,
}

/// A character set that Java always has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    Ascii,
    Latin1,
}

impl Encoding {
    /// Finds a character set by the names Java knows it under.
    pub(super) fn find(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        Some(match name.as_str() {
            "utf-8" | "utf8" => Self::Utf8,
            "us-ascii" | "ascii" => Self::Ascii,
            "iso-8859-1" | "iso8859_1" | "latin1" => Self::Latin1,
            _ => return None,
        })
    }

    fn write(self, text: &str) -> Vec<u8> {
        let limit = match self {
            Self::Utf8 => return text.as_bytes().to_vec(),
            Self::Ascii => 0x80,
            Self::Latin1 => 0x100,
        };
        text.chars()
            .map(|c| {
                u8::try_from(u32::from(c))
                    .ok()
                    .filter(|_| u32::from(c) < limit)
            })
            .map(|byte| byte.unwrap_or(b'?'))
            .collect()
    }

    fn read(self, bytes: &[u8]) -> String {
        match self {
            Self::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
            Self::Ascii => bytes
                .iter()
                .map(|b| {
                    if b.is_ascii() {
                        char::from(*b)
                    } else {
                        '\u{FFFD}'
                    }
                })
                .collect(),
            Self::Latin1 => bytes.iter().copied().map(char::from).collect(),
        }
    }
}

impl Converter for Text {
    fn encode(&mut self, _: &str, data: &SchemaAndValue) -> Result<Option<Vec<u8>>, ConvertError> {
        Ok(match &data.value {
            Value::Null => None,
            Value::String(text) => Some(self.encoding.write(text)),
            value => Some(self.encoding.write(&text_of(data.schema.as_ref(), value)?)),
        })
    }

    fn decode(&mut self, _: &str, bytes: Option<&[u8]>) -> Result<SchemaAndValue, ConvertError> {
        let value = bytes.map(|bytes| self.encoding.read(bytes));
        Ok(SchemaAndValue::new(
            Schema::optional_of(Type::String),
            value,
        ))
    }
}
