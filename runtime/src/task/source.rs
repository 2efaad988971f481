//! The loop of a source task: batches into Kafka transactions, each with the offsets that belong to it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use walbridge_connector_api::{
    Batch, Connector, Form, OffsetEntry, Partition, Result, Settings, SourceTask, StopToken,
    TaskContext, TaskMetrics, fail_point,
};
use walbridge_kafka::{Admin, TransactionalProducer};
use walbridge_pipeline::Pipeline;

use super::errors::{DeadLetters, Tolerance};
use super::live::LiveTask;
use super::record_source::RecordSourceTask;
use super::topics::TopicCreator;
use super::tracking::TopicTracker;
use crate::clients;
use crate::config::TaskLimits;
use crate::worker::Shared;

/// How long one poll may wait; also how soon a stop is noticed.
const PATIENCE: Duration = Duration::from_millis(200);

/// Runs a source task until it is told to stop.
///
/// The producer comes first: once it has taken over the transactional id, nobody else can commit, and
/// the offsets read after that are the last there will be.
pub(super) fn run(
    shared: &Shared,
    connector: &dyn Connector,
    settings: &Settings,
    mut context: TaskContext,
    live: &LiveTask,
    running: &dyn Fn(),
) -> Result<()> {
    let (name, task) = (context.connector.clone(), context.task);
    let id = format!("{}-{name}-{task}", context.group);
    let config = clients::producer(&shared.config, settings, &format!("{name}-{task}"))?;
    let mut producer = TransactionalProducer::new(&config, &id, context.stop.clone())?;
    producer.init()?;
    shared.stores.offsets_to_end(&context.stop)?;
    context.offsets = shared.offsets_of(&name);
    let admin = Admin::new(&clients::admin(&shared.config)?)?;
    let stop = context.stop.clone();
    let metrics = Arc::clone(&context.metrics);
    let source = match connector.form() {
        Form::Bytes => connector.source(settings, context)?,
        Form::Records => {
            let pipeline = Pipeline::new(&shared.config.converters, settings.raw())?;
            let tolerance = Tolerance::new(settings, &context, &live.errors, &shared.lease);
            let dead = DeadLetters::new(settings, &context);
            let source = connector.record_source(settings, context)?;
            Box::new(RecordSourceTask::new(
                source,
                pipeline,
                tolerance,
                dead,
                Arc::clone(&metrics),
            ))
        }
    };
    running();
    let mut run = Run {
        limits: &shared.config.limits,
        creator: TopicCreator::new(admin, &shared.config.limits, settings, stop.clone()),
        tracker: TopicTracker::new(shared, &name, task),
        shared,
        connector: &name,
        producer,
        source,
        metrics,
        stop,
    };
    let result = run.go();
    run.source.stop();
    result
}

struct Run<'a> {
    limits: &'a TaskLimits,
    creator: TopicCreator,
    tracker: TopicTracker<'a>,
    shared: &'a Shared,
    connector: &'a str,
    producer: TransactionalProducer,
    source: Box<dyn SourceTask>,
    metrics: Arc<TaskMetrics>,
    stop: StopToken,
}

impl Run<'_> {
    fn go(&mut self) -> Result<()> {
        while self.shared.lease.wait(&self.stop) {
            let first = self.source.poll(PATIENCE)?;
            self.metrics.turn(first.is_some());
            let Some(first) = first else {
                continue;
            };
            let result = self.transaction(first);
            if !matches!(result, Ok(true)) {
                // Best effort: if it cannot be aborted now, the next producer's start does it.
                if let Err(error) = self.producer.abort() {
                    tracing::debug!(%error, "could not abort");
                }
            }
            result?;
        }
        Ok(())
    }

    /// Writes one Kafka transaction; returns false if told to stop inside a source transaction.
    fn transaction(&mut self, first: Batch) -> Result<bool> {
        let began = Instant::now();
        let mut offsets = Vec::new();
        let mut bytes = 0;
        let mut next = first;
        self.producer.begin()?;
        loop {
            let boundary = next.boundary;
            bytes += next.size();
            self.creator.ensure(&next)?;
            self.producer.send(&next)?;
            self.tracker.note(&next);
            merge(&mut offsets, &mut next.offsets);
            self.source.recycle(next);
            let full = bytes >= self.limits.transaction_bytes
                || began.elapsed() >= self.limits.transaction_time;
            if boundary && (full || self.stop.is_stopped()) {
                break;
            }
            match self.following(boundary)? {
                Some(batch) => next = batch,
                None if boundary => break,
                None => return Ok(false),
            }
        }
        if !self.shared.lease.wait(&self.stop) {
            return Ok(false);
        }
        self.commit(&offsets)?;
        self.metrics.batches.fetch_add(1, Ordering::Relaxed);
        self.source.committed(&offsets)?;
        Ok(true)
    }

    /// Returns what comes next: at a boundary only what is there already, inside a source transaction
    /// whatever comes until told to stop.
    fn following(&mut self, boundary: bool) -> Result<Option<Batch>> {
        if boundary {
            return self.source.poll(Duration::ZERO);
        }
        while !self.stop.is_stopped() {
            let batch = self.source.poll(PATIENCE)?;
            self.metrics.turn(batch.is_some());
            if let Some(batch) = batch {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    fn commit(&mut self, offsets: &[OffsetEntry]) -> Result<()> {
        for entry in offsets {
            let (key, value) = self.shared.offsets().record(self.connector, entry);
            let topic = &self.shared.config.offset_topic.name;
            self.producer
                .send_one(topic, Partition::ByKey, Some(&key), value.as_deref())?;
        }
        fail_point!("producer-before-commit");
        self.producer.commit()?;
        fail_point!("producer-after-commit");
        Ok(())
    }
}

/// Lays newer offsets over older ones of the same partition.
fn merge(all: &mut Vec<OffsetEntry>, newer: &mut Vec<OffsetEntry>) {
    for entry in newer.drain(..) {
        match all.iter_mut().find(|old| old.partition == entry.partition) {
            Some(old) => *old = entry,
            None => all.push(entry),
        }
    }
}
