//! Source positions as Kafka Connect stores them: a partition map and an offset map.

use serde_json::{Map, Value};

/// What part of the source an offset belongs to, such as `{"server":"east"}`.
pub type SourcePartition = Map<String, Value>;

/// Where in that part the source is, such as `{"lsn":123}`.
pub type SourceOffset = Map<String, Value>;

/// One source partition with its offset.
#[derive(Debug, Clone, PartialEq)]
pub struct OffsetEntry {
    /// What part of the source.
    pub partition: SourcePartition,
    /// Where in it; `None` forgets the partition.
    pub offset: Option<SourceOffset>,
}
