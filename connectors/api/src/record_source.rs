//! The running part of a source connector that hands out records and leaves their bytes to converters.

use std::time::Duration;

use crate::data::ConnectRecord;
use crate::{OffsetEntry, Result, TransactionContext};

/// A record with the source position that stands for having read it.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceRecord {
    /// The record.
    pub record: ConnectRecord,
    /// Where the source is once this record is written; `None` if it says nothing about that.
    pub offset: Option<OffsetEntry>,
}

/// Reads a source and hands out records. Runs on a thread of its own and may block.
///
/// What one poll returns is written in one Kafka transaction with the offsets of all of it: both are there
/// or neither is. The source may say itself where transactions end ([`Self::define_transactions`]), and where its connector is set to at least once there are none. After a
/// crash the next task begins at the offsets that were committed last, so what was polled after them is
/// polled again. Nothing is polled while a former poll is not written: this is the only back-pressure there
/// is, and enough for a source that does not read ahead on threads of its own.
pub trait RecordSource: Send {
    /// Takes what says where transactions end; called once, before the first poll, and only if the
    /// connector's `transaction.boundary` is `connector`.
    fn define_transactions(&mut self, _context: TransactionContext) {}

    /// Waits at most `wait` for records and returns what there is, in source order; nothing if there
    /// is nothing yet.
    ///
    /// # Errors
    /// Any error ends the task; its disposition says what happens next.
    fn poll(&mut self, wait: Duration) -> Result<Vec<SourceRecord>>;

    /// Learns that these offsets are inside a Kafka transaction that has committed; with at least once, that
    /// Kafka has them and all records up to them.
    ///
    /// # Errors
    /// Any error ends the task.
    fn committed(&mut self, _offsets: &[OffsetEntry]) -> Result<()> {
        Ok(())
    }

    /// Ends the task's own threads and connections; called once, also after an error.
    fn stop(&mut self) {}
}
