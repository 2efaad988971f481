//! Sink tasks of a library, and what they may ask of the runtime.

use std::time::Duration;

use walbridge_connector_api::data::ConnectRecord;
use walbridge_connector_api::{
    Applied, Batch, ErrantRecordReporter, NextOffsets, PartitionInfo, RecordSink, Result,
    SinkControl, SinkTask, StartAt, TopicPartition,
};
use walbridge_plugin::abi::status;
use walbridge_plugin::codec::{Malformed, Wire, bytes_of, write_records};
use walbridge_plugin::operation;

use super::task::{PluginTask, read};

/// A sink of bytes.
pub(super) struct PluginSink {
    task: PluginTask,
    patience: Duration,
}

impl PluginSink {
    pub(super) fn new(task: PluginTask, patience_ms: u64) -> Self {
        let patience = Duration::from_millis(patience_ms);
        Self { task, patience }
    }
}

impl SinkTask for PluginSink {
    fn open(&mut self, partitions: &[PartitionInfo]) -> Result<Vec<StartAt>> {
        self.task.begin(&partitions.to_vec());
        self.task.call(operation::OPEN, None, |from, _| {
            let starts = Vec::read(from)?;
            if starts.len() == partitions.len() {
                Ok(starts)
            } else {
                Err(Malformed("it does not say where each partition starts"))
            }
        })
    }

    fn put(&mut self, batch: Option<Batch>, control: &mut dyn SinkControl) -> Result<Applied> {
        self.task.begin(&batch);
        let (applied, patience) =
            self.task
                .call(operation::PUT, Some(&mut *control), |from, _| {
                    <(Applied, u64)>::read(from)
                })?;
        self.patience = Duration::from_millis(patience);
        if let Some(batch) = batch {
            // The library has a copy of its own.
            control.recycle(batch);
        }
        Ok(applied)
    }

    fn patience(&self) -> Duration {
        self.patience
    }

    fn finish(&mut self) -> Result<Applied> {
        self.task.begin(&());
        self.task
            .call(operation::FINISH, None, |from, _| Applied::read(from))
    }

    fn stop(&mut self) {
        self.task.stop();
    }
}

/// A sink of records.
pub(super) struct PluginRecordSink(PluginTask);

impl PluginRecordSink {
    pub(super) fn new(task: PluginTask) -> Self {
        Self(task)
    }
}

impl RecordSink for PluginRecordSink {
    fn report_to(&mut self, reporter: ErrantRecordReporter) {
        self.0.errant = reporter;
    }

    fn open(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.0.begin(&partitions.to_vec());
        self.0.call(operation::OPEN, None, |_, _| Ok(()))
    }

    fn put(&mut self, records: &[ConnectRecord]) -> Result<()> {
        self.0.begin(&());
        let task = &mut self.0;
        let written = write_records(records, &mut task.schemas_out, &mut task.input);
        written.map_err(|error| task.unwritable(&error))?;
        task.call(operation::PUT, None, |_, _| Ok(()))
    }

    fn precommit(&mut self, next: &NextOffsets) -> Result<NextOffsets> {
        self.0.begin(next);
        self.0.call(operation::PRECOMMIT, None, |from, _| {
            NextOffsets::read(from)
        })
    }

    fn close(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.0.begin(&partitions.to_vec());
        self.0.call(operation::CLOSE, None, |_, _| Ok(()))
    }

    fn stop(&mut self) {
        self.0.stop();
    }
}

/// Carries out what a library's sink asks while it is called; returns status and answer.
pub(super) fn control(
    control: &mut dyn SinkControl,
    operation: u32,
    input: &[u8],
) -> (i32, Vec<u8>) {
    let partitions: Vec<TopicPartition> = match read(input) {
        Ok(partitions) => partitions,
        Err(error) => return (status::MALFORMED, error.to_string().into_bytes()),
    };
    match operation {
        operation::PAUSE => control.pause(&partitions),
        operation::RESUME => control.resume(&partitions),
        operation::INSPECT => {
            return match control.inspect(&partitions) {
                Ok(infos) => (status::OK, bytes_of(&infos)),
                Err(error) => (status::ERROR, bytes_of(&error)),
            };
        }
        _ => return (status::MALFORMED, b"there is no such operation".to_vec()),
    }
    (status::OK, Vec::new())
}
