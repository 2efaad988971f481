//! Metrics by walbridge's own names: what Kafka Connect does not tell of a task.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use super::metric::{Metric, Value, counter, gauge};
use super::task::{TASK, TaskMetric};
use crate::task::{LiveTask, now_ms};

fn count(counter: &AtomicU64) -> Option<Value> {
    Some(Value::Count(counter.load(Relaxed)))
}

/// Returns a gauge that the connector has set, else what the loop knows.
fn told(own: &AtomicI64, by_loop: Option<i64>) -> Option<i64> {
    let own = own.load(Relaxed);
    if own >= 0 { Some(own) } else { by_loop }
}

fn set(own: &AtomicI64) -> Option<Value> {
    told(own, None).map(Value::Whole)
}

fn seconds(millis: i64) -> Value {
    Value::Real(millis as f64 / 1000.0)
}

/// The metrics of tasks.
pub(super) const OWN: [TaskMetric; 17] = [
    (
        counter("walbridge_task_rows", TASK, "Row changes or records"),
        |t| count(&t.metrics.rows),
    ),
    (
        counter("walbridge_task_bytes", TASK, "Bytes of keys and values"),
        |t| count(&t.metrics.bytes),
    ),
    (
        counter(
            "walbridge_task_batches",
            TASK,
            "Transactions at the receiving end",
        ),
        |t| count(&t.metrics.batches),
    ),
    (
        counter("walbridge_task_transactions", TASK, "Source transactions"),
        |t| count(&t.metrics.transactions),
    ),
    (
        gauge(
            "walbridge_task_lag_records",
            TASK,
            "Records in Kafka that are not done yet: a sink's and a mirror's",
        ),
        |t| told(&t.metrics.lag_records, t.counts.lag_records.get()).map(Value::Whole),
    ),
    (
        gauge(
            "walbridge_task_lag_bytes",
            TASK,
            "Bytes between the newest known position and the task's: of write-ahead log, of a file; of records, \
             a guess from their mean size",
        ),
        |t| told(&t.metrics.lag_bytes, t.counts.lag_bytes.get()).map(Value::Whole),
    ),
    (
        gauge(
            "walbridge_task_lag_transactions",
            TASK,
            "Source transactions (mirror: records) known but not yet done",
        ),
        |t| set(&t.metrics.lag_transactions),
    ),
    (
        gauge(
            "walbridge_task_lag_seconds",
            TASK,
            "Age of the oldest change not yet done, 0 when all is done; of a file, the time since all was done",
        ),
        |t| told(&t.metrics.lag_ms, t.counts.lag_ms.get()).map(seconds),
    ),
    (
        gauge(
            "walbridge_task_retained_wal_bytes",
            TASK,
            "Write-ahead log that the server keeps because of the slot",
        ),
        |t| set(&t.metrics.retained_wal_bytes),
    ),
    (
        gauge(
            "walbridge_task_safe_wal_bytes",
            TASK,
            "How much more write-ahead log may be kept before the slot is lost",
        ),
        |t| set(&t.metrics.safe_wal_bytes),
    ),
    (
        gauge(
            "walbridge_task_sequence",
            TASK,
            "Number of the last source transaction done since the snapshot",
        ),
        |t| set(&t.metrics.sequence),
    ),
    (
        gauge(
            "walbridge_task_position",
            TASK,
            "Position in the write-ahead log up to which all is done",
        ),
        |t| set(&t.metrics.position),
    ),
    (
        gauge(
            "walbridge_task_last_progress_seconds",
            TASK,
            "How long ago the task last made progress or found nothing to do",
        ),
        |t| {
            let then = told(&t.metrics.last_progress_ms, None)?;
            let now = i64::try_from(now_ms()).unwrap_or(i64::MAX);
            Some(seconds((now - then).max(0)))
        },
    ),
    (
        gauge(
            "walbridge_task_buffered_bytes",
            TASK,
            "Bytes in the task's own buffers",
        ),
        |t| set(&t.metrics.buffered_bytes),
    ),
    (
        gauge(
            "walbridge_task_restarts",
            TASK,
            "How often the task has started again by itself, within its window",
        ),
        |t| t.restarting().map(|r| Value::Count(u64::from(r.count))),
    ),
    (
        gauge(
            "walbridge_task_stuck",
            TASK,
            "1 while the task stands still though it has work",
        ),
        |t| Some(Value::flag(t.stuck_since().is_some())),
    ),
    (
        gauge(
            "walbridge_task_waiting",
            TASK,
            "1 while the task waits for something out of reach",
        ),
        |t: &LiveTask| Some(Value::flag(t.waiting().is_some())),
    ),
];

/// Whether a task has failed.
pub(super) const FAILED: Metric = gauge(
    "walbridge_task_failed",
    TASK,
    "1 if the task has failed and a person must act",
);
