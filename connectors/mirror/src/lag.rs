//! How far the mirror is behind: the source's ends against what the target has for certain.
//!
//! The task notes what it has done, the scout asks the source where it ends. So the lag grows when the target
//! takes nothing, and nobody mistakes what the source said last for what it has now.

use std::collections::HashMap;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use walbridge_connector_api::{PartitionMetrics, TaskMetrics, TopicPartition};

use crate::route::Ends;
use crate::task::now_ms;

/// How often the source is asked where it ends.
pub(crate) const INTERVAL: Duration = Duration::from_secs(2);

/// How far one partition is, in offsets of the source: atomics, written once per run of its records.
#[derive(Debug)]
pub(crate) struct Progress {
    /// The offset after the last record that was read.
    read: AtomicI64,
    /// The offset after the last record that the target has for certain.
    done: AtomicI64,
    /// Where the partition was last seen to end, behind markers of transactions.
    seen_end: AtomicI64,
    /// When the last record that the target has was written, in milliseconds since 1970.
    written: AtomicI64,
    /// When the target last had all there was, in milliseconds since 1970.
    even: AtomicI64,
    /// How many offsets at the target all that was handed over may use: its records, and a marker for each
    /// batch.
    taken: AtomicI64,
    /// The same of all that the target has for certain.
    settled: AtomicI64,
    begun: i64,
    metrics: Arc<PartitionMetrics>,
}

impl Progress {
    fn new(next: i64, metrics: Arc<PartitionMetrics>) -> Self {
        Self {
            read: AtomicI64::new(next),
            done: AtomicI64::new(next),
            seen_end: AtomicI64::new(next),
            written: AtomicI64::new(-1),
            even: AtomicI64::new(-1),
            taken: AtomicI64::new(0),
            settled: AtomicI64::new(0),
            begun: now_ms(),
            metrics,
        }
    }

    /// Notes how far the partition has been read.
    pub(crate) fn read(&self, next: i64) {
        self.read.store(next, Release);
    }

    /// Notes what the target has, and when the last of it was written if that is known.
    pub(crate) fn done(&self, next: i64, written: i64) {
        self.done.store(next, Release);
        if written >= 0 {
            self.written.store(written, Relaxed);
        }
    }

    /// Notes records that are about to be handed over, and returns how many offsets all may use by now.
    pub(crate) fn take(&self, records: u64) -> i64 {
        let more = i64::try_from(records).unwrap_or(i64::MAX - 1) + 1;
        self.taken.fetch_add(more, AcqRel) + more
    }

    /// Notes that all up to there is at the target.
    pub(crate) fn settle(&self, taken: i64) {
        self.settled.store(taken, Release);
    }

    /// Notes that there was nothing to read before this offset.
    pub(crate) fn ends_at(&self, end: i64) {
        self.seen_end.store(end, Release);
    }

    /// Returns how many offsets the target lacks, and since when it has lacked the first.
    fn behind(&self, end: i64, now_ms: i64) -> (i64, Option<i64>) {
        // In this order: an end that was seen tells something only of what was read before.
        let seen_end = self.seen_end.load(Acquire);
        let (read, done) = (self.read.load(Acquire), self.done.load(Acquire));
        let reached = match done >= read {
            // Between the last record and the end there is nothing that could be copied.
            true => done.max(seen_end),
            false => done,
        };
        let lag = (end - reached).max(0);
        self.metrics.lag.store(lag, Relaxed);
        if lag == 0 {
            self.even.store(now_ms, Relaxed);
            return (0, None);
        }
        let since = self.written.load(Relaxed).max(self.even.load(Relaxed));
        (lag, Some(if since < 0 { self.begun } else { since }))
    }
}

/// The partitions that are mirrored, as task and scout both know them.
#[derive(Debug, Default)]
pub(crate) struct Lag {
    all: Mutex<HashMap<TopicPartition, Arc<Progress>>>,
}

impl Lag {
    /// Takes a partition in.
    pub(crate) fn add(
        &self,
        partition: TopicPartition,
        next: i64,
        metrics: Arc<PartitionMetrics>,
    ) -> Arc<Progress> {
        let progress = Arc::new(Progress::new(next, metrics));
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(partition, Arc::clone(&progress));
        progress
    }

    /// Returns how many offsets at the target are used for certain, for each partition.
    pub(crate) fn settled(&self) -> HashMap<TopicPartition, i64> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let each = |(at, progress): (&TopicPartition, &Arc<Progress>)| {
            (at.clone(), progress.settled.load(Acquire))
        };
        all.iter().map(each).collect()
    }

    /// Returns how many offsets at the target may be used by now, or soon.
    pub(crate) fn taken(&self, partition: &TopicPartition) -> Option<i64> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(partition)
            .map(|progress| progress.taken.load(Acquire))
    }

    /// Tells the task's lag, given where the source's partitions ended when it was asked.
    pub(crate) fn tell(&self, found: &Ends, metrics: &TaskMetrics) {
        let Ends { asked_ms, ends } = found;
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut lag, mut oldest) = (0, None);
        for (partition, end) in ends {
            let Some(progress) = all.get(partition) else {
                continue;
            };
            let (behind, since) = progress.behind(*end, *asked_ms);
            lag += behind;
            oldest = match (oldest, since) {
                (Some(a), Some(b)) => Some(i64::min(a, b)),
                (a, b) => a.or(b),
            };
        }
        metrics.lag_transactions.store(lag, Relaxed);
        metrics.lag_records.store(lag, Relaxed);
        let (rows, bytes) = (metrics.rows.load(Relaxed), metrics.bytes.load(Relaxed));
        if rows > 0 || lag == 0 {
            // What has not been read can only be guessed, from what has been.
            let each = bytes as f64 / rows.max(1) as f64;
            metrics.lag_bytes.store((lag as f64 * each) as i64, Relaxed);
        }
        metrics.measured(*asked_ms, oldest);
    }
}

/// Tells when something is due that is done at intervals.
#[derive(Debug)]
pub(crate) struct Due {
    interval: Duration,
    at: Instant,
}

impl Due {
    /// Makes it due once the interval has passed.
    pub(crate) fn every(interval: Duration) -> Self {
        Self {
            interval,
            at: Instant::now(),
        }
    }

    /// Returns whether it is due; the interval begins anew if it is.
    pub(crate) fn is_due(&mut self) -> bool {
        let due = self.at.elapsed() >= self.interval;
        if due {
            self.at = Instant::now();
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use walbridge_connector_api::Copied;

    use super::*;

    fn part() -> TopicPartition {
        TopicPartition {
            topic: Arc::from("t"),
            partition: 0,
        }
    }

    #[test]
    fn it_is_even_only_when_the_target_has_all_that_the_source_has() {
        let metrics = TaskMetrics::default();
        let lag = Lag::default();
        let of = Copied {
            source: "a".into(),
            target: "b".into(),
            topic: "t".into(),
            partition: 0,
        };
        let progress = lag.add(part(), 10, metrics.partition(of));
        let told = |end: i64, at: i64| {
            let ends = vec![(part(), end)];
            let asked_ms = at;
            lag.tell(&Ends { asked_ms, ends }, &metrics);
            let read = |gauge: &AtomicI64| gauge.load(Relaxed);
            assert_eq!(read(&metrics.lag_measured_ms), at);
            (
                read(&metrics.lag_records),
                read(&metrics.lag_behind_since_ms),
            )
        };
        assert_eq!(told(10, 1_000), (0, 0));
        // Since the last moment at which all was done, however old what was done before is.
        assert_eq!(told(12, 2_000), (2, 1_000));
        // Read is not written yet.
        progress.read(12);
        progress.ends_at(12);
        assert_eq!(told(12, 3_000), (2, 1_000));
        progress.done(12, 1_900);
        assert_eq!(told(12, 4_000), (0, 0));
        // A marker is nothing to copy, once the reader has seen that nothing more is there.
        assert_eq!(told(13, 5_000), (1, 4_000));
        progress.ends_at(13);
        assert_eq!(told(13, 6_000), (0, 0));
        // A backlog that goes down is as old as what was copied last.
        progress.read(15);
        progress.done(15, 6_500);
        assert_eq!(told(20, 7_000), (5, 6_500));
    }
}
