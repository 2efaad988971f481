//! A task at work: its operations, from bytes to bytes.

use std::sync::Arc;
use std::time::Duration;

use walbridge_connector_api::{
    Batch, Connector, ConnectorError, ConnectorKind, ErrantRecordReporter, Form, RecordSink,
    RecordSource, Result, Settings, SinkControl, SinkTask, SourceTask, StopToken, TaskContext,
    TaskMetrics, TransactionContext,
};

use super::Reply;
use crate::abi::status;
use crate::codec::{
    Aside, Counted, End, Malformed, Reader, SchemasIn, SchemasOut, Start, Wire, read_batch,
    read_records, write_source_records,
};
use crate::operation;

/// How many batches are kept for their memory.
const SPARE: usize = 2;

/// How many bytes the length of an answer's body takes.
const LENGTH: usize = size_of::<u64>();

enum Task {
    Source(Box<dyn SourceTask>),
    RecordSource(Box<dyn RecordSource>),
    Sink(Box<dyn SinkTask>),
    RecordSink(Box<dyn RecordSink>, ErrantRecordReporter),
}

/// A task with what both sides remember of it.
pub(super) struct Session {
    task: Task,
    metrics: Arc<TaskMetrics>,
    counted: Counted,
    /// Where a source of records says that transactions end, if it is to.
    transactions: Option<TransactionContext>,
    schemas_in: SchemasIn,
    schemas_out: SchemasOut,
    spare: Vec<Batch>,
    /// A panic leaves a task half changed: nothing of it is called any more.
    broken: bool,
}

/// Why an operation has no answer.
enum Failure {
    Malformed(Malformed),
    Connector(ConnectorError),
}

impl From<Malformed> for Failure {
    fn from(error: Malformed) -> Self {
        Self::Malformed(error)
    }
}

impl From<ConnectorError> for Failure {
    fn from(error: ConnectorError) -> Self {
        Self::Connector(error)
    }
}

/// A sink's wishes on the way to the worker, which also keeps the batches it has done with.
pub(super) trait Control: SinkControl {
    /// Returns the batches that were given back.
    fn returned(&mut self) -> Vec<Batch>;
}

impl Session {
    pub(super) fn start(
        connector: &dyn Connector,
        settings: &Settings,
        start: Start,
        stop: StopToken,
    ) -> Result<Self> {
        let metrics = Arc::new(TaskMetrics::default());
        let context = TaskContext {
            connector: start.connector,
            task: start.task,
            group: start.group,
            offsets: start.offsets,
            kafka: start.kafka,
            metrics: Arc::clone(&metrics),
            stop,
        };
        let task = match (connector.kind(), connector.form()) {
            (ConnectorKind::Source, Form::Bytes) => {
                Task::Source(connector.source(settings, context)?)
            }
            (ConnectorKind::Source, Form::Records) => {
                Task::RecordSource(connector.record_source(settings, context)?)
            }
            (ConnectorKind::Sink, Form::Bytes) => Task::Sink(connector.sink(settings, context)?),
            (ConnectorKind::Sink, Form::Records) => {
                let mut sink = connector.record_sink(settings, context)?;
                let reporter = ErrantRecordReporter::new(start.tolerant);
                sink.report_to(reporter.clone());
                Task::RecordSink(sink, reporter)
            }
        };
        Ok(Self {
            task,
            metrics,
            counted: Counted::default(),
            transactions: None,
            schemas_in: SchemasIn::default(),
            schemas_out: SchemasOut::default(),
            spare: Vec::new(),
            broken: false,
        })
    }

    /// Returns how long a sink waits for records, in milliseconds.
    pub(super) fn patience(&self) -> u64 {
        match &self.task {
            Task::Sink(sink) => u64::try_from(sink.patience().as_millis()).unwrap_or(u64::MAX),
            _ => 0,
        }
    }

    /// Carries out an operation. Whoever calls sees to it that a panic is contained.
    pub(super) fn call(
        &mut self,
        operation: u32,
        input: &[u8],
        control: &mut dyn Control,
    ) -> Reply {
        if self.broken {
            return Reply::malformed("the task has panicked and cannot be called any more");
        }
        self.broken = true;
        // The body's length comes first, once it is known.
        let mut reply = vec![0; LENGTH];
        let done = self.carry_out(operation, input, control, &mut reply);
        self.spare.append(&mut control.returned());
        self.spare.truncate(SPARE);
        let reply = match done {
            Ok(()) => self.with_aside(status::OK, reply),
            Err(Failure::Connector(error)) => {
                reply.truncate(LENGTH);
                error.write(&mut reply);
                self.with_aside(status::ERROR, reply)
            }
            Err(Failure::Malformed(error)) => Err(error),
        };
        self.broken = false;
        reply.unwrap_or_else(Reply::from)
    }

    /// Adds what stands beside an answer: behind it, for of its schemas the other side is told first.
    fn with_aside(&mut self, status: i32, mut bytes: Vec<u8>) -> Result<Reply, Malformed> {
        let errant = match &self.task {
            Task::RecordSink(_, reporter) => reporter.take(),
            _ => Vec::new(),
        };
        let counted = Counted::since(&mut self.counted, &self.metrics);
        let len = (bytes.len() - LENGTH) as u64;
        bytes[..LENGTH].copy_from_slice(&len.to_le_bytes());
        Aside { counted, errant }.write(&mut self.schemas_out, &mut bytes)?;
        Ok(Reply { status, bytes })
    }

    fn carry_out(
        &mut self,
        operation: u32,
        input: &[u8],
        control: &mut dyn Control,
        body: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let from = &mut Reader::new(input);
        match (operation, &mut self.task) {
            (operation::POLL, Task::RecordSource(task)) => {
                let records = task.poll(Duration::from_millis(Wire::read(from)?))?;
                write_source_records(&records, &mut self.schemas_out, body)?;
                let ends = self.transactions.as_ref().map(|t| t.take(records.len()));
                let ends = ends.transpose()?.unwrap_or_default().into_iter();
                let ends: Vec<End> = ends.map(|(count, end)| (count as u64, end)).collect();
                ends.write(body);
            }
            (operation::DEFINE, Task::RecordSource(task)) => {
                let transactions = TransactionContext::new();
                task.define_transactions(transactions.clone());
                self.transactions = Some(transactions);
            }
            (operation::POLL, Task::Source(task)) => {
                let polled = task.poll(Duration::from_millis(Wire::read(from)?))?;
                polled.is_some().write(body);
                if let Some(batch) = polled {
                    batch.write(body);
                    task.recycle(batch);
                }
            }
            (operation::COMMITTED, Task::RecordSource(task)) => {
                task.committed(&Vec::read(from)?)?;
            }
            (operation::COMMITTED, Task::Source(task)) => task.committed(&Vec::read(from)?)?,
            (operation::OPEN, Task::RecordSink(task, _)) => task.open(&Vec::read(from)?)?,
            (operation::OPEN, Task::Sink(task)) => task.open(&Vec::read(from)?)?.write(body),
            (operation::PUT, Task::RecordSink(task, _)) => {
                task.put(&read_records(from, &mut self.schemas_in)?)?;
            }
            (operation::PUT, Task::Sink(task)) => {
                let given = if bool::read(from)? {
                    let mut batch = self.spare.pop().unwrap_or_default();
                    read_batch(&mut batch, from)?;
                    Some(batch)
                } else {
                    None
                };
                task.put(given, control)?.write(body);
                let patience = task.patience().as_millis();
                u64::try_from(patience).unwrap_or(u64::MAX).write(body);
            }
            (operation::PRECOMMIT, Task::RecordSink(task, _)) => {
                task.precommit(&Wire::read(from)?)?.write(body);
            }
            (operation::CLOSE, Task::RecordSink(task, _)) => task.close(&Vec::read(from)?)?,
            (operation::FINISH, Task::Sink(task)) => task.finish()?.write(body),
            (operation::STOP, task) => match task {
                Task::Source(task) => task.stop(),
                Task::RecordSource(task) => task.stop(),
                Task::Sink(task) => task.stop(),
                Task::RecordSink(task, _) => task.stop(),
            },
            _ => return Err(Malformed("there is no such operation of this task").into()),
        }
        from.end()?;
        Ok(())
    }
}
