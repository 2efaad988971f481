//! The running part of a sink connector.

use std::sync::Arc;
use std::time::Duration;

use crate::{Batch, Result};

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number.
    pub partition: i32,
}

/// A partition as the cluster has it at this moment.
#[derive(Debug, Clone)]
pub struct PartitionInfo {
    /// Which partition.
    pub partition: TopicPartition,
    /// The topic's id: another one under the same name is another topic.
    pub topic_id: String,
    /// The first offset that can still be read.
    pub first: i64,
    /// The offset that the next record will have.
    pub end: i64,
}

/// Where the runtime starts reading a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartAt {
    /// At the first offset that can be read.
    Beginning,
    /// At this offset; if it cannot be read any more the task stops by name.
    Offset(i64),
}

/// What the target has for certain: per partition the offset of the first record not yet applied.
#[derive(Debug, Clone, Default)]
pub struct Applied {
    /// Partitions whose offset moved, for the runtime to commit to the consumer group (monitoring).
    pub offsets: Vec<(TopicPartition, i64)>,
    /// Whether work is held back that a call without records could finish: call again at once.
    pub pending: bool,
}

/// What a sink may ask of the runtime while it holds records.
pub trait SinkControl {
    /// Stops reading these partitions (records already fetched still come).
    fn pause(&mut self, partitions: &[TopicPartition]);

    /// Goes on reading these partitions.
    fn resume(&mut self, partitions: &[TopicPartition]);

    /// Returns the partitions as the cluster has them now: their first and end offsets.
    ///
    /// # Errors
    /// If the cluster cannot be asked.
    fn inspect(&mut self, partitions: &[TopicPartition]) -> Result<Vec<PartitionInfo>>;

    /// Gives back a batch that is applied, so that its memory serves again.
    fn recycle(&mut self, batch: Batch);
}

/// Applies records to a target. Runs on a thread of its own and may block.
pub trait SinkTask: Send {
    /// Learns which partitions there are and says where to start each, in the same order.
    ///
    /// Called once at the start with all partitions and again with those that appear later.
    ///
    /// # Errors
    /// If the target's stored position and the topics do not fit together, or the target is away.
    fn open(&mut self, partitions: &[PartitionInfo]) -> Result<Vec<StartAt>>;

    /// Takes a batch (`None` when there was nothing to read) and says what has been applied.
    ///
    /// The sink keeps the batch as long as it needs it and gives it back through
    /// [`SinkControl::recycle`].
    ///
    /// # Errors
    /// Any error ends the task; its disposition says what happens next.
    fn put(&mut self, batch: Option<Batch>, control: &mut dyn SinkControl) -> Result<Applied>;

    /// Returns how long the runtime may wait for records before it calls `put` with none.
    fn patience(&self) -> Duration {
        Duration::from_millis(100)
    }

    /// Applies what it holds before an orderly end, and says what has been applied.
    ///
    /// Called at most once, after the last `put` and only if nothing failed.
    ///
    /// # Errors
    /// What is not applied stays unapplied; the task ends anyway.
    fn finish(&mut self) -> Result<Applied> {
        Ok(Applied::default())
    }

    /// Ends the task: what is not applied stays unapplied. Called once, also after an error.
    fn stop(&mut self) {}
}
