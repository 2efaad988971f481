//! Notes which topics a connector uses, in the status topic.

use std::collections::HashSet;

use walbridge_connector_api::Batch;

use super::live::now_ms;
use crate::state::ActiveTopics;
use crate::worker::Shared;

/// Notes the topics of one task, each once: a batch whose topics are known costs a look at each.
pub(super) struct TopicTracker<'a> {
    shared: &'a Shared,
    connector: String,
    task: u32,
    noted: HashSet<String>,
    removals: u64,
}

impl<'a> TopicTracker<'a> {
    pub(super) fn new(shared: &'a Shared, connector: &str, task: u32) -> Self {
        Self {
            shared,
            connector: connector.to_owned(),
            task,
            noted: HashSet::new(),
            removals: 0,
        }
    }

    /// Notes the topics of a batch.
    pub(super) fn note(&mut self, batch: &Batch) {
        if !self.shared.config.topic_tracking.enabled || batch.topics().is_empty() {
            return;
        }
        let removals = self.shared.statuses().topics.removals();
        if removals != self.removals {
            self.removals = removals;
            self.noted.clear();
        }
        for topic in batch.topics() {
            if !self.noted.contains(&topic.name) {
                self.shared
                    .note_topic(&self.connector, &topic.name, self.task);
                self.noted.insert(topic.name.clone());
            }
        }
    }
}

impl Shared {
    fn note_topic(&self, connector: &str, topic: &str, task: u32) {
        // The last batch of a connector that was deleted must not leave anything behind.
        let configs = self.configs();
        if configs.get(connector).is_some() && self.statuses_mut().topics.insert(connector, topic) {
            let value = ActiveTopics::bytes(connector, topic, task, now_ms());
            let key = ActiveTopics::key(connector, topic);
            self.stores.write_status(key, Some(value));
        }
    }

    /// Forgets the topics that a connector has used; those in use are noted again.
    pub(crate) fn forget_topics(&self, connector: &str) {
        let topics = self.statuses_mut().topics.take(connector);
        for topic in topics {
            self.stores
                .write_status(ActiveTopics::key(connector, &topic), None);
        }
    }
}
