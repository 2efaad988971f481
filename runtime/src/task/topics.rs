//! Makes sure that a source's topics exist before the first record goes there.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use walbridge_connector_api::{Batch, ConnectorError, Result, Settings, StopToken, TopicSpec};
use walbridge_kafka::{Admin, ClientConfig, CreateOutcome};

use crate::config::TaskLimits;
use crate::connector::topic_groups::{self, TopicGroup};

/// How long a client that nothing is asked of keeps its connections: most sources have all their topics soon.
const IDLE: Duration = Duration::from_secs(20);

/// Creates topics that are missing, each asked for once.
pub(super) struct TopicCreator {
    client: ClientConfig,
    /// The client, and when it was used last.
    admin: Option<(Admin, Instant)>,
    enabled: bool,
    /// What of the connector's settings is for which topics; the last is for all.
    groups: Vec<TopicGroup>,
    partitions: i32,
    replication_factor: i32,
    /// The topic of the source's own offsets.
    offsets_topic: String,
    known: HashSet<Arc<str>>,
    stop: StopToken,
}

impl TopicCreator {
    pub(super) fn new(
        client: ClientConfig,
        limits: &TaskLimits,
        settings: &Settings,
        offsets_topic: &str,
        stop: StopToken,
    ) -> Result<Self> {
        let groups = topic_groups::read(settings).map_err(|problems| {
            let texts: Vec<_> = problems.into_iter().map(|p| p.message).collect();
            ConnectorError::configuration("InvalidConfiguration", texts.join("; "))
        })?;
        // At once, so that settings that make no sense are told of at the start.
        let admin = Some((Admin::new(&client)?, Instant::now()));
        Ok(Self {
            client,
            admin,
            enabled: limits.create_topics,
            groups,
            partitions: limits.topic_partitions,
            replication_factor: limits.topic_replication_factor,
            offsets_topic: offsets_topic.to_owned(),
            known: HashSet::new(),
            stop,
        })
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

    /// Gives the client's connections back if nothing has been asked of it for long.
    pub(super) fn rest(&mut self) {
        drop(self.admin.take_if(|(_, used)| used.elapsed() >= IDLE));
    }

    fn admin(&mut self) -> Result<&Admin> {
        let now = Instant::now();
        let admin = match self.admin.take() {
            Some((admin, _)) => admin,
            None => Admin::new(&self.client)?,
        };
        Ok(&self.admin.insert((admin, now)).0)
    }

    fn create(&mut self, topic: &TopicSpec) -> Result<()> {
        if topic.name == self.offsets_topic {
            return Err(ConnectorError::stop(
                "WritesToItsOffsets",
                format!(
                    "Source tasks may not produce to their own offsets topics: a record for topic {}",
                    topic.name
                ),
            )
            .remedy("have the connector write to another topic, or give it another offsets.storage.topic"));
        }
        if !self.enabled {
            // Left to the broker: an unknown topic is then an error of the producer.
            return Ok(());
        }
        let spec = self.spec(topic)?;
        let stop = self.stop.clone();
        if self.admin()?.create(&spec, &stop)? == CreateOutcome::Created {
            tracing::info!(topic = %spec.name, partitions = ?spec.partitions, "created topic");
        }
        Ok(())
    }

    /// Says how a topic is to be: what the connector itself says of it comes first, then the group that it
    /// belongs to, then the group default, then the worker.
    fn spec(&self, topic: &TopicSpec) -> Result<TopicSpec> {
        let mut found = None;
        for group in &self.groups {
            let is_for = group.is_for(&topic.name).map_err(|why| {
                let words = format!(
                    "topic.creation.{}.*: topic {}: {why}",
                    group.name, topic.name
                );
                ConnectorError::configuration("InvalidConfiguration", words)
            })?;
            if is_for {
                found = Some(group);
                break;
            }
        }
        let default = self.groups.last();
        let of_group = |own: fn(&TopicGroup) -> Option<i32>, worker: i32| {
            let value = found.and_then(own).or_else(|| default.and_then(own));
            // Not positive is the broker's own.
            Some(value.unwrap_or(worker)).filter(|value| *value > 0)
        };
        let mut spec = topic.clone();
        spec.partitions = spec
            .partitions
            .or_else(|| of_group(|group| group.partitions, self.partitions));
        spec.replication_factor = spec
            .replication_factor
            .or_else(|| of_group(|group| group.replication_factor, self.replication_factor));
        for (key, value) in found.iter().flat_map(|group| &group.config) {
            if spec.config.iter().all(|(own, _)| own != key) {
                spec.config.push((key.clone(), value.clone()));
            }
        }
        Ok(spec)
    }
}
