//! What the scout tells the task.

use std::sync::Arc;

use walbridge_connector_api::{TopicPartition, TopicSpec};

/// A partition to be read from now on.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    /// The partition at the source.
    pub(crate) partition: TopicPartition,
    /// The offset to begin at.
    pub(crate) next: i64,
    /// The id of the topic at the source.
    pub(crate) topic_id: String,
    /// The topic at the target.
    pub(crate) target: Arc<TopicSpec>,
    /// Whether no position has ever been stored for it.
    pub(crate) fresh: bool,
}

/// What the scout has found.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// New partitions, with their topics ready at the target.
    pub(crate) starts: Vec<Start>,
    /// Where the known partitions end now.
    pub(crate) ends: Ends,
}

/// Where partitions of the source end.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    /// When the source was asked, in milliseconds since 1970: it may have more by now.
    pub(crate) asked_ms: i64,
    /// The offset after the last record of each.
    pub(crate) ends: Vec<(TopicPartition, i64)>,
}
