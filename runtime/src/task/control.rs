//! What a sink may ask of the loop that feeds it.

use walbridge_connector_api::{
    Batch, ConnectorError, PartitionInfo, Result, SinkControl, TopicPartition,
};
use walbridge_kafka::{Consumer, KafkaError};

/// How many applied batches are kept for their memory.
const SPARE: usize = 4;

/// A batch whose arena has grown beyond this is let go instead.
const SPARE_BYTES: usize = 4 << 20;

/// The consumer's side of a sink task.
pub(super) struct Control {
    pub(super) consumer: Consumer,
    spare: Vec<Batch>,
    failed: Option<ConnectorError>,
}

impl Control {
    pub(super) fn new(consumer: Consumer) -> Self {
        Self {
            consumer,
            spare: Vec::new(),
            failed: None,
        }
    }

    /// Returns what went wrong when the task asked for something that cannot answer with an error.
    pub(super) fn check(&mut self) -> Result<()> {
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Returns an empty batch, with memory from an earlier one if there is any.
    pub(super) fn batch(&mut self) -> Batch {
        let mut batch = self.spare.pop().unwrap_or_default();
        batch.clear();
        batch
    }
}

/// A reader whose partitions are not as the task believes must begin anew: one that is not resumed
/// would be silent for ever.
fn rewind(doing: &str, error: &KafkaError) -> ConnectorError {
    ConnectorError::rewind("Unreachable", format!("could not {doing} reading: {error}"))
}

impl SinkControl for Control {
    fn pause(&mut self, partitions: &[TopicPartition]) {
        if let Err(error) = self.consumer.pause(partitions) {
            self.failed.get_or_insert(rewind("pause", &error));
        }
    }

    fn resume(&mut self, partitions: &[TopicPartition]) {
        if let Err(error) = self.consumer.resume(partitions) {
            self.failed.get_or_insert(rewind("resume", &error));
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
