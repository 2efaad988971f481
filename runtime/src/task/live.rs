//! What is known of a task while it runs on this worker.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use walbridge_connector_api::{ConnectorKind, TaskMetrics, TopicPartition};

use super::counts::TaskCounts;
use super::errors::ErrorCounters;
use super::lag::{Behind, Measured, Standing};
use crate::config::TaskLimits;

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

/// How often a failed task has started again by itself, and when it will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Restarting {
    /// How many restarts count at present.
    pub(crate) count: u32,
    /// How many there may be.
    pub(crate) max: u32,
    /// When it starts again, in milliseconds since 1970; `None` if it runs or stays failed.
    pub(crate) next_ms: Option<u64>,
}

/// The classes that a task works with, by Kafka Connect's names of the attributes.
pub(crate) type Classes = BTreeMap<&'static str, String>;

/// A task on this worker, as seen from outside its thread.
#[derive(Debug)]
pub(crate) struct LiveTask {
    /// The connector's name.
    pub(crate) connector: String,
    /// The task's number.
    pub(crate) task: u32,
    /// Which way it moves data.
    pub(crate) kind: ConnectorKind,
    /// The classes that it works with.
    pub(crate) classes: Classes,
    /// What it counts.
    pub(crate) metrics: Arc<TaskMetrics>,
    /// What its loop counts.
    pub(crate) counts: Arc<TaskCounts>,
    /// What it counts of records that cannot be processed.
    pub(crate) errors: Arc<ErrorCounters>,
    waiting: Mutex<Option<Waiting>>,
    restarting: Mutex<Option<Restarting>>,
    applied: Mutex<BTreeMap<TopicPartition, i64>>,
    since: Mutex<u64>,
    stuck_after: Duration,
    lag_unknown_after: Duration,
    /// What the task that was here before it knew of its lag.
    before: Option<Measured>,
    /// When it was made, in milliseconds since 1970.
    born_ms: u64,
    /// Whether it has ended and does not start again by itself.
    ended: AtomicBool,
    /// The task's pulses when it was last looked at, and when each had last changed.
    moved: Mutex<[(u64, u64); 2]>,
}

impl LiveTask {
    pub(crate) fn new(
        connector: &str,
        task: u32,
        (kind, classes): (ConnectorKind, Classes),
        limits: &TaskLimits,
        before: Option<Measured>,
    ) -> Self {
        Self {
            connector: connector.to_owned(),
            task,
            kind,
            classes,
            metrics: Arc::default(),
            counts: Arc::default(),
            errors: Arc::default(),
            waiting: Mutex::default(),
            restarting: Mutex::default(),
            applied: Mutex::default(),
            since: Mutex::new(now_ms()),
            stuck_after: limits.stuck_after,
            lag_unknown_after: limits.lag_unknown_after,
            // One that told of no lag is no reason to wait for another to tell.
            before: before.filter(|measured| measured.behind != Behind::Untold),
            born_ms: now_ms(),
            ended: AtomicBool::new(false),
            moved: Mutex::new([(0, now_ms()); 2]),
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

    /// Returns how often it has started again by itself, if it may.
    pub(crate) fn restarting(&self) -> Option<Restarting> {
        self.restarting.lock().ok()?.clone()
    }

    pub(super) fn set_restarting(&self, restarting: Restarting) {
        if let Ok(mut slot) = self.restarting.lock() {
            *slot = Some(restarting);
        }
    }

    /// Notes that its thread has ended, or is about to.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Returns whether it is at work.
    pub(crate) fn standing(&self) -> Standing {
        match self.ended.load(Ordering::Relaxed) {
            true => Standing::AtRest,
            false => Standing::AtWork,
        }
    }

    /// Returns what is known of its lag, and as of when; `None` if it is one that tells of none.
    pub(crate) fn measured(&self) -> Option<Measured> {
        let told = |gauge: &AtomicI64| u64::try_from(gauge.load(Ordering::Relaxed)).ok();
        let (metrics, counts) = (&self.metrics, &self.counts);
        let turned = metrics.turned_ms();
        let tells = [
            &metrics.lag_ms,
            &metrics.lag_bytes,
            &metrics.lag_records,
            &metrics.lag_transactions,
        ];
        // Who tells a lag without a time measures it whenever its loop comes round.
        let by_turn = || tells.into_iter().find_map(told).map(|_| turned);
        let asked = counts
            .lag_measured
            .get()
            .and_then(|at| u64::try_from(at).ok());
        let at = told(&metrics.lag_measured_ms).or(asked).or_else(by_turn);
        let Some(at_ms) = at.filter(|at| *at > 0) else {
            return self.before.or_else(|| self.never_measured(turned));
        };
        let by_loop = counts
            .lag_since
            .get()
            .and_then(|since| u64::try_from(since).ok());
        let age = told(&metrics.lag_ms).map(|age| {
            if age == 0 {
                0
            } else {
                turned.saturating_sub(age)
            }
        });
        let behind = match told(&metrics.lag_behind_since_ms).or(age).or(by_loop) {
            None => Behind::Untold,
            Some(0) => Behind::Nothing,
            Some(since) => Behind::Since(since),
        };
        Some(Measured { at_ms, behind })
    }

    /// Returns since when nothing is known of a task that has never said anything and does not come round.
    fn never_measured(&self, turned: u64) -> Option<Measured> {
        let (at_ms, behind) = (self.born_ms, Behind::Untold);
        let limit = u64::try_from(self.lag_unknown_after.as_millis()).unwrap_or(u64::MAX);
        let quiet = now_ms().saturating_sub(turned.max(at_ms)) > limit;
        let silent = quiet || self.standing() == Standing::AtRest;
        silent.then_some(Measured { at_ms, behind })
    }

    /// Says of a task that is not at work only how far behind it may be.
    pub(crate) fn rest_details(&self) -> Value {
        let mut map = Map::new();
        if let Some(measured) = self.measured() {
            measured.write(&mut map);
        }
        Value::Object(map)
    }

    /// Notes that a restart is under way.
    pub(super) fn begin_restart(&self) {
        self.ended.store(false, Ordering::Relaxed);
        if let Ok(mut slot) = self.restarting.lock()
            && let Some(restarting) = slot.as_mut()
        {
            restarting.next_ms = None;
        }
    }

    /// Returns whether it holds still for a reason that its status tells.
    fn is_told(&self) -> bool {
        let restarts = self.restarting().is_some_and(|r| r.next_ms.is_some());
        restarts || self.waiting().is_some()
    }

    /// Returns since when it has been running or waiting, in milliseconds since 1970.
    pub(crate) fn since_ms(&self) -> u64 {
        self.since.lock().map(|since| *since).unwrap_or_default()
    }

    /// Looks whether the task moves; called often, from outside its thread.
    pub(crate) fn look(&self) {
        let (turns, moves) = self.metrics.pulse();
        let waits = self.is_told();
        self.counts.look(!waits, &self.metrics);
        if let Ok(mut moved) = self.moved.lock() {
            for (seen, pulse) in moved.iter_mut().zip([turns, moves]) {
                if seen.0 != pulse || waits {
                    *seen = (pulse, now_ms());
                }
            }
        }
    }

    /// Returns since when the task stands still though it has work, in milliseconds since 1970.
    ///
    /// Either its loop does not come round any more, or it is behind and makes no progress.
    pub(crate) fn stuck_since(&self) -> Option<u64> {
        let limit = u64::try_from(self.stuck_after.as_millis()).unwrap_or(u64::MAX);
        let is_long = |since: &u64| now_ms().saturating_sub(*since) > limit;
        if self.is_told() {
            return None;
        }
        let [(_, turned), (_, moved)] = self.moved.lock().map(|moved| *moved).ok()?;
        let metrics = &self.metrics;
        let behind = [&metrics.lag_bytes, &metrics.lag_transactions]
            .iter()
            .any(|lag| lag.load(Ordering::Relaxed) > 0);
        let progress = u64::try_from(metrics.last_progress_ms.load(Ordering::Relaxed));
        let progressed = moved.max(progress.unwrap_or_default()).max(self.since_ms());
        let hangs = Some(turned).filter(is_long);
        hangs.or(Some(progressed).filter(|_| behind).filter(is_long))
    }

    /// Returns the offsets a sink has applied, per partition the first that is not.
    pub(crate) fn applied(&self) -> BTreeMap<TopicPartition, i64> {
        self.applied
            .lock()
            .map(|applied| applied.clone())
            .unwrap_or_default()
    }

    /// Says what Kafka Connect's status does not: since when, how far behind, until when it waits.
    pub(crate) fn details(&self) -> Value {
        let mut map = Map::new();
        map.insert("since_ms".into(), json!(self.since_ms()));
        for (name, value) in self.metrics.facts() {
            map.insert(name.into(), json!(value));
        }
        if let Some(waiting) = self.waiting() {
            map.insert("phase".into(), json!("waiting"));
            map.insert("next_retry_ms".into(), json!(waiting.next_retry_ms));
            map.insert("failed_attempts".into(), json!(waiting.attempts));
        }
        if let Some(restarting) = self.restarting() {
            map.insert("restarts".into(), json!(restarting.count));
            map.insert("restarts_max".into(), json!(restarting.max));
            if let Some(next) = restarting.next_ms {
                map.insert("next_retry_ms".into(), json!(next));
            }
        }
        if let Some(since) = self.stuck_since() {
            map.insert("stuck_since_ms".into(), json!(since));
        }
        for (name, value) in self.metrics.gauges() {
            map.insert(name.into(), json!(value));
        }
        if let Some(records) = self.counts.lag_records.get() {
            map.entry("lag_records").or_insert(json!(records));
        }
        if let Some(measured) = self.measured() {
            measured.write(&mut map);
        }
        if let Some(errors) = self.errors.details() {
            map.insert("errors".into(), errors);
        }
        for (name, value) in self.metrics.counters() {
            map.insert(name.into(), json!(value));
        }
        Value::Object(map)
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
