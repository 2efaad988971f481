//! What the loops count of a task for Kafka Connect's metrics: atomics, added to once per batch.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use walbridge_connector_api::{Batch, Spread, TaskMetrics, TopicPartition, Total};
use walbridge_kafka::Consumer;

/// Half of the window that rates, means and extremes are of, as in Kafka Connect
/// (`metrics.sample.window.ms`).
const HALF: Duration = Duration::from_secs(30);

/// How often a sink's lag is looked at.
const LAG: Duration = Duration::from_secs(1);

/// A gauge that is unknown until it is set.
#[derive(Debug)]
pub(crate) struct Gauge(AtomicI64);

impl Default for Gauge {
    fn default() -> Self {
        Self(AtomicI64::new(-1))
    }
}

impl Gauge {
    pub(super) fn set(&self, value: i64) {
        self.0.store(value, Relaxed);
    }

    /// Returns the value, once it is known.
    pub(crate) fn get(&self) -> Option<i64> {
        let value = self.0.load(Relaxed);
        (value >= 0).then_some(value)
    }
}

/// The counters of one task. Times are in microseconds.
#[derive(Debug, Default)]
pub(crate) struct TaskCounts {
    /// Records that a source's connector has handed out, before transforms.
    pub(crate) polled: Total,
    /// Records in Kafka transactions that have committed; with at least once, that were sent.
    pub(crate) written: Total,
    /// Records that a sink's consumer has read.
    pub(crate) read: Total,
    /// Records that a sink's connector was given, after transforms.
    pub(crate) sent: Total,
    /// Offset commits that succeeded and that failed.
    pub(crate) commits: Total,
    pub(crate) failed_commits: Total,
    /// Records of a batch.
    pub(crate) batch: Spread,
    /// Records of a Kafka transaction.
    pub(crate) transaction: Spread,
    pub(crate) poll_us: Spread,
    pub(crate) put_us: Spread,
    pub(crate) commit_us: Spread,
    /// Records on their way: polled and not committed, or read and not applied.
    pub(crate) active: Gauge,
    pub(crate) actives: Spread,
    /// Partitions that a sink reads.
    pub(crate) partitions: Gauge,
    /// How far a sink is behind, told from the offsets alone.
    pub(crate) lag_records: Gauge,
    pub(crate) lag_bytes: Gauge,
    /// Since when something in its topics has been undone, in milliseconds since 1970; 0 if all is done.
    pub(crate) lag_since: Gauge,
    /// When its Kafka last answered, in milliseconds since 1970.
    pub(crate) lag_measured: Gauge,
    window: Mutex<Window>,
}

/// When the halves of the window began, and how much of the time the task was at work.
#[derive(Debug)]
struct Window {
    older: Instant,
    newer: Instant,
    began: Instant,
    looked: Instant,
    ran: Duration,
}

impl Default for Window {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            older: now,
            newer: now,
            began: now,
            looked: now,
            ran: Duration::ZERO,
        }
    }
}

impl TaskCounts {
    /// Notes a batch that the connector has handed out after so long a wait.
    pub(super) fn polled(&self, batch: &Batch, took: Duration) {
        self.batch.record(batch.records().len() as u64);
        self.poll_us.record(micros(took));
    }

    /// Notes how many records the open transaction has.
    pub(super) fn in_transaction(&self, records: usize) {
        let records = records as u64;
        self.active.set(i64::try_from(records).unwrap_or(i64::MAX));
        self.actives.record(records);
    }

    /// Notes that a transaction of so many records is committed, and how long the commit took.
    pub(super) fn transaction_done(&self, records: usize, took: Duration) {
        self.written.add(records as u64);
        self.transaction.record(records as u64);
        self.active.set(0);
        self.commit_done(took);
    }

    /// Notes an offset commit that succeeded.
    pub(super) fn commit_done(&self, took: Duration) {
        self.commits.add(1);
        self.commit_us.record(micros(took));
    }

    /// Notes an offset commit that failed.
    pub(super) fn commit_failed(&self) {
        self.failed_commits.add(1);
    }

    /// Notes what a sink's connector was given, and how long it took it.
    pub(super) fn put(&self, records: u64, took: Duration) {
        self.sent.add(records);
        self.put_us.record(micros(took));
    }

    /// Looks whether the task is at work; called often, from outside its thread.
    pub(super) fn look(&self, at_work: bool, metrics: &TaskMetrics) {
        let now = Instant::now();
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if at_work {
            let passed = now - window.looked;
            window.ran += passed;
        }
        window.looked = now;
        if now - window.newer < HALF {
            return;
        }
        (window.older, window.newer) = (window.newer, now);
        let totals = [
            &self.polled,
            &self.written,
            &self.read,
            &self.sent,
            &self.commits,
            &self.failed_commits,
        ];
        totals.into_iter().for_each(Total::slide);
        let spreads = [
            &self.batch,
            &self.transaction,
            &self.poll_us,
            &self.put_us,
            &self.commit_us,
            &self.actives,
        ];
        spreads.into_iter().for_each(Spread::slide);
        metrics.partitions().iter().for_each(|p| p.slide());
    }

    /// Returns how long the window has been open, in seconds.
    pub(crate) fn window_seconds(&self) -> f64 {
        let window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        window.older.elapsed().as_secs_f64().max(1.0)
    }

    /// Returns the share of its time in which the task was at work and not waiting for anything out of reach.
    pub(crate) fn running_ratio(&self) -> f64 {
        let window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = (window.looked - window.began).as_secs_f64();
        if whole > 0.0 {
            window.ran.as_secs_f64() / whole
        } else {
            1.0
        }
    }
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

/// Tells how far a sink is behind, from what its consumer knows without asking anybody.
#[derive(Debug)]
pub(super) struct LagMeter {
    looked: Option<Instant>,
    /// The time of the first record of the newest batch, in milliseconds since 1970.
    oldest: i64,
    /// When all was done last, in milliseconds since 1970.
    even: i64,
}

impl Default for LagMeter {
    fn default() -> Self {
        Self {
            looked: None,
            oldest: -1,
            even: -1,
        }
    }
}

impl LagMeter {
    /// Notes a batch that was read.
    pub(super) fn see(&mut self, batch: &Batch) {
        if let Some(first) = batch.records().first() {
            self.oldest = first.timestamp;
        }
    }

    /// Measures, now and then. `applied` has per partition the first offset that the target does not have;
    /// `answered_ms` is when Kafka last answered.
    pub(super) fn measure(
        &mut self,
        consumer: &Consumer,
        applied: &BTreeMap<TopicPartition, i64>,
        answered_ms: i64,
        (counts, metrics): (&TaskCounts, &TaskMetrics),
    ) {
        if self.looked.is_some_and(|at| at.elapsed() < LAG) {
            return;
        }
        self.looked = Some(Instant::now());
        let (mut partitions, mut active, mut lag) = (0, 0, 0);
        for (partition, reach) in consumer.reach() {
            partitions += 1;
            let held = match (reach.after, applied.get(partition)) {
                (Some(after), Some(applied)) => (after - applied).max(0),
                _ => 0,
            };
            active += held;
            lag += held;
            if reach.next >= 0 {
                lag += reach.end.map_or(0, |end| (end - reach.next).max(0));
            }
        }
        counts.partitions.set(partitions);
        counts.active.set(active);
        counts.actives.record(u64::try_from(active).unwrap_or(0));
        counts.lag_records.set(lag);
        let read = metrics.rows.load(Relaxed).max(1);
        let each = metrics.bytes.load(Relaxed) as f64 / read as f64;
        counts.lag_bytes.set((lag as f64 * each) as i64);
        if lag == 0 {
            self.even = answered_ms;
            counts.lag_since.set(0);
        } else {
            counts.lag_since.set(self.oldest.max(self.even));
        }
        counts.lag_measured.set(answered_ms);
    }
}
