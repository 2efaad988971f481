//! Records as Kafka has them.

use std::borrow::Cow;
use std::sync::Arc;

/// A header of a record as Kafka has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireHeader<'a> {
    /// The header's name.
    pub key: Cow<'a, str>,
    /// The header's bytes.
    pub value: Option<Cow<'a, [u8]>>,
}

/// A record as Kafka has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireRecord<'a> {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition; `None` leaves it to the partitioner.
    pub partition: Option<i32>,
    /// Where it was read; `None` for a record that is yet to be written.
    pub offset: Option<i64>,
    /// Milliseconds since 1970; `None` leaves it to the producer.
    pub timestamp: Option<i64>,
    /// The key's bytes.
    pub key: Option<Cow<'a, [u8]>>,
    /// The value's bytes.
    pub value: Option<Cow<'a, [u8]>>,
    /// The headers in order.
    pub headers: Vec<WireHeader<'a>>,
}
