//! Header values as text whose type is guessed when read: Kafka Connect's `SimpleHeaderConverter`.

mod calendar;
mod parse;
mod print;

use walbridge_connector_api::data::{Schema, SchemaAndValue, Type};

use super::{ConvertError, Converter};

/// Writes a value as text, and reads the simplest type that the text may be.
pub(super) struct SimpleHeader;

impl Converter for SimpleHeader {
    fn encode(&mut self, _: &str, data: &SchemaAndValue) -> Result<Option<Vec<u8>>, ConvertError> {
        if data.value.is_null() {
            return Ok(None);
        }
        let mut text = String::new();
        print::print(&mut text, data.schema.as_ref(), &data.value, false);
        Ok(Some(text.into_bytes()))
    }

    fn decode(&mut self, _: &str, bytes: Option<&[u8]>) -> Result<SchemaAndValue, ConvertError> {
        let Some(bytes) = bytes else {
            return Ok(SchemaAndValue::NULL);
        };
        let text = String::from_utf8_lossy(bytes);
        if text.is_empty() {
            return Ok(SchemaAndValue::new(Schema::of(Type::String), ""));
        }
        Ok(parse::parse(&text))
    }
}
