//! A task's thread: runs it, and again, as its errors say.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use walbridge_connector_api::{
    ConnectorError, ConnectorKind, Disposition, Result, StopToken, TaskContext, TaskMetrics,
};

use super::backoff::Backoff;
use super::live::{LiveTask, Restarting, Waiting, now_ms};
use super::restart::{self, RestartLimits, Restarts};
use super::{panics, sink, source};
use crate::clients;
use crate::connector::{Loaded, load_task};
use crate::descriptors;
use crate::logging::NAMES;
use crate::worker::Shared;

/// A task that ran this long without an error starts with a short pause again.
const STEADY: Duration = Duration::from_secs(60);

/// What a task is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TaskSpec {
    /// The connector's name.
    pub(crate) connector: String,
    /// The task's number.
    pub(crate) task: u32,
    /// Its configuration, placeholders unresolved.
    pub(crate) config: BTreeMap<String, String>,
    /// Grows each time somebody asks for a restart.
    pub(crate) restarts: u64,
}

/// What a task's thread reports.
#[derive(Debug)]
pub(crate) enum TaskEvent {
    /// It is at work.
    Running,
    /// It waits for something out of reach; holds the whole story.
    Waiting(String),
    /// It failed and starts again only if its connector's settings say so; holds the whole story.
    Failed(String),
    /// Its thread is about to end.
    Ended,
}

/// A started task's thread.
#[derive(Debug)]
pub(crate) struct TaskHandle {
    /// Tells it to end.
    pub(crate) stop: StopToken,
    /// Tells this thread's reports from those of an earlier one.
    pub(crate) incarnation: u64,
    /// The thread.
    pub(crate) thread: JoinHandle<()>,
}

/// Sends reports of one thread to the worker's loop.
pub(crate) type Report = Box<dyn Fn(TaskEvent) + Send>;

/// Starts a task's thread.
pub(crate) fn start(
    shared: Arc<Shared>,
    spec: TaskSpec,
    live: Arc<LiveTask>,
    incarnation: u64,
    report: Report,
) -> std::io::Result<TaskHandle> {
    let stop = StopToken::new();
    let token = stop.clone();
    let thread = std::thread::Builder::new()
        .name(format!("{}-{}", spec.connector, spec.task))
        .spawn(move || {
            let span = tracing::error_span!(
                target: NAMES,
                "task",
                connector = %spec.connector,
                task = spec.task,
                worker_id = shared.worker_id()
            );
            let _entered = span.enter();
            Supervisor {
                shared,
                spec,
                live,
                stop: token,
                report,
            }
            .run();
        })?;
    Ok(TaskHandle {
        stop,
        incarnation,
        thread,
    })
}

struct Supervisor {
    shared: Arc<Shared>,
    spec: TaskSpec,
    live: Arc<LiveTask>,
    stop: StopToken,
    report: Report,
}

impl Supervisor {
    fn run(self) {
        let limits = &self.shared.config.limits;
        let mut backoff = Backoff::new(limits.backoff, limits.backoff_max);
        let mut restarts = Restarts::default();
        while !self.stop.is_stopped() {
            let began = Instant::now();
            let before = progress(&self.live.metrics);
            let result = panics::contain(|| self.once());
            let Err(error) = result else { break };
            if self.stop.is_stopped() {
                tracing::debug!(error = %error, "error while stopping");
                break;
            }
            if began.elapsed() > STEADY || progress(&self.live.metrics) != before {
                backoff.reset();
            }
            let wait = match error.disposition() {
                Disposition::Stop => {
                    if !self.fail(&error, &mut restarts) {
                        break;
                    }
                    continue;
                }
                Disposition::Retry => backoff.next(),
                Disposition::Rewind => backoff.rewind(Instant::now()),
            };
            if !wait.is_zero() {
                self.wait(&error, wait, backoff.attempts());
            } else {
                tracing::warn!(error = %error.trace(), "going back to the stored position");
            }
        }
        (self.report)(TaskEvent::Ended);
    }

    /// Reports that the task has failed; returns true if it is to start again, after the pause before that.
    fn fail(&self, error: &ConnectorError, restarts: &mut Restarts) -> bool {
        let mut trace = error.trace();
        tracing::error!(error = %trace, "task failed");
        let limits = self
            .restart_limits()
            .filter(|_| !restart::is_configuration(error));
        let pause = limits.and_then(|limits| restarts.next(&limits, Instant::now()));
        if let Some(limits) = limits {
            let at = pause.map(|pause| now_ms().saturating_add(pause.as_millis() as u64));
            if pause.is_none() {
                let (max, window) = (limits.max, limits.window_ms());
                trace.push_str(&format!(
                    "\nNot started again: {max} restarts (errors.restart.max) within {window} ms \
                     (errors.restart.window.ms) did not help"
                ));
            }
            self.live.set_restarting(Restarting {
                count: restarts.count(),
                max: limits.max,
                next_ms: at,
            });
        }
        self.live.set_waiting(None);
        self.live.end();
        (self.report)(TaskEvent::Failed(trace));
        let Some(pause) = pause else { return false };
        tracing::warn!(
            wait_ms = pause.as_millis(),
            restarts = restarts.count(),
            "the task starts again by itself"
        );
        self.stop.sleep(pause);
        self.live.begin_restart();
        true
    }

    /// Returns how often the task may start again by itself after a failure.
    fn restart_limits(&self) -> Option<RestartLimits> {
        let shared = &self.shared;
        let loaded = load_task(&shared.catalog, &shared.resolver, &self.spec.config);
        RestartLimits::new(&loaded.ok()?.settings)
    }

    fn wait(&self, error: &ConnectorError, wait: Duration, attempts: u32) {
        let trace = error.trace();
        tracing::warn!(error = %trace, wait_ms = wait.as_millis(), attempts, "task waits");
        let until = now_ms().saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        self.live.set_waiting(Some(Waiting {
            trace: trace.clone(),
            next_retry_ms: until,
            attempts,
        }));
        (self.report)(TaskEvent::Waiting(trace));
        self.stop.sleep(wait);
    }

    /// Makes sure that the task is what the config topic says now, and that it may run.
    fn current(&self) -> Result<()> {
        let TaskSpec {
            connector,
            task,
            config,
            ..
        } = &self.spec;
        self.shared.stores.configs_seen(&self.stop)?;
        if self.shared.configs().is_current(connector, *task, config) {
            return Ok(());
        }
        let words = "this task is being replaced by others: it has another configuration by now, or \
                     former tasks have yet to be fenced";
        Err(ConnectorError::retry("Superseded", words))
    }

    /// Runs the task until it is told to stop or has an error.
    fn once(&self) -> Result<()> {
        self.live.metrics.forget_facts();
        descriptors::admit()?;
        let Loaded {
            connector,
            settings,
        } = load_task(
            &self.shared.catalog,
            &self.shared.resolver,
            &self.spec.config,
        )?;
        let context = TaskContext {
            connector: self.spec.connector.clone(),
            task: self.spec.task,
            group: self.shared.config.group.clone(),
            offsets: Vec::new(),
            kafka: clients::reach(
                &self.shared.config,
                &settings,
                &format!("{}-{}", self.spec.connector, self.spec.task),
            )?,
            metrics: Arc::clone(&self.live.metrics),
            // A child: a task that ends its own threads must not look like one told to end, or
            // its error would be taken for a consequence of that and be forgotten.
            stop: self.stop.child(),
        };
        let running = || {
            self.live.set_waiting(None);
            (self.report)(TaskEvent::Running);
        };
        match connector.kind() {
            ConnectorKind::Source => source::run(
                &self.shared,
                connector.as_ref(),
                &settings,
                context,
                &self.live,
                &|| self.current(),
                &running,
            ),
            ConnectorKind::Sink => sink::run(
                &self.shared,
                connector.as_ref(),
                &settings,
                context,
                &self.live,
                &running,
            ),
        }
    }
}

/// Returns a number that changes whenever the task gets something done.
fn progress(metrics: &TaskMetrics) -> u64 {
    metrics.batches.load(std::sync::atomic::Ordering::Relaxed)
}

/// Makes the report function of one thread.
pub(crate) fn reporter<E: From<(String, u32, u64, TaskEvent)> + Send + 'static>(
    events: Sender<E>,
    connector: &str,
    task: u32,
    incarnation: u64,
) -> Report {
    let connector = connector.to_owned();
    Box::new(move |event| {
        // The worker's loop may be gone already: nobody is left to tell.
        let _ = events.send(E::from((connector.clone(), task, incarnation, event)));
    })
}
