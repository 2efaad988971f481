//! A sink without Kafka.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;

use walbridge_connector_api::data::{ConnectRecord, Origin};
use walbridge_connector_api::{
    Applied, Batch, Connector, ConnectorError, ErrantRecord, ErrantRecordReporter, Form,
    NextOffsets, PartitionInfo, RecordSink, Result, Settings, SinkControl, SinkTask, StartAt,
    StopToken, TaskMetrics, TopicPartition,
};

use crate::{bytes, config};

type Log = BTreeMap<TopicPartition, Vec<ConnectRecord>>;

/// A sink connector with its configuration, the records that are "in Kafka" for it, and the offsets of its
/// consumer group.
pub struct SinkKit {
    connector: Arc<dyn Connector>,
    settings: Settings,
    log: Log,
    committed: NextOffsets,
    tolerant: bool,
    errant: Vec<ErrantRecord>,
    metrics: Arc<TaskMetrics>,
}

enum Task {
    Bytes(Box<dyn SinkTask>),
    Records(Box<dyn RecordSink>, ErrantRecordReporter),
}

/// A task of a sink. Dropping it is a crash.
pub struct RunningSink<'a> {
    kit: &'a mut SinkKit,
    task: Task,
    stop: StopToken,
    /// The next offset to be delivered.
    next: NextOffsets,
    paused: BTreeSet<TopicPartition>,
}

impl SinkKit {
    /// Takes a connector and its configuration.
    ///
    /// # Errors
    /// If validate would report a problem; all of them are in the message.
    pub fn new(connector: impl Connector + 'static, config: &[(&str, &str)]) -> Result<Self> {
        let settings = config::settings(&connector, config)?;
        Ok(Self {
            connector: Arc::new(connector),
            settings,
            log: Log::new(),
            committed: NextOffsets::new(),
            tolerant: false,
            errant: Vec::new(),
            metrics: Arc::default(),
        })
    }

    /// Says whether records that cannot be written are tolerated (`errors.tolerance=all`).
    #[must_use]
    pub fn tolerant(mut self, tolerant: bool) -> Self {
        self.tolerant = tolerant;
        self
    }

    /// Writes a record to its topic and partition (0 if it names none) and returns its offset.
    pub fn write(&mut self, mut record: ConnectRecord) -> i64 {
        let partition = record.partition.unwrap_or(0);
        let place = TopicPartition {
            topic: Arc::clone(&record.topic),
            partition,
        };
        let log = self.log.entry(place).or_default();
        let offset = log.len() as i64;
        record.partition = Some(partition);
        record.origin = Some(Origin {
            topic: Arc::clone(&record.topic),
            partition,
            offset,
        });
        log.push(record);
        offset
    }

    /// Returns the offsets that are committed.
    pub fn committed(&self) -> &NextOffsets {
        &self.committed
    }

    /// Returns whether everything that was written is committed.
    pub fn is_done(&self) -> bool {
        let mut all = self.log.iter();
        all.all(|(place, log)| self.committed.get(place) == Some(&(log.len() as i64)))
    }

    /// Returns the records that the sink could not write, and why; each as often as it said so.
    pub fn errant(&self) -> &[ErrantRecord] {
        &self.errant
    }

    /// Returns what the tasks have counted.
    pub fn metrics(&self) -> &TaskMetrics {
        &self.metrics
    }

    /// Starts a task.
    ///
    /// # Errors
    /// The connector's.
    pub fn start(&mut self) -> Result<RunningSink<'_>> {
        let stop = StopToken::new();
        let context = config::context(&[], &self.metrics, &stop);
        let infos = self.infos();
        let places: Vec<_> = infos.iter().map(|info| info.partition.clone()).collect();
        let mut next = NextOffsets::new();
        let task = match self.connector.form() {
            Form::Records => {
                let mut task = self.connector.record_sink(&self.settings, context)?;
                let reporter = ErrantRecordReporter::new(self.tolerant);
                task.report_to(reporter.clone());
                task.open(&places)?;
                for place in places {
                    let committed = self.committed.get(&place).copied();
                    next.insert(place, committed.unwrap_or(0));
                }
                Task::Records(task, reporter)
            }
            Form::Bytes => {
                let mut task = self.connector.sink(&self.settings, context)?;
                for (place, start) in places.into_iter().zip(task.open(&infos)?) {
                    let start = match start {
                        StartAt::Beginning => 0,
                        StartAt::Offset(offset) => offset,
                    };
                    next.insert(place, start);
                }
                Task::Bytes(task)
            }
        };
        Ok(RunningSink {
            kit: self,
            task,
            stop,
            next,
            paused: BTreeSet::new(),
        })
    }

    fn infos(&self) -> Vec<PartitionInfo> {
        let info = |(place, log): (&TopicPartition, &Vec<ConnectRecord>)| PartitionInfo {
            partition: place.clone(),
            topic_id: format!("id-of-{}", place.topic),
            first: 0,
            end: log.len() as i64,
        };
        self.log.iter().map(info).collect()
    }

    /// Lets one take everything undisturbed and others crash at every point, and compares what `seen`
    /// then says of their targets.
    ///
    /// `make` gives a kit with the same records and a target of its own each time, and what looks at that
    /// target. This holds for a sink that has each record's effect exactly once.
    ///
    /// # Errors
    /// In words: which crash changed what.
    pub fn survives_crashes<T: PartialEq + Debug, F: Fn() -> T>(
        mut make: impl FnMut() -> Result<(Self, F)>,
    ) -> Result<(), String> {
        let told = |error: ConnectorError| error.trace();
        let (mut whole, seen) = make().map_err(told)?;
        whole
            .start()
            .and_then(|mut run| run.drain().and_then(|()| run.stop()))
            .map_err(told)?;
        let wanted = seen();
        for (safe, told_of) in [
            (false, "before it was asked what is safe"),
            (true, "after it made all safe, before the offsets were"),
        ] {
            for step in 1..=4 {
                let (mut kit, seen) = make().map_err(told)?;
                kit.crash_until_done(step, safe).map_err(told)?;
                let found = seen();
                if found != wanted {
                    return Err(format!(
                        "a crash after {step} more records, {told_of}: the target has {found:?}, and \
                         undisturbed it has {wanted:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// In each run one put is committed and another one is lost.
    fn crash_until_done(&mut self, step: usize, safe: bool) -> Result<()> {
        while !self.is_done() {
            let mut run = self.start()?;
            run.put(step)?;
            run.precommit()?;
            run.put(step)?;
            if safe {
                run.precommit_and_crash()?;
            } else {
                run.crash();
            }
        }
        let mut run = self.start()?;
        run.drain()?;
        run.stop()
    }
}

impl RunningSink<'_> {
    /// Delivers at most so many records, each partition's in order, and returns how many.
    ///
    /// # Errors
    /// The task's; `RecordRefused` if it reported a record and errors are not tolerated.
    pub fn put(&mut self, most: usize) -> Result<usize> {
        let mut records = Vec::new();
        for (place, log) in &self.kit.log {
            let from = self.next.get(place).copied().unwrap_or(0);
            if self.paused.contains(place) || records.len() >= most {
                continue;
            }
            let from = usize::try_from(from).unwrap_or(0).min(log.len());
            let some = &log[from..log.len().min(from + most - records.len())];
            self.next.insert(place.clone(), (from + some.len()) as i64);
            records.extend_from_slice(some);
        }
        let count = records.len();
        match &mut self.task {
            Task::Records(task, _) => {
                let put = if records.is_empty() {
                    Ok(())
                } else {
                    task.put(&records)
                };
                self.take_errant()?;
                put?;
            }
            Task::Bytes(task) => {
                let batch = (count > 0).then(|| bytes::batch(&records)).transpose()?;
                let mut control = Control {
                    infos: self.kit.infos(),
                    paused: &mut self.paused,
                };
                let applied = task.put(batch, &mut control)?;
                self.note(applied);
            }
        }
        Ok(count)
    }

    fn take_errant(&mut self) -> Result<()> {
        let Task::Records(_, reporter) = &self.task else {
            return Ok(());
        };
        let reported = reporter.take();
        let refusal = reported
            .first()
            .filter(|_| !self.kit.tolerant)
            .map(|errant| format!("a record cannot be written: {}", errant.error));
        self.kit.errant.extend(reported);
        match refusal {
            Some(message) => Err(ConnectorError::stop("RecordRefused", message)),
            None => Ok(()),
        }
    }

    fn note(&mut self, applied: Applied) {
        self.kit.committed.extend(applied.offsets);
    }

    /// Asks what is safe and commits those offsets.
    ///
    /// # Errors
    /// The task's.
    pub fn precommit(&mut self) -> Result<()> {
        let next = self.next.clone();
        match &mut self.task {
            Task::Records(task, _) => {
                let safe = task.precommit(&next)?;
                self.take_errant()?;
                self.kit.committed.extend(safe);
                Ok(())
            }
            Task::Bytes(_) => self.put(0).map(drop),
        }
    }

    /// Asks what is safe, and dies before those offsets are committed.
    ///
    /// # Errors
    /// The task's.
    pub fn precommit_and_crash(mut self) -> Result<()> {
        let committed = self.kit.committed.clone();
        self.precommit()?;
        if matches!(self.task, Task::Records(..)) {
            self.kit.committed = committed;
        }
        self.crash();
        Ok(())
    }

    /// Delivers everything there is and commits it.
    ///
    /// # Errors
    /// The task's.
    pub fn drain(&mut self) -> Result<()> {
        while self.put(1000)? > 0 {}
        self.precommit()
    }

    /// Dies: what was put since the last commit is delivered again.
    pub fn crash(self) {
        self.stop.stop();
    }

    /// Ends in good order: what is safe is committed first.
    ///
    /// # Errors
    /// The task's.
    pub fn stop(mut self) -> Result<()> {
        let places: Vec<_> = self.next.keys().cloned().collect();
        if matches!(self.task, Task::Records(..)) {
            self.precommit()?;
        }
        let ended = match &mut self.task {
            Task::Records(task, _) => task.close(&places).map(|()| Applied::default()),
            Task::Bytes(task) => task.finish(),
        };
        self.note(ended?);
        self.stop.stop();
        match &mut self.task {
            Task::Records(task, _) => task.stop(),
            Task::Bytes(task) => task.stop(),
        }
        Ok(())
    }
}

struct Control<'a> {
    infos: Vec<PartitionInfo>,
    paused: &'a mut BTreeSet<TopicPartition>,
}

impl SinkControl for Control<'_> {
    fn pause(&mut self, partitions: &[TopicPartition]) {
        self.paused.extend(partitions.iter().cloned());
    }

    fn resume(&mut self, partitions: &[TopicPartition]) {
        for place in partitions {
            self.paused.remove(place);
        }
    }

    fn inspect(&mut self, partitions: &[TopicPartition]) -> Result<Vec<PartitionInfo>> {
        let wanted = |info: &&PartitionInfo| partitions.contains(&info.partition);
        Ok(self.infos.iter().filter(wanted).cloned().collect())
    }

    fn recycle(&mut self, _batch: Batch) {}
}
