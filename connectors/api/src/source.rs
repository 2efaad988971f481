//! The running part of a source connector.

use std::time::Duration;

use crate::{Batch, OffsetEntry, Result};

/// Reads a source and hands out batches. Runs on a thread of its own and may block.
pub trait SourceTask: Send {
    /// Waits at most `wait` for records and returns what there is; `None` when there is nothing yet.
    ///
    /// Batches stay in source order. A batch with offsets and no records is progress without data.
    ///
    /// # Errors
    /// Any error ends the task; its disposition says what happens next.
    fn poll(&mut self, wait: Duration) -> Result<Option<Batch>>;

    /// Takes back a batch whose bytes are written, so that its memory serves again.
    fn recycle(&mut self, _batch: Batch) {}

    /// Learns that these offsets are inside a Kafka transaction that has committed.
    ///
    /// This is the only call that may let the source forget (advance a slot).
    ///
    /// # Errors
    /// Any error ends the task.
    fn committed(&mut self, _offsets: &[OffsetEntry]) -> Result<()> {
        Ok(())
    }

    /// Ends the task's own threads and connections; called once, also after an error.
    fn stop(&mut self) {}
}
