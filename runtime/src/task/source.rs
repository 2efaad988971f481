//! A source task: what it needs, made ready in the order that keeps others from writing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use walbridge_connector_api::{
    Connector, Form, Result, Settings, StopToken, TaskContext, TaskMetrics, TransactionContext,
};
use walbridge_kafka::AckedProducer;
use walbridge_pipeline::Pipeline;

use super::at_least_once::AtLeastOnce;
use super::counts::TaskCounts;
use super::errors::{DeadLetters, Tolerance};
use super::exactly_once::{ExactlyOnce, Identity};
use super::input::{Input, Part};
use super::live::LiveTask;
use super::record_source::RecordSourceTask;
use super::topics::TopicCreator;
use super::tracking::TopicTracker;
use crate::clients;
use crate::connector::delivery::{Boundary, boundary, is_exactly_once};
use crate::offset_store::OffsetStore;
use crate::worker::Shared;

/// What both loops work with.
pub(super) struct SourceLoop<'a> {
    pub(super) shared: &'a Shared,
    pub(super) store: OffsetStore,
    pub(super) creator: TopicCreator,
    pub(super) tracker: TopicTracker<'a>,
    pub(super) input: Input,
    pub(super) metrics: Arc<TaskMetrics>,
    pub(super) counts: &'a TaskCounts,
    pub(super) stop: StopToken,
}

impl SourceLoop<'_> {
    /// Waits at most `wait` for records, and counts them and the time it took.
    pub(super) fn poll(&mut self, wait: Duration) -> Result<Option<Part>> {
        let began = Instant::now();
        let part = self.input.poll(wait)?;
        if let Some(Part { batch, .. }) = &part {
            self.counts.polled(batch, began.elapsed());
            if matches!(self.input, Input::Bytes(_)) {
                // Records are counted before their transforms.
                self.counts.polled.add(batch.records().len() as u64);
            }
        }
        Ok(part)
    }
}

/// How the records of a task get into Kafka.
enum Writer {
    Transactions(Identity),
    Acknowledged(AckedProducer),
}

/// Runs a source task until it is told to stop.
///
/// The producer comes first: once it has taken over the transactional id, nobody else can commit, and
/// the offsets read after that are the last there will be. Before and after that `current` says whether
/// this task is still what the config topic says: the leader fences the producers of former tasks after it
/// has written what the new ones are, and an id taken over later belongs to a task that reads that.
pub(super) fn run(
    shared: &Shared,
    connector: &dyn Connector,
    settings: &Settings,
    context: TaskContext,
    live: &LiveTask,
    current: &dyn Fn() -> Result<()>,
    running: &dyn Fn(),
) -> Result<()> {
    let (name, task, stop) = (
        context.connector.clone(),
        context.task,
        context.stop.clone(),
    );
    let config = &shared.config;
    let client = format!("{name}-{task}");
    let exactly = is_exactly_once(connector, settings, &config.rules);
    // One that is no longer meant to run must not fence the one that is.
    if !shared.lease.wait(&stop) {
        return Ok(());
    }
    current()?;
    let writer = if exactly {
        let id = format!("{}-{name}-{task}", context.group);
        let client = clients::producer(config, settings, &client)?;
        Writer::Transactions(Identity::take_over(client, id, stop.clone())?)
    } else {
        let client = clients::plain_producer(config, settings, &client)?;
        Writer::Acknowledged(AckedProducer::new(&client, stop.clone())?)
    };
    if exactly {
        current()?;
    }
    let (store, offsets) = OffsetStore::open(shared, settings, &name, &stop)?;
    let creator = TopicCreator::new(
        clients::admin_of(config, settings, &client)?,
        &config.limits,
        settings,
        store.primary(),
        stop.clone(),
    )?;
    let metrics = Arc::clone(&context.metrics);
    let ends = boundary(connector.form(), settings, config.limits.flush_interval);
    let context = TaskContext { offsets, ..context };
    let transactions = (exactly && ends == Boundary::Defined).then(TransactionContext::new);
    let input = open(shared, connector, settings, context, live, transactions)?;
    running();
    let mut task = SourceLoop {
        shared,
        store,
        creator,
        tracker: TopicTracker::new(shared, &name, task),
        input,
        metrics,
        counts: &live.counts,
        stop,
    };
    let result = match writer {
        Writer::Transactions(identity) => ExactlyOnce::new(&mut task, identity, ends).go(),
        Writer::Acknowledged(producer) => AtLeastOnce::new(&mut task, producer).go(),
    };
    task.input.stop();
    result
}

/// Starts the connector's own part.
fn open(
    shared: &Shared,
    connector: &dyn Connector,
    settings: &Settings,
    context: TaskContext,
    live: &LiveTask,
    transactions: Option<TransactionContext>,
) -> Result<Input> {
    if connector.form() == Form::Bytes {
        return Ok(Input::Bytes(connector.source(settings, context)?));
    }
    let pipeline = Pipeline::new(&shared.config.converters, settings.raw())?;
    let tolerance = Tolerance::new(settings, &context, &live.errors, &shared.lease);
    let dead = DeadLetters::new(settings, &context);
    let counted = (Arc::clone(&context.metrics), Arc::clone(&live.counts));
    let mut source = connector.record_source(settings, context)?;
    if let Some(transactions) = &transactions {
        source.define_transactions(transactions.clone());
    }
    let source = RecordSourceTask::new(source, pipeline, tolerance, dead, transactions, counted);
    Ok(Input::Records(Box::new(source)))
}
