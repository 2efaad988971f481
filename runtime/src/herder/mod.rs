//! The worker's one loop: what is asked for, what is so, and how the one becomes the other.
//!
//! Every change travels through the config topic: a request is written there, read back, and only then
//! acted on. So any worker of a group may take a request, and a worker that starts with an empty disk
//! does what the topic says. All decisions are made on one thread, one after another.

mod command;
mod offsets;
mod reconcile;
mod status;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

pub(crate) use command::{Command, Herder, OffsetChange, Refusal};

use crate::state::{ConnectorEntry, RunState};
use crate::task::{TaskEvent, TaskHandle, TaskSpec};
use crate::worker::Shared;

/// How often the loop looks after what waits for time to pass.
const TICK: Duration = Duration::from_millis(250);

/// What the loop is told.
#[derive(Debug)]
pub(crate) enum Event {
    /// A request.
    Command(Command),
    /// The config topic has something new about a connector.
    Config(String),
    /// A topic that the worker cannot do without cannot be read any more.
    Broken(String),
    /// A task's thread reports.
    Task {
        /// The connector's name.
        connector: String,
        /// The task's number.
        task: u32,
        /// Which of the task's threads it is.
        incarnation: u64,
        /// What it reports.
        event: TaskEvent,
    },
    /// End.
    Stop,
}

impl From<(String, u32, u64, TaskEvent)> for Event {
    fn from((connector, task, incarnation, event): (String, u32, u64, TaskEvent)) -> Self {
        Self::Task {
            connector,
            task,
            incarnation,
            event,
        }
    }
}

/// A task on this worker.
struct Slot {
    spec: TaskSpec,
    /// Its thread, until that has ended.
    handle: Option<TaskHandle>,
    failed: bool,
}

/// The loop's own state.
pub(crate) struct Loop {
    shared: Arc<Shared>,
    events: Sender<Event>,
    inbox: Receiver<Event>,
    slots: BTreeMap<(String, u32), Slot>,
    /// The configuration that each connector's tasks were made from.
    generated: BTreeMap<String, BTreeMap<String, String>>,
    /// Restarts asked for, per task.
    restarts: BTreeMap<(String, u32), u64>,
    /// Connectors whose tasks could not be made, and when to try again.
    retry_at: BTreeMap<String, Instant>,
    /// Requests that wait for tasks to end, with the time until which they may.
    deferred: Vec<(Instant, Command)>,
    incarnation: u64,
    generation: u64,
}

impl Loop {
    pub(crate) fn new(shared: Arc<Shared>, events: Sender<Event>, inbox: Receiver<Event>) -> Self {
        Self {
            shared,
            events,
            inbox,
            slots: BTreeMap::new(),
            generated: BTreeMap::new(),
            restarts: BTreeMap::new(),
            retry_at: BTreeMap::new(),
            deferred: Vec::new(),
            incarnation: 0,
            generation: 1,
        }
    }

    /// Brings everything to what the topics say, then does what it is told until it is told to stop.
    ///
    /// # Errors
    /// Why it cannot go on.
    pub(crate) fn run(&mut self) -> Result<(), String> {
        let known: Vec<String> = {
            let configs = self.shared.configs();
            configs.iter().map(|(name, _)| name.to_owned()).collect()
        };
        self.forget_unknown(&known);
        for name in &known {
            self.reconcile(name);
        }
        let ended = loop {
            match self.inbox.recv_timeout(TICK) {
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => break Ok(()),
                Ok(Event::Broken(trace)) => break Err(trace),
                Ok(event) => self.handle(event),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.look_after();
        };
        self.shut_down();
        ended
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Command(command) => self.command(command, None),
            Event::Config(name) => self.reconcile(&name),
            Event::Task {
                connector,
                task,
                incarnation,
                event,
            } => {
                self.task_event(connector, task, incarnation, event);
            }
            Event::Stop | Event::Broken(_) => {}
        }
    }

    fn task_event(&mut self, connector: String, task: u32, incarnation: u64, event: TaskEvent) {
        let key = (connector, task);
        let Some(slot) = self.slots.get_mut(&key) else {
            return;
        };
        if slot
            .handle
            .as_ref()
            .is_none_or(|handle| handle.incarnation != incarnation)
        {
            return;
        }
        let stopping = slot
            .handle
            .as_ref()
            .is_some_and(|handle| handle.stop.is_stopped());
        let (connector, _) = &key;
        match event {
            TaskEvent::Running if !stopping => {
                self.set_task(connector, task, RunState::Running, None);
            }
            TaskEvent::Waiting(trace) if !stopping => {
                self.set_task(connector, task, RunState::Running, Some(trace));
            }
            TaskEvent::Failed(trace) => {
                slot.failed = true;
                if !stopping {
                    self.set_task(connector, task, RunState::Failed, Some(trace));
                }
            }
            TaskEvent::Ended => {
                if let Some(handle) = slot.handle.take()
                    && handle.thread.join().is_err()
                {
                    tracing::error!(connector = %key.0, task, "a task's thread panicked");
                }
                if !slot.failed || stopping {
                    self.slots.remove(&key);
                    self.shared.remove_live(&key.0, task);
                }
                let (connector, _) = key;
                self.reconcile(&connector);
            }
            TaskEvent::Running | TaskEvent::Waiting(_) => {}
        }
    }

    fn look_after(&mut self) {
        let now = Instant::now();
        let due: Vec<_> = self
            .retry_at
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(n, _)| n.clone())
            .collect();
        for name in due {
            self.retry_at.remove(&name);
            self.reconcile(&name);
        }
        for (until, command) in std::mem::take(&mut self.deferred) {
            self.command(command, Some(until));
        }
    }

    /// Ends all tasks within the time allowed and says so in the status topic.
    fn shut_down(&mut self) {
        let limit = Instant::now() + self.shared.config.limits.shutdown;
        for slot in self.slots.values() {
            if let Some(handle) = &slot.handle {
                handle.stop.stop();
            }
        }
        while self.slots.values().any(|slot| slot.handle.is_some()) {
            let left = limit.saturating_duration_since(Instant::now());
            let Ok(event) = self.inbox.recv_timeout(left) else {
                break;
            };
            if let Event::Task {
                connector,
                task,
                incarnation,
                event: TaskEvent::Ended,
            } = event
                && let Some(slot) = self.slots.get_mut(&(connector, task))
                && let Some(handle) = slot.handle.take_if(|h| h.incarnation == incarnation)
            {
                let _ = handle.thread.join();
            }
        }
        let mut ended = Vec::new();
        for ((connector, task), slot) in &self.slots {
            if slot.handle.is_some() {
                tracing::warn!(connector, task, "a task did not end in time and is cut off");
            } else if !slot.failed {
                ended.push((connector.clone(), *task));
            }
        }
        for (connector, task) in ended {
            self.set_task(&connector, task, RunState::Unassigned, None);
        }
        self.shared.stores.flush(Duration::from_millis(800));
    }

    fn entry(&self, name: &str) -> Option<ConnectorEntry> {
        self.shared.configs().get(name).cloned()
    }

    /// Returns whether a task of this connector still has a thread.
    fn has_threads(&self, name: &str) -> bool {
        self.slots
            .iter()
            .any(|((owner, _), slot)| owner == name && slot.handle.is_some())
    }
}
