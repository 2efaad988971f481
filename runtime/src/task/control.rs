//! What a sink may ask of the loop that feeds it.

use walbridge_connector_api::{Batch, PartitionInfo, Result, SinkControl, TopicPartition};
use walbridge_kafka::Consumer;

/// How many applied batches are kept for their memory.
const SPARE: usize = 4;

/// A batch whose arena has grown beyond this is let go instead.
const SPARE_BYTES: usize = 4 << 20;

/// The consumer's side of a sink task.
pub(super) struct Control {
    pub(super) consumer: Consumer,
    spare: Vec<Batch>,
}

impl Control {
    pub(super) fn new(consumer: Consumer) -> Self {
        Self {
            consumer,
            spare: Vec::new(),
        }
    }

    /// Returns an empty batch, with memory from an earlier one if there is any.
    pub(super) fn batch(&mut self) -> Batch {
        let mut batch = self.spare.pop().unwrap_or_default();
        batch.clear();
        batch
    }
}

impl SinkControl for Control {
    fn pause(&mut self, partitions: &[TopicPartition]) {
        if let Err(error) = self.consumer.pause(partitions) {
            tracing::debug!(%error, "could not pause");
        }
    }

    fn resume(&mut self, partitions: &[TopicPartition]) {
        if let Err(error) = self.consumer.resume(partitions) {
            tracing::debug!(%error, "could not resume");
        }
    }

    fn inspect(&mut self, partitions: &[TopicPartition]) -> Result<Vec<PartitionInfo>> {
        Ok(self.consumer.inspect(partitions)?)
    }

    fn recycle(&mut self, batch: Batch) {
        if self.spare.len() < SPARE && batch.capacity() <= SPARE_BYTES {
            self.spare.push(batch);
        }
    }
}
