//! The topics that connectors have used: `status-topic-<topic>:connector-<connector>` records.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// What the key of a record about an active topic begins with.
const PREFIX: &str = "status-topic-";

/// What stands between the topic and the connector; a topic's name has no colon.
const BETWEEN: &str = ":connector-";

/// The active topics of all connectors.
#[derive(Debug, Clone, Default)]
pub struct ActiveTopics {
    all: BTreeMap<String, BTreeSet<String>>,
    removals: u64,
}

impl ActiveTopics {
    /// Returns the key of a record.
    pub fn key(connector: &str, topic: &str) -> String {
        format!("{PREFIX}{topic}{BETWEEN}{connector}")
    }

    /// Returns the bytes of a record's value; the time is in milliseconds since 1970.
    pub fn bytes(connector: &str, topic: &str, task: u32, discovered_ms: u64) -> Vec<u8> {
        let value = json!({
            "topic": {
                "name": topic,
                "connector": connector,
                "task": task,
                "discoverTimestamp": discovered_ms,
            }
        });
        value.to_string().into_bytes()
    }

    /// Takes one record in and returns whether its key is of this kind.
    pub fn apply(&mut self, key: &str, value: Option<&[u8]>) -> bool {
        let Some(rest) = key.strip_prefix(PREFIX) else {
            return false;
        };
        let Some((topic, connector)) = rest.split_once(BETWEEN) else {
            return true;
        };
        match value {
            None => self.remove(connector, topic),
            Some(bytes) => {
                let value = serde_json::from_slice::<Value>(bytes).unwrap_or_default();
                if value["topic"].is_object() {
                    self.insert(connector, topic);
                }
            }
        }
        true
    }

    /// Notes that a connector uses a topic; returns whether that is new.
    pub fn insert(&mut self, connector: &str, topic: &str) -> bool {
        let topics = self.all.entry(connector.to_owned()).or_default();
        topics.insert(topic.to_owned())
    }

    fn remove(&mut self, connector: &str, topic: &str) {
        if let Some(topics) = self.all.get_mut(connector) {
            topics.remove(topic);
            self.removals += 1;
            if topics.is_empty() {
                self.all.remove(connector);
            }
        }
    }

    /// Forgets all topics of a connector and returns them.
    pub fn take(&mut self, connector: &str) -> BTreeSet<String> {
        self.removals += 1;
        self.all.remove(connector).unwrap_or_default()
    }

    /// Returns a connector's topics in order.
    pub fn of(&self, connector: &str) -> impl Iterator<Item = &str> {
        let topics = self.all.get(connector).into_iter().flatten();
        topics.map(String::as_str)
    }

    /// Returns a number that changes whenever something is forgotten: what was noted before may have
    /// to be noted again.
    pub fn removals(&self) -> u64 {
        self.removals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_forgets() {
        let mut active = ActiveTopics::default();
        let key = ActiveTopics::key("c:connector-d", "t.a");
        assert_eq!(key, "status-topic-t.a:connector-c:connector-d");
        let value = ActiveTopics::bytes("c:connector-d", "t.a", 1, 5);
        let topic = serde_json::from_slice::<Value>(&value).unwrap()["topic"].clone();
        assert_eq!(
            topic,
            json!({
                "name": "t.a", "connector": "c:connector-d", "task": 1, "discoverTimestamp": 5,
            })
        );
        assert!(active.apply(&key, Some(&value)));
        assert!(active.apply("status-topic-x:connector-y", Some(b"{}")));
        assert!(active.apply("status-topic-x", Some(&value)));
        assert!(!active.apply("status-task-x-0", None));
        assert_eq!(active.of("c:connector-d").collect::<Vec<_>>(), ["t.a"]);
        assert_eq!(active.of("y").count(), 0);
        let before = active.removals();
        assert!(active.apply(&key, None));
        assert_eq!(active.of("c:connector-d").count(), 0);
        assert_ne!(active.removals(), before);
    }
}
