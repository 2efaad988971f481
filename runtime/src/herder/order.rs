//! Carries orders out, as the group's leader: writes to the config topic, reads back, and acts.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Loop, Order, Outcome, Refusal};
use crate::state::{ConfigRecord, RunState, TargetState};

/// How long a change of offsets waits for the connector's tasks to end.
const TASKS_END: Duration = Duration::from_secs(10);

impl Loop {
    /// Carries out an order.
    pub(super) fn carry_out(&mut self, order: &Order) -> Outcome {
        match order {
            Order::Put {
                name,
                config,
                initial,
                create,
            } => self.put(name, config, *initial, *create),
            Order::Delete(name) => self.delete(name),
            Order::Target(name, target) => self.target(name, *target),
            Order::Restart {
                name,
                tasks,
                only_failed,
            } => self.restart(name, *tasks, *only_failed),
            Order::RestartTask(name, task) => self.restart_task(name, *task),
            Order::Offsets(name, change) => self.change_offsets(name, change),
            Order::LogLevel(logger, level) => {
                self.write(&[ConfigRecord::logger(logger, level)], false)?;
                Ok(false)
            }
        }
    }

    /// Returns until when an order has to wait for tasks to end, which may take as long as `until`.
    pub(super) fn must_wait(&self, order: &Order, until: Option<Instant>) -> Option<Instant> {
        let Order::Offsets(name, _) = order else {
            return None;
        };
        let until = until.unwrap_or_else(|| Instant::now() + TASKS_END);
        let wait =
            !self.shared.member.is_free(name) && Instant::now() < until && self.is_stopped(name);
        wait.then_some(until)
    }

    fn put(
        &mut self,
        name: &str,
        config: &BTreeMap<String, String>,
        initial: Option<TargetState>,
        create: bool,
    ) -> Outcome {
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
        if exists && self.has_failed_tasks(name) {
            // A new configuration may be the remedy.
            records.push(ConfigRecord::restart(name, true, true, None));
        }
        self.write(&records, !exists)?;
        self.settle(name);
        self.assign();
        Ok(!exists)
    }

    fn delete(&mut self, name: &str) -> Outcome {
        self.known(name, || format!("Connector {name} not found"))?;
        self.write(&ConfigRecord::delete(name), false)?;
        self.settle(name);
        self.assign();
        Ok(false)
    }

    fn target(&mut self, name: &str, target: TargetState) -> Outcome {
        self.known(name, || format!("Unknown connector {name}"))?;
        let mut records = Vec::new();
        if target == TargetState::Stopped {
            records.extend(ConfigRecord::tasks(name, &[]));
            self.generated.remove(name);
        }
        records.push(ConfigRecord::target(name, target));
        self.write(&records, false)?;
        self.settle(name);
        self.assign();
        Ok(false)
    }

    fn restart(&mut self, name: &str, tasks: bool, only_failed: bool) -> Outcome {
        self.known(name, || format!("Unknown connector: {name}"))?;
        let record = ConfigRecord::restart(name, tasks, only_failed, None);
        self.write(&[record], false)?;
        Ok(false)
    }

    fn restart_task(&mut self, name: &str, task: u32) -> Outcome {
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
        let record = ConfigRecord::restart(name, false, false, Some(task));
        self.write(&[record], false)?;
        Ok(false)
    }

    fn has_failed_tasks(&self, name: &str) -> bool {
        let statuses = self.shared.statuses();
        let mut tasks = statuses.tasks(name);
        tasks.any(|(_, status)| status.state == RunState::Failed)
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
