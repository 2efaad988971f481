//! A source without Kafka.

use std::sync::Arc;
use std::time::{Duration, Instant};

use walbridge_connector_api::data::ConnectRecord;
use walbridge_connector_api::{
    Batch, Connector, ConnectorError, Form, OffsetEntry, RecordSource, Result, Settings,
    SourceRecord, SourceTask, StopToken, TaskMetrics,
};

use crate::boundaries::Boundaries;
use crate::{bytes, config};

/// How long one poll may wait.
const POLL: Duration = Duration::from_millis(20);

/// A source connector with its configuration, what it has "in Kafka", and the offsets beside that.
pub struct SourceKit {
    connector: Arc<dyn Connector>,
    settings: Settings,
    written: Vec<ConnectRecord>,
    offsets: Vec<OffsetEntry>,
    metrics: Arc<TaskMetrics>,
    patience: Duration,
    says_ends: bool,
}

/// What would be one Kafka transaction: records, and the offsets that are true once they are written.
#[derive(Debug, Default)]
pub struct Transaction {
    /// The records, in the order in which they were handed out.
    pub records: Vec<ConnectRecord>,
    /// The records that the source had aborted, in a transaction that it ended so: nobody ever sees them,
    /// and they are not read again.
    pub aborted: Vec<ConnectRecord>,
    /// The offsets; of each source partition the last.
    pub offsets: Vec<OffsetEntry>,
    batches: Vec<Batch>,
}

impl Transaction {
    pub(crate) fn push(&mut self, record: SourceRecord) {
        self.records.push(record.record);
        if let Some(entry) = record.offset {
            self.note(entry);
        }
    }

    /// Returns whether there is nothing to commit in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty() && self.aborted.is_empty() && self.offsets.is_empty()
    }

    fn note(&mut self, entry: OffsetEntry) {
        merge(&mut self.offsets, entry);
    }
}

fn merge(all: &mut Vec<OffsetEntry>, entry: OffsetEntry) {
    match all.iter_mut().find(|old| old.partition == entry.partition) {
        Some(old) => *old = entry,
        None => all.push(entry),
    }
}

enum Task {
    Bytes(Box<dyn SourceTask>),
    Records(Box<dyn RecordSource>),
}

/// A task of a source. Dropping it is a crash.
pub struct RunningSource<'a> {
    kit: &'a mut SourceKit,
    task: Task,
    /// Where the source itself says where transactions end.
    boundaries: Option<Boundaries>,
    stop: StopToken,
}

impl SourceKit {
    /// Takes a connector and its configuration.
    ///
    /// # Errors
    /// If validate would report a problem; all of them are in the message.
    pub fn new(connector: impl Connector + 'static, config: &[(&str, &str)]) -> Result<Self> {
        let settings = config::settings(&connector, config)?;
        Ok(Self {
            connector: Arc::new(connector),
            settings,
            written: Vec::new(),
            offsets: Vec::new(),
            metrics: Arc::default(),
            patience: Duration::from_secs(10),
            says_ends: false,
        })
    }

    /// Lets the source say where its transactions end, as `transaction.boundary=connector` does.
    ///
    /// # Errors
    /// If the connector's sources cannot, with this configuration.
    pub fn define_transactions(mut self) -> Result<Self> {
        let able = self.connector.can_define_boundaries(&self.settings);
        if !able || self.connector.form() != Form::Records {
            return Err(ConnectorError::stop(
                "NoBoundaries",
                "this connector's sources do not say where transactions end",
            )
            .remedy("say so in Connector::can_define_boundaries, for a source of records"));
        }
        self.says_ends = true;
        Ok(self)
    }

    /// Sets how long [`RunningSource::next`] waits for something to come; 10 s if not set.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Returns the records of all transactions that were committed.
    pub fn written(&self) -> &[ConnectRecord] {
        &self.written
    }

    /// Returns the offsets that were committed: where the next start begins.
    pub fn offsets(&self) -> &[OffsetEntry] {
        &self.offsets
    }

    /// Puts other offsets in their place, as `PATCH /connectors/{name}/offsets` does.
    ///
    /// # Errors
    /// The connector's words, if it could not start from them.
    pub fn alter_offsets(&mut self, offsets: Vec<OffsetEntry>) -> Result<(), String> {
        self.connector.check_offsets(&self.settings, &offsets)?;
        for entry in offsets {
            merge(&mut self.offsets, entry);
        }
        self.offsets.retain(|entry| entry.offset.is_some());
        Ok(())
    }

    /// Returns what the tasks have counted.
    pub fn metrics(&self) -> &TaskMetrics {
        &self.metrics
    }

    /// Starts a task at the committed offsets.
    ///
    /// # Errors
    /// The connector's.
    pub fn start(&mut self) -> Result<RunningSource<'_>> {
        let stop = StopToken::new();
        let context = config::context(&self.offsets, &self.metrics, &stop);
        let mut task = match self.connector.form() {
            Form::Bytes => Task::Bytes(self.connector.source(&self.settings, context)?),
            Form::Records => Task::Records(self.connector.record_source(&self.settings, context)?),
        };
        let mut boundaries = self.says_ends.then(Boundaries::default);
        if let (Task::Records(task), Some(boundaries)) = (&mut task, &mut boundaries) {
            task.define_transactions(boundaries.context());
        }
        Ok(RunningSource {
            kit: self,
            task,
            boundaries,
            stop,
        })
    }

    /// Runs one that is never disturbed and others that crash at every point, until each has committed
    /// `count` records, and compares them.
    ///
    /// `make` gives a kit that begins at the beginning each time. Timestamps are not compared.
    ///
    /// # Errors
    /// In words: which crash lost, doubled or changed which record.
    pub fn survives_crashes(
        mut make: impl FnMut() -> Result<Self>,
        count: usize,
    ) -> Result<(), String> {
        let told = |error: ConnectorError| error.trace();
        let mut whole = make().map_err(told)?;
        whole
            .start()
            .and_then(|mut run| run.commit_until(count))
            .map_err(told)?;
        for (point, told_of) in [(false, "before its commit"), (true, "after its commit")] {
            for every in 1..=3 {
                let mut kit = make().map_err(told)?;
                kit.crash_until(count, every, point).map_err(told)?;
                for (at, (found, wanted)) in kit.written.iter().zip(&whole.written).enumerate() {
                    if !same(found, wanted) {
                        return Err(format!(
                            "a crash at transaction {every} of a run, {told_of}: record {at} is \
                             {found:?}, and undisturbed it is {wanted:?}"
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    /// Commits `every - 1` transactions of each run and dies at the next, before or after its commit.
    fn crash_until(&mut self, count: usize, every: usize, committed: bool) -> Result<()> {
        while self.written.len() < count {
            let mut run = self.start()?;
            for _ in 1..every {
                if run.kit.written.len() < count {
                    let transaction = run.next()?;
                    run.commit(transaction)?;
                }
            }
            if run.kit.written.len() >= count {
                break;
            }
            let last = run.next()?;
            if committed {
                run.crash_after_commit(last);
            } else if every == 1 {
                // Something has to get through, or this would never end.
                run.crash();
                let mut run = self.start()?;
                let transaction = run.next()?;
                run.commit(transaction)?;
            } else {
                run.crash();
            }
        }
        Ok(())
    }
}

fn same(one: &ConnectRecord, other: &ConnectRecord) -> bool {
    let mut one = one.clone();
    one.timestamp = other.timestamp;
    one == *other
}

impl RunningSource<'_> {
    /// Polls once and returns what came, up to where a Kafka transaction may end.
    ///
    /// # Errors
    /// The task's; and `NoBoundary` if a batch inside a source transaction is not followed by its end.
    pub fn poll(&mut self) -> Result<Option<Transaction>> {
        let mut transaction = Transaction::default();
        match &mut self.task {
            Task::Records(task) => match &mut self.boundaries {
                None => (task.poll(POLL)?.into_iter()).for_each(|record| transaction.push(record)),
                Some(boundaries) => {
                    if let Some(over) = boundaries.next() {
                        return Ok(Some(over));
                    }
                    boundaries.take(task.poll(POLL)?)?;
                    return Ok(boundaries.next());
                }
            },
            Task::Bytes(task) => {
                let until = Instant::now() + self.kit.patience;
                loop {
                    let batch = task.poll(POLL)?;
                    let began = !transaction.batches.is_empty();
                    let Some(mut batch) = batch else {
                        if !began {
                            break;
                        }
                        if Instant::now() >= until {
                            return Err(ConnectorError::stop(
                                "NoBoundary",
                                "a source transaction began and did not end",
                            ));
                        }
                        continue;
                    };
                    transaction.records.extend(bytes::records(&batch));
                    for entry in std::mem::take(&mut batch.offsets) {
                        transaction.note(entry);
                    }
                    let over = batch.boundary;
                    transaction.batches.push(batch);
                    if over {
                        break;
                    }
                }
            }
        }
        Ok((!transaction.is_empty()).then_some(transaction))
    }

    /// Polls until something comes.
    ///
    /// # Errors
    /// The task's; and `NothingCame` if nothing does within the kit's patience.
    #[allow(
        clippy::should_implement_trait,
        reason = "what comes next may be an error, and there is no end"
    )]
    pub fn next(&mut self) -> Result<Transaction> {
        let until = Instant::now() + self.kit.patience;
        loop {
            if let Some(transaction) = self.poll()? {
                return Ok(transaction);
            }
            if Instant::now() >= until {
                let patience = self.kit.patience;
                return Err(ConnectorError::stop(
                    "NothingCame",
                    format!("the source had nothing within {patience:?}"),
                ));
            }
        }
    }

    /// Commits a transaction and tells the source.
    ///
    /// # Errors
    /// The task's, when it is told.
    pub fn commit(&mut self, transaction: Transaction) -> Result<()> {
        let (offsets, batches) = self.keep(transaction);
        if let Task::Bytes(task) = &mut self.task {
            batches.into_iter().for_each(|batch| task.recycle(batch));
        }
        match &mut self.task {
            Task::Bytes(task) => task.committed(&offsets),
            Task::Records(task) => task.committed(&offsets),
        }
    }

    fn keep(&mut self, transaction: Transaction) -> (Vec<OffsetEntry>, Vec<Batch>) {
        self.kit.written.extend(transaction.records);
        for entry in &transaction.offsets {
            merge(&mut self.kit.offsets, entry.clone());
        }
        (transaction.offsets, transaction.batches)
    }

    /// Commits whatever comes until so many records are written.
    ///
    /// # Errors
    /// As [`RunningSource::next`] and [`RunningSource::commit`].
    pub fn commit_until(&mut self, count: usize) -> Result<()> {
        while self.kit.written.len() < count {
            let transaction = self.next()?;
            self.commit(transaction)?;
        }
        Ok(())
    }

    /// Dies: what was polled and not committed is gone.
    pub fn crash(self) {
        self.stop.stop();
    }

    /// Dies right after a commit, before the source has heard of it.
    pub fn crash_after_commit(mut self, transaction: Transaction) {
        drop(self.keep(transaction));
        self.crash();
    }

    /// Ends in good order.
    pub fn stop(mut self) {
        self.stop.stop();
        match &mut self.task {
            Task::Bytes(task) => task.stop(),
            Task::Records(task) => task.stop(),
        }
    }
}
