//! Where each partition goes on, and whether what the cluster has still fits what was stored.

use std::sync::Arc;

use walbridge_connector_api::{ConnectorError, Headers, PartitionInfo, Result, StartAt};

use crate::config::Role;
use crate::lane::Lane;
use crate::position::{Phase, StoredOffset};
use crate::sink::Sink;
use crate::stopped::REMEDY;

impl Sink {
    /// Takes in partitions and returns where to start each.
    pub(crate) fn admit(
        &mut self,
        partitions: &[PartitionInfo],
        stored: &[StoredOffset],
    ) -> Result<Vec<StartAt>> {
        let mut starts = Vec::new();
        for info in partitions {
            let mut known = stored.iter().find(|known| is_of(info, known));
            if let Some(error) = known.and_then(|known| self.check(info, known).err()) {
                if self.search.is_none() {
                    return Err(error);
                }
                // It cannot be read on, but a later snapshot may stand in it.
                known = None;
            }
            let start = match known {
                Some(known) => StartAt::Offset(known.next),
                None => StartAt::Beginning,
            };
            let next = known.map_or(info.first, |known| known.next);
            let mut lane = Lane::new(info.partition.clone(), info.topic_id.clone(), next);
            if known.is_none() {
                // Stored with the next commit, with the topic's id, even if nothing comes.
                lane.stored = -1;
            }
            self.place_lane(lane)?;
            starts.push(start);
        }
        Ok(starts)
    }

    fn place_lane(&mut self, lane: Lane) -> Result<()> {
        let at = self.rows.lanes.len();
        let name = Arc::clone(&lane.partition.topic);
        self.lane_of.insert(lane.partition.clone(), at);
        self.rows.lanes.push(lane);
        self.heads.push(None);
        self.topic_of.push(None);
        match self.config.role(&name) {
            Role::Either if !self.is_decided(&name) => {
                self.undecided.push(at);
                Ok(())
            }
            Role::Transactions => self.follow(at),
            Role::Either if self.follows(&name) => self.follow(at),
            Role::Either | Role::Table => {
                self.feeds(at);
                Ok(())
            }
        }
    }

    fn is_decided(&self, name: &str) -> bool {
        let is_of = |at: &usize| *self.rows.lanes[*at].partition.topic == *name;
        self.follows(name)
            || self
                .topics
                .iter()
                .any(|topic| topic.lanes.iter().any(is_of))
    }

    fn follows(&self, name: &str) -> bool {
        let followed = self
            .transactions
            .map(|at| &self.rows.lanes[at].partition.topic);
        followed.is_some_and(|topic| **topic == *name)
    }

    /// Takes a lane for the transaction topic's.
    fn follow(&mut self, at: usize) -> Result<()> {
        let name = &self.rows.lanes[at].partition.topic;
        let Some(other) = self.transactions else {
            self.transactions = Some(at);
            return Ok(());
        };
        let other = &self.rows.lanes[other].partition.topic;
        let what = if other == name {
            format!("topic {name} has more than one partition: it says nothing about order")
        } else {
            format!("{other} and {name} both say where transactions begin and end")
        };
        Err(ConnectorError::stop("ChainGap", what).remedy(
            "the transaction topic must have one partition, and a link one such topic; name it in \
             transaction.topic",
        ))
    }

    /// Takes a lane for one of a table's topic.
    fn feeds(&mut self, at: usize) {
        let name = Arc::clone(&self.rows.lanes[at].partition.topic);
        let topic = self.topic(&name);
        self.topics[topic].lanes.push(at);
        self.topic_of[at] = Some(topic);
    }

    /// Decides what an undecided lane's topic holds, by one of its records: only those of the transaction
    /// topic are numbered.
    pub(crate) fn decide(&mut self, at: usize, headers: &Headers<'_>) -> Result<()> {
        let numbered = headers.last("wb.seq").is_some();
        let name = Arc::clone(&self.rows.lanes[at].partition.topic);
        for lane in std::mem::take(&mut self.undecided) {
            if self.rows.lanes[lane].partition.topic != name {
                self.undecided.push(lane);
            } else if numbered {
                self.follow(lane)?;
            } else {
                self.feeds(lane);
            }
        }
        Ok(())
    }

    fn check(&self, info: &PartitionInfo, known: &StoredOffset) -> Result<()> {
        let (topic, partition) = (&known.topic, known.partition);
        if info.topic_id != known.topic_id {
            return Err(ConnectorError::stop(
                "TopicRecreated",
                format!(
                    "topic {topic} was deleted and created again: its id is {}, the target was fed \
                     from {}",
                    info.topic_id, known.topic_id
                ),
            )
            .remedy(REMEDY));
        }
        if info.first > known.next {
            return Err(ConnectorError::stop(
                "TopicTruncated",
                format!(
                    "topic {topic} partition {partition}: offsets {} to {} are needed next but were \
                     removed; the first that can be read is {}",
                    known.next,
                    info.first - 1,
                    info.first
                ),
            )
            .remedy(format!(
                "keep records longer (retention.ms, retention.bytes); {REMEDY}"
            )));
        }
        if info.end < known.next {
            return Err(ConnectorError::stop(
                "TopicTruncated",
                format!(
                    "topic {topic} partition {partition} ends at offset {}, but the target has \
                     applied up to {}: the cluster has lost records or is another one",
                    info.end, known.next
                ),
            )
            .remedy(format!(
                "check which cluster the worker reads; if records are lost, {REMEDY}"
            )));
        }
        Ok(())
    }

    /// Refuses to go on where the target is if what follows is not to be had any more.
    pub(crate) fn check_stored(
        &self,
        partitions: &[PartitionInfo],
        stored: &[StoredOffset],
    ) -> Result<()> {
        self.check_deleted(partitions, stored)?;
        for known in stored {
            let found = partitions.iter().find(|info| is_of(info, known));
            found.map_or(Ok(()), |info| self.check(info, known))?;
        }
        Ok(())
    }

    /// Refuses to go on without a topic that the target was fed from.
    fn check_deleted(&self, partitions: &[PartitionInfo], stored: &[StoredOffset]) -> Result<()> {
        if self.position.phase == Phase::New {
            return Ok(());
        }
        for known in stored {
            let there = partitions.iter().any(|info| is_of(info, known));
            if !there && self.config.topics.contain(&known.topic) {
                return Err(ConnectorError::stop(
                    "TopicDeleted",
                    format!(
                        "topic {} partition {} is gone; the target was fed from it up to offset {}",
                        known.topic, known.partition, known.next
                    ),
                )
                .remedy(format!(
                    "check which cluster the worker reads; if the topic was deleted, {REMEDY}"
                )));
            }
        }
        Ok(())
    }
}

fn is_of(info: &PartitionInfo, known: &StoredOffset) -> bool {
    *info.partition.topic == *known.topic && info.partition.partition == known.partition
}
