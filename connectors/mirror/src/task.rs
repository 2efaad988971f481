//! The running mirror: reads the source, hands out batches with their positions.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use walbridge_connector_api::{
    Batch, ConnectorError, Copied, OffsetEntry, PartitionMetrics, Result, SourceTask, StartAt,
    StopToken, TaskContext, TopicPartition, fail_point,
};
use walbridge_kafka::{Consumer, ErrorKind, KafkaError};

use crate::lag::{Due, Lag, Progress};
use crate::position;
use crate::remedy;
use crate::route::{Ends, News, Start};
use crate::runs::{self, Run};
use crate::schema_ids::SchemaIds;
use crate::scout::Scout;
use crate::settings::Plan;
use crate::watch::Watch;

/// How often progress without records (transaction markers, aborted records) is stored, and how often
/// the source's consumer group is told how far the mirror is.
const PROGRESS: Duration = Duration::from_secs(5);
/// How often it is noted where partitions were seen to end.
const SEEN: Duration = Duration::from_millis(500);
/// How many empty batches are kept for use.
const SPARE: usize = 8;

/// Where the task is in one partition.
#[derive(Debug)]
struct Place {
    next: i64,
    stored: i64,
    topic_id: String,
    fresh: bool,
    /// When the last record before `next` was written, in milliseconds since 1970.
    written: i64,
    metrics: Arc<PartitionMetrics>,
    progress: Arc<Progress>,
    /// What was handed over and is not known to be at the target: the position after it, and how many offsets
    /// it and all before it may use there.
    open: VecDeque<(i64, i64)>,
}

/// Copies records from the source's Kafka.
#[derive(Debug)]
pub(crate) struct MirrorTask {
    plan: Arc<Plan>,
    context: TaskContext,
    consumer: Consumer,
    ids: Option<SchemaIds>,
    /// Source topics by their names at the target.
    sources: HashMap<String, Arc<str>>,
    places: HashMap<TopicPartition, Place>,
    /// Positions that are to be stored though no record goes with them.
    pending: Vec<OffsetEntry>,
    progress: Instant,
    lag: Arc<Lag>,
    /// When the ends that were seen are noted again.
    seen: Due,
    spare: Vec<Batch>,
    done: HashMap<TopicPartition, i64>,
    news: Receiver<Result<News>>,
    scout_stop: StopToken,
    scout: Option<JoinHandle<()>>,
}

impl MirrorTask {
    pub(crate) fn new(
        plan: Arc<Plan>,
        context: TaskContext,
        ids: Option<SchemaIds>,
        mut scout: Scout,
    ) -> Result<Self> {
        scout.check_clusters()?;
        let first = scout.survey()?;
        let group = format!("{}-{}", context.group, context.connector);
        let consumer = Consumer::new(&plan.source.clone().or("group.id", &group))?;
        let (tell, news) = mpsc::channel();
        let (scout_stop, lag) = (StopToken::new(), Arc::new(Lag::default()));
        let watch = Watch {
            stop: scout_stop.clone(),
            lag: Arc::clone(&lag),
            metrics: Arc::clone(&context.metrics),
            interval: plan.refresh,
            others: plan.others,
            tell,
        };
        let span = tracing::Span::current();
        let thread = std::thread::Builder::new()
            .name(format!("{}-scout", context.connector))
            .spawn(move || span.in_scope(|| watch.run(scout)))
            .map_err(|error| ConnectorError::retry("NoThread", error.to_string()))?;
        let mut task = Self {
            plan,
            context,
            consumer,
            ids,
            sources: HashMap::new(),
            places: HashMap::new(),
            pending: Vec::new(),
            progress: Instant::now(),
            lag,
            seen: Due::every(SEEN),
            spare: Vec::new(),
            done: HashMap::new(),
            news,
            scout_stop,
            scout: Some(thread),
        };
        let ends = task.take_up(first)?;
        task.lag.tell(&ends, &task.context.metrics);
        Ok(task)
    }

    /// Begins to read what is new, and returns where the partitions end.
    fn take_up(&mut self, news: News) -> Result<Ends> {
        if !news.starts.is_empty() {
            let at = |start: &Start| (start.partition.clone(), StartAt::Offset(start.next));
            let list: Vec<_> = news.starts.iter().map(at).collect();
            if self.places.is_empty() {
                self.consumer.assign(&list)?;
            } else {
                self.consumer.assign_more(&list)?;
            }
        }
        for start in news.starts {
            let Start {
                partition,
                next,
                topic_id,
                target,
                fresh,
            } = start;
            tracing::info!(topic = %partition.topic, partition = partition.partition, offset = next, "mirroring");
            self.consumer
                .file_under(&partition.topic, Arc::clone(&target));
            self.sources
                .insert(target.name.clone(), Arc::clone(&partition.topic));
            if fresh {
                self.pending.push(position::entry(
                    &self.plan.alias,
                    &partition,
                    next,
                    &topic_id,
                ));
            }
            let metrics = self.context.metrics.partition(Copied {
                source: self.plan.alias.clone(),
                target: self.plan.target_alias.clone(),
                topic: target.name.clone(),
                partition: partition.partition,
            });
            let progress = (self.lag).add(partition.clone(), next, Arc::clone(&metrics));
            let place = Place {
                next,
                stored: next,
                topic_id,
                fresh,
                written: -1,
                metrics,
                progress,
                open: VecDeque::new(),
            };
            self.places.insert(partition, place);
        }
        Ok(news.ends)
    }

    /// Deals with an error of the consumer; some can be got over.
    fn trouble(&mut self, error: KafkaError) -> Result<()> {
        let ErrorKind::Truncated {
            topic,
            partition,
            first,
            ..
        } = error.kind()
        else {
            return Err(error.into());
        };
        let partition = TopicPartition {
            topic: Arc::from(topic.as_str()),
            partition: *partition,
        };
        let first = *first;
        let Some(place) = self.places.get_mut(&partition) else {
            return Err(error.into());
        };
        if !place.fresh || first < place.next {
            let remedy = remedy::go_on_with_what_is_left(
                &self.plan.alias,
                [(&partition, first)].into_iter(),
            );
            return Err(ConnectorError::from(error).remedy(remedy));
        }
        // Its first records expired between the look at it and the first fetch. Nothing has been
        // promised about them yet.
        tracing::warn!(topic = %partition.topic, partition = partition.partition, first, "begins later now");
        (place.next, place.stored) = (first, first);
        place.progress.read(first);
        place.progress.done(first, -1);
        self.pending.push(position::entry(
            &self.plan.alias,
            &partition,
            first,
            &place.topic_id,
        ));
        self.consumer.unassign(std::slice::from_ref(&partition))?;
        self.consumer
            .assign_more(&[(partition, StartAt::Offset(first))])?;
        Ok(())
    }

    /// Notes how far the records of a batch lead, and adds the positions to it.
    fn advance(&mut self, batch: &mut Batch) {
        let names = batch
            .topics()
            .iter()
            .map(|t| self.sources.get(&t.name).cloned());
        let names: Vec<Option<Arc<str>>> = names.collect();
        let runs = runs::find(batch);
        let now = now_ms();
        let mut moved: HashMap<TopicPartition, Run> = HashMap::with_capacity(runs.len());
        for run in runs {
            let Some(Some(name)) = names.get(run.topic as usize) else {
                continue;
            };
            let partition = TopicPartition {
                topic: Arc::clone(name),
                partition: run.partition,
            };
            if let Some(place) = self.places.get(&partition) {
                place.metrics.records.add(run.records);
                place.metrics.bytes.add(run.bytes);
                place.metrics.age_ms.record(since(now, run.written));
            }
            let before = moved.get(&partition).map_or(0, |run| run.records);
            let records = before + run.records;
            moved.insert(partition, Run { records, ..run });
        }
        for (partition, run) in moved {
            let Some(place) = self.places.get_mut(&partition) else {
                continue;
            };
            let next = run.offset + 1;
            (place.next, place.stored, place.fresh) = (next, next, false);
            place.written = run.written;
            place.progress.read(next);
            let taken = place.progress.take(run.records);
            place.open.push_back((next, taken));
            batch.offsets.push(position::entry(
                &self.plan.alias,
                &partition,
                next,
                &place.topic_id,
            ));
        }
    }

    /// Adds the positions of partitions that have moved on without a record.
    fn add_progress(&mut self, batch: &mut Batch) {
        if self.progress.elapsed() < PROGRESS {
            return;
        }
        self.progress = Instant::now();
        for (partition, end) in self.consumer.ends() {
            let Some(place) = self.places.get_mut(partition) else {
                continue;
            };
            place.next = place.next.max(*end);
            if place.next > place.stored {
                place.stored = place.next;
                let id = &place.topic_id;
                batch
                    .offsets
                    .push(position::entry(&self.plan.alias, partition, place.next, id));
            }
        }
        if !self.done.is_empty() {
            let done: Vec<_> = self.done.drain().collect();
            if let Err(error) = self.consumer.commit(&done) {
                tracing::debug!(%error, "the group at the source does not learn how far we are");
            }
        }
    }

    /// Notes, now and then, where there was nothing more to read.
    fn note_ends(&mut self) {
        if self.seen.is_due() {
            for (partition, end) in self.consumer.ends() {
                if let Some(place) = self.places.get(partition) {
                    place.progress.ends_at(*end);
                }
            }
        }
    }

    fn read(&mut self, batch: &mut Batch, wait: Duration) -> Result<usize> {
        let wait = if self.pending.is_empty() {
            wait
        } else {
            Duration::ZERO
        };
        match self.consumer.poll(batch, self.plan.batch_bytes, wait) {
            Ok(count) => Ok(count),
            Err(error) => self.trouble(error).map(|()| 0),
        }
    }
}

impl SourceTask for MirrorTask {
    fn poll(&mut self, wait: Duration) -> Result<Option<Batch>> {
        while let Ok(news) = self.news.try_recv() {
            self.take_up(news?)?;
        }
        self.note_ends();
        let mut batch = self
            .spare
            .pop()
            .unwrap_or_else(|| Batch::with_capacity(self.plan.batch_bytes));
        let count = self.read(&mut batch, wait)?;
        if count > 0 {
            if let Some(ids) = &mut self.ids {
                ids.translate(&mut batch, &self.sources)?;
            }
            self.advance(&mut batch);
        }
        // In this order: a later entry of the same partition wins.
        let mut waiting = std::mem::take(&mut self.pending);
        waiting.append(&mut batch.offsets);
        batch.offsets = waiting;
        self.add_progress(&mut batch);
        let metrics = &self.context.metrics;
        metrics.last_progress_ms.store(now_ms(), Ordering::Relaxed);
        if batch.is_empty() {
            self.recycle(batch);
            return Ok(None);
        }
        batch.boundary = true;
        metrics.rows.fetch_add(count as u64, Ordering::Relaxed);
        metrics
            .bytes
            .fetch_add(batch.size() as u64, Ordering::Relaxed);
        fail_point!("mirror-after-poll");
        Ok(Some(batch))
    }

    fn recycle(&mut self, mut batch: Batch) {
        // A batch that had to grow for one large record gives its memory back.
        if self.spare.len() < SPARE && batch.capacity() <= 4 * self.plan.batch_bytes {
            batch.clear();
            self.spare.push(batch);
        }
    }

    fn committed(&mut self, offsets: &[OffsetEntry]) -> Result<()> {
        let now = now_ms();
        for entry in offsets {
            let Some((partition, position)) = position::parse(&self.plan.alias, entry) else {
                continue;
            };
            if let Some(place) = self.places.get_mut(&partition) {
                place.fresh = false;
                place.progress.done(position.next, place.written);
                while let Some((_, taken)) = place.open.front().filter(|at| at.0 <= position.next) {
                    place.progress.settle(*taken);
                    place.open.pop_front();
                }
                if place.written >= 0 && position.next == place.next {
                    place.metrics.latency_ms.record(since(now, place.written));
                    place.written = -1;
                }
            }
            if position.next > 0 {
                self.done.insert(partition, position.next);
            }
        }
        Ok(())
    }

    fn stop(&mut self) {
        self.scout_stop.stop();
        // Not joined: it may be waiting for a cluster that is away, and ends by itself.
        drop(self.scout.take());
    }
}

impl Drop for MirrorTask {
    fn drop(&mut self) {
        self.scout_stop.stop();
    }
}

fn since(now: i64, then: i64) -> u64 {
    u64::try_from(now - then).unwrap_or_default()
}

pub(crate) fn now_ms() -> i64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
