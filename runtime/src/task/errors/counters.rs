//! What is counted of records that could not be processed.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value, json};

use crate::task::now_ms;

/// Counts errors of a task's records, by Kafka Connect's terms.
#[derive(Debug, Default)]
pub(crate) struct ErrorCounters {
    /// Attempts at a step that failed, retries among them.
    pub(super) failures: AtomicU64,
    /// Records that a step failed for in the end.
    pub(super) errors: AtomicU64,
    /// Records that were tolerated and left out.
    pub(super) skipped: AtomicU64,
    /// Attempts after the first.
    pub(super) retries: AtomicU64,
    /// Errors that were logged.
    pub(super) logged: AtomicU64,
    /// Records that were to go to the dead letter topic.
    pub(super) requests: AtomicU64,
    /// Records that the dead letter topic did not take.
    pub(super) unwritten: AtomicU64,
    last_ms: AtomicU64,
}

/// A counter's name in Kafka Connect, its help text, and its value.
type Counter = (&'static str, &'static str, fn(&ErrorCounters) -> u64);

/// All counters, by Kafka Connect's names.
pub(crate) const COUNTERS: [Counter; 8] = [
    (
        "total-record-failures",
        "Attempts at processing a record that failed",
        |c| c.failures.load(Ordering::Relaxed),
    ),
    (
        "total-record-errors",
        "Records that could not be processed",
        |c| c.errors.load(Ordering::Relaxed),
    ),
    (
        "total-records-skipped",
        "Records that were left out because errors are tolerated",
        |c| c.skipped.load(Ordering::Relaxed),
    ),
    (
        "total-retries",
        "Attempts at processing a record after the first",
        |c| c.retries.load(Ordering::Relaxed),
    ),
    (
        "total-errors-logged",
        "Errors of records that were logged",
        |c| c.logged.load(Ordering::Relaxed),
    ),
    (
        "deadletterqueue-produce-requests",
        "Records that were to go to the dead letter topic",
        |c| c.requests.load(Ordering::Relaxed),
    ),
    (
        "deadletterqueue-produce-failures",
        "Records that the dead letter topic did not take",
        |c| c.unwritten.load(Ordering::Relaxed),
    ),
    (
        "last-error-timestamp",
        "When a record last could not be processed, in milliseconds since 1970",
        |c| c.last_ms.load(Ordering::Relaxed),
    ),
];

/// Adds one.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl ErrorCounters {
    /// Notes that a record cannot be processed.
    pub(super) fn failed(&self) {
        count(&self.errors);
        self.last_ms.store(now_ms(), Ordering::Relaxed);
    }

    /// Returns all counters by name, if there was any error.
    pub(crate) fn details(&self) -> Option<Value> {
        if self.failures.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let all = COUNTERS
            .iter()
            .map(|(name, _, value)| ((*name).to_owned(), json!(value(self))));
        Some(Value::Object(all.collect::<Map<_, _>>()))
    }
}
