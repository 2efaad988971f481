//! Records that no converter takes, in a form that people and tools can read.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use walbridge_connector_api::data::{ConnectRecord, SchemaAndValue};

use crate::converters::{Converter, ConverterKind, Role};
use crate::{WireHeader, WireRecord};

/// Writes records as JSON with their schemas, whatever the converters of their connector are.
pub struct Readable {
    /// None if it could not be made: then everything is written as text.
    json: Option<Box<dyn Converter>>,
}

impl Default for Readable {
    fn default() -> Self {
        let json = ConverterKind::Json.create(Role::Value, &BTreeMap::new());
        Self { json: json.ok() }
    }
}

impl Readable {
    /// Writes key, value and header values as Kafka Connect's JSON converter does with schemas; what it
    /// refuses, because a value does not fit its schema, as text.
    pub fn write(&mut self, record: &ConnectRecord) -> WireRecord<'static> {
        let topic = Arc::clone(&record.topic);
        let mut part = |data: &SchemaAndValue| self.bytes(&topic, data).map(Cow::Owned);
        let headers = record.headers.iter().map(|header| WireHeader {
            key: Cow::Owned(header.key.to_string()),
            value: part(&header.value),
        });
        let headers = headers.collect();
        WireRecord {
            key: part(&record.key),
            value: part(&record.value),
            headers,
            partition: None,
            offset: None,
            timestamp: record.timestamp,
            topic: Arc::clone(&record.topic),
        }
    }

    fn bytes(&mut self, topic: &str, data: &SchemaAndValue) -> Option<Vec<u8>> {
        if *data == SchemaAndValue::NULL {
            return None;
        }
        let json = self.json.as_mut().map(|json| json.encode(topic, data));
        match json {
            Some(Ok(bytes)) => bytes,
            _ => Some(format!("{:?}", data.value).into_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use walbridge_connector_api::data::{ConnectHeader, Schema, Type, Value};

    #[test]
    fn writes_what_no_converter_takes() {
        let number = SchemaAndValue::new(Schema::of(Type::Int32), 7i32);
        // A text under a number's schema: what a connector with a mistake hands out.
        let wrong = SchemaAndValue::new(Schema::of(Type::Int32), "x");
        let mut record = ConnectRecord::new("t", wrong).with_key(number.clone());
        record.headers.push(ConnectHeader::new("h", number));
        let wire = Readable::default().write(&record);
        let json: &[u8] = br#"{"schema":{"type":"int32","optional":false},"payload":7}"#;
        assert_eq!(wire.key.as_deref(), Some(json));
        assert_eq!(wire.headers[0].value.as_deref(), Some(json));
        let value = String::from_utf8(wire.value.unwrap().into_owned()).unwrap();
        assert!(value.contains("\"x\""), "{value}");
        let null = ConnectRecord::new("t", SchemaAndValue::schemaless(Value::Null));
        assert_eq!(Readable::default().write(&null).value, None);
    }
}
