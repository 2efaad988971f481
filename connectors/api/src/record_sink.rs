//! The running part of a sink connector that takes records and leaves their bytes to converters.

use std::collections::BTreeMap;

use crate::data::ConnectRecord;
use crate::{ErrantRecordReporter, Result, TopicPartition};

/// Per partition the offset of the next record, the first one not yet put.
pub type NextOffsets = BTreeMap<TopicPartition, i64>;

/// Writes records to a target. Runs on a thread of its own and may block.
///
/// The runtime starts each partition at the offset its consumer group has committed, else at the
/// beginning, and commits only what [`RecordSink::precommit`] returned: a record is delivered at
/// least once, and again after a crash if its offset was not committed yet. A sink that stores
/// [`Origin::offset`](crate::data::Origin) together with what it writes can leave such a record out, and then
/// has its effect exactly once.
///
/// `put` may return before what it was given is safe; the next `put` is not called before. A sink that
/// collects bounds that by bytes, and writes it out in `put` when the bound is reached.
///
/// ```
/// use walbridge_connector_api::data::ConnectRecord;
/// use walbridge_connector_api::{RecordSink, Result};
///
/// /// Prints values; what is printed is safe.
/// struct Printer;
///
/// impl RecordSink for Printer {
///     fn put(&mut self, records: &[ConnectRecord]) -> Result<()> {
///         for record in records {
///             println!("{}", record.value.text()?);
///         }
///         Ok(())
///     }
/// }
/// ```
pub trait RecordSink: Send {
    /// Takes what single records that cannot be written are handed to; called once, before anything else.
    fn report_to(&mut self, _reporter: ErrantRecordReporter) {}

    /// Learns about partitions whose records will follow.
    ///
    /// # Errors
    /// Any error ends the task; its disposition says what happens next.
    fn open(&mut self, _partitions: &[TopicPartition]) -> Result<()> {
        Ok(())
    }

    /// Takes records, each partition's in offset order.
    ///
    /// A record that cannot be written though others can is handed to the
    /// [`ErrantRecordReporter`], and the rest of them are written.
    ///
    /// # Errors
    /// Any error ends the task; its disposition says what happens next.
    fn put(&mut self, records: &[ConnectRecord]) -> Result<()>;

    /// Makes everything put so far safe against a crash.
    ///
    /// # Errors
    /// Any error ends the task, and nothing put since the last flush counts as delivered.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    /// Returns the offsets that may be committed, being told those of everything put so far.
    ///
    /// Flushes and returns them all, unless a sink knows better what is safe.
    ///
    /// # Errors
    /// As [`RecordSink::flush`].
    fn precommit(&mut self, next: &NextOffsets) -> Result<NextOffsets> {
        self.flush()?;
        Ok(next.clone())
    }

    /// Learns that no more records of these partitions follow; called before an orderly end.
    ///
    /// # Errors
    /// Any error is logged; the task ends anyway.
    fn close(&mut self, _partitions: &[TopicPartition]) -> Result<()> {
        Ok(())
    }

    /// Ends the task's own threads and connections; called once, also after an error.
    fn stop(&mut self) {}
}
