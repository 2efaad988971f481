//! Metrics by walbridge's own names: what Kafka Connect does not tell of a task.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use super::metric::{Metric, Value, counter, gauge};
use super::task::{TASK, TaskMetric};
use crate::task::{LiveTask, now_ms};

fn count(counter: &AtomicU64) -> Option<Value> {
    Some(Value::Count(counter.load(Relaxed)))
}

/// Returns a gauge once it has been set.
pub(super) fn told(own: &AtomicI64) -> Option<i64> {
    let own = own.load(Relaxed);
    (own >= 0).then_some(own)
}

fn set(own: &AtomicI64) -> Option<Value> {
    told(own).map(Value::Whole)
}

pub(super) fn seconds(millis: i64) -> Value {
    Value::Real(millis as f64 / 1000.0)
}

/// The metrics of tasks.
pub(super) const OWN: [TaskMetric; 11] = [
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
            let then = told(&t.metrics.last_progress_ms)?;
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
