//! The loop of a sink task: partitions found, records handed on, progress noted.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use walbridge_connector_api::{
    Applied, Connector, Result, Settings, SinkTask, StartAt, StopToken, TaskContext, TopicPartition,
};
use walbridge_kafka::{Admin, Consumer};

use super::control::Control;
use super::live::LiveTask;
use super::subscription::Subscription;
use super::tracking::TopicTracker;
use crate::clients;
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
    let admin = Admin::new(&clients::admin(&shared.config)?)?;
    let subscription = Subscription::new(settings, shared.config.own_topics())?;
    let stop = context.stop.clone();
    let tracker = TopicTracker::new(shared, &context.connector, context.task);
    let sink = connector.sink(settings, context)?;
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
        committed: Instant::now(),
        uncommitted: BTreeMap::new(),
        assigned: false,
    };
    let result = run.go();
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
    committed: Instant,
    uncommitted: BTreeMap<TopicPartition, i64>,
    assigned: bool,
}

impl Run<'_> {
    fn go(&mut self) -> Result<()> {
        let mut pending = false;
        while !self.stop.is_stopped() {
            if self.refreshed.is_none_or(|at| at.elapsed() >= REFRESH) {
                self.refresh()?;
            }
            if !self.assigned {
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
            let given = (got > 0).then_some(batch);
            let applied = self.sink.put(given, &mut self.control)?;
            self.control.check()?;
            pending = applied.pending;
            self.note(&applied);
        }
        Ok(())
    }

    /// Looks for new partitions and lets the sink say where each starts.
    fn refresh(&mut self) -> Result<()> {
        let topics = self.admin.topics()?;
        self.refreshed = Some(Instant::now());
        let fresh = self.subscription.update(&topics)?;
        if fresh.is_empty() {
            return Ok(());
        }
        let infos = self.control.consumer.inspect(&fresh)?;
        let starts = self.sink.open(&infos)?;
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

    fn note(&mut self, applied: &Applied) {
        if !applied.offsets.is_empty() {
            self.live.note_applied(&applied.offsets);
            self.uncommitted.extend(applied.offsets.iter().cloned());
        }
        if self.committed.elapsed() >= GROUP_COMMIT && !self.uncommitted.is_empty() {
            self.commit_group();
        }
    }

    /// Tells the consumer group; the sink's own position is what counts, so a failure is no error.
    fn commit_group(&mut self) {
        self.committed = Instant::now();
        let offsets: Vec<_> = std::mem::take(&mut self.uncommitted).into_iter().collect();
        if offsets.is_empty() {
            return;
        }
        if let Err(error) = self.control.consumer.commit(&offsets) {
            tracing::debug!(%error, "could not commit to the consumer group");
        }
    }
}
