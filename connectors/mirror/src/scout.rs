//! Looks for topics and partitions, makes them at the target, and sees whether they are still the same.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use walbridge_connector_api::{
    ConnectorError, PartitionInfo, Result, StopToken, TaskMetrics, TopicPartition, TopicSpec,
};
use walbridge_kafka::{Admin, ErrorKind, KafkaError, TopicDescription};

use crate::limit::{self, LIMIT};
use crate::position::Position;
use crate::remedy;
use crate::route::{Ends, News, Start};
use crate::settings::Plan;
use crate::task::now_ms;

/// How often in a row a topic must be missing before it counts as deleted.
const MISSING: u32 = 2;

/// A topic that is being mirrored.
#[derive(Debug)]
struct Known {
    id: String,
    partitions: i32,
    missing: u32,
}

/// Knows the topics of both clusters.
#[derive(Debug)]
pub(crate) struct Scout {
    plan: Arc<Plan>,
    source: Admin,
    target: Admin,
    known: HashMap<String, Known>,
    stored: HashMap<TopicPartition, Position>,
    /// New partitions that the task was not told of yet: what a survey found before it broke off is told
    /// by the next.
    starts: Vec<Start>,
    /// Partitions whose next records are gone: the position, and what there is instead.
    gone: Vec<(i64, PartitionInfo)>,
    /// Topics that are asked for and left out.
    left_out: BTreeSet<String>,
    metrics: Arc<TaskMetrics>,
    stop: StopToken,
}

impl Scout {
    pub(crate) fn new(
        plan: Arc<Plan>,
        source: Admin,
        target: Admin,
        stored: HashMap<TopicPartition, Position>,
        metrics: Arc<TaskMetrics>,
        stop: StopToken,
    ) -> Self {
        let stored: HashMap<_, _> = stored
            .into_iter()
            .filter(|(tp, _)| plan.selection.takes(&tp.topic))
            .collect();
        // Topics with a stored position are known from the start: they must be there, and the same.
        let mut known: HashMap<String, Known> = HashMap::new();
        for (partition, position) in &stored {
            let topic = known
                .entry(partition.topic.to_string())
                .or_insert_with(|| Known {
                    id: String::new(),
                    partitions: 0,
                    missing: 0,
                });
            if let Some(id) = &position.topic_id {
                topic.id.clone_from(id);
            }
        }
        Self {
            plan,
            source,
            target,
            known,
            stored,
            starts: Vec::new(),
            gone: Vec::new(),
            left_out: BTreeSet::new(),
            metrics,
            stop,
        }
    }

    /// Refuses to copy a cluster onto itself, and a target that is not the worker's own cluster.
    pub(crate) fn check_clusters(&self) -> Result<()> {
        let doing = |site: &str, error: KafkaError| error.while_doing(format!("{site} cluster"));
        let source = self.source.cluster_id().map_err(|e| doing("source", e))?;
        let target = self.target.cluster_id().map_err(|e| doing("target", e))?;
        if source == target {
            let text = format!(
                "source and target are the same cluster ({source}): records would go round"
            );
            return Err(ConnectorError::stop("SameCluster", text)
                .remedy("correct source.cluster.bootstrap.servers"));
        }
        let Some(named) = &self.plan.target else {
            return Ok(());
        };
        let named_id = Admin::new(named)?
            .cluster_id()
            .map_err(|e| doing("target", e))?;
        if named_id != target {
            let text = format!(
                "target.cluster.bootstrap.servers leads to cluster {named_id}, this worker writes to {target}"
            );
            return Err(ConnectorError::stop("WrongCluster", text).remedy(
                "run the mirror in a worker of the target cluster, or take the setting out",
            ));
        }
        Ok(())
    }

    /// Compares the source's topics with those known and makes new ones at the target.
    pub(crate) fn survey(&mut self) -> Result<News> {
        let topics = self.source.topics()?;
        self.find_missing(&topics)?;
        for topic in topics {
            let wanted = !topic.internal
                && self.plan.selection.takes(&topic.name)
                && !self.plan.naming.is_echo(&topic.name);
            if wanted {
                self.look_at(&topic)?;
            } else if !topic.internal && self.plan.selection.leaves_out(&topic.name) {
                self.tell_left_out(&topic.name);
            }
        }
        self.check_gone()?;
        let ends = self.ends()?;
        let starts = std::mem::take(&mut self.starts);
        Ok(News { starts, ends })
    }

    /// Asks the source where the known partitions end.
    pub(crate) fn ends(&self) -> Result<Ends> {
        let asked_ms = now_ms();
        let known = self.known.iter();
        let all: Vec<_> = known
            .flat_map(|(name, k)| parts(name, 0, k.partitions))
            .collect();
        let found = self.source.inspect(&all)?.into_iter();
        let ends = found.map(|info| (info.partition, info.end)).collect();
        Ok(Ends { asked_ms, ends })
    }

    /// Asks the target where the known partitions end; each with its topic's name there.
    pub(crate) fn target_ends(&self) -> Result<Vec<(TopicPartition, Arc<str>, i64)>> {
        let (mut at_source, mut at_target) = (Vec::new(), Vec::new());
        for (name, known) in &self.known {
            at_source.extend(parts(name, 0, known.partitions));
            at_target.extend(parts(
                &self.plan.naming.at_target(name),
                0,
                known.partitions,
            ));
        }
        let found = self.target.inspect(&at_target);
        let found = found.map_err(|error| error.while_doing("the target cluster"))?;
        let found = found.into_iter();
        let ends: HashMap<_, _> = found.map(|info| (info.partition, info.end)).collect();
        let both = at_source.into_iter().zip(at_target);
        let known = both.filter_map(|(source, target)| {
            let end = *ends.get(&target)?;
            Some((source, target.topic, end))
        });
        Ok(known.collect())
    }

    /// Says once of a topic that topics.exclude keeps it from being copied.
    fn tell_left_out(&mut self, topic: &str) {
        if self.left_out.insert(topic.to_owned()) {
            tracing::info!(topic, "not mirrored: topics.exclude leaves it out");
            let all: Vec<_> = self.left_out.iter().map(String::as_str).collect();
            self.metrics.fact("left_out", all.join(", "));
        }
    }

    /// Stops for all partitions at once whose next records are gone.
    fn check_gone(&mut self) -> Result<()> {
        let gone = std::mem::take(&mut self.gone);
        let Some((position, info)) = gone.first() else {
            return Ok(());
        };
        let kind = ErrorKind::Truncated {
            topic: info.partition.topic.to_string(),
            partition: info.partition.partition,
            position: *position,
            first: info.first,
            end: info.end,
        };
        let all = gone.iter().map(|(_, info)| (&info.partition, info.first));
        let remedy = remedy::go_on_with_what_is_left(&self.plan.alias, all);
        Err(ConnectorError::from(KafkaError::new(kind, "")).remedy(remedy))
    }

    fn find_missing(&mut self, topics: &[TopicDescription]) -> Result<()> {
        let there: HashSet<&str> = topics.iter().map(|t| t.name.as_str()).collect();
        for (name, known) in &mut self.known {
            known.missing = if there.contains(name.as_str()) {
                0
            } else {
                known.missing + 1
            };
            if known.missing >= MISSING {
                let text = format!(
                    "topic {name} (id {}) does not exist at the source any more",
                    known.id
                );
                return Err(KafkaError::new(ErrorKind::UnknownTopic, text).into());
            }
        }
        Ok(())
    }

    /// Takes in the partitions of a topic that are new.
    fn look_at(&mut self, topic: &TopicDescription) -> Result<()> {
        let known = self.known.get(&topic.name);
        if let Some(known) = known.filter(|known| !known.id.is_empty() && known.id != topic.id) {
            let kind = ErrorKind::Recreated {
                topic: topic.name.clone(),
                was: known.id.clone(),
                now: topic.id.clone(),
            };
            let remedy =
                remedy::take_the_new_topic(&self.plan.alias, &topic.name, topic.partitions);
            return Err(ConnectorError::from(KafkaError::new(kind, "")).remedy(remedy));
        }
        let (mirrored_before, from) = (known.is_some(), known.map_or(0, |known| known.partitions));
        if from >= topic.partitions {
            return Ok(());
        }
        let fresh: Vec<_> = parts(&topic.name, from, topic.partitions).collect();
        let infos = match self.source.inspect(&fresh) {
            // Deleted in this very moment: the next look will tell.
            Err(error) if *error.kind() == ErrorKind::UnknownTopic => return Ok(()),
            other => other?,
        };
        if let Some(info) = infos.iter().find(|info| info.topic_id != topic.id) {
            tracing::warn!(
                topic = topic.name,
                now = info.topic_id,
                "the topic is just being replaced"
            );
            return Ok(());
        }
        let target = Arc::new(self.make_target(topic)?);
        for info in infos {
            self.start(info, mirrored_before, &target);
        }
        let known = Known {
            id: topic.id.clone(),
            partitions: topic.partitions,
            missing: 0,
        };
        self.known.insert(topic.name.clone(), known);
        Ok(())
    }

    /// Decides where to begin in a partition; never silently after what has not been copied.
    fn start(&mut self, info: PartitionInfo, mirrored_before: bool, target: &Arc<TopicSpec>) {
        let stored = self.stored.get(&info.partition);
        let next = match stored {
            Some(position) => position.next,
            // A new partition of a topic that is mirrored already: all of it is wanted.
            None if mirrored_before => 0,
            None => info.first,
        };
        let fresh = stored.is_none();
        if next < info.first || next > info.end {
            self.gone.push((next, info));
            return;
        }
        let (topic_id, target) = (info.topic_id, Arc::clone(target));
        self.starts.push(Start {
            partition: info.partition,
            next,
            topic_id,
            target,
            fresh,
        });
    }

    /// Creates or grows the topic at the target, so that it has every partition of the source's.
    fn make_target(&self, topic: &TopicDescription) -> Result<TopicSpec> {
        let name = self.plan.naming.at_target(&topic.name);
        let found = self.target.describe(&[&name])?;
        let mut spec = TopicSpec {
            name,
            partitions: Some(topic.partitions),
            replication_factor: self.plan.replication_factor,
            config: Vec::new(),
        };
        match found.first() {
            None => {
                if let Some(configs) = &self.plan.configs {
                    let own = self.source.own_configs(&topic.name)?;
                    spec.config = own
                        .into_iter()
                        .filter(|(name, _)| configs.takes(name))
                        .collect();
                }
                self.target.create(&spec, &self.stop)?;
                tracing::info!(topic = spec.name, partitions = topic.partitions, "created");
            }
            Some(there) if there.partitions < topic.partitions => {
                self.target.grow(&spec.name, topic.partitions, &self.stop)?;
                tracing::info!(topic = spec.name, partitions = topic.partitions, "grown");
            }
            Some(_) => {}
        }
        if self.plan.configs.as_ref().is_some_and(|c| c.takes(LIMIT)) {
            limit::raise(&self.source, &topic.name, &self.target, &spec.name)?;
        }
        Ok(spec)
    }
}

fn parts(topic: &str, from: i32, to: i32) -> impl Iterator<Item = TopicPartition> + use<> {
    let topic: Arc<str> = Arc::from(topic);
    (from..to).map(move |partition| TopicPartition {
        topic: Arc::clone(&topic),
        partition,
    })
}

#[cfg(test)]
mod tests;
