//! A source of records as a source of bytes: converters stand between.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use walbridge_connector_api::data::ConnectRecord;
use walbridge_connector_api::{
    Batch, OffsetEntry, Partition, Record, RecordSource, Result, SourceRecord, Span, TaskMetrics,
    TopicSpec, TransactionContext, TransactionEnd, push_header,
};
use walbridge_pipeline::{Pipeline, Readable, WireRecord};

use super::counts::TaskCounts;
use super::errors::{DeadLetters, Failure, Place, Tolerance};
use super::input::{End, Part};

/// Runs a [`RecordSource`] in the source loops. Each poll is a batch after which a transaction may end, or
/// several if the source says itself where its transactions end.
///
/// Dead letters are records of the same batch: they are there if and only if the source's offset has
/// moved beyond them.
pub(super) struct RecordSourceTask {
    source: Box<dyn RecordSource>,
    pipeline: Pipeline,
    tolerance: Tolerance,
    dead: Option<(DeadLetters, Readable)>,
    topics: HashMap<Arc<str>, Arc<TopicSpec>>,
    /// Where the source says that transactions end, if it is to say so.
    transactions: Option<TransactionContext>,
    /// What one poll has returned beyond the end of a transaction.
    ready: VecDeque<Part>,
    metrics: Arc<TaskMetrics>,
    counts: Arc<TaskCounts>,
    spare: Option<Batch>,
}

impl RecordSourceTask {
    pub(super) fn new(
        source: Box<dyn RecordSource>,
        pipeline: Pipeline,
        tolerance: Tolerance,
        dead: Option<DeadLetters>,
        transactions: Option<TransactionContext>,
        (metrics, counts): (Arc<TaskMetrics>, Arc<TaskCounts>),
    ) -> Self {
        let tolerant = tolerance.policy.tolerant;
        Self {
            source,
            pipeline,
            tolerance,
            dead: dead
                .filter(|_| tolerant)
                .map(|dead| (dead, Readable::default())),
            topics: HashMap::new(),
            transactions,
            ready: VecDeque::new(),
            metrics,
            counts,
            spare: None,
        }
    }

    fn spec(&mut self, topic: &Arc<str>) -> Arc<TopicSpec> {
        let spec = self.topics.entry(Arc::clone(topic)).or_insert_with(|| {
            Arc::new(TopicSpec {
                name: topic.to_string(),
                ..TopicSpec::default()
            })
        });
        Arc::clone(spec)
    }

    fn append(&mut self, batch: &mut Batch, record: &WireRecord<'_>) {
        let topic = batch.topic(&self.spec(&record.topic));
        let part = |batch: &mut Batch, bytes: Option<&[u8]>| match bytes {
            None => Span::NULL,
            Some(bytes) => {
                let mark = batch.mark();
                batch.buffer().extend_from_slice(bytes);
                batch.span(mark)
            }
        };
        let key = part(batch, record.key.as_deref());
        let value = part(batch, record.value.as_deref());
        let headers = if record.headers.is_empty() {
            Span::NULL
        } else {
            let mark = batch.mark();
            for header in &record.headers {
                push_header(batch.buffer(), &header.key, header.value.as_deref());
            }
            batch.span(mark)
        };
        batch.push(Record {
            topic,
            partition: record.partition.map_or(Partition::ByKey, Partition::Fixed),
            offset: -1,
            timestamp: record.timestamp.unwrap_or(-1),
            key,
            value,
            headers,
        });
    }

    /// Takes one record through transforms and converters into the batch; returns how many dead letters
    /// became of it.
    fn convert(
        &mut self,
        batch: &mut Batch,
        record: ConnectRecord,
        offset: Option<&OffsetEntry>,
    ) -> Result<u64> {
        let topic = Arc::clone(&record.topic);
        let place = Place::Read {
            topic: &topic,
            offset,
        };
        // A transform that fails has taken the record apart.
        let keep = self.dead.is_some() && self.pipeline.has_transforms();
        let whole = keep.then(|| record.clone());
        let transformed = match self.pipeline.transform(record) {
            Ok(Some(record)) => record,
            Ok(None) => return Ok(0),
            Err(error) => {
                let settled = self.tolerance.refused(error, place)?;
                return Ok(self.bury(batch, whole.as_ref(), place, &settled));
            }
        };
        let (pipeline, tolerance) = (&mut self.pipeline, &self.tolerance);
        let error = match pipeline.encode(&transformed) {
            Ok(wire) => {
                self.append(batch, &wire);
                return Ok(0);
            }
            Err(error) => error,
        };
        match tolerance.settle(error, place, || pipeline.encode(&transformed))? {
            Ok(wire) => {
                self.append(batch, &wire);
                Ok(0)
            }
            Err(failure) => {
                let record = whole.as_ref().unwrap_or(&transformed);
                Ok(self.bury(batch, Some(record), place, &failure))
            }
        }
    }

    /// Adds a dead letter to the batch if there is a topic for it.
    fn bury(
        &mut self,
        batch: &mut Batch,
        record: Option<&ConnectRecord>,
        place: Place<'_>,
        failure: &Failure,
    ) -> u64 {
        let (Some((dead, readable)), Some(record)) = (&mut self.dead, record) else {
            return 0;
        };
        self.tolerance.requested(1);
        dead.add_written(batch, &readable.write(record), place, failure);
        1
    }

    /// Makes a batch of records; what comes after it is `end`.
    fn part(&mut self, records: impl Iterator<Item = SourceRecord>, end: End) -> Result<Part> {
        let mut batch = self.spare.take().unwrap_or_default();
        batch.clear();
        let mut dead = 0;
        for SourceRecord { record, offset } in records {
            dead += self.convert(&mut batch, record, offset.as_ref())?;
            // Also of a record that was dropped or left out: it is not to be read again.
            let Some(offset) = offset else {
                continue;
            };
            let mut known = batch.offsets.iter_mut();
            match known.find(|known| known.partition == offset.partition) {
                Some(known) => known.offset = offset.offset,
                None => batch.offsets.push(offset),
            }
        }
        batch.boundary = end != End::None;
        let (rows, bytes) = (batch.records().len() as u64 - dead, batch.size() as u64);
        self.metrics.rows.fetch_add(rows, Ordering::Relaxed);
        self.metrics.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(Part { batch, end })
    }

    /// Waits at most `wait` for records; `None` if there is nothing yet.
    pub(super) fn poll(&mut self, wait: Duration) -> Result<Option<Part>> {
        if let Some(part) = self.ready.pop_front() {
            return Ok(Some(part));
        }
        let records = self.source.poll(wait)?;
        self.counts.polled.add(records.len() as u64);
        let Some(transactions) = &self.transactions else {
            if records.is_empty() {
                return Ok(None);
            }
            return self.part(records.into_iter(), End::May).map(Some);
        };
        let (count, ends) = (records.len(), transactions.take(records.len())?);
        let mut records = records.into_iter();
        let mut taken = 0;
        for (upto, end) in ends {
            let end = match end {
                TransactionEnd::Commit => End::Commit,
                TransactionEnd::Abort => End::Abort,
            };
            let part = self.part(records.by_ref().take(upto - taken), end)?;
            self.ready.push_back(part);
            taken = upto;
        }
        if taken < count {
            let part = self.part(records, End::None)?;
            self.ready.push_back(part);
        }
        Ok(self.ready.pop_front())
    }

    /// Takes back a batch whose bytes are written.
    pub(super) fn recycle(&mut self, batch: Batch) {
        self.spare = Some(batch);
    }

    /// Tells the source what Kafka has for certain.
    pub(super) fn committed(&mut self, offsets: &[OffsetEntry]) -> Result<()> {
        self.source.committed(offsets)
    }

    /// Ends the source's own threads and connections.
    pub(super) fn stop(&mut self) {
        self.source.stop();
    }
}
