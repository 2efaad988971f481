//! The worker's one loop: what is asked for, what is so, and how the one becomes the other.
//!
//! Every change travels through the config topic: the leader of the group writes it there, every worker
//! reads it, and only then it is acted on. Any worker may take a request; one that does not lead passes
//! it on through the group's topic. All decisions of a worker are made on one thread, one after another.

mod command;
mod counts;
mod flat;
mod group_offsets;
mod leader;
mod offsets;
mod order;
mod outside;
mod reconcile;
mod request;
mod status;
mod tell;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

pub(crate) use command::{Command, Herder, OffsetChange, Order, Outcome, Refusal};
pub(crate) use counts::{Startups, WorkerCounts};
pub(crate) use group_offsets::group_of;

use crate::group::{Progress, Request, State};
use crate::state::{Answer, ConnectorEntry, RunState};
use crate::stores::Restart;
use crate::task::{TaskEvent, TaskHandle, TaskSpec};
use crate::worker::Shared;

/// How often the loop looks after what waits for time to pass.
const TICK: Duration = Duration::from_millis(250);

/// How often the leader looks for workers to forget.
const FORGET: Duration = Duration::from_secs(60);

/// What the loop is told.
#[derive(Debug)]
pub(crate) enum Event {
    /// A request.
    Command(Command),
    /// The config topic has something new about a connector.
    Config(String),
    /// Tasks are to restart.
    Restart(Restart),
    /// The leader has answered a worker.
    Answer(String, Answer),
    /// The group has changed.
    Group,
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
    /// Whether it is known how its start went.
    counted: bool,
}

/// The loop's own state.
pub(crate) struct Loop {
    shared: Arc<Shared>,
    events: Sender<Event>,
    inbox: Receiver<Event>,
    slots: BTreeMap<(String, u32), Slot>,
    /// Restarts asked for, per task.
    restarts: BTreeMap<(String, u32), u64>,
    incarnation: u64,
    /// Whether all tasks were ended because this worker has not heard of itself for too long.
    resting: bool,
    /// Whether it was said that another worker has this one's address.
    silenced: bool,
    /// What was told of the tasks here last, and when.
    told: (Instant, Progress),
    /// When the leader last looked for workers to forget.
    forgot: Instant,
    /// What this worker has as the group's leader.
    leading: Option<leader::Leading>,
    /// When to try again to lead.
    lead_at: Instant,
    /// As leader: the configuration that each connector's tasks were made from.
    generated: BTreeMap<String, BTreeMap<String, String>>,
    /// As leader: connectors whose tasks could not be made, and when to try again.
    retry_at: BTreeMap<String, Instant>,
    /// As leader: requests of others that are being carried out or have been.
    taken: BTreeSet<(String, u64)>,
    /// As leader: the request that the next records written carry out.
    carrying: Option<Request>,
    /// As leader: orders that wait for tasks to end.
    deferred: Vec<request::Deferred>,
    /// How often this worker has asked the leader for something.
    asked: u64,
    /// Those who wait for the leader's answers.
    asking: BTreeMap<u64, request::Asking>,
}

impl Loop {
    pub(crate) fn new(shared: Arc<Shared>, events: Sender<Event>, inbox: Receiver<Event>) -> Self {
        Self {
            shared,
            events,
            inbox,
            slots: BTreeMap::new(),
            restarts: BTreeMap::new(),
            incarnation: 0,
            resting: false,
            silenced: false,
            told: (Instant::now(), Progress::default()),
            forgot: Instant::now(),
            leading: None,
            lead_at: Instant::now(),
            generated: BTreeMap::new(),
            retry_at: BTreeMap::new(),
            taken: BTreeSet::new(),
            carrying: None,
            deferred: Vec::new(),
            asked: 0,
            asking: BTreeMap::new(),
        }
    }

    /// Does what it is told, by the topics and by people, until it is told to stop.
    ///
    /// # Errors
    /// Why it cannot go on.
    pub(crate) fn run(&mut self) -> Result<(), String> {
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
            Event::Command(command) => self.command(command),
            Event::Config(name) => {
                self.settle(&name);
                self.reconcile(&name);
            }
            Event::Restart(restart) => self.restart_here(&restart),
            Event::Answer(worker, answer) => self.answered(&worker, answer),
            Event::Group => self.group_changed(),
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
        if !slot.counted && matches!(event, TaskEvent::Running | TaskEvent::Failed(_)) {
            slot.counted = true;
            let good = matches!(event, TaskEvent::Running);
            self.shared.counts.tasks.note(good);
        }
        match event {
            TaskEvent::Running if !stopping => {
                // It may have started again by itself.
                slot.failed = false;
                self.set_task(connector, task, RunState::Running, None);
            }
            TaskEvent::Waiting(trace) if !stopping => {
                slot.failed = false;
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

    /// Does what another leader, another assignment or an eviction calls for.
    fn group_changed(&mut self) {
        if self.shared.member.state() == State::In {
            let tasks = self.shared.member.tasks();
            let mut names: BTreeSet<String> = tasks.into_iter().map(|task| task.0).collect();
            names.extend(self.slots.keys().map(|key| key.0.clone()));
            for name in names {
                self.reconcile(&name);
            }
        }
    }

    fn look_after(&mut self) {
        self.shared.counts.see(self.shared.member.generation());
        match self.shared.member.state() {
            State::In => self.rest(),
            state => self.begin_anew(state),
        }
        self.see_leader();
        if self.leading.is_some() {
            let now = Instant::now();
            let due: Vec<_> = self
                .retry_at
                .iter()
                .filter(|(_, at)| **at <= now)
                .map(|(n, _)| n.clone())
                .collect();
            for name in due {
                self.retry_at.remove(&name);
                self.settle(&name);
            }
            self.serve_requests();
            self.assign();
            self.forget_gone();
        }
        self.shared.live().values().for_each(|live| live.look());
        self.tell();
        self.look_after_deferred();
        self.look_after_asked();
        self.acknowledge();
    }

    /// Takes workers that have been gone for long out of the topic, as the leader.
    fn forget_gone(&mut self) {
        if self.forgot.elapsed() < FORGET {
            return;
        }
        self.forgot = Instant::now();
        let gone = self.shared.member.forget();
        if let Err(error) = self.shared.stores.write_group(&gone) {
            tracing::warn!(error = %error.trace(), "workers that are gone stay in the topic for now");
        }
    }

    /// Says how far this worker has ended what was taken away from it.
    fn acknowledge(&self) {
        let member = &self.shared.member;
        let generation = member.generation();
        let tasks = member.tasks();
        let surplus =
            |(key, slot): (&(String, u32), &Slot)| slot.handle.is_some() && !tasks.contains(key);
        // The assignment may be newer than the tasks looked at; then the next look is for it.
        if !self.slots.iter().any(surplus) && member.generation() == generation {
            member.ack(generation);
            self.shared.counts.reach(generation);
        }
    }

    /// Ends all tasks within the time allowed and says so in the status topic.
    fn shut_down(&mut self) {
        self.leading = None;
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
}
