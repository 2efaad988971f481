//! What is known of a task while it runs on this worker.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use walbridge_connector_api::{ConnectorKind, TaskMetrics, TopicPartition};

/// Why and until when a task waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// The whole story of the error it waits for to pass.
    pub(crate) trace: String,
    /// When it tries again, in milliseconds since 1970.
    pub(crate) next_retry_ms: u64,
    /// How many attempts in a row have failed.
    pub(crate) attempts: u32,
}

/// A task on this worker, as seen from outside its thread.
#[derive(Debug)]
pub(crate) struct LiveTask {
    /// The connector's name.
    pub(crate) connector: String,
    /// The task's number.
    pub(crate) task: u32,
    /// Which way it moves data.
    pub(crate) kind: ConnectorKind,
    /// What it counts.
    pub(crate) metrics: Arc<TaskMetrics>,
    waiting: Mutex<Option<Waiting>>,
    applied: Mutex<BTreeMap<TopicPartition, i64>>,
    since: Mutex<u64>,
}

impl LiveTask {
    pub(crate) fn new(connector: &str, task: u32, kind: ConnectorKind) -> Self {
        Self {
            connector: connector.to_owned(),
            task,
            kind,
            metrics: Arc::default(),
            waiting: Mutex::default(),
            applied: Mutex::default(),
            since: Mutex::new(now_ms()),
        }
    }

    /// Returns why the task waits, if it does.
    pub(crate) fn waiting(&self) -> Option<Waiting> {
        self.waiting.lock().ok()?.clone()
    }

    pub(super) fn set_waiting(&self, waiting: Option<Waiting>) {
        if let (Ok(mut slot), Ok(mut since)) = (self.waiting.lock(), self.since.lock()) {
            if slot.is_some() != waiting.is_some() {
                *since = now_ms();
            }
            *slot = waiting;
        }
    }

    /// Returns since when it has been running or waiting, in milliseconds since 1970.
    pub(crate) fn since_ms(&self) -> u64 {
        self.since.lock().map(|since| *since).unwrap_or_default()
    }

    /// Returns the offsets a sink has applied, per partition the first that is not.
    pub(crate) fn applied(&self) -> BTreeMap<TopicPartition, i64> {
        self.applied
            .lock()
            .map(|applied| applied.clone())
            .unwrap_or_default()
    }

    pub(super) fn note_applied(&self, offsets: &[(TopicPartition, i64)]) {
        if let Ok(mut applied) = self.applied.lock() {
            applied.extend(offsets.iter().cloned());
        }
    }
}

/// Returns the time in milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
