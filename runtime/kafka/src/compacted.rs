//! Compacted topics as small tables: a key's last record is its value.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use walbridge_connector_api::{
    Batch, Partition, PartitionInfo, StartAt, StopToken, TopicPartition, TopicSpec,
};

use crate::admin::Admin;
use crate::client_config::ClientConfig;
use crate::consumer::Consumer;
use crate::error::{ErrorKind, KafkaError, Result};
use crate::writer::LogWriter;

/// How much is read at once.
const READ_BYTES: usize = 1024 * 1024;
/// How long a follower waits before it looks whether it is to stop.
const TICK: Duration = Duration::from_millis(100);

/// One record of a compacted log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// The partition it is in.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// Milliseconds since 1970 at which it was written.
    pub timestamp: i64,
    /// The key.
    pub key: Vec<u8>,
    /// The value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
}

/// A compacted topic, read from its beginning and written with acknowledgement.
#[derive(Debug)]
pub struct CompactedLog {
    config: ClientConfig,
    topic: Arc<str>,
    consumer: Consumer,
    writer: Arc<LogWriter>,
    batch: Batch,
    positions: HashMap<i32, i64>,
}

impl CompactedLog {
    /// Opens the log, creating the topic if there is none; `property` and `purpose` are for messages:
    /// the worker setting that names the topic, and what is in it. A consumer's settings in `config` are
    /// for the reading.
    ///
    /// # Errors
    /// If the topic is not compacted, or the cluster is out of reach.
    pub fn open(
        config: &ClientConfig,
        spec: &TopicSpec,
        property: &str,
        purpose: &str,
        stop: &StopToken,
    ) -> Result<Self> {
        let admin = Admin::new(config)?;
        let mut found = admin.describe(&[&spec.name])?;
        if found.is_empty() {
            let mut spec = spec.clone();
            spec.config.retain(|(name, _)| name != "cleanup.policy");
            spec.config
                .push(("cleanup.policy".into(), "compact".into()));
            admin.create(&spec, stop)?;
            found = admin.describe(&[&spec.name])?;
        }
        let topic = &spec.name;
        let policy = admin
            .configs(topic)?
            .remove("cleanup.policy")
            .unwrap_or_default();
        if policy != "compact" {
            // Kafka Connect's words, which people search for.
            return Err(KafkaError::new(
                ErrorKind::Refused,
                format!(
                    "Topic '{topic}' supplied via the '{property}' property is required to have \
                     'cleanup.policy=compact' to guarantee consistency and durability of {purpose}, \
                     but found the topic currently has 'cleanup.policy={policy}'. Continuing would \
                     likely result in eventually losing {purpose} and problems restarting this \
                     Connect cluster in the future. Change the '{property}' property in the Connect \
                     worker configurations to use a topic with 'cleanup.policy=compact'."
                ),
            ));
        }
        let partitions = found.first().map_or(1, |t| t.partitions);
        let topic: Arc<str> = Arc::from(topic.as_str());
        // Nothing is paused here, so a fetch may wait longer; that there is nothing more to read shows
        // only when one has.
        let mut consumer = Consumer::new(&config.clone().or("fetch.wait.max.ms", "100"))?;
        let all: Vec<_> = (0..partitions)
            .map(|partition| {
                (
                    TopicPartition {
                        topic: Arc::clone(&topic),
                        partition,
                    },
                    StartAt::Beginning,
                )
            })
            .collect();
        consumer.assign(&all)?;
        let common = config.common();
        Ok(Self {
            writer: Arc::new(LogWriter::new(&common, &topic)?),
            config: common,
            topic,
            consumer,
            batch: Batch::default(),
            positions: (0..partitions).map(|partition| (partition, 0)).collect(),
        })
    }

    /// Returns the topic's name.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Returns the settings it was opened with.
    pub fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// Returns what writes to the log; it may be shared between threads.
    pub fn writer(&self) -> Arc<LogWriter> {
        Arc::clone(&self.writer)
    }

    /// Writes one record, `None` being a tombstone, and waits until Kafka has it.
    ///
    /// # Errors
    /// If Kafka does not acknowledge in time; the record may be there all the same.
    pub fn put(&self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        self.writer.put(key, value)
    }

    /// Reads on until everything that was committed before this call has been visited.
    ///
    /// # Errors
    /// If the log cannot be read, or not to the end in `wait`.
    pub fn read_to_end(&mut self, wait: Duration, visit: &mut dyn FnMut(LogRecord)) -> Result<()> {
        let partitions: Vec<_> = self.positions.keys().map(|p| self.partition(*p)).collect();
        let ends = self.consumer.committed_ends(&partitions)?;
        self.read_to(&ends, wait, visit)
    }

    /// Reads on until everything that was written before this call has been visited, or is known to be
    /// aborted.
    ///
    /// # Errors
    /// As [`read_to_end`](Self::read_to_end).
    pub fn read_to_written_end(
        &mut self,
        wait: Duration,
        visit: &mut dyn FnMut(LogRecord),
    ) -> Result<()> {
        let partitions: Vec<_> = self.positions.keys().map(|p| self.partition(*p)).collect();
        let ends = self.consumer.inspect(&partitions)?;
        self.read_to(&ends, wait, visit)
    }

    fn read_to(
        &mut self,
        ends: &[PartitionInfo],
        wait: Duration,
        visit: &mut dyn FnMut(LogRecord),
    ) -> Result<()> {
        let deadline = Instant::now() + wait;
        let ends: Vec<_> = ends
            .iter()
            .filter(|info| info.end > info.first)
            .map(|info| (info.partition.partition, info.end))
            .collect();
        while !reached(&self.positions, &ends) {
            if Instant::now() > deadline {
                let text = format!("topic {}: its end was not reached in time", self.topic);
                return Err(KafkaError::new(ErrorKind::Retriable, text));
            }
            self.step(TICK, visit)?;
        }
        Ok(())
    }

    /// Goes on reading on a thread, from where [`read_to_end`](Self::read_to_end) has left off, and
    /// hands every further record to `visit`; an error that ends the reading is the last thing it is
    /// handed.
    ///
    /// # Errors
    /// If there is no thread to be had.
    pub fn follow(
        mut self,
        mut visit: impl FnMut(Result<LogRecord>) + Send + 'static,
    ) -> Result<Follower> {
        let stop = StopToken::new();
        let shared = Arc::new(Progress::default());
        shared.set(&self.positions, None);
        let asking = Consumer::new(&self.config)?;
        let partitions: Vec<_> = self.positions.keys().map(|p| self.partition(*p)).collect();
        let writer = self.writer();
        let (told, progress) = (stop.clone(), Arc::clone(&shared));
        let name = format!("follow-{}", self.topic);
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            while !told.is_stopped() {
                let outcome = self.step(TICK, &mut |record| visit(Ok(record)));
                match outcome {
                    Ok(()) => progress.set(&self.positions, None),
                    Err(error) if error.is_retriable() => {
                        tracing::warn!(topic = %self.topic, %error, "reading is held up");
                    }
                    Err(error) => {
                        progress.set(&self.positions, Some(error.clone()));
                        visit(Err(error));
                        return;
                    }
                }
            }
        });
        let thread = thread
            .map_err(|error| KafkaError::new(ErrorKind::Fatal, format!("no thread: {error}")))?;
        Ok(Follower {
            stop,
            progress: shared,
            asking,
            partitions,
            writer,
            thread: Some(thread),
        })
    }

    fn partition(&self, partition: i32) -> TopicPartition {
        TopicPartition {
            topic: Arc::clone(&self.topic),
            partition,
        }
    }

    fn step(&mut self, wait: Duration, visit: &mut dyn FnMut(LogRecord)) -> Result<()> {
        self.batch.clear();
        self.consumer.poll(&mut self.batch, READ_BYTES, wait)?;
        for record in self.batch.records() {
            let Partition::Fixed(partition) = record.partition else {
                continue;
            };
            self.positions.insert(partition, record.offset + 1);
            visit(LogRecord {
                partition,
                offset: record.offset,
                timestamp: record.timestamp,
                key: self.batch.bytes(record.key).unwrap_or_default().to_vec(),
                value: self.batch.bytes(record.value).map(<[u8]>::to_vec),
            });
        }
        // What follows the last record (markers, aborted records) has no record to tell of it.
        for (partition, end) in self.consumer.ends() {
            let position = self.positions.entry(partition.partition).or_default();
            *position = (*position).max(*end);
        }
        Ok(())
    }
}

fn reached(positions: &HashMap<i32, i64>, ends: &[(i32, i64)]) -> bool {
    ends.iter()
        .all(|(partition, end)| positions.get(partition).is_some_and(|p| p >= end))
}

#[derive(Debug, Default)]
struct Progress {
    state: Mutex<(HashMap<i32, i64>, Option<KafkaError>)>,
    moved: Condvar,
}

impl Progress {
    fn set(&self, positions: &HashMap<i32, i64>, error: Option<KafkaError>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0 != *positions || error.is_some() {
            state.0.clone_from(positions);
            state.1 = error;
            self.moved.notify_all();
        }
    }
}

/// A log that is followed on a thread.
#[derive(Debug)]
pub struct Follower {
    stop: StopToken,
    progress: Arc<Progress>,
    asking: Consumer,
    partitions: Vec<TopicPartition>,
    writer: Arc<LogWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Follower {
    /// Waits until everything that was committed before this call has been visited.
    ///
    /// # Errors
    /// If the log cannot be read any more, or not to the end in `wait`.
    pub fn read_to_end(&self, wait: Duration) -> Result<()> {
        self.reach(&self.asking.committed_ends(&self.partitions)?, wait)
    }

    /// Waits until everything that was written before this call has been visited, or is known to be
    /// aborted: what is committed behind somebody else's open transaction shows only after that.
    ///
    /// # Errors
    /// If the log cannot be read any more, or not to the end in `wait`.
    pub fn read_to_written_end(&self, wait: Duration) -> Result<()> {
        self.reach(&self.asking.inspect(&self.partitions)?, wait)
    }

    /// Waits until the record at this offset has been visited. This is quicker than to wait for an end:
    /// that nothing follows the last record shows only when a fetch has come back empty.
    ///
    /// # Errors
    /// If the log cannot be read any more, or not so far in `wait`.
    pub fn read_past(&self, partition: i32, offset: i64, wait: Duration) -> Result<()> {
        self.reach_all(&[(partition, offset + 1)], wait)
    }

    fn reach(&self, ends: &[PartitionInfo], wait: Duration) -> Result<()> {
        let ends: Vec<_> = ends
            .iter()
            .filter(|info| info.end > info.first)
            .map(|info| (info.partition.partition, info.end))
            .collect();
        self.reach_all(&ends, wait)
    }

    fn reach_all(&self, ends: &[(i32, i64)], wait: Duration) -> Result<()> {
        match self.wait_for(ends, Instant::now() + wait)? {
            None => Ok(()),
            Some(positions) => Err(self.behind(&positions, ends)),
        }
    }

    /// Waits until these ends have been visited; returns the positions if they are not in time.
    fn wait_for(
        &self,
        ends: &[(i32, i64)],
        deadline: Instant,
    ) -> Result<Option<HashMap<i32, i64>>> {
        let mut state = self
            .progress
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(error) = &state.1 {
                return Err(error.clone());
            }
            if reached(&state.0, ends) {
                return Ok(None);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Some(state.0.clone()));
            }
            let (next, _) = self
                .progress
                .moved
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
            state = next;
        }
    }

    /// Says what holds the reading up: somebody's open transaction, or this reader.
    fn behind(&self, positions: &HashMap<i32, i64>, ends: &[(i32, i64)]) -> KafkaError {
        let topic = self.partitions.first().map_or("", |tp| &*tp.topic);
        let stable = self.asking.committed_ends(&self.partitions).ok();
        let stable = |partition| {
            let known = stable.iter().flatten();
            let mut known = known.filter(|info| info.partition.partition == partition);
            known.next().map(|info| info.end)
        };
        let mut open = false;
        let mut places = Vec::new();
        for (partition, end) in ends {
            let at = positions.get(partition).copied().unwrap_or_default();
            if at >= *end {
                continue;
            }
            let mut place = format!("partition {partition} is read up to {at} of {end}");
            if stable(*partition).is_some_and(|stable| stable <= at) {
                place.push_str(", where a transaction is open");
                open = true;
            }
            places.push(place);
        }
        let mut text = format!(
            "topic {topic}: its end was not reached in time: {}",
            places.join(", ")
        );
        if open {
            // Seen of Kafka 4.3.0: a broker that is killed while it ends a transaction may forget to.
            text.push_str(
                "; if that lasts though no producer is at work there, a broker has lost its end: look with \
                 kafka-transactions.sh find-hanging",
            );
        }
        KafkaError::new(ErrorKind::Retriable, text)
    }

    /// Writes one record, `None` being a tombstone, and waits until Kafka has it.
    ///
    /// # Errors
    /// If Kafka does not acknowledge in time; the record may be there all the same.
    pub fn put(&self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        self.writer.put(key, value)
    }

    /// Returns what writes to the log; it may be shared between threads.
    pub fn writer(&self) -> Arc<LogWriter> {
        Arc::clone(&self.writer)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that followed a log has panicked");
        }
    }
}
