//! Makes sure that a source's topics exist before the first record goes there.

use std::collections::HashSet;
use std::sync::Arc;

use walbridge_connector_api::{Batch, Result, Settings, StopToken, TopicSpec};
use walbridge_kafka::{Admin, CreateOutcome};

use crate::config::TaskLimits;

/// Creates topics that are missing, each asked for once.
pub(super) struct TopicCreator {
    admin: Admin,
    enabled: bool,
    partitions: i32,
    replication_factor: i32,
    known: HashSet<Arc<str>>,
    stop: StopToken,
}

impl TopicCreator {
    pub(super) fn new(
        admin: Admin,
        limits: &TaskLimits,
        settings: &Settings,
        stop: StopToken,
    ) -> Self {
        let own = |key: &str, worker: i32| {
            let value = settings
                .optional(key)
                .and_then(|text| text.trim().parse().ok());
            value.unwrap_or(worker)
        };
        Self {
            admin,
            enabled: limits.create_topics,
            partitions: own("topic.creation.default.partitions", limits.topic_partitions),
            replication_factor: own(
                "topic.creation.default.replication.factor",
                limits.topic_replication_factor,
            ),
            known: HashSet::new(),
            stop,
        }
    }

    /// Creates those of a batch's topics that are missing.
    pub(super) fn ensure(&mut self, batch: &Batch) -> Result<()> {
        for topic in batch.topics() {
            if self.known.contains(topic.name.as_str()) {
                continue;
            }
            self.create(topic)?;
            self.known.insert(Arc::from(topic.name.as_str()));
        }
        Ok(())
    }

    fn create(&self, topic: &TopicSpec) -> Result<()> {
        if !self.enabled {
            // Left to the broker: an unknown topic is then an error of the producer.
            return Ok(());
        }
        let positive = |value: i32| (value > 0).then_some(value);
        let spec = TopicSpec {
            partitions: topic.partitions.or_else(|| positive(self.partitions)),
            replication_factor: topic
                .replication_factor
                .or_else(|| positive(self.replication_factor)),
            ..topic.clone()
        };
        if self.admin.create(&spec, &self.stop)? == CreateOutcome::Created {
            tracing::info!(topic = %spec.name, partitions = ?spec.partitions, "created topic");
        }
        Ok(())
    }
}
