//! The loop of a source that delivers exactly once: batches into Kafka transactions, each with the offsets
//! that belong to it.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use walbridge_connector_api::{OffsetEntry, Partition, Result, StopToken, fail_point};
use walbridge_kafka::{ClientConfig, TransactionalProducer};

use super::input::{End, Part, merge};
use super::source::SourceLoop;
use crate::connector::delivery::Boundary;

/// How long one poll may wait; also how soon a stop is noticed.
pub(super) const PATIENCE: Duration = Duration::from_millis(200);

/// A transactional id and the producer that has it.
pub(super) struct Identity {
    producer: TransactionalProducer,
    config: ClientConfig,
    id: String,
    stop: StopToken,
}

impl Identity {
    /// Takes the id over from whoever had it.
    pub(super) fn take_over(config: ClientConfig, id: String, stop: StopToken) -> Result<Self> {
        let mut producer = TransactionalProducer::new(&config, &id, stop.clone())?;
        producer.init()?;
        Ok(Self {
            producer,
            config,
            id,
            stop,
        })
    }

    /// Throws the open transaction away and begins another, with another producer: one that has aborted is
    /// of no further use.
    fn begin_anew(&mut self) -> Result<()> {
        self.producer.abort()?;
        fail_point!("producer-after-abort");
        let mut producer = TransactionalProducer::new(&self.config, &self.id, self.stop.clone())?;
        producer.init()?;
        self.producer = producer;
        Ok(self.producer.begin()?)
    }
}

/// One task at work.
pub(super) struct ExactlyOnce<'a, 'b> {
    task: &'a mut SourceLoop<'b>,
    identity: Identity,
    boundary: Boundary,
}

impl<'a, 'b> ExactlyOnce<'a, 'b> {
    pub(super) fn new(
        task: &'a mut SourceLoop<'b>,
        identity: Identity,
        boundary: Boundary,
    ) -> Self {
        Self {
            task,
            identity,
            boundary,
        }
    }

    pub(super) fn go(&mut self) -> Result<()> {
        while self.task.shared.lease.wait(&self.task.stop) {
            let first = self.task.poll(PATIENCE)?;
            self.task.metrics.turn(first.is_some());
            let Some(first) = first.filter(|part| !is_nothing(part)) else {
                self.task.creator.rest();
                continue;
            };
            let result = self.transaction(first);
            if !matches!(result, Ok(true)) {
                // Best effort: if it cannot be aborted now, the next producer's start does it.
                if let Err(error) = self.identity.producer.abort() {
                    tracing::debug!(%error, "could not abort");
                }
            }
            result?;
        }
        Ok(())
    }

    /// Writes one Kafka transaction; returns false if told to stop inside a source transaction.
    fn transaction(&mut self, first: Part) -> Result<bool> {
        let began = Instant::now();
        let mut offsets = Vec::new();
        let (mut bytes, mut records) = (0, 0);
        let mut next = first;
        self.identity.producer.begin()?;
        loop {
            let Part { mut batch, end } = next;
            bytes += batch.size();
            records += batch.records().len();
            self.task.counts.in_transaction(records);
            self.task.creator.ensure(&batch)?;
            self.identity.producer.send(&batch)?;
            self.task.tracker.note(&batch);
            merge(&mut offsets, &mut batch.offsets);
            self.task.input.recycle(batch);
            match end {
                End::None => {}
                End::May if self.is_full(bytes, began) || self.task.stop.is_stopped() => break,
                End::May => {}
                End::Commit => break,
                End::Abort => {
                    self.identity.begin_anew()?;
                    records = 0;
                    break;
                }
            }
            match self.following(end == End::May, began)? {
                Some(part) => next = part,
                None if end == End::May => break,
                None => return Ok(false),
            }
        }
        if !self.task.shared.lease.wait(&self.task.stop) {
            return Ok(false);
        }
        let committing = Instant::now();
        self.commit(&offsets)
            .inspect_err(|_| self.task.counts.commit_failed())?;
        let counts = self.task.counts;
        counts.transaction_done(records, committing.elapsed());
        self.task.metrics.batches.fetch_add(1, Ordering::Relaxed);
        self.task.input.committed(&offsets)?;
        Ok(true)
    }

    /// Returns whether a transaction is to end where it may.
    fn is_full(&self, bytes: usize, began: Instant) -> bool {
        match self.boundary {
            Boundary::Interval(interval) => began.elapsed() >= interval,
            Boundary::Batch | Boundary::Defined => {
                let limits = &self.task.shared.config.limits;
                bytes >= limits.transaction_bytes || began.elapsed() >= limits.transaction_time
            }
        }
    }

    /// Returns what comes next: where a transaction may end only what is there already, or comes before it
    /// must; inside one whatever comes until told to stop.
    fn following(&mut self, may_end: bool, began: Instant) -> Result<Option<Part>> {
        let until = match self.boundary {
            _ if !may_end => None,
            Boundary::Interval(interval) => Some(began + interval),
            Boundary::Batch | Boundary::Defined => return self.task.poll(Duration::ZERO),
        };
        while !self.task.stop.is_stopped() {
            let left = until.map_or(PATIENCE, |until| {
                until.saturating_duration_since(Instant::now())
            });
            if left.is_zero() {
                break;
            }
            let part = self.task.poll(left.min(PATIENCE))?;
            self.task.metrics.turn(part.is_some());
            if part.is_some() {
                return Ok(part);
            }
        }
        Ok(None)
    }

    fn commit(&mut self, offsets: &[OffsetEntry]) -> Result<()> {
        let producer = &mut self.identity.producer;
        self.task
            .store
            .each(self.task.shared, offsets, |(topic, key, value)| {
                producer.send_one(topic, Partition::ByKey, Some(&key), value.as_deref())
            })?;
        fail_point!("producer-before-commit");
        producer.commit()?;
        fail_point!("producer-after-commit");
        Ok(())
    }
}

/// Returns whether a part ends a transaction that has not begun.
fn is_nothing(part: &Part) -> bool {
    part.batch.is_empty() && matches!(part.end, End::Commit | End::Abort)
}
