//! The loop of a sink task: partitions found, records handed on, progress noted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use walbridge_connector_api::{
    Applied, Batch, Connector, Form, PartitionInfo, Result, Settings, SinkTask, StartAt, StopToken,
    TaskContext, TopicPartition,
};
use walbridge_kafka::{Admin, Consumer};
use walbridge_pipeline::Pipeline;

use super::control::Control;
use super::counts::LagMeter;
use super::errors::{DeadLetterWriter, DeadLetters, Tolerance};
use super::live::{LiveTask, now_ms};
use super::record_sink::RecordSinkTask;
use super::subscription::Subscription;
use super::tracking::TopicTracker;
use crate::clients;
use crate::group::Lease;
use crate::worker::Shared;

/// How often topics are looked at for new ones, new partitions and deleted ones.
const REFRESH: Duration = Duration::from_secs(2);

/// How often progress goes to the consumer group, for people and tools to see.
const GROUP_COMMIT: Duration = Duration::from_secs(1);

/// How much one batch may hold.
const BATCH_BYTES: usize = 1 << 20;

/// Runs a sink task until it is told to stop.
pub(super) fn run(
    shared: &Shared,
    connector: &dyn Connector,
    settings: &Settings,
    context: TaskContext,
    live: &LiveTask,
    running: &dyn Fn(),
) -> Result<()> {
    let client = format!("{}-{}", context.connector, context.task);
    let config = clients::consumer(&shared.config, settings, &context.connector, &client)?;
    let consumer = Consumer::new(&config)?;
    let admin = Admin::new(&clients::admin_of(&shared.config, settings, &client)?)?;
    let subscription = Subscription::new(settings, shared.config.own_topics())?;
    let stop = context.stop.clone();
    let tracker = TopicTracker::new(shared, &context.connector, context.task);
    let sink = match connector.form() {
        Form::Bytes => connector.sink(settings, context)?,
        Form::Records => {
            let pipeline = Pipeline::new(&shared.config.converters, settings.raw())?;
            let metrics = Arc::clone(&context.metrics);
            let tolerance = Tolerance::new(settings, &context, &live.errors, &shared.lease);
            let letters = DeadLetters::new(settings, &context);
            let dead = match letters.filter(|_| tolerance.policy.tolerant) {
                None => None,
                Some(letters) => {
                    let config = clients::dead_letters(&shared.config, settings, &client)?;
                    let stop = stop.clone();
                    Some(DeadLetterWriter::open(letters, config, &admin, stop)?)
                }
            };
            let sink = connector.record_sink(settings, context)?;
            let interval = shared.config.limits.flush_interval;
            Box::new(RecordSinkTask::new(
                sink, pipeline, tolerance, dead, metrics, interval,
            ))
        }
    };
    running();
    let mut run = Run {
        admin,
        control: Control::new(consumer),
        subscription,
        sink,
        tracker,
        stop,
        live,
        refreshed: None,
        answered_ms: -1,
        committed: Instant::now(),
        uncommitted: BTreeMap::new(),
        applied: BTreeMap::new(),
        assigned: false,
        from_group: connector.form() == Form::Records,
        lease: &shared.lease,
        lag: LagMeter::default(),
    };
    let result = run.go().and_then(|()| run.finish());
    run.sink.stop();
    run.commit_group();
    result
}

struct Run<'a> {
    admin: Admin,
    control: Control,
    subscription: Subscription,
    sink: Box<dyn SinkTask>,
    tracker: TopicTracker<'a>,
    stop: StopToken,
    live: &'a LiveTask,
    refreshed: Option<Instant>,
    /// When Kafka last answered, in milliseconds since 1970.
    answered_ms: i64,
    committed: Instant,
    uncommitted: BTreeMap<TopicPartition, i64>,
    /// Per partition the first offset that the target does not have.
    applied: BTreeMap<TopicPartition, i64>,
    assigned: bool,
    /// Whether the consumer group's offsets are the only position there is.
    from_group: bool,
    lease: &'a Lease,
    lag: LagMeter,
}

impl Run<'_> {
    fn go(&mut self) -> Result<()> {
        let mut pending = false;
        while self.lease.wait(&self.stop) {
            if self.refreshed.is_none_or(|at| at.elapsed() >= REFRESH) {
                self.refresh()?;
            }
            if !self.assigned {
                self.live.metrics.turn(false);
                self.live.metrics.fact("phase", "waiting for topics");
                self.stop.sleep(Duration::from_millis(200));
                self.refreshed = None;
                continue;
            }
            let wait = if pending {
                Duration::ZERO
            } else {
                self.sink.patience()
            };
            let mut batch = self.control.batch();
            let got = self.control.consumer.poll(&mut batch, BATCH_BYTES, wait)?;
            self.tracker.note(&batch);
            self.live.metrics.turn(got > 0);
            self.live.counts.read.add(got as u64);
            self.lag.see(&batch);
            let given = (got > 0).then_some(batch);
            if !self.lease.wait(&self.stop) {
                break;
            }
            let applied = self.put(given, got as u64)?;
            pending = applied.pending;
            self.note(&applied);
            let about = (&*self.live.counts, &*self.live.metrics);
            let consumer = &self.control.consumer;
            let answered = self.answered_ms;
            self.lag.measure(consumer, &self.applied, answered, about);
        }
        Ok(())
    }

    /// Hands a batch on, or says that there is none.
    fn put(&mut self, batch: Option<Batch>, got: u64) -> Result<Applied> {
        let (counts, rows) = (&self.live.counts, &self.live.metrics.rows);
        let (began, before) = (Instant::now(), rows.load(Ordering::Relaxed));
        if got > 0 {
            counts.batch.record(got);
        }
        let applied = self.sink.put(batch, &mut self.control)?;
        self.control.check()?;
        if got > 0 {
            // Transforms may have dropped records.
            let sent = if self.from_group {
                rows.load(Ordering::Relaxed) - before
            } else {
                got
            };
            counts.put(sent, began.elapsed());
        }
        Ok(applied)
    }

    /// Looks for new partitions and lets the sink say where each starts.
    fn refresh(&mut self) -> Result<()> {
        let topics = self.admin.topics()?;
        self.refreshed = Some(Instant::now());
        self.answered_ms = i64::try_from(now_ms()).unwrap_or(i64::MAX);
        let fresh = self.subscription.update(&topics)?;
        if fresh.is_empty() {
            return Ok(());
        }
        let infos = self.control.consumer.inspect(&fresh)?;
        let mut starts = self.sink.open(&infos)?;
        if self.from_group {
            self.start_from_group(&infos, &mut starts)?;
        }
        for (info, start) in infos.iter().zip(&starts) {
            let first = match *start {
                StartAt::Beginning => info.first,
                StartAt::Offset(offset) => offset,
            };
            self.applied.insert(info.partition.clone(), first);
        }
        let assignment: Vec<(TopicPartition, StartAt)> = infos
            .into_iter()
            .map(|info| info.partition)
            .zip(starts)
            .collect();
        tracing::info!(
            partitions = assignment.len(),
            topics = self.subscription.topics(),
            "reading new partitions"
        );
        if self.assigned {
            self.control.consumer.assign_more(&assignment)?;
        } else {
            self.control.consumer.assign(&assignment)?;
        }
        self.assigned = true;
        Ok(())
    }

    /// Starts where the consumer group is, as Kafka Connect does, else at the beginning.
    fn start_from_group(&self, infos: &[PartitionInfo], starts: &mut [StartAt]) -> Result<()> {
        let partitions: Vec<_> = infos.iter().map(|info| info.partition.clone()).collect();
        let committed = self.control.consumer.committed(&partitions)?;
        for (start, offset) in starts.iter_mut().zip(committed) {
            *start = offset.map_or(StartAt::Beginning, StartAt::Offset);
        }
        Ok(())
    }

    /// Lets the sink end in good order; returns its error if what it holds is not applied.
    fn finish(&mut self) -> Result<()> {
        let applied = self.sink.finish()?;
        self.note(&applied);
        Ok(())
    }

    fn note(&mut self, applied: &Applied) {
        if !applied.offsets.is_empty() {
            self.live.note_applied(&applied.offsets);
            self.applied.extend(applied.offsets.iter().cloned());
            self.uncommitted.extend(applied.offsets.iter().cloned());
        }
        if self.committed.elapsed() >= GROUP_COMMIT && !self.uncommitted.is_empty() {
            self.commit_group();
        }
    }

    /// Tells the consumer group. A failure is no error: either the sink's own position is what counts,
    /// or what was applied since the last commit will be delivered again.
    fn commit_group(&mut self) {
        self.committed = Instant::now();
        let offsets: Vec<_> = std::mem::take(&mut self.uncommitted).into_iter().collect();
        if offsets.is_empty() {
            return;
        }
        let consumer = &self.control.consumer;
        let (began, counts) = (Instant::now(), &self.live.counts);
        let result = if self.from_group {
            consumer.commit_now(&offsets)
        } else {
            consumer.commit(&offsets)
        };
        match &result {
            Ok(()) => counts.commit_done(began.elapsed()),
            Err(_) => counts.commit_failed(),
        }
        match result {
            Ok(()) => {}
            Err(error) if self.from_group => {
                tracing::warn!(%error, "could not commit to the consumer group");
                for (partition, offset) in offsets {
                    self.uncommitted.entry(partition).or_insert(offset);
                }
            }
            Err(error) => tracing::debug!(%error, "could not commit to the consumer group"),
        }
    }
}
