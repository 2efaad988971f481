//! Decides what becomes of a record that a step failed for.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use walbridge_connector_api::{
    ConnectorError, ErrantRecord, Result, Settings, StopToken, TaskContext, TaskMetrics,
};
use walbridge_pipeline::StageError;

use super::counters::{ErrorCounters, count};
use super::{ErrorPolicy, Failure, Place};
use crate::group::Lease;

/// Meets the errors of one task's records as its settings say.
pub(crate) struct Tolerance {
    connector: String,
    task: u32,
    pub(crate) policy: ErrorPolicy,
    /// Whether there is a dead letter topic: then no record is lost, and the log may be silent.
    kept: bool,
    counters: Arc<ErrorCounters>,
    metrics: Arc<TaskMetrics>,
    stop: StopToken,
    lease: Lease,
}

impl Tolerance {
    /// Reads the settings of a task.
    pub(crate) fn new(
        settings: &Settings,
        context: &TaskContext,
        counters: &Arc<ErrorCounters>,
        lease: &Lease,
    ) -> Self {
        Self {
            connector: context.connector.clone(),
            task: context.task,
            policy: ErrorPolicy::new(settings),
            kept: settings
                .optional("errors.deadletterqueue.topic.name")
                .is_some(),
            counters: Arc::clone(counters),
            metrics: Arc::clone(&context.metrics),
            stop: context.stop.clone(),
            lease: lease.clone(),
        }
    }

    /// Tries a step that failed again for as long as that may help, and answers with what it gives in the
    /// end, or with the failure that is tolerated.
    ///
    /// # Errors
    /// If the failure is not tolerated, or the task is told to stop meanwhile.
    #[cold]
    pub(crate) fn settle<T>(
        &self,
        first: StageError,
        place: Place<'_>,
        mut step: impl FnMut() -> Result<T, StageError>,
    ) -> Result<Result<T, Failure>> {
        let began = Instant::now();
        let (mut error, mut attempt) = (first, 1);
        let result = loop {
            count(&self.counters.failures);
            let pause = self.policy.pause(attempt, began.elapsed());
            let Some(pause) = pause.filter(|_| error.is_retriable()) else {
                break self.tolerate(error, place).map(Err);
            };
            let stage = error.stage().as_str();
            tracing::warn!(%error, stage, %place, attempt, wait_ms = pause.as_millis(), "trying again");
            self.metrics.fact("phase", format!("retrying {stage}"));
            self.metrics.turn(false);
            self.stop.sleep(pause);
            // Others may run this task by now: nothing is to be put after the pause then.
            if !self.lease.wait(&self.stop) {
                break Err(ConnectorError::retry("Stopped", "stopped while retrying"));
            }
            count(&self.counters.retries);
            attempt += 1;
            match step() {
                Ok(value) => break Ok(Ok(value)),
                Err(again) => error = again,
            }
        };
        if attempt > 1 {
            self.metrics.fact("phase", "");
        }
        result
    }

    /// Tolerates a failure of a step that the same record would fail again.
    ///
    /// # Errors
    /// If it is not tolerated.
    #[cold]
    pub(crate) fn refused(&self, error: StageError, place: Place<'_>) -> Result<Failure> {
        count(&self.counters.failures);
        self.tolerate(error, place)
    }

    /// Counts records that are to go to the dead letter topic.
    pub(crate) fn requested(&self, records: u64) {
        self.counters.requests.fetch_add(records, Ordering::Relaxed);
    }

    /// Counts records that the dead letter topic has not taken.
    pub(super) fn unwritten(&self, records: u64) {
        self.counters
            .unwritten
            .fetch_add(records, Ordering::Relaxed);
    }

    fn tolerate(&self, error: StageError, place: Place<'_>) -> Result<Failure> {
        if error.is_retriable() && !self.policy.gives_up() {
            // Nothing is wrong with the record: it is waited for, for ever.
            let name = self.name(place, &Failure::of_step(&error));
            return Err(error.at(&name));
        }
        let failure = Failure::of_step(&error);
        self.note(&failure, place);
        if self.policy.tolerant {
            return Ok(failure);
        }
        Err(error.at(&self.name(place, &failure)))
    }

    /// Tolerates a record that the sink has reported.
    ///
    /// # Errors
    /// If it is not tolerated.
    #[cold]
    pub(crate) fn reported(&self, errant: &ErrantRecord, place: Place<'_>) -> Result<Failure> {
        let failure = Failure::of_put(&errant.error);
        count(&self.counters.failures);
        self.note(&failure, place);
        if self.policy.tolerant {
            return Ok(failure);
        }
        let name = self.name(place, &failure);
        Err(ConnectorError::stop(
            "RecordRefused",
            format!("the sink cannot write {name}: {}", errant.error),
        )
        .remedy(
            "mend what the message names; records that cannot be mended can be put aside with \
             errors.tolerance=all and errors.deadletterqueue.topic.name",
        ))
    }

    /// Names the record and the step, for the task's error.
    fn name(&self, place: Place<'_>, failure: &Failure) -> String {
        let (connector, task) = (&self.connector, self.task);
        let (stage, class) = (failure.stage, failure.class);
        format!("{place} (connector {connector}, task {task}, stage {stage}, class {class})")
    }

    /// Counts and logs a record that cannot be processed.
    fn note(&self, failure: &Failure, place: Place<'_>) {
        self.counters.failed();
        let tolerant = self.policy.tolerant;
        if tolerant {
            count(&self.counters.skipped);
        }
        let task = format!("{}-{}", self.connector, self.task);
        if self.policy.log {
            count(&self.counters.logged);
            let words = failure.words(&task, Some(place).filter(|_| self.policy.log_records));
            tracing::error!(error = %failure.trace().trim_end(), "{words}");
        } else if tolerant && !self.kept {
            // It is nowhere else: at least its place is told.
            let (stage, error) = (failure.stage, &failure.message);
            tracing::warn!(%place, stage, error, "a record is left out");
        }
    }
}
