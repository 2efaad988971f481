//! The config topic: connectors, their task configurations and target states.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What the key of a record about a restart begins with.
pub const RESTART: &str = "restart-connector-";

/// What the key of an answer to a worker's request begins with.
pub const ANSWER: &str = "answer-";

/// What the key of a record about a log level begins with.
pub const LOGGER: &str = "logger-cluster-";

/// What the key of a record begins with that says how many producers have to be fenced one day.
const FENCING: &str = "tasks-fencing-";

/// What a connector is meant to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum TargetState {
    /// Run.
    #[default]
    Started,
    /// Keep the tasks but move nothing.
    Paused,
    /// Have no tasks.
    Stopped,
}

impl TargetState {
    /// Parses the `initial_state` of a create request.
    pub fn from_initial(text: &str) -> Option<Self> {
        match text.to_ascii_uppercase().as_str() {
            "RUNNING" => Some(Self::Started),
            "PAUSED" => Some(Self::Paused),
            "STOPPED" => Some(Self::Stopped),
            _ => None,
        }
    }

    fn parse(value: &Value) -> Option<Self> {
        let text = value
            .get("state.v2")
            .or_else(|| value.get("state"))?
            .as_str()?;
        match text {
            "STARTED" => Some(Self::Started),
            "PAUSED" => Some(Self::Paused),
            "STOPPED" => Some(Self::Stopped),
            _ => None,
        }
    }
}

/// One connector as the topic has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectorEntry {
    /// Its configuration as written, placeholders unresolved.
    pub config: BTreeMap<String, String>,
    /// What it is meant to do.
    pub target: TargetState,
    /// The committed task configurations; `None` until a complete set was committed.
    pub tasks: Option<Vec<BTreeMap<String, String>>>,
    /// Whether former tasks of a source may still write: its tasks must not start before that is over.
    pub unfenced: bool,
    pending: BTreeMap<usize, BTreeMap<String, String>>,
}

/// What became of a request that the leader has dealt with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Which life of the worker that asked.
    pub incarnation: String,
    /// The request's number.
    pub number: u64,
    /// The HTTP status of a refusal; `None` if it was carried out.
    pub refused: Option<u16>,
    /// The refusal's words.
    pub message: String,
    /// Whether a connector was created.
    pub created: bool,
}

/// A record to be written to the config topic.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigRecord {
    /// The record's key.
    pub key: String,
    /// The record's value; `None` deletes.
    pub value: Option<Value>,
}

impl ConfigRecord {
    /// Creates the record of a connector's configuration.
    pub fn connector(name: &str, config: &BTreeMap<String, String>) -> Self {
        Self {
            key: format!("connector-{name}"),
            value: Some(json!({ "properties": config })),
        }
    }

    /// Creates the record of an answer to a worker's request; each worker has one, its newest.
    pub fn answer(worker: &str, answer: &Answer) -> Self {
        Self {
            key: format!("{ANSWER}{worker}"),
            value: Some(json!(answer)),
        }
    }

    /// Creates the record that tells all workers of a group to log at this level.
    pub fn logger(name: &str, level: &str) -> Self {
        Self {
            key: format!("{LOGGER}{name}"),
            value: Some(json!({ "level": level })),
        }
    }

    /// Creates the record that tells the workers to restart a connector's tasks, or one of them.
    pub fn restart(name: &str, tasks: bool, only_failed: bool, task: Option<u32>) -> Self {
        let mut value = json!({ "include-tasks": tasks, "only-failed": only_failed });
        if let Some(task) = task {
            value["task"] = json!(task);
        }
        Self {
            key: format!("{RESTART}{name}"),
            value: Some(value),
        }
    }

    /// Creates the record of a connector's target state; stopped reads as paused to old readers.
    pub fn target(name: &str, target: TargetState) -> Self {
        let (old, new) = match target {
            TargetState::Started => ("STARTED", "STARTED"),
            TargetState::Paused => ("PAUSED", "PAUSED"),
            TargetState::Stopped => ("PAUSED", "STOPPED"),
        };
        let value = json!({ "state": old, "state.v2": new });
        Self {
            key: format!("target-state-{name}"),
            value: Some(value),
        }
    }

    /// Creates the records of a complete set of task configurations, the commit last.
    pub fn tasks(name: &str, tasks: &[BTreeMap<String, String>]) -> Vec<Self> {
        let mut records: Vec<_> = tasks
            .iter()
            .enumerate()
            .map(|(n, config)| Self {
                key: format!("task-{name}-{n}"),
                value: Some(json!({ "properties": config })),
            })
            .collect();
        let commit = json!({ "tasks": tasks.len() });
        records.push(Self {
            key: format!("commit-{name}"),
            value: Some(commit),
        });
        records
    }

    /// Creates the record that says: all producers of former tasks are fenced, and there are so many tasks
    /// now.
    pub fn fencing(name: &str, tasks: usize) -> Self {
        Self {
            key: format!("{FENCING}{name}"),
            value: Some(json!({ "task-count": tasks })),
        }
    }

    /// Creates the records that delete a connector.
    pub fn delete(name: &str) -> Vec<Self> {
        ["connector", "target-state"]
            .map(|kind| Self {
                key: format!("{kind}-{name}"),
                value: None,
            })
            .into()
    }

    /// Returns the value's bytes as they go into the topic.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        self.value
            .as_ref()
            .map(|value| value.to_string().into_bytes())
    }
}

/// All connectors, as read from the config topic so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configs {
    connectors: BTreeMap<String, ConnectorEntry>,
    /// Target states that stand before their connector's configuration in the topic.
    early_targets: BTreeMap<String, TargetState>,
    /// How many tasks each source had when it was last fenced; stays when a connector is deleted.
    fenced: BTreeMap<String, usize>,
    /// The newest answer to each worker.
    answers: BTreeMap<String, Answer>,
}

impl Configs {
    /// Takes one record in; returns the connector it changed, if any.
    pub fn apply(&mut self, key: &str, value: Option<&[u8]>) -> Option<String> {
        let parsed: Option<Value> = value.map(serde_json::from_slice).transpose().ok()?;
        // A JSON null is a tombstone too.
        let parsed = parsed.filter(|value| !value.is_null());
        if let Some(worker) = key.strip_prefix(ANSWER) {
            let answer = serde_json::from_value(parsed?).ok()?;
            self.answers.insert(worker.to_owned(), answer);
            return None;
        }
        if let Some(name) = key.strip_prefix(FENCING) {
            let count = usize::try_from(parsed?.get("task-count")?.as_u64()?).ok()?;
            self.fenced.insert(name.to_owned(), count);
            self.connectors.get_mut(name)?.unfenced = false;
            return Some(name.to_owned());
        }
        if let Some(name) = key.strip_prefix("target-state-") {
            return self.target(name, parsed.as_ref());
        }
        if let Some(name) = key.strip_prefix("connector-") {
            return self.connector(name, parsed.as_ref());
        }
        if let Some(rest) = key.strip_prefix("task-") {
            let (name, number) = rest.rsplit_once('-')?;
            let config = properties(parsed.as_ref()?)?;
            let entry = self.connectors.get_mut(name)?;
            entry.pending.insert(number.parse().ok()?, config);
            return None;
        }
        if let Some(name) = key.strip_prefix("commit-") {
            let count = usize::try_from(parsed?.get("tasks")?.as_u64()?).ok()?;
            return self.commit(name, count);
        }
        None
    }

    fn target(&mut self, name: &str, value: Option<&Value>) -> Option<String> {
        let target = match value {
            Some(value) => TargetState::parse(value)?,
            None => TargetState::Started,
        };
        match self.connectors.get_mut(name) {
            Some(entry) => entry.target = target,
            None => drop(self.early_targets.insert(name.to_owned(), target)),
        }
        Some(name.to_owned())
    }

    fn connector(&mut self, name: &str, value: Option<&Value>) -> Option<String> {
        let Some(value) = value else {
            self.early_targets.remove(name);
            self.connectors.remove(name)?;
            return Some(name.to_owned());
        };
        let config = properties(value)?;
        let target = self.early_targets.remove(name);
        let entry = self.connectors.entry(name.to_owned()).or_default();
        entry.config = config;
        if let Some(target) = target {
            entry.target = target;
        }
        Some(name.to_owned())
    }

    fn commit(&mut self, name: &str, count: usize) -> Option<String> {
        // A commit without a connector is what compaction left of a deleted one.
        let entry = self.connectors.get_mut(name)?;
        let old = entry.tasks.take().unwrap_or_default();
        let mut pending = std::mem::take(&mut entry.pending);
        // What compaction took away before the commit is what was there before, or must be made anew.
        entry.tasks = (0..count)
            .map(|n| pending.remove(&n).or_else(|| old.get(n).cloned()))
            .collect::<Option<Vec<_>>>();
        entry.unfenced = true;
        Some(name.to_owned())
    }

    /// Returns how many tasks a source had when it was last fenced: so many producers may be about.
    pub fn fenced(&self, name: &str) -> usize {
        self.fenced.get(name).copied().unwrap_or_default()
    }

    /// Returns whether this is what the topic says of a task, and whether it may run.
    pub fn is_current(&self, name: &str, task: u32, config: &BTreeMap<String, String>) -> bool {
        self.connectors.get(name).is_some_and(|entry| {
            let tasks = entry.tasks.as_ref();
            !entry.unfenced && tasks.and_then(|tasks| tasks.get(task as usize)) == Some(config)
        })
    }

    /// Returns the newest answer to a worker's requests.
    pub fn answer(&self, worker: &str) -> Option<&Answer> {
        self.answers.get(worker)
    }

    /// Returns a connector.
    pub fn get(&self, name: &str) -> Option<&ConnectorEntry> {
        self.connectors.get(name)
    }

    /// Returns all connectors in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ConnectorEntry)> {
        self.connectors
            .iter()
            .map(|(name, entry)| (name.as_str(), entry))
    }
}

fn properties(value: &Value) -> Option<BTreeMap<String, String>> {
    let map: &Map<String, Value> = value.get("properties")?.as_object()?;
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    };
    Some(
        map.iter()
            .filter_map(|(k, v)| Some((k.clone(), text(v)?)))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn config(value: &str) -> BTreeMap<String, String> {
        [("a".to_owned(), value.to_owned())].into()
    }

    fn feed(configs: &mut Configs, records: Vec<ConfigRecord>) {
        for record in records {
            configs.apply(&record.key, record.bytes().as_deref());
        }
    }

    #[test]
    fn reads_what_it_writes() {
        let mut configs = Configs::default();
        feed(
            &mut configs,
            vec![ConfigRecord::target("c", TargetState::Paused)],
        );
        feed(
            &mut configs,
            vec![ConfigRecord::connector("c", &config("1"))],
        );
        feed(
            &mut configs,
            ConfigRecord::tasks("c", &[config("x"), config("y")]),
        );
        let entry = configs.get("c").unwrap();
        assert_eq!(entry.target, TargetState::Paused);
        assert_eq!(
            entry.tasks.as_deref(),
            Some(&[config("x"), config("y")][..])
        );
        feed(&mut configs, ConfigRecord::delete("c"));
        assert_eq!(configs.iter().count(), 0);
    }

    #[test]
    fn formats_are_connects() {
        let text = |record: &ConfigRecord| {
            format!(
                "{} {}",
                record.key,
                String::from_utf8(record.bytes().unwrap()).unwrap()
            )
        };
        assert_eq!(
            text(&ConfigRecord::connector("c", &config("1"))),
            r#"connector-c {"properties":{"a":"1"}}"#
        );
        assert_eq!(
            text(&ConfigRecord::target("c", TargetState::Stopped)),
            r#"target-state-c {"state":"PAUSED","state.v2":"STOPPED"}"#
        );
        let tasks: Vec<_> = ConfigRecord::tasks("c", &[config("x")])
            .iter()
            .map(text)
            .collect();
        assert_eq!(
            tasks,
            [
                r#"task-c-0 {"properties":{"a":"x"}}"#,
                r#"commit-c {"tasks":1}"#
            ]
        );
    }

    #[test]
    fn new_tasks_wait_until_the_former_are_fenced() {
        let mut configs = Configs::default();
        let record = ConfigRecord::fencing("c", 2);
        assert_eq!(record.key, "tasks-fencing-c");
        assert_eq!(record.bytes().unwrap(), br#"{"task-count":2}"#);
        feed(
            &mut configs,
            vec![ConfigRecord::connector("c", &config("1"))],
        );
        let tasks = [config("x"), config("y")];
        feed(&mut configs, ConfigRecord::tasks("c", &tasks));
        assert!(!configs.is_current("c", 0, &config("x")));
        feed(&mut configs, vec![ConfigRecord::fencing("c", 2)]);
        assert!(configs.is_current("c", 0, &config("x")));
        assert!(!configs.is_current("c", 1, &config("x")));
        assert!(!configs.is_current("c", 2, &config("x")));
        // Another generation, of which the number of the last is known, also if the connector was away.
        feed(&mut configs, ConfigRecord::delete("c"));
        feed(
            &mut configs,
            vec![ConfigRecord::connector("c", &config("1"))],
        );
        feed(&mut configs, ConfigRecord::tasks("c", &tasks[..1]));
        assert!(!configs.is_current("c", 0, &config("x")));
        assert_eq!(configs.fenced("c"), 2);
    }

    #[test]
    fn an_incomplete_commit_leaves_no_tasks() {
        let mut configs = Configs::default();
        feed(
            &mut configs,
            vec![ConfigRecord::connector("c", &config("1"))],
        );
        configs.apply("task-c-1", Some(br#"{"properties":{}}"#));
        configs.apply("commit-c", Some(br#"{"tasks":2}"#));
        assert_eq!(configs.get("c").unwrap().tasks, None);
        configs.apply("commit-gone", Some(br#"{"tasks":2}"#));
        assert!(configs.get("gone").is_none());
    }

    #[test]
    fn unknown_records_are_ignored() {
        let mut configs = Configs::default();
        for key in ["session-key", "logger-cluster-x", "assignment", ""] {
            assert_eq!(configs.apply(key, Some(br#"{"key":"x"}"#)), None);
        }
        assert_eq!(configs.apply("connector-c", Some(b"not json")), None);
        assert_eq!(configs, Configs::default());
    }

    proptest! {
        #[test]
        fn any_bytes_end_without_panic(key in "(connector|task|commit|target-state)-.{0,4}(-[0-9])?", value: Vec<u8>) {
            Configs::default().apply(&key, Some(&value));
        }
    }
}
