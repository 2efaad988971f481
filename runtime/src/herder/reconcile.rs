//! Makes a connector's tasks on this worker what the topics say they are to be.

use std::collections::BTreeMap;
use std::sync::Arc;

use walbridge_connector_api::{Connector, ConnectorKind, Form};
use walbridge_pipeline::converters::Role;

use super::{Loop, Slot};
use crate::config::WorkerConfig;
use crate::group::State;
use crate::state::{RunState, TargetState};
use crate::stores::Restart;
use crate::task::{self, Classes, LiveTask, TaskSpec};

impl Loop {
    /// Brings this worker's tasks of one connector to what the topics say; safe to call at any time.
    pub(super) fn reconcile(&mut self, name: &str) {
        if self.resting || self.shared.member.state() != State::In {
            return;
        }
        let entry = self.entry(name).unwrap_or_default();
        let waits = entry.unfenced && self.kind(&entry.config) == ConnectorKind::Source;
        let configs = entry.tasks.unwrap_or_default();
        let mine: Vec<u32> = {
            let tasks = self.shared.member.tasks();
            let own = tasks.into_iter().filter(|task| task.0 == name);
            own.map(|task| task.1)
                .filter(|number| (*number as usize) < configs.len())
                .collect()
        };
        let runs = entry.target == TargetState::Started;
        self.stop_others(name, if runs { &mine } else { &[] });
        for number in mine {
            let config = configs[number as usize].clone();
            match entry.target {
                TargetState::Started if waits => self.hold(name, number, &config),
                TargetState::Started => self.want(name, number, config),
                TargetState::Paused => self.pause(name, number, &config),
                TargetState::Stopped => {}
            }
        }
    }

    /// Lets a task go on that stays as it is, and ends it otherwise: it must not start anew before the leader
    /// has fenced the connector's former tasks.
    fn hold(&self, name: &str, number: u32, config: &BTreeMap<String, String>) {
        let slot = self.slots.get(&(name.to_owned(), number));
        if let Some(Slot {
            spec,
            handle: Some(handle),
            ..
        }) = slot
            && spec.config != *config
        {
            handle.stop.stop();
        }
    }

    /// Returns which way a connector of this configuration moves data.
    fn kind(&self, config: &BTreeMap<String, String>) -> ConnectorKind {
        let class = config.get("connector.class");
        let found = class.and_then(|class| self.shared.catalog.find(class));
        found.map_or(ConnectorKind::Source, |connector| connector.kind())
    }

    /// Starts a task, or lets it go on, or ends it so that it can start anew.
    fn want(&mut self, name: &str, number: u32, config: BTreeMap<String, String>) {
        let key = (name.to_owned(), number);
        let restarts = self.restarts.get(&key).copied().unwrap_or_default();
        let spec = TaskSpec {
            connector: key.0.clone(),
            task: number,
            config,
            restarts,
        };
        if let Some(slot) = self.slots.get(&key) {
            match &slot.handle {
                // When it has ended, this is called again.
                Some(handle) if slot.spec != spec => handle.stop.stop(),
                Some(_) => {}
                None if slot.spec == spec && slot.failed => {}
                None => self.launch(spec),
            }
            return;
        }
        self.launch(spec);
    }

    fn launch(&mut self, spec: TaskSpec) {
        self.incarnation += 1;
        let live = Arc::new(self.describe(&spec.connector, spec.task, &spec.config));
        let report = task::reporter(
            self.events.clone(),
            &spec.connector,
            spec.task,
            self.incarnation,
        );
        let (name, number) = (spec.connector.clone(), spec.task);
        self.set_task(&name, number, RunState::Unassigned, None);
        let started = task::start(
            Arc::clone(&self.shared),
            spec.clone(),
            Arc::clone(&live),
            self.incarnation,
            report,
        );
        let failed = started.is_err();
        if let Err(error) = &started {
            let trace = format!("NoThread: the task's thread could not be started: {error}");
            self.set_task(&name, number, RunState::Failed, Some(trace));
            self.shared.counts.tasks.note(false);
        }
        self.shared.add_live(&live);
        self.slots.insert(
            (name, number),
            Slot {
                spec,
                handle: started.ok(),
                failed,
                counted: failed,
            },
        );
    }

    /// Notes that a task is paused; what is known of its lag stays known as of then.
    fn pause(&self, name: &str, number: u32, config: &BTreeMap<String, String>) {
        self.set_task(name, number, RunState::Paused, None);
        let key = (name.to_owned(), number);
        let known = |all: &BTreeMap<(String, u32), Arc<LiveTask>>| all.contains_key(&key);
        if !known(&self.shared.live()) && !known(&self.shared.resting()) {
            let task = self.describe(name, number, config);
            self.shared.rest(Arc::new(task));
        }
    }

    /// Returns what is known of a task before it runs.
    fn describe(&self, name: &str, number: u32, config: &BTreeMap<String, String>) -> LiveTask {
        let shared = &self.shared;
        let class = config.get("connector.class").map_or("", String::as_str);
        let connector = shared.catalog.find(class);
        let kind = connector.map_or(ConnectorKind::Source, |c| c.kind());
        let classes = connector.map_or_else(Classes::new, |connector| {
            classes(&shared.config, connector.as_ref(), config)
        });
        let before = shared.measured_before(&(name.to_owned(), number), &classes);
        let (about, limits) = ((kind, classes), &shared.config.limits);
        LiveTask::new(name, number, about, limits, before)
    }

    /// Ends the connector's tasks from this number on.
    pub(super) fn stop_slots(&mut self, name: &str, from: u32) {
        let keep: Vec<u32> = (0..from).collect();
        self.stop_others(name, &keep);
    }

    /// Ends the connector's tasks but these.
    fn stop_others(&mut self, name: &str, keep: &[u32]) {
        let mut idle = Vec::new();
        for (key, slot) in &self.slots {
            if key.0 != name || keep.contains(&key.1) {
                continue;
            }
            match &slot.handle {
                Some(handle) => handle.stop.stop(),
                None => idle.push(key.clone()),
            }
        }
        for key in idle {
            self.slots.remove(&key);
            self.shared.remove_live(&key.0, key.1);
        }
    }

    /// Restarts those of the tasks asked for that are here.
    pub(super) fn restart_here(&mut self, restart: &Restart) {
        let name = &restart.connector;
        if self.leading.is_some() && restart.task.is_none() {
            // The connector itself is only the making of its tasks.
            self.generated.remove(name);
            self.settle(name);
        }
        let chosen = |(key, slot): &(&(String, u32), &Slot)| {
            let wanted = match restart.task {
                Some(task) => key.1 == task,
                None => restart.tasks,
            };
            key.0 == *name && wanted && (slot.failed || !restart.only_failed)
        };
        let all = self.slots.iter().filter(chosen);
        let all: Vec<(String, u32)> = all.map(|(key, _)| key.clone()).collect();
        for key in all {
            self.set_task(name, key.1, RunState::Restarting, None);
            *self.restarts.entry(key).or_default() += 1;
        }
        self.reconcile(name);
    }
}

/// Names the classes that a task works with, by Kafka Connect's names of the attributes.
fn classes(
    worker: &WorkerConfig,
    connector: &dyn Connector,
    config: &BTreeMap<String, String>,
) -> Classes {
    let version = connector.version();
    let kind = match connector.kind() {
        ConnectorKind::Source => "source",
        ConnectorKind::Sink => "sink",
    };
    let mut classes = Classes::from([
        ("connector-class", connector.class().to_owned()),
        ("connector-type", kind.to_owned()),
        ("connector-version", version.to_owned()),
        ("task-class", connector.task_class().to_owned()),
        ("task-version", version.to_owned()),
    ]);
    if connector.form() == Form::Records {
        let converters = worker.converters.with(config);
        for (role, class, version) in [
            (Role::Key, "key-converter-class", "key-converter-version"),
            (
                Role::Value,
                "value-converter-class",
                "value-converter-version",
            ),
            (
                Role::Header,
                "header-converter-class",
                "header-converter-version",
            ),
        ] {
            classes.insert(class, converters.kind(role).class().to_owned());
            classes.insert(version, crate::VERSION.to_owned());
        }
    }
    classes
}
