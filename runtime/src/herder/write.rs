//! Carries requests out: writes to the config topic, reads back, and acts.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::command::Reply;
use super::{Command, Loop, Refusal};
use crate::state::{ConfigRecord, RunState, TargetState};

/// How long a change of offsets waits for the connector's tasks to end.
const TASKS_END: Duration = Duration::from_secs(10);

impl Loop {
    /// Carries out one request; `until` is set if it has been put off before.
    pub(super) fn command(&mut self, command: Command, until: Option<Instant>) {
        match command {
            Command::Put {
                name,
                config,
                initial,
                create,
                reply,
            } => {
                answer(reply, self.put(&name, &config, initial, create));
            }
            Command::Delete(name, reply) => answer(reply, self.delete(&name)),
            Command::Target(name, target, reply) => answer(reply, self.target(&name, target)),
            Command::Restart {
                name,
                tasks,
                only_failed,
                reply,
            } => {
                answer(reply, self.restart(&name, tasks, only_failed));
            }
            Command::RestartTask(name, task, reply) => {
                answer(reply, self.restart_task(&name, task))
            }
            Command::Offsets(name, change, reply) => {
                let until = until.unwrap_or_else(|| Instant::now() + TASKS_END);
                if self.has_threads(&name) && Instant::now() < until && self.is_stopped(&name) {
                    self.deferred
                        .push((until, Command::Offsets(name, change, reply)));
                } else {
                    answer(reply, self.change_offsets(&name, change));
                }
            }
        }
    }

    fn write(&self, records: &[ConfigRecord]) -> Result<(), Refusal> {
        self.shared.stores.write_configs(records).map_err(|error| {
            Refusal::new(500, format!("Could not write to the config topic: {error}"))
        })
    }

    fn put(
        &mut self,
        name: &str,
        config: &BTreeMap<String, String>,
        initial: Option<TargetState>,
        create: bool,
    ) -> Result<bool, Refusal> {
        let exists = self.entry(name).is_some();
        if exists && create {
            return Err(Refusal::new(
                409,
                format!("Connector {name} already exists"),
            ));
        }
        let mut records = Vec::new();
        if let (false, Some(target)) = (exists, initial) {
            records.push(ConfigRecord::target(name, target));
        }
        records.push(ConfigRecord::connector(name, config));
        self.write(&records)?;
        self.restart_failed(name);
        self.reconcile(name);
        Ok(!exists)
    }

    fn delete(&mut self, name: &str) -> Result<(), Refusal> {
        self.known(name, || format!("Connector {name} not found"))?;
        self.write(&ConfigRecord::delete(name))?;
        self.reconcile(name);
        Ok(())
    }

    fn target(&mut self, name: &str, target: TargetState) -> Result<(), Refusal> {
        self.known(name, || format!("Unknown connector {name}"))?;
        let mut records = Vec::new();
        if target == TargetState::Stopped {
            records.extend(ConfigRecord::tasks(name, &[]));
            self.generated.remove(name);
        }
        records.push(ConfigRecord::target(name, target));
        self.write(&records)?;
        self.reconcile(name);
        Ok(())
    }

    fn restart(&mut self, name: &str, tasks: bool, only_failed: bool) -> Result<(), Refusal> {
        self.known(name, || format!("Unknown connector: {name}"))?;
        let failed = |state: Option<RunState>| state == Some(RunState::Failed);
        let own = self
            .shared
            .statuses()
            .connector(name)
            .map(|status| status.state);
        if !only_failed || failed(own) {
            // The connector itself is only the making of its tasks.
            self.generated.remove(name);
        }
        if tasks {
            let which: Vec<u32> = {
                let statuses = self.shared.statuses();
                let chosen = statuses
                    .tasks(name)
                    .filter(|(_, s)| !only_failed || failed(Some(s.state)));
                chosen.map(|(task, _)| task).collect()
            };
            for task in which {
                self.renew(name, task);
            }
        }
        self.reconcile(name);
        Ok(())
    }

    fn restart_task(&mut self, name: &str, task: u32) -> Result<(), Refusal> {
        self.known(name, || format!("Unknown connector: {name}"))?;
        let entry = self.entry(name).unwrap_or_default();
        if entry.target == TargetState::Stopped {
            let words = "Cannot complete request momentarily due to stale configuration (typically \
                         caused by a concurrent config change)";
            return Err(Refusal::new(409, words));
        }
        if entry.tasks.is_none_or(|tasks| tasks.len() <= task as usize) {
            return Err(Refusal::new(404, format!("Unknown task: {name}-{task}")));
        }
        self.renew(name, task);
        self.reconcile(name);
        Ok(())
    }

    fn renew(&mut self, name: &str, task: u32) {
        *self.restarts.entry((name.to_owned(), task)).or_default() += 1;
        if self.slots.contains_key(&(name.to_owned(), task)) {
            self.set_task(name, task, RunState::Restarting, None);
        }
    }

    /// Lets failed tasks try again: a new configuration may be the remedy.
    fn restart_failed(&mut self, name: &str) {
        let failed: Vec<u32> = self
            .slots
            .iter()
            .filter(|((owner, _), slot)| owner == name && slot.failed)
            .map(|((_, task), _)| *task)
            .collect();
        for task in failed {
            *self.restarts.entry((name.to_owned(), task)).or_default() += 1;
        }
    }

    pub(super) fn known(&self, name: &str, words: impl Fn() -> String) -> Result<(), Refusal> {
        self.entry(name)
            .map(drop)
            .ok_or_else(|| Refusal::new(404, words()))
    }

    pub(super) fn is_stopped(&self, name: &str) -> bool {
        self.entry(name)
            .is_some_and(|entry| entry.target == TargetState::Stopped)
    }
}

fn answer<T>(reply: Reply<T>, result: Result<T, Refusal>) {
    // Whoever asked may have gone away; what was asked is done all the same.
    let _ = reply.send(result);
}
