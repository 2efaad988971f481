//! Which partitions a sink reads, and what has become of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use regex::Regex;
use walbridge_connector_api::{ConnectorError, Result, Settings, TopicPartition};
use walbridge_kafka::TopicDescription;

/// What a sink's configuration asks for, and what of it was found so far.
pub(super) struct Subscription {
    names: Vec<String>,
    pattern: Option<Regex>,
    /// Topics of the runtime's own, never taken by a pattern.
    own: Vec<String>,
    seen: BTreeMap<Arc<str>, (String, i32)>,
}

impl Subscription {
    pub(super) fn new(settings: &Settings, own: Vec<String>) -> Result<Self> {
        let pattern = settings
            .optional("topics.regex")
            .map(|text| Regex::new(&format!("^(?:{text})$")))
            .transpose()
            .map_err(|error| {
                ConnectorError::configuration(
                    "InvalidConfiguration",
                    "topics.regex is not a regular expression",
                )
                .because(error)
            })?;
        let names = settings
            .list("topics")
            .into_iter()
            .map(str::to_owned)
            .collect();
        Ok(Self {
            names,
            pattern,
            own,
            seen: BTreeMap::new(),
        })
    }

    fn wants(&self, topic: &TopicDescription) -> bool {
        if self.names.contains(&topic.name) {
            return true;
        }
        let hidden =
            topic.internal || topic.name.starts_with("__") || self.own.contains(&topic.name);
        !hidden
            && self
                .pattern
                .as_ref()
                .is_some_and(|pattern| pattern.is_match(&topic.name))
    }

    /// Compares with the cluster's topics and returns the partitions that are new.
    ///
    /// # Errors
    /// If a topic that was being read is gone or is another one under the same name.
    pub(super) fn update(&mut self, topics: &[TopicDescription]) -> Result<Vec<TopicPartition>> {
        let present: BTreeSet<&str> = topics.iter().map(|t| t.name.as_str()).collect();
        if let Some(gone) = self
            .seen
            .keys()
            .find(|name| !present.contains(name.as_ref()))
        {
            return Err(ConnectorError::stop(
                "TopicDeleted",
                format!("topic {gone} was being read and does not exist any more"),
            )
            .remedy("restore the topic, or take it out of the connector's topics"));
        }
        let mut fresh = Vec::new();
        for topic in topics
            .iter()
            .filter(|topic| self.wants(topic))
            .collect::<Vec<_>>()
        {
            let name: Arc<str> = Arc::from(topic.name.as_str());
            let known = self
                .seen
                .entry(Arc::clone(&name))
                .or_insert((topic.id.clone(), 0));
            if known.0 != topic.id {
                let (was, now) = (&known.0, &topic.id);
                return Err(ConnectorError::stop(
                    "TopicRecreated",
                    format!(
                        "topic {name} was deleted and created anew: its id was {was} and is {now}"
                    ),
                )
                .remedy(
                    "what the old topic held and was not applied is lost: take a new snapshot",
                ));
            }
            fresh.extend((known.1..topic.partitions).map(|partition| TopicPartition {
                topic: Arc::clone(&name),
                partition,
            }));
            known.1 = known.1.max(topic.partitions);
        }
        Ok(fresh)
    }

    /// Returns how many topics are read.
    pub(super) fn topics(&self) -> usize {
        self.seen.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use walbridge_connector_api::ConfigDef;

    fn subscription(key: &str, value: &str) -> Subscription {
        let values = [(key.to_owned(), value.to_owned())].into();
        Subscription::new(
            &ConfigDef::default().settings(&values),
            vec!["wb-config".into()],
        )
        .unwrap()
    }

    fn topic(name: &str, id: &str, partitions: i32) -> TopicDescription {
        TopicDescription {
            name: name.into(),
            id: id.into(),
            partitions,
            internal: false,
        }
    }

    fn names(found: &[TopicPartition]) -> Vec<String> {
        found
            .iter()
            .map(|tp| format!("{}-{}", tp.topic, tp.partition))
            .collect()
    }

    #[test]
    fn finds_topics_and_partitions_as_they_appear() {
        let mut sub = subscription("topics.regex", "(east|wb|__c).*");
        let first = [
            topic("east.a", "1", 1),
            topic("xeast", "2", 1),
            topic("wb-config", "3", 1),
        ];
        assert_eq!(names(&sub.update(&first).unwrap()), ["east.a-0"]);
        let later = [
            topic("east.a", "1", 3),
            topic("east.b", "4", 1),
            topic("__consumer", "5", 9),
        ];
        assert_eq!(
            names(&sub.update(&later).unwrap()),
            ["east.a-1", "east.a-2", "east.b-0"]
        );
        assert!(sub.update(&later).unwrap().is_empty());
        assert_eq!(sub.topics(), 2);
    }

    #[test]
    fn a_topic_gone_or_made_anew_stops_by_name() {
        let mut sub = subscription("topics", "a, b");
        assert_eq!(names(&sub.update(&[topic("a", "1", 1)]).unwrap()), ["a-0"]);
        assert_eq!(
            sub.update(&[topic("a", "2", 1)]).unwrap_err().name(),
            "TopicRecreated"
        );
        assert_eq!(sub.update(&[]).unwrap_err().name(), "TopicDeleted");
    }
}
