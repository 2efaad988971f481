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
use super::live::{LiveTask, Waiting, now_ms};
use super::{panics, sink, source};
use crate::clients;
use crate::connector::{Loaded, load_task};
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
    /// It failed for good; holds the whole story.
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
            let span = tracing::info_span!("task", connector = %spec.connector, task = spec.task);
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
                    tracing::error!(error = %error.trace(), "task failed");
                    (self.report)(TaskEvent::Failed(error.trace()));
                    break;
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

    /// Runs the task until it is told to stop or has an error.
    fn once(&self) -> Result<()> {
        self.live.metrics.forget_facts();
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
            kafka: clients::reach(&self.shared.config)?,
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
