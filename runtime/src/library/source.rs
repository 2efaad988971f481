//! Source tasks of a library.

use std::time::Duration;

use walbridge_connector_api::{
    Batch, OffsetEntry, RecordSource, Result, SourceRecord, SourceTask, TransactionContext,
    TransactionEnd,
};
use walbridge_plugin::codec::{End, Wire, read_batch, read_source_records};
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
pub(super) struct PluginRecordSource {
    task: PluginTask,
    /// Set until the library has been told to use one.
    fresh: bool,
    transactions: Option<TransactionContext>,
}

impl PluginRecordSource {
    pub(super) fn new(task: PluginTask) -> Self {
        Self {
            task,
            fresh: false,
            transactions: None,
        }
    }
}

impl RecordSource for PluginRecordSource {
    fn define_transactions(&mut self, context: TransactionContext) {
        self.transactions = Some(context);
        self.fresh = true;
    }

    fn poll(&mut self, wait: Duration) -> Result<Vec<SourceRecord>> {
        if std::mem::take(&mut self.fresh) {
            self.task.begin(&());
            self.task.call(operation::DEFINE, None, |_, _| Ok(()))?;
        }
        self.task.begin(&millis(wait));
        let (records, ends) = self.task.call(operation::POLL, None, |from, schemas| {
            let records = read_source_records(from, schemas)?;
            Ok((records, Vec::<End>::read(from)?))
        })?;
        if let Some(transactions) = &self.transactions {
            ask(transactions, &ends);
        }
        Ok(records)
    }

    fn committed(&mut self, offsets: &[OffsetEntry]) -> Result<()> {
        self.task.begin(&offsets.to_vec());
        self.task.call(operation::COMMITTED, None, |_, _| Ok(()))
    }

    fn stop(&mut self) {
        self.task.stop();
    }
}

/// Asks the runtime for what the library's source has asked for.
fn ask(transactions: &TransactionContext, ends: &[End]) {
    for (count, end) in ends {
        let last = usize::try_from(*count).unwrap_or(usize::MAX).checked_sub(1);
        match (last, end) {
            (Some(last), TransactionEnd::Commit) => transactions.commit_after(last),
            (Some(last), TransactionEnd::Abort) => transactions.abort_after(last),
            (None, TransactionEnd::Commit) => transactions.commit(),
            (None, TransactionEnd::Abort) => transactions.abort(),
        }
    }
}
