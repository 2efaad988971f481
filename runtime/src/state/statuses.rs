//! The status topic: what state each connector and task is in, and where.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{ActiveTopics, Configs};

/// The state of a connector or task by Kafka Connect's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// On no worker yet, or on its way.
    Unassigned,
    /// At work, or waiting to be at work again.
    Running,
    /// Told to pause.
    Paused,
    /// Told to stop.
    Stopped,
    /// Failed; a person must act.
    Failed,
    /// About to start anew.
    Restarting,
}

impl RunState {
    const ALL: [Self; 6] = [
        Self::Unassigned,
        Self::Running,
        Self::Paused,
        Self::Stopped,
        Self::Failed,
        Self::Restarting,
    ];

    /// Returns Kafka Connect's name of the state.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unassigned => "UNASSIGNED",
            Self::Running => "RUNNING",
            Self::Paused => "PAUSED",
            Self::Stopped => "STOPPED",
            Self::Failed => "FAILED",
            Self::Restarting => "RESTARTING",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// One status record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The state.
    pub state: RunState,
    /// The whole story of an error.
    pub trace: Option<String>,
    /// `host:port` of the worker that wrote it.
    pub worker: String,
    /// The group's generation when it was written.
    pub generation: u64,
    /// The connector's version.
    pub version: Option<String>,
}

impl Status {
    /// Returns the value's bytes as they go into the topic.
    pub fn bytes(&self) -> Vec<u8> {
        let mut value = json!({
            "state": self.state.as_str(),
            "trace": self.trace,
            "worker_id": self.worker,
            "generation": self.generation,
        });
        if let Some(version) = &self.version {
            value["version"] = json!(version);
        }
        value.to_string().into_bytes()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            state: RunState::parse(&text("state")?)?,
            trace: text("trace"),
            worker: text("worker_id")?,
            generation: value
                .get("generation")
                .and_then(Value::as_u64)
                .unwrap_or_default(),
            version: text("version"),
        })
    }
}

/// All states, as read from the status topic or set by this worker.
#[derive(Debug, Clone, Default)]
pub struct Statuses {
    connectors: BTreeMap<String, Status>,
    tasks: BTreeMap<String, BTreeMap<u32, Status>>,
    /// The topics that connectors have used.
    pub topics: ActiveTopics,
}

impl Statuses {
    /// Returns the key of a connector's record.
    pub fn connector_key(name: &str) -> String {
        format!("status-connector-{name}")
    }

    /// Returns the key of a task's record.
    pub fn task_key(name: &str, task: u32) -> String {
        format!("status-task-{name}-{task}")
    }

    /// Takes one record in that another worker has written since this one began to read: what it writes
    /// itself it knows before, and a status that was taken away may stand there again already.
    pub fn apply_news(&mut self, key: &str, value: Option<&[u8]>, me: &str, configs: &Configs) {
        let own = value
            .and_then(Status::parse)
            .is_some_and(|status| status.worker == me);
        let connector = key.strip_prefix("status-connector-");
        let task = key
            .strip_prefix("status-task-")
            .and_then(|rest| rest.rsplit_once('-'));
        let name = connector.or(task.map(|(name, _)| name)).unwrap_or_default();
        let entry = configs.get(name);
        let exists = match task.and_then(|(_, number)| number.parse::<usize>().ok()) {
            None => entry.is_some(),
            Some(number) => entry
                .and_then(|entry| entry.tasks.as_ref())
                .is_some_and(|tasks| number < tasks.len()),
        };
        let overtaken = value.is_none() && exists;
        if !(own || overtaken) {
            self.apply(key, value);
        }
    }

    /// Takes what a former life of the worker `me` said of tasks for what it is: of the past.
    pub fn begin_anew(&mut self, me: &str) {
        let all = self.tasks.values_mut().flat_map(BTreeMap::values_mut);
        for status in all.filter(|status| status.worker == me) {
            if matches!(
                status.state,
                RunState::Running | RunState::Failed | RunState::Restarting
            ) {
                status.state = RunState::Unassigned;
                status.trace = None;
            }
        }
    }

    /// Takes one record in; what is not understood is ignored.
    pub fn apply(&mut self, key: &str, value: Option<&[u8]>) {
        if self.topics.apply(key, value) {
            return;
        }
        let status = value.and_then(Status::parse);
        if value.is_some() && status.is_none() {
            return;
        }
        if let Some(name) = key.strip_prefix("status-connector-") {
            self.set_connector(name, status);
        } else if let Some((name, number)) = key
            .strip_prefix("status-task-")
            .and_then(|rest| rest.rsplit_once('-'))
            && let Ok(task) = number.parse()
        {
            self.set_task(name, task, status);
        }
    }

    /// Sets or removes a connector's status.
    pub fn set_connector(&mut self, name: &str, status: Option<Status>) {
        match status {
            Some(status) => drop(self.connectors.insert(name.to_owned(), status)),
            None => drop(self.connectors.remove(name)),
        }
    }

    /// Sets or removes a task's status.
    pub fn set_task(&mut self, name: &str, task: u32, status: Option<Status>) {
        let tasks = self.tasks.entry(name.to_owned()).or_default();
        match status {
            Some(status) => drop(tasks.insert(task, status)),
            None => drop(tasks.remove(&task)),
        }
        if tasks.is_empty() {
            self.tasks.remove(name);
        }
    }

    /// Shows tasks as restarting, until their owner says what became of them.
    pub fn restarting(&mut self, name: &str, only_failed: bool, task: Option<u32>) {
        for (number, status) in self.tasks.get_mut(name).into_iter().flatten() {
            let chosen = task.is_none_or(|task| task == *number);
            if chosen && (!only_failed || status.state == RunState::Failed) {
                status.state = RunState::Restarting;
                status.trace = None;
            }
        }
    }

    /// Returns a connector's status.
    pub fn connector(&self, name: &str) -> Option<&Status> {
        self.connectors.get(name)
    }

    /// Returns a task's status.
    pub fn task(&self, name: &str, task: u32) -> Option<&Status> {
        self.tasks.get(name)?.get(&task)
    }

    /// Returns the statuses of a connector's tasks in order.
    pub fn tasks(&self, name: &str) -> impl Iterator<Item = (u32, &Status)> {
        self.tasks
            .get(name)
            .into_iter()
            .flatten()
            .map(|(task, status)| (*task, status))
    }

    /// Returns the names of all connectors that have a record of any kind.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self
            .connectors
            .keys()
            .chain(self.tasks.keys())
            .cloned()
            .collect();
        names.sort();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_what_connect_writes() {
        let status = Status {
            state: RunState::Failed,
            trace: Some("SlotMissing: gone".into()),
            worker: "h:1".into(),
            generation: 2,
            version: Some("1".into()),
        };
        let mut statuses = Statuses::default();
        statuses.apply(&Statuses::task_key("a-b", 3), Some(&status.bytes()));
        assert_eq!(statuses.task("a-b", 3), Some(&status));
        let java = br#"{"state":"RUNNING","trace":null,"worker_id":"h:1","generation":7}"#;
        statuses.apply("status-connector-a-b", Some(java));
        assert_eq!(statuses.connector("a-b").unwrap().generation, 7);
        statuses.apply("status-connector-a-b", Some(b"{}"));
        statuses.apply("status-topic-t:connector-c", Some(b"{}"));
        statuses.apply("status-task-a-b-3", None);
        assert!(statuses.task("a-b", 3).is_none());
        assert_eq!(statuses.names(), ["a-b"]);
    }
}
