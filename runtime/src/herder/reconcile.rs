//! Makes a connector's tasks what the config topic says they are to be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use walbridge_connector_api::{ConnectorKind, Disposition, Result};

use super::{Loop, Slot};
use crate::connector;
use crate::state::{ConfigRecord, ConnectorEntry, RunState, TargetState};
use crate::task::{self, LiveTask, TaskSpec};

/// When to try again if a connector's tasks could not be made because something was out of reach.
const RETRY: Duration = Duration::from_secs(5);

impl Loop {
    /// Brings one connector to what the config topic says; safe to call at any time.
    pub(super) fn reconcile(&mut self, name: &str) {
        let Some(entry) = self.entry(name) else {
            self.gone(name);
            return;
        };
        let entry = match self.make_tasks(name, entry) {
            Ok(entry) => entry,
            Err(error) => {
                tracing::error!(connector = name, error = %error.trace(), "connector failed");
                if error.disposition() != Disposition::Stop {
                    self.retry_at
                        .insert(name.to_owned(), Instant::now() + RETRY);
                }
                self.set_connector(name, RunState::Failed, Some(error.trace()));
                self.stop_slots(name, 0);
                return;
            }
        };
        let state = match entry.target {
            TargetState::Started => RunState::Running,
            TargetState::Paused => RunState::Paused,
            TargetState::Stopped => RunState::Stopped,
        };
        self.set_connector(name, state, None);
        let tasks = entry.tasks.unwrap_or_default();
        self.forget_tasks_from(name, tasks.len());
        if entry.target == TargetState::Started {
            self.stop_slots(name, tasks.len());
            for (number, config) in tasks.into_iter().enumerate() {
                self.want(name, u32::try_from(number).unwrap_or(u32::MAX), config);
            }
        } else {
            self.stop_slots(name, 0);
            for number in 0..tasks.len() {
                self.set_task(name, u32::try_from(number).unwrap_or(u32::MAX), state, None);
            }
        }
    }

    /// Makes the connector's task configurations anew if its configuration has changed.
    fn make_tasks(&mut self, name: &str, entry: ConnectorEntry) -> Result<ConnectorEntry> {
        let made = self.generated.get(name) == Some(&entry.config) && entry.tasks.is_some();
        if entry.target != TargetState::Started || made {
            return Ok(entry);
        }
        let shared = Arc::clone(&self.shared);
        let (_, tasks) = connector::load(&shared.catalog, &shared.resolver, &entry.config)?;
        if entry.tasks.as_ref() != Some(&tasks) {
            shared
                .stores
                .write_configs(&ConfigRecord::tasks(name, &tasks))?;
        }
        self.generated.insert(name.to_owned(), entry.config.clone());
        Ok(self.entry(name).unwrap_or(entry))
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
        let class = spec
            .config
            .get("connector.class")
            .map(String::as_str)
            .unwrap_or_default();
        let kind = self
            .shared
            .catalog
            .find(class)
            .map_or(ConnectorKind::Source, |c| c.kind());
        let live = Arc::new(LiveTask::new(&spec.connector, spec.task, kind));
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
        }
        self.shared.add_live(&live);
        self.slots.insert(
            (name, number),
            Slot {
                spec,
                handle: started.ok(),
                failed,
            },
        );
    }

    /// Ends the connector's tasks from this number on.
    pub(super) fn stop_slots(&mut self, name: &str, from: usize) {
        let mut idle = Vec::new();
        for (key, slot) in &self.slots {
            if key.0 != name || (key.1 as usize) < from {
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

    /// Takes away what was there of a connector that was deleted.
    fn gone(&mut self, name: &str) {
        self.generated.remove(name);
        self.retry_at.remove(name);
        self.stop_slots(name, 0);
        self.forget_status(name);
    }
}
