//! Converters: values with structure to bytes and back, by Kafka Connect's class names.

pub mod avro;
pub mod catalog;
mod error;
mod header;
mod json;
mod number;
mod registry;
mod text;

pub use catalog::{ConverterKind, Role};
pub use error::ConvertError;

use walbridge_connector_api::data::SchemaAndValue;

/// Turns values into bytes and bytes into values. One is used by one task alone.
pub trait Converter: Send {
    /// Returns the bytes of a value; `None` is a Kafka null.
    ///
    /// # Errors
    /// If this converter cannot write such a value, or a registry does not help.
    fn encode(
        &mut self,
        topic: &str,
        data: &SchemaAndValue,
    ) -> Result<Option<Vec<u8>>, ConvertError>;

    /// Returns the value that bytes stand for.
    ///
    /// # Errors
    /// If the bytes are not what this converter reads, or a registry does not help.
    fn decode(&mut self, topic: &str, bytes: Option<&[u8]>)
    -> Result<SchemaAndValue, ConvertError>;
}
