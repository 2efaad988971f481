//! Topics: what there is, and making what there should be.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use walbridge_connector_api::{PartitionInfo, StopToken, TopicPartition, TopicSpec};

use crate::client_config::{ClientConfig, Role};
use crate::error::{ErrorKind, KafkaError, Result};
use crate::raw::{Handle, Isolation, OffsetSpec};
use crate::topic::{CreateOutcome, TopicDescription};

/// How long the cluster may take to answer a question.
const ANSWER: Duration = Duration::from_secs(10);
/// How many topics are described by one request.
const AT_ONCE: usize = 500;

/// Asks a cluster about topics and changes them; all calls block.
#[derive(Debug)]
pub struct Admin {
    handle: Handle,
}

impl Admin {
    /// Creates a client; nothing is asked of the cluster yet.
    ///
    /// # Errors
    /// If the settings make no sense.
    pub fn new(config: &ClientConfig) -> Result<Self> {
        let config = config.common().or("reconnect.backoff.max.ms", "1000");
        Ok(Self {
            handle: Handle::new(Role::Common, &config)?,
        })
    }

    /// Returns the id of the cluster.
    ///
    /// # Errors
    /// If the cluster is out of reach.
    pub fn cluster_id(&self) -> Result<String> {
        self.handle.cluster_id(ANSWER)
    }

    /// Returns all topics.
    ///
    /// # Errors
    /// If the cluster is out of reach.
    pub fn topics(&self) -> Result<Vec<TopicDescription>> {
        let names = self.handle.topics(ANSWER)?;
        let names: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
        self.describe(&names)
    }

    /// Returns the names of all topics with their numbers of partitions: cheaper than
    /// [`topics`](Self::topics).
    ///
    /// # Errors
    /// If the cluster is out of reach.
    pub fn topic_names(&self) -> Result<Vec<(String, i32)>> {
        self.handle.topics(ANSWER)
    }

    /// Describes topics; those that do not exist are left out.
    ///
    /// # Errors
    /// If the cluster is out of reach or refuses.
    pub fn describe(&self, names: &[&str]) -> Result<Vec<TopicDescription>> {
        let mut found = Vec::with_capacity(names.len());
        for some in names.chunks(AT_ONCE) {
            found.extend(self.handle.describe(some, ANSWER)?);
        }
        Ok(found)
    }

    /// Returns partitions as the cluster has them now.
    ///
    /// # Errors
    /// If one of them does not exist or the cluster is out of reach.
    pub fn inspect(&self, partitions: &[TopicPartition]) -> Result<Vec<PartitionInfo>> {
        partition_infos(&self.handle, partitions, Isolation::Uncommitted, ANSWER)
    }

    /// Creates a topic unless it exists, and waits until the cluster shows it and its partitions can be
    /// written.
    ///
    /// # Errors
    /// If the cluster refuses or is out of reach.
    pub fn create(&self, spec: &TopicSpec, stop: &StopToken) -> Result<CreateOutcome> {
        let outcome = match self.handle.create(spec, ANSWER) {
            Ok(()) => CreateOutcome::Created,
            Err(error) if *error.kind() == ErrorKind::TopicExists => CreateOutcome::Existed,
            Err(error) => return Err(error.while_doing(format!("creating topic {}", spec.name))),
        };
        self.wait_until(&spec.name, spec.partitions.unwrap_or(1).min(1), stop)?;
        Ok(outcome)
    }

    /// Raises the number of partitions of a topic, and waits until the cluster shows them and they can be
    /// written.
    ///
    /// # Errors
    /// If the cluster refuses or is out of reach.
    pub fn grow(&self, topic: &str, partitions: i32, stop: &StopToken) -> Result<()> {
        let doing = format!("raising topic {topic} to {partitions} partitions");
        if let Err(error) = self.handle.grow(topic, partitions, ANSWER) {
            // Somebody else may have been faster.
            let has = self.describe(&[topic])?.first().map_or(0, |t| t.partitions);
            if has < partitions {
                return Err(error.while_doing(doing));
            }
        }
        self.wait_until(topic, partitions, stop)
    }

    /// Deletes a topic.
    ///
    /// # Errors
    /// If the cluster refuses or is out of reach.
    pub fn delete(&self, topic: &str) -> Result<()> {
        self.handle.delete(topic, ANSWER)
    }

    /// Deletes the records of a partition before an offset.
    ///
    /// # Errors
    /// If the cluster refuses or is out of reach.
    pub fn delete_records(&self, partition: &TopicPartition, before: i64) -> Result<()> {
        self.handle
            .delete_records(&partition.topic, partition.partition, before, ANSWER)
    }

    /// Returns everything that a consumer group has committed; nothing if there is no such group.
    ///
    /// # Errors
    /// If the group's coordinator is out of reach.
    pub fn group_offsets(&self, group: &str) -> Result<Vec<(TopicPartition, i64)>> {
        let mut all = self.handle.group_offsets(group, ANSWER)?;
        all.sort();
        let all = all.into_iter().map(|(topic, partition, offset)| {
            let topic = topic.into();
            (TopicPartition { topic, partition }, offset)
        });
        Ok(all.collect())
    }

    /// Commits offsets for a consumer group that has no members, and takes away those that are `None`.
    ///
    /// # Errors
    /// If the group has members, a partition does not exist, or the coordinator is out of reach.
    pub fn change_group_offsets(
        &self,
        group: &str,
        offsets: &[(TopicPartition, Option<i64>)],
    ) -> Result<()> {
        let set = offsets
            .iter()
            .filter_map(|(at, offset)| Some((&*at.topic, at.partition, (*offset)?)));
        let set: Vec<_> = set.collect();
        let gone = offsets.iter().filter(|(_, offset)| offset.is_none());
        let gone: Vec<_> = gone.map(|(at, _)| (&*at.topic, at.partition)).collect();
        let doing = |error: KafkaError| error.while_doing(format!("consumer group {group}"));
        if !set.is_empty() {
            let set = self.handle.set_group_offsets(group, &set, ANSWER);
            set.map_err(doing)?;
        }
        if !gone.is_empty() {
            let gone = self.handle.forget_group_offsets(group, &gone, ANSWER);
            gone.map_err(doing)?;
        }
        Ok(())
    }

    /// Returns a topic's configuration as it is in force.
    ///
    /// # Errors
    /// If the topic does not exist or the cluster is out of reach.
    pub fn configs(&self, topic: &str) -> Result<HashMap<String, String>> {
        let all = self.handle.configs(topic, ANSWER)?;
        Ok(all
            .into_iter()
            .map(|(name, value, _)| (name, value))
            .collect())
    }

    /// Returns only what was set for this topic itself.
    ///
    /// # Errors
    /// As [`configs`](Self::configs).
    pub fn own_configs(&self, topic: &str) -> Result<Vec<(String, String)>> {
        let all = self.handle.configs(topic, ANSWER)?;
        Ok(all
            .into_iter()
            .filter(|(.., own)| *own)
            .map(|(n, v, _)| (n, v))
            .collect())
    }

    /// Sets these of a topic's settings and leaves the others as they are.
    ///
    /// # Errors
    /// If the cluster refuses or is out of reach.
    pub fn set_configs(&self, topic: &str, settings: &[(String, String)]) -> Result<()> {
        self.handle.set_configs(topic, settings, ANSWER)
    }

    /// Waits until the cluster shows a topic with so many partitions.
    fn wait_until(&self, topic: &str, partitions: i32, stop: &StopToken) -> Result<()> {
        let deadline = Instant::now() + ANSWER * 3;
        let mut pause = Duration::from_millis(5);
        loop {
            let found = self.describe(&[topic])?;
            if let Some(there) = found.first().filter(|t| t.partitions >= partitions) {
                return self.wait_for_leaders(topic, there.partitions);
            }
            if Instant::now() > deadline || stop.sleep(pause) {
                let text = format!("topic {topic} has not appeared on all brokers yet");
                return Err(KafkaError::new(ErrorKind::Retriable, text));
            }
            pause = (pause * 2).min(Duration::from_millis(200));
        }
    }

    /// Waits until the leader of each partition knows of it.
    ///
    /// Until then it refuses records, and one that comes after another that was refused may be taken: Kafka
    /// takes any first sequence number in a partition that is empty (KAFKA-15591), and takes the first record
    /// for a repetition when it comes again.
    fn wait_for_leaders(&self, topic: &str, partitions: i32) -> Result<()> {
        let topic: Arc<str> = Arc::from(topic);
        let all = (0..partitions).map(|partition| TopicPartition {
            topic: Arc::clone(&topic),
            partition,
        });
        self.inspect(&all.collect::<Vec<_>>()).map(drop)
    }
}

/// Asks for ids and offsets of partitions and answers in the same order.
pub(crate) fn partition_infos(
    handle: &Handle,
    partitions: &[TopicPartition],
    isolation: Isolation,
    wait: Duration,
) -> Result<Vec<PartitionInfo>> {
    let mut names: Vec<&str> = partitions.iter().map(|tp| &*tp.topic).collect();
    names.sort_unstable();
    names.dedup();
    let mut ids = HashMap::new();
    for some in names.chunks(AT_ONCE) {
        ids.extend(
            handle
                .describe(some, wait)?
                .into_iter()
                .map(|t| (t.name, t.id)),
        );
    }
    let pairs: Vec<_> = partitions
        .iter()
        .map(|tp| (&*tp.topic, tp.partition))
        .collect();
    if let Some(missing) = names.iter().find(|name| !ids.contains_key(**name)) {
        let text = format!("topic {missing} does not exist");
        return Err(KafkaError::new(ErrorKind::UnknownTopic, text));
    }
    let deadline = Instant::now() + wait;
    let ask = |spec| -> Result<HashMap<(String, i32), i64>> {
        loop {
            // Right after its creation a partition may have no leader that knows of it.
            match handle.list_offsets(&pairs, spec, isolation, wait) {
                Err(error) if error.is_retriable() && Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                other => return Ok(other?.into_iter().map(|(t, p, at)| ((t, p), at)).collect()),
            }
        }
    };
    let (first, end) = (ask(OffsetSpec::First)?, ask(OffsetSpec::End)?);
    let info = |tp: &TopicPartition| {
        let key = (tp.topic.to_string(), tp.partition);
        Some(PartitionInfo {
            topic_id: ids.get(&*tp.topic)?.clone(),
            first: *first.get(&key)?,
            end: *end.get(&key)?,
            partition: tp.clone(),
        })
    };
    partitions
        .iter()
        .map(info)
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| {
            KafkaError::new(
                ErrorKind::Retriable,
                "the cluster did not answer for every partition",
            )
        })
}
