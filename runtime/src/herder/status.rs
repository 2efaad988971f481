//! What the loop says in the status topic.

use super::Loop;
use crate::state::{RunState, Status, Statuses};

impl Loop {
    fn status(&self, name: &str, state: RunState, trace: Option<String>) -> Status {
        let class = self
            .shared
            .configs()
            .get(name)
            .and_then(|e| e.config.get("connector.class").cloned());
        let version = class.and_then(|class| {
            self.shared
                .catalog
                .find(&class)
                .map(|connector| connector.version().to_owned())
        });
        Status {
            state,
            trace,
            worker: self.shared.worker_id().to_owned(),
            generation: self.shared.member.generation(),
            version,
        }
    }

    /// Writes a status to the topic soon, unless others may have taken over what it is about.
    fn publish(&self, key: String, value: Option<Vec<u8>>) {
        if self.shared.lease.is_held() {
            self.shared.stores.write_status(key, value);
        }
    }

    /// Sets a connector's status, here at once and in the topic soon.
    pub(super) fn set_connector(&self, name: &str, state: RunState, trace: Option<String>) {
        let status = self.status(name, state, trace);
        let mut statuses = self.shared.statuses_mut();
        if statuses.connector(name) == Some(&status) {
            return;
        }
        self.publish(Statuses::connector_key(name), Some(status.bytes()));
        statuses.set_connector(name, Some(status));
    }

    /// Sets a task's status, here at once and in the topic soon.
    pub(super) fn set_task(&self, name: &str, task: u32, state: RunState, trace: Option<String>) {
        let status = self.status(name, state, trace);
        let mut statuses = self.shared.statuses_mut();
        if statuses.task(name, task) == Some(&status) {
            return;
        }
        self.publish(Statuses::task_key(name, task), Some(status.bytes()));
        statuses.set_task(name, task, Some(status));
    }

    /// Takes away the statuses of tasks that the connector has no more.
    pub(super) fn forget_tasks_from(&self, name: &str, from: usize) {
        let mut statuses = self.shared.statuses_mut();
        let gone: Vec<u32> = statuses
            .tasks(name)
            .map(|(task, _)| task)
            .filter(|t| *t as usize >= from)
            .collect();
        for task in gone {
            statuses.set_task(name, task, None);
            self.publish(Statuses::task_key(name, task), None);
        }
    }

    /// Takes away everything that the status topic has of a connector.
    pub(super) fn forget_status(&self, name: &str) {
        self.forget_tasks_from(name, 0);
        let mut statuses = self.shared.statuses_mut();
        if statuses.connector(name).is_some() {
            statuses.set_connector(name, None);
            self.publish(Statuses::connector_key(name), None);
        }
    }

    /// Takes away statuses of connectors that were deleted while no worker ran.
    pub(super) fn forget_unknown(&self, known: &[String]) {
        let names = self.shared.statuses().names();
        for name in names.iter().filter(|name| !known.contains(name)) {
            self.forget_status(name);
        }
    }
}
