//! What the task and its threads share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use walbridge_connector_api::{Batch, ConnectorError, Result, StopToken, TaskMetrics};
use walbridge_postgres::Lsn;
use walbridge_schemas::registry::Registry;

use crate::config::Options;
use crate::queue::Queue;

/// One task's common ground.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) registry: Registry,
    pub(crate) queue: Queue,
    pub(crate) metrics: Arc<TaskMetrics>,
    pub(crate) stop: StopToken,
    /// The position inside a committed Kafka transaction: all that the slot may forget.
    confirmed: AtomicU64,
    /// The stored position that the task went on from.
    resumed: AtomicU64,
    /// The position that was handed over last.
    recorded: AtomicU64,
    /// Whether the mark that a snapshot is to begin is committed.
    marked: AtomicBool,
    /// Whether the stream brings much.
    busy: AtomicBool,
}

impl Shared {
    pub(crate) fn new(
        options: Options,
        registry: Registry,
        metrics: Arc<TaskMetrics>,
        stop: StopToken,
    ) -> Self {
        let queue = Queue::new(options.queue_bytes, options.batch_bytes);
        Self {
            options,
            registry,
            queue,
            metrics,
            stop,
            confirmed: AtomicU64::new(0),
            resumed: AtomicU64::new(0),
            recorded: AtomicU64::new(0),
            marked: AtomicBool::new(false),
            busy: AtomicBool::new(false),
        }
    }

    /// Learns what a committed Kafka transaction contains; a position never goes back.
    pub(crate) fn confirm(&self, position: Option<Lsn>) {
        match position {
            Some(lsn) => {
                self.confirmed.fetch_max(lsn.0, Ordering::AcqRel);
            }
            None => self.marked.store(true, Ordering::Release),
        }
    }

    /// Returns what the slot may forget.
    pub(crate) fn confirmed(&self) -> Lsn {
        Lsn(self.confirmed.load(Ordering::Acquire))
    }

    /// Notes the stored position that the task goes on from.
    pub(crate) fn resume(&self, lsn: Lsn) {
        self.resumed.store(lsn.0, Ordering::Release);
    }

    /// Returns the position that is stored. The slot is told of it only once the server has shown that its
    /// history is the one that was read.
    pub(crate) fn stored(&self) -> Lsn {
        self.confirmed()
            .max(Lsn(self.resumed.load(Ordering::Acquire)))
    }

    /// Notes the position that was handed over last.
    pub(crate) fn record(&self, lsn: Lsn) {
        self.recorded.store(lsn.0, Ordering::Release);
    }

    /// Returns whether all that was handed over is committed.
    pub(crate) fn is_even(&self) -> bool {
        self.recorded.load(Ordering::Acquire) <= self.confirmed().0
    }

    /// Returns whether the mark that a snapshot is to begin is committed.
    pub(crate) fn is_marked(&self) -> bool {
        self.marked.load(Ordering::Acquire)
    }

    /// Notes whether the stream brings much.
    pub(crate) fn set_busy(&self, busy: bool) {
        self.busy.store(busy, Ordering::Relaxed);
    }

    /// Returns whether the stream brings much, so that there will be more in a moment.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    /// Hands a batch over, calling `meanwhile` while the queue is full.
    pub(crate) fn hand_over(
        &self,
        mut batch: Batch,
        mut meanwhile: impl FnMut() -> Result<()>,
    ) -> Result<()> {
        loop {
            self.check_stop()?;
            match self.queue.push(batch, Duration::from_millis(100)) {
                None => return Ok(()),
                Some(back) => batch = back,
            }
            meanwhile()?;
        }
    }

    /// Fails when the task is to stop.
    pub(crate) fn check_stop(&self) -> Result<()> {
        if self.stop.is_stopped() {
            return Err(ConnectorError::retry("Stopped", "the task is stopping"));
        }
        Ok(())
    }
}

/// Returns the time, µs since 1970.
pub(crate) fn now_us() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// What PostgreSQL counts its time from: 2000-01-01, in µs since 1970.
pub(crate) const POSTGRES_EPOCH_US: i64 = 946_684_800_000_000;
