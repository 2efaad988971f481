//! What librdkafka's callbacks leave for the threads that use a client.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::acks::Acks;
use super::outage::Outage;
use crate::error::{ErrorKind, KafkaError};

/// What the record itself costs in librdkafka's queue besides its bytes.
pub(crate) const RECORD_OVERHEAD: usize = 160;

/// The state one client shares with its callbacks.
#[derive(Debug)]
pub(crate) struct Shared {
    /// For whom the client works: its log lines come from threads of librdkafka's.
    pub(super) span: tracing::Span,
    /// Whether it reaches its cluster at all.
    pub(super) outage: Outage,
    /// Bytes handed to librdkafka and not yet reported on.
    pub(crate) in_flight: AtomicUsize,
    /// Records that Kafka has taken.
    pub(crate) delivered: AtomicU64,
    /// Where Kafka put the record that it took last, in its partition.
    pub(crate) last_offset: AtomicI64,
    acks: Mutex<Acks>,
    failure: Mutex<Option<KafkaError>>,
    trouble: Mutex<Option<KafkaError>>,
    ids: Mutex<HashMap<String, String>>,
    missing: Mutex<HashMap<String, Instant>>,
    is_missing: AtomicBool,
    recreated: Mutex<Option<KafkaError>>,
    is_recreated: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is inside is whole at every instant: a panic elsewhere does not spoil it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for Shared {
    /// Creates the state of a client of whoever calls.
    fn default() -> Self {
        Self {
            acks: Mutex::default(),
            span: tracing::Span::current(),
            outage: Outage::default(),
            in_flight: AtomicUsize::new(0),
            delivered: AtomicU64::new(0),
            last_offset: AtomicI64::new(-1),
            failure: Mutex::default(),
            trouble: Mutex::default(),
            ids: Mutex::default(),
            missing: Mutex::default(),
            is_missing: AtomicBool::new(false),
            recreated: Mutex::default(),
            is_recreated: AtomicBool::new(false),
        }
    }
}

impl Shared {
    /// Creates the state of a client of this cluster.
    pub(super) fn of(servers: &str) -> Self {
        Self {
            outage: Outage::of(servers),
            ..Self::default()
        }
    }

    /// Notes at which offset a record was delivered, or why it was not: the first reason is kept.
    pub(super) fn delivered(&self, bytes: usize, group: usize, outcome: Result<i64, KafkaError>) {
        self.in_flight
            .fetch_sub(bytes + RECORD_OVERHEAD, Ordering::Relaxed);
        match outcome {
            Ok(offset) => {
                self.outage.up();
                self.delivered.fetch_add(1, Ordering::Relaxed);
                self.last_offset.store(offset, Ordering::Relaxed);
                self.settled(group, 1);
            }
            Err(error) => drop(lock(&self.failure).get_or_insert(error)),
        }
    }

    /// Returns which groups of records Kafka has taken.
    pub(crate) fn acks(&self) -> MutexGuard<'_, Acks> {
        lock(&self.acks)
    }

    /// Notes that records of a group are on their way.
    pub(super) fn sending(&self, group: usize, records: usize) {
        if group != 0 {
            self.acks().sending(group, records);
        }
    }

    /// Notes that records of a group are not on their way any more.
    pub(super) fn settled(&self, group: usize, records: usize) {
        if group != 0 {
            self.acks().settled(group, records);
        }
    }

    /// Returns the first reason why a record was not delivered.
    pub(crate) fn failure(&self) -> Option<KafkaError> {
        lock(&self.failure).clone()
    }

    /// Forgets about failed deliveries: their transaction is over.
    pub(crate) fn clear_failure(&self) {
        *lock(&self.failure) = None;
    }

    /// Notes what the client last complained about.
    pub(super) fn complain(&self, error: KafkaError) {
        *lock(&self.trouble) = Some(error);
    }

    /// Notes a complaint that says less than any that came before it.
    pub(super) fn complain_anew(&self, error: KafkaError) {
        lock(&self.trouble).get_or_insert(error);
    }

    /// Returns what the client last complained about: why a call may have run out of time.
    pub(crate) fn trouble(&self) -> Option<KafkaError> {
        lock(&self.trouble).take()
    }

    /// Makes an error about running out of time, with what the client said about the reason.
    pub(crate) fn timed_out(&self, doing: &str) -> KafkaError {
        match self.trouble() {
            Some(why) => why.while_doing(format!("{doing} timed out")),
            None => KafkaError::new(ErrorKind::Retriable, format!("{doing} timed out")),
        }
    }

    /// Notes the id under which the client sees a topic from now on.
    pub(super) fn topic_id(&self, topic: &str, now: &str) {
        let was = lock(&self.ids).insert(topic.to_owned(), now.to_owned());
        if let Some(was) = was.filter(|was| was != now) {
            let kind = ErrorKind::Recreated {
                topic: topic.into(),
                was,
                now: now.into(),
            };
            let text = format!("topic {topic} was created anew");
            lock(&self.recreated).get_or_insert(KafkaError::new(kind, text));
            self.is_recreated.store(true, Ordering::Release);
        }
    }

    /// Notes that a topic that is being read seems to be gone.
    pub(super) fn missing(&self, topic: &str) {
        lock(&self.missing)
            .entry(topic.to_owned())
            .or_insert_with(Instant::now);
        self.is_missing.store(true, Ordering::Release);
    }

    /// Returns and forgets a topic that has seemed to be gone for `long`; whoever asks must make sure.
    pub(crate) fn missing_for(&self, long: Duration) -> Option<String> {
        if !self.is_missing.load(Ordering::Acquire) {
            return None;
        }
        let mut missing = lock(&self.missing);
        let topic = missing
            .iter()
            .find(|(_, since)| since.elapsed() >= long)?
            .0
            .clone();
        missing.remove(&topic);
        self.is_missing
            .store(!missing.is_empty(), Ordering::Release);
        Some(topic)
    }

    /// Returns the ids under which the client sees topics.
    pub(crate) fn topic_ids(&self) -> HashMap<String, String> {
        lock(&self.ids).clone()
    }

    /// Returns the error if a topic got another id while this client was reading it.
    pub(crate) fn recreated(&self) -> Option<KafkaError> {
        self.is_recreated
            .load(Ordering::Acquire)
            .then(|| lock(&self.recreated).clone())
            .flatten()
    }
}
