//! Metrics of lag, also of tasks that do not run at present: never a number that nobody knows to be true.

use std::sync::Arc;

use super::metric::{Metric, Value, gauge};
use super::own::{seconds, told};
use super::task::TASK;
use crate::task::{Lag, LiveTask, now_ms};

/// A task and how far it is behind at the moment of asking.
pub(super) struct Shown {
    pub(super) task: Arc<LiveTask>,
    pub(super) lag: Option<Lag>,
}

impl Shown {
    /// Returns whether nobody knows how far the task is behind.
    pub(super) fn is_unknown(&self) -> bool {
        self.lag.is_some_and(|lag| lag.unknown_since_ms.is_some())
    }

    /// Shows a number that is true only as long as it is measured again and again.
    fn while_measured(&self, then: Option<i64>) -> Option<Value> {
        let then = then?;
        Some(if self.is_unknown() {
            Value::Real(f64::NAN)
        } else {
            Value::Whole(then)
        })
    }
}

/// A metric of lag, and how it is read.
pub(super) type LagMetric = (Metric, fn(&Shown) -> Option<Value>);

/// The metrics of lag.
pub(super) const LAG: [LagMetric; 8] = [
    (
        gauge(
            "walbridge_task_lag_records",
            TASK,
            "Records in Kafka that are not done yet: a sink's and a mirror's; NaN while that is unknown",
        ),
        |shown| {
            let task = &shown.task;
            let own = told(&task.metrics.lag_records);
            shown.while_measured(own.or(task.counts.lag_records.get()))
        },
    ),
    (
        gauge(
            "walbridge_task_lag_bytes",
            TASK,
            "Bytes between the newest known position and the task's: of write-ahead log, of a file; of records, \
             a guess from their mean size; NaN while that is unknown",
        ),
        |shown| {
            let task = &shown.task;
            let own = told(&task.metrics.lag_bytes);
            shown.while_measured(own.or(task.counts.lag_bytes.get()))
        },
    ),
    (
        gauge(
            "walbridge_task_lag_transactions",
            TASK,
            "Source transactions (mirror: records) known but not yet done; NaN while that is unknown",
        ),
        |shown| shown.while_measured(told(&shown.task.metrics.lag_transactions)),
    ),
    (
        gauge(
            "walbridge_task_lag_seconds",
            TASK,
            "Age of the oldest change not yet done, 0 when all is done; while it is unknown, the age that it has \
             at most; of a file, the time since all was done",
        ),
        |shown| Some(seconds(i64::try_from(shown.lag?.ms?).unwrap_or(i64::MAX))),
    ),
    (
        gauge(
            "walbridge_task_lag_unknown_seconds",
            TASK,
            "For how long nobody has known how far the task is behind; 0 while it is known",
        ),
        |shown| {
            let since = shown.lag?.unknown_since_ms;
            let millis = since.map_or(0, |since| now_ms().saturating_sub(since));
            Some(seconds(i64::try_from(millis).unwrap_or(i64::MAX)))
        },
    ),
    (
        gauge(
            "walbridge_task_retained_wal_bytes",
            TASK,
            "Write-ahead log that the server keeps because of the slot; NaN while that is unknown",
        ),
        |shown| shown.while_measured(told(&shown.task.metrics.retained_wal_bytes)),
    ),
    (
        gauge(
            "walbridge_task_safe_wal_bytes",
            TASK,
            "How much more write-ahead log may be kept before the slot is lost; NaN while that is unknown",
        ),
        |shown| shown.while_measured(told(&shown.task.metrics.safe_wal_bytes)),
    ),
    (
        gauge(
            "walbridge_task_tables_without_identity",
            TASK,
            "Published tables whose updates and deletes the server refuses, for nothing names their rows",
        ),
        |shown| told(&shown.task.metrics.tables_without_identity).map(Value::Whole),
    ),
];
