//! Records between a connector and a converter.

use std::sync::Arc;

use super::SchemaAndValue;

/// A header whose value has a structure.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectHeader {
    /// The header's name; a record may have several headers of one name.
    pub key: Arc<str>,
    /// The header's value.
    pub value: SchemaAndValue,
}

impl ConnectHeader {
    /// Creates a header.
    pub fn new(key: impl Into<Arc<str>>, value: SchemaAndValue) -> Self {
        Self {
            key: key.into(),
            value,
        }
    }
}

/// Where in Kafka a record was read, whatever transforms have made of its topic and partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The topic it was read from.
    pub topic: Arc<str>,
    /// The partition it was read from.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
}

/// A record as connectors and transforms see it.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectRecord {
    /// The topic it goes to, or came from.
    pub topic: Arc<str>,
    /// The partition; `None` leaves it to the partitioner.
    pub partition: Option<i32>,
    /// The key.
    pub key: SchemaAndValue,
    /// The value; null for a tombstone.
    pub value: SchemaAndValue,
    /// Milliseconds since 1970; `None` leaves it to the producer.
    pub timestamp: Option<i64>,
    /// The headers in order.
    pub headers: Vec<ConnectHeader>,
    /// Where it was read; `None` for a record that is yet to be written.
    pub origin: Option<Origin>,
}

impl ConnectRecord {
    /// Creates a record for a topic with a value and nothing else.
    pub fn new(topic: impl Into<Arc<str>>, value: SchemaAndValue) -> Self {
        Self {
            topic: topic.into(),
            partition: None,
            key: SchemaAndValue::NULL,
            value,
            timestamp: None,
            headers: Vec::new(),
            origin: None,
        }
    }

    /// Gives the record a key.
    #[must_use]
    pub fn with_key(mut self, key: SchemaAndValue) -> Self {
        self.key = key;
        self
    }

    /// Returns the last header of a name.
    pub fn last_header(&self, key: &str) -> Option<&SchemaAndValue> {
        let found = self.headers.iter().rev().find(|header| &*header.key == key);
        found.map(|header| &header.value)
    }
}
