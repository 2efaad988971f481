//! Source tasks of a library.

use std::time::Duration;

use walbridge_connector_api::{Batch, OffsetEntry, RecordSource, Result, SourceRecord, SourceTask};
use walbridge_plugin::codec::{Wire, read_batch, read_source_records};
use walbridge_plugin::operation;

use super::task::PluginTask;

fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}

/// A source of bytes.
pub(super) struct PluginSource {
    task: PluginTask,
    spare: Option<Batch>,
}

impl PluginSource {
    pub(super) fn new(task: PluginTask) -> Self {
        Self { task, spare: None }
    }
}

impl SourceTask for PluginSource {
    fn poll(&mut self, wait: Duration) -> Result<Option<Batch>> {
        self.task.begin(&millis(wait));
        let spare = &mut self.spare;
        self.task.call(operation::POLL, None, |from, _| {
            if !bool::read(from)? {
                return Ok(None);
            }
            let mut batch = spare.take().unwrap_or_default();
            read_batch(&mut batch, from)?;
            Ok(Some(batch))
        })
    }

    fn recycle(&mut self, batch: Batch) {
        self.spare = Some(batch);
    }

    fn committed(&mut self, offsets: &[OffsetEntry]) -> Result<()> {
        self.task.begin(&offsets.to_vec());
        self.task.call(operation::COMMITTED, None, |_, _| Ok(()))
    }

    fn stop(&mut self) {
        self.task.stop();
    }
}

/// A source of records.
pub(super) struct PluginRecordSource(PluginTask);

impl PluginRecordSource {
    pub(super) fn new(task: PluginTask) -> Self {
        Self(task)
    }
}

impl RecordSource for PluginRecordSource {
    fn poll(&mut self, wait: Duration) -> Result<Vec<SourceRecord>> {
        self.0.begin(&millis(wait));
        self.0.call(operation::POLL, None, read_source_records)
    }

    fn committed(&mut self, offsets: &[OffsetEntry]) -> Result<()> {
        self.0.begin(&offsets.to_vec());
        self.0.call(operation::COMMITTED, None, |_, _| Ok(()))
    }

    fn stop(&mut self) {
        self.0.stop();
    }
}
