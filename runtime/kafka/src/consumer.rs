//! Reading batches from partitions that are assigned by hand.

mod stalls;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use walbridge_connector_api::{
    Batch, Partition, PartitionInfo, Record, Span, StartAt, TopicPartition, TopicSpec,
};

use crate::admin::partition_infos;
use crate::client_config::ClientConfig;
use crate::error::{ErrorKind, KafkaError, Result};
use crate::raw::{Isolation, Message, OffsetSpec, PartitionList, RawConsumer};

use stalls::Stalls;

/// How long the cluster may take to answer a question.
const ANSWER: Duration = Duration::from_secs(10);
/// How many messages are copied before the byte budget is looked at again.
const AT_ONCE: usize = 512;
/// How long a topic must seem to be gone before the cluster is asked about it.
const GONE: Duration = Duration::from_secs(2);
/// librdkafka's name for the first offset that can be read.
const BEGINNING: i64 = -2;

/// Where a partition's reading is.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// The offset to be read next, or [`BEGINNING`].
    next: i64,
    /// Whether anything came from it: before, librdkafka may not have begun to read it.
    touched: bool,
    /// Whether the caller does not want more of it for now.
    paused: bool,
    /// The offset after the last record that was handed out.
    after: Option<i64>,
}

/// How far a partition has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// The offset after the last record that was handed out; `None` before the first.
    pub after: Option<i64>,
    /// The offset to be read next, beyond markers of transactions too; negative if that is not known yet.
    pub next: i64,
    /// Where what can be read ends, as far as the last fetch told.
    pub end: Option<i64>,
}

/// Records of one partition, one after another.
#[derive(Debug)]
struct Run {
    of: TopicPartition,
    /// The topic as librdkafka's messages name it.
    key: usize,
    /// The topic's place in the batch.
    topic: u32,
    /// The offset after the last of them.
    next: i64,
}

/// Reads records into batches, in offset order per partition, committed records only by default.
///
/// Positions are the caller's affair: nothing is reset, ever. A position that cannot be read is
/// [`ErrorKind::Truncated`], another topic under the same name is [`ErrorKind::Recreated`].
#[derive(Debug)]
pub struct Consumer {
    // Dropped before the client, which does not end as long as one of its messages lives.
    held: VecDeque<Message>,
    raw: RawConsumer,
    topics: HashMap<String, Arc<TopicSpec>>,
    places: HashMap<TopicPartition, Place>,
    ends: HashMap<TopicPartition, i64>,
    stalls: Stalls,
    /// Whether the last poll took all that had been fetched.
    drained: bool,
    failed: Option<KafkaError>,
}

impl Consumer {
    /// Creates a consumer that reads nothing yet.
    ///
    /// # Errors
    /// If the settings make no sense.
    pub fn new(config: &ClientConfig) -> Result<Self> {
        Ok(Self {
            raw: RawConsumer::new(&settings(config))?,
            held: VecDeque::new(),
            topics: HashMap::new(),
            places: HashMap::new(),
            ends: HashMap::new(),
            stalls: Stalls::default(),
            drained: false,
            failed: None,
        })
    }

    /// Replaces what is read by these partitions.
    ///
    /// # Errors
    /// If the client refuses.
    pub fn assign(&mut self, partitions: &[(TopicPartition, StartAt)]) -> Result<()> {
        self.held.clear();
        self.ends.clear();
        self.raw.assign(&start_list(partitions)?)?;
        self.places.clear();
        self.remember(partitions);
        Ok(())
    }

    /// Reads these partitions too.
    ///
    /// # Errors
    /// If the client refuses.
    pub fn assign_more(&mut self, partitions: &[(TopicPartition, StartAt)]) -> Result<()> {
        self.raw.assign_more(&start_list(partitions)?)?;
        self.remember(partitions);
        Ok(())
    }

    /// Reads these partitions no more.
    ///
    /// # Errors
    /// If the client refuses.
    pub fn unassign(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.raw.unassign(&plain_list(partitions)?)?;
        self.forget(partitions);
        for partition in partitions {
            self.places.remove(partition);
        }
        Ok(())
    }

    /// Stops fetching these partitions; records already fetched may still come.
    ///
    /// # Errors
    /// If one of them is not assigned.
    pub fn pause(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.set_paused(partitions, true);
        self.raw.pause(&plain_list(partitions)?)
    }

    fn set_paused(&mut self, partitions: &[TopicPartition], paused: bool) {
        for partition in partitions {
            self.stalls.forget(partition);
            if let Some(place) = self.places.get_mut(partition) {
                place.paused = paused;
            }
        }
    }

    /// Goes on fetching these partitions, after the last record that was fetched of each.
    ///
    /// # Errors
    /// If one of them is not assigned or does not answer.
    pub fn resume(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        // librdkafka would go on where it believes that we are, and it takes an event that stands
        // in its queue between records, such as the end of the partition, for a record: it would
        // go on one too far, and that record would be lost.
        self.set_paused(partitions, false);
        let mut moved = Vec::new();
        for tp in partitions {
            let Some(Place { next, touched, .. }) = self.places.get(tp).copied() else {
                continue;
            };
            let mut held = self.held.iter().rev().filter(|message| {
                message.partition() == tp.partition && *message.topic() == *tp.topic
            });
            let waits = held.clone().next().is_some();
            let last = held.find(|message| message.error().is_none());
            if touched || waits {
                moved.push((tp, last.map_or(next, |message| message.offset() + 1)));
            }
        }
        if !moved.is_empty() {
            let list = moved
                .iter()
                .map(|(tp, next)| (&*tp.topic, tp.partition, *next));
            self.raw.seek(&PartitionList::new(list)?, ANSWER)?;
        }
        self.raw.resume(&plain_list(partitions)?)
    }

    /// Goes on reading at other offsets.
    ///
    /// # Errors
    /// If one of the partitions is not assigned or the cluster is out of reach.
    pub fn seek(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<()> {
        let list = PartitionList::new(
            partitions
                .iter()
                .map(|(tp, offset)| (&*tp.topic, tp.partition, *offset)),
        )?;
        self.raw.seek(&list, ANSWER)?;
        let moved: Vec<_> = partitions.iter().map(|(tp, _)| tp.clone()).collect();
        self.forget(&moved);
        for (partition, next) in partitions {
            self.touch(partition.clone(), *next, None);
        }
        Ok(())
    }

    /// Appends records to `batch` until about `max_bytes` are in it or nothing more is at hand; waits
    /// at most `wait` for the first. Returns how many records were appended.
    ///
    /// # Errors
    /// If a partition cannot be read on. Records read before the error are handed out first.
    pub fn poll(&mut self, batch: &mut Batch, max_bytes: usize, wait: Duration) -> Result<usize> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        self.check_missing()?;
        if self.drained && self.held.is_empty() && self.stalls.is_due() {
            self.check_stalls()?;
        }
        let deadline = Instant::now() + wait;
        let mut count = 0;
        loop {
            if self.held.is_empty() {
                // librdkafka waits until its array is full: so wait for one, then take what is there.
                let left = match count {
                    0 => deadline.saturating_duration_since(Instant::now()),
                    _ => Duration::ZERO,
                };
                if !left.is_zero() {
                    self.raw.fetch(left, 1, &mut self.held);
                }
                let fetched = self.raw.fetch(Duration::ZERO, AT_ONCE, &mut self.held);
                self.drained = fetched < AT_ONCE;
                if let Some(error) = self.raw.handle().shared().recreated() {
                    // Whatever was fetched last may come from the new topic.
                    self.held.clear();
                    self.failed = Some(error);
                }
            }
            if self.held.is_empty() {
                let over = count > 0 || self.failed.is_some() || Instant::now() >= deadline;
                if over {
                    return self.outcome(count);
                }
                continue;
            }
            count += self.copy(batch, max_bytes);
            if self.failed.is_some() || (count > 0 && batch.size() >= max_bytes) {
                return self.outcome(count);
            }
        }
    }

    /// Files the records of a topic under this description from now on, which may have another name.
    pub fn file_under(&mut self, topic: &str, spec: Arc<TopicSpec>) {
        self.topics.insert(topic.to_owned(), spec);
    }

    /// Returns the offsets at which partitions were last seen to end, for records that can be read.
    pub fn ends(&self) -> &HashMap<TopicPartition, i64> {
        &self.ends
    }

    /// Returns how far each partition has been read, without asking the cluster.
    pub fn reach(&self) -> impl Iterator<Item = (&TopicPartition, Reach)> {
        self.places.iter().map(|(partition, place)| {
            let next = place.next;
            // Behind an open transaction the end of what can be read is not the partition's.
            let at_end = self.ends.get(partition).copied().filter(|end| *end == next);
            let known = || self.raw.known_end(&partition.topic, partition.partition);
            let end = at_end.or_else(known);
            let after = place.after;
            (partition, Reach { after, next, end })
        })
    }

    /// Returns the ids of the topics that records come from, as this consumer's connection knows them.
    pub fn topic_ids(&self) -> HashMap<String, String> {
        self.raw.handle().shared().topic_ids()
    }

    /// Returns partitions as the cluster has them now.
    ///
    /// # Errors
    /// If one of them does not exist or the cluster is out of reach.
    pub fn inspect(&self, partitions: &[TopicPartition]) -> Result<Vec<PartitionInfo>> {
        partition_infos(
            self.raw.handle(),
            partitions,
            Isolation::Uncommitted,
            ANSWER,
        )
    }

    /// Returns the offset of the first record of each partition that is not yet committed, or its end.
    ///
    /// # Errors
    /// As [`inspect`](Self::inspect).
    pub fn committed_ends(&self, partitions: &[TopicPartition]) -> Result<Vec<PartitionInfo>> {
        partition_infos(self.raw.handle(), partitions, Isolation::Committed, ANSWER)
    }

    /// Tells the consumer group how far this reader is, for people to look at.
    ///
    /// # Errors
    /// If the client refuses; what Kafka says shows only in the log.
    pub fn commit(&self, offsets: &[(TopicPartition, i64)]) -> Result<()> {
        let list = offsets
            .iter()
            .map(|(tp, offset)| (&*tp.topic, tp.partition, *offset));
        self.raw.commit(&PartitionList::new(list)?)
    }

    /// Commits offsets to the consumer group and waits until Kafka has them.
    ///
    /// # Errors
    /// If Kafka does not take them.
    pub fn commit_now(&self, offsets: &[(TopicPartition, i64)]) -> Result<()> {
        let list = offsets
            .iter()
            .map(|(tp, offset)| (&*tp.topic, tp.partition, *offset));
        self.raw.commit_now(&PartitionList::new(list)?)
    }

    /// Returns what the consumer group has committed for each partition, in the same order.
    ///
    /// # Errors
    /// If the group's coordinator is out of reach.
    pub fn committed(&self, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>> {
        let list = plain_list(partitions)?;
        self.raw.committed(&list, ANSWER)?;
        let offsets = list.offsets().into_iter();
        Ok(offsets.map(|o| (o >= 0).then_some(o)).collect())
    }

    /// Makes sure that a topic is gone before saying so: right after its creation, one broker may know
    /// of it and another not.
    fn check_missing(&self) -> Result<()> {
        let handle = self.raw.handle();
        let Some(topic) = handle.shared().missing_for(GONE) else {
            return Ok(());
        };
        match handle.describe(&[&topic], ANSWER) {
            Ok(found) if found.is_empty() => {
                let text = format!("topic {topic} does not exist any more");
                Err(KafkaError::new(ErrorKind::UnknownTopic, text))
            }
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::warn!(topic, %error, "the topic seems to be gone");
                Ok(())
            }
        }
    }

    fn outcome(&mut self, count: usize) -> Result<usize> {
        match self.failed.take() {
            Some(error) if count > 0 => {
                self.failed = Some(error);
                Ok(count)
            }
            Some(error) => Err(error),
            None => Ok(count),
        }
    }

    /// Copies held messages into the batch; returns how many records that were.
    fn copy(&mut self, batch: &mut Batch, max_bytes: usize) -> usize {
        let mut count = 0;
        // Records come in runs of one partition: what is known of it is looked up once per run.
        let mut run: Option<Run> = None;
        while count == 0 || batch.size() < max_bytes {
            let Some(message) = self.held.pop_front() else {
                break;
            };
            if message.error().is_some() {
                self.event(&message);
                if self.failed.is_some() {
                    break;
                }
                continue;
            }
            let key = message.topic_key();
            let next = message.offset() + 1;
            let topic = match &mut run {
                Some(run) if run.key == key && run.of.partition == message.partition() => {
                    run.next = next;
                    run.topic
                }
                _ => {
                    let topic = batch.topic(self.spec(message.topic()));
                    let of = place_of(&message);
                    let ended = run.replace(Run {
                        of,
                        key,
                        topic,
                        next,
                    });
                    self.end(ended);
                    topic
                }
            };
            append(batch, topic, &message);
            count += 1;
        }
        self.end(run);
        count
    }

    /// Notes where a run of records has ended.
    fn end(&mut self, run: Option<Run>) {
        if let Some(run) = run {
            self.touch(run.of, run.next, Some(run.next));
        }
    }

    fn touch(&mut self, partition: TopicPartition, next: i64, after: Option<i64>) {
        let paused = self.places.get(&partition).is_some_and(|p| p.paused);
        let place = Place {
            next,
            touched: true,
            paused,
            after,
        };
        self.places.insert(partition, place);
    }

    /// Notes where partitions begin to be read.
    fn remember(&mut self, partitions: &[(TopicPartition, StartAt)]) {
        for (partition, start) in partitions {
            let place = Place {
                next: offset_of(*start),
                touched: false,
                paused: false,
                after: None,
            };
            self.stalls.forget(partition);
            self.places.insert(partition.clone(), place);
        }
    }

    fn spec(&mut self, topic: &str) -> &Arc<TopicSpec> {
        // Not `entry`: a known topic, the usual case, needs no owned name.
        if !self.topics.contains_key(topic) {
            let spec = TopicSpec {
                name: topic.to_owned(),
                ..TopicSpec::default()
            };
            self.topics.insert(topic.to_owned(), Arc::new(spec));
        }
        &self.topics[topic]
    }

    fn event(&mut self, message: &Message) {
        let partition = place_of(message);
        let mut after = None;
        if let Some(place) = self.places.get_mut(&partition) {
            place.touched = true;
            after = place.after;
        }
        if message.is_end() {
            self.touch(partition.clone(), message.offset(), after);
            self.ends.insert(partition, message.offset());
        } else if message.is_out_of_range() {
            let reason = message.error().map(|error| error.to_string());
            tracing::warn!(
                topic = %partition.topic, partition = partition.partition,
                offset = message.offset(), reason, "the position cannot be read"
            );
            self.failed = Some(self.truncated(&partition, message.offset()));
        } else if let Some(error) = message.error() {
            let (topic, number) = (&partition.topic, partition.partition);
            match error.is_retriable() {
                true => tracing::warn!(%topic, partition = number, %error, "reading is held up"),
                false => {
                    let place = format!("topic {topic} partition {number}");
                    self.failed = Some(error.while_doing(place));
                }
            }
        }
    }

    fn truncated(&self, partition: &TopicPartition, position: i64) -> KafkaError {
        let (topic, number) = (&*partition.topic, partition.partition);
        let handle = self.raw.handle();
        let ask = |spec| {
            let found =
                handle.list_offsets(&[(topic, number)], spec, Isolation::Uncommitted, ANSWER);
            found
                .ok()
                .and_then(|all| all.first().map(|found| found.2))
                .unwrap_or(-1)
        };
        let kind = ErrorKind::Truncated {
            topic: topic.to_owned(),
            partition: number,
            position,
            first: ask(OffsetSpec::First),
            end: ask(OffsetSpec::End),
        };
        let text = format!("topic {topic} partition {number}: offset {position} cannot be read");
        KafkaError::new(kind, text)
    }

    fn forget(&mut self, partitions: &[TopicPartition]) {
        self.held.retain(|message| {
            !partitions
                .iter()
                .any(|tp| tp.partition == message.partition() && *tp.topic == *message.topic())
        });
        for partition in partitions {
            self.ends.remove(partition);
            self.stalls.forget(partition);
        }
    }
}

fn place_of(message: &Message) -> TopicPartition {
    TopicPartition {
        topic: Arc::from(message.topic()),
        partition: message.partition(),
    }
}

fn offset_of(start: StartAt) -> i64 {
    match start {
        StartAt::Beginning => BEGINNING,
        StartAt::Offset(offset) => offset,
    }
}

fn append(batch: &mut Batch, topic: u32, message: &Message) {
    let mut part = |bytes: Option<&[u8]>| match bytes {
        None => Span::NULL,
        Some(bytes) => {
            let mark = batch.mark();
            batch.buffer().extend_from_slice(bytes);
            batch.span(mark)
        }
    };
    let (key, value) = (part(message.key()), part(message.value()));
    let mark = batch.mark();
    let headers = match message.append_headers(batch.buffer()) {
        true => batch.span(mark),
        false => Span::NULL,
    };
    batch.push(Record {
        topic,
        partition: Partition::Fixed(message.partition()),
        offset: message.offset(),
        timestamp: message.timestamp(),
        key,
        value,
        headers,
    });
}

fn start_list(partitions: &[(TopicPartition, StartAt)]) -> Result<PartitionList> {
    let starts = partitions.iter();
    PartitionList::new(starts.map(|(tp, start)| (&*tp.topic, tp.partition, offset_of(*start))))
}

fn plain_list(partitions: &[TopicPartition]) -> Result<PartitionList> {
    PartitionList::new(partitions.iter().map(|tp| (&*tp.topic, tp.partition, 0)))
}

/// Adds what every consumer of ours needs to the settings.
fn settings(config: &ClientConfig) -> ClientConfig {
    config
        .clone()
        .or("group.id", "walbridge")
        .with("enable.auto.commit", "false")
        .with("enable.auto.offset.store", "false")
        .with("auto.offset.reset", "error")
        .with("enable.partition.eof", "true")
        .with("allow.auto.create.topics", "false")
        // The only place where librdkafka tells that a topic has got another id is this debug line.
        .or("debug", "metadata")
        .or("isolation.level", "read_committed")
        .or("fetch.min.bytes", "1")
        // A partition that is resumed waits for the running fetch of the others to end.
        .or("fetch.wait.max.ms", "50")
        .or("fetch.queue.backoff.ms", "5")
        .or("fetch.error.backoff.ms", "100")
        .or("fetch.max.bytes", "2097152")
        .or("queued.max.messages.kbytes", "4096")
        .or("queued.min.messages", "100000")
        .or("check.crcs", "true")
        .or("reconnect.backoff.max.ms", "1000")
        .or("socket.keepalive.enable", "true")
        .or("topic.metadata.refresh.interval.ms", "30000")
}
