//! A sink of records as a sink of bytes: converters stand between.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use walbridge_connector_api::data::ConnectRecord;
use walbridge_connector_api::{
    Applied, Batch, ErrantRecordReporter, NextOffsets, Partition, PartitionInfo, Record,
    RecordSink, Result, SinkControl, SinkTask, StartAt, TaskMetrics, TopicPartition,
};
use walbridge_pipeline::{Pipeline, WireHeader, WireRecord};

use super::errors::{DeadLetterWriter, Failure, Place, Tolerance};

/// Runs a [`RecordSink`] in the sink loop. What it was given counts as applied once it is flushed.
pub(super) struct RecordSinkTask {
    sink: Box<dyn RecordSink>,
    pipeline: Pipeline,
    tolerance: Tolerance,
    dead: Option<DeadLetterWriter>,
    errant: ErrantRecordReporter,
    metrics: Arc<TaskMetrics>,
    /// How often it is flushed while there is something to flush.
    interval: Duration,
    flushed: Instant,
    /// What has been put since the last flush, and where the partitions are after it.
    unflushed: NextOffsets,
    partitions: Vec<TopicPartition>,
    /// The name of the topic last seen, shared by its records.
    topic: Arc<str>,
}

impl RecordSinkTask {
    pub(super) fn new(
        mut sink: Box<dyn RecordSink>,
        pipeline: Pipeline,
        tolerance: Tolerance,
        dead: Option<DeadLetterWriter>,
        metrics: Arc<TaskMetrics>,
        interval: Duration,
    ) -> Self {
        let errant = ErrantRecordReporter::new(tolerance.policy.tolerant);
        sink.report_to(errant.clone());
        Self {
            sink,
            pipeline,
            tolerance,
            dead,
            errant,
            metrics,
            interval,
            flushed: Instant::now(),
            unflushed: NextOffsets::new(),
            partitions: Vec::new(),
            topic: Arc::from(""),
        }
    }

    fn convert(&mut self, batch: &Batch, record: &Record) -> Result<Option<ConnectRecord>> {
        let name = batch.topic_of(record).name.as_str();
        if *self.topic != *name {
            self.topic = Arc::from(name);
        }
        let partition = partition_of(record);
        let headers = batch.headers(record).map(|header| WireHeader {
            key: Cow::Borrowed(header.name),
            value: header.value.map(Cow::Borrowed),
        });
        let wire = WireRecord {
            topic: Arc::clone(&self.topic),
            partition: Some(partition),
            offset: Some(record.offset),
            timestamp: (record.timestamp >= 0).then_some(record.timestamp),
            key: batch.bytes(record.key).map(Cow::Borrowed),
            value: batch.bytes(record.value).map(Cow::Borrowed),
            headers: headers.collect(),
        };
        let tp = TopicPartition {
            topic: Arc::clone(&self.topic),
            partition,
        };
        self.unflushed.insert(tp, record.offset + 1);
        let (pipeline, tolerance) = (&mut self.pipeline, &self.tolerance);
        let error = match pipeline.sink(&wire) {
            Ok(record) => return Ok(record),
            Err(error) => error,
        };
        let place = place_of(batch, record);
        match tolerance.settle(error, place, || pipeline.sink(&wire))? {
            Ok(record) => Ok(record),
            Err(failure) => {
                self.bury((batch, record), &failure);
                Ok(None)
            }
        }
    }

    fn take(&mut self, batch: &Batch) -> Result<()> {
        let mut records = Vec::with_capacity(batch.records().len());
        for record in batch.records() {
            records.extend(self.convert(batch, record)?);
        }
        let rows = records.len() as u64;
        if !records.is_empty() {
            let put = self.sink.put(&records);
            // A refusal that the sink has passed on names its record here.
            self.take_errant(Some(batch))?;
            put?;
        }
        self.write_dead()?;
        self.metrics.rows.fetch_add(rows, Ordering::Relaxed);
        let bytes = batch.size() as u64;
        self.metrics.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.metrics.batches.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Makes dead letters of what the sink has reported.
    fn take_errant(&mut self, batch: Option<&Batch>) -> Result<()> {
        for errant in self.errant.take() {
            let origin = errant.record.origin.as_ref();
            let read = batch.and_then(|batch| {
                let origin = origin?;
                let mut all = batch.records().iter();
                let found = all.find(|record| {
                    record.offset == origin.offset
                        && partition_of(record) == origin.partition
                        && *batch.topic_of(record).name == *origin.topic
                })?;
                Some((batch, found))
            });
            if let Some((batch, record)) = read {
                let failure = self.tolerance.reported(&errant, place_of(batch, record))?;
                self.bury((batch, record), &failure);
                continue;
            }
            let place = Place::Consumed {
                topic: origin.map_or(&*errant.record.topic, |origin| &*origin.topic),
                partition: origin.map_or(-1, |origin| origin.partition),
                offset: origin.map_or(-1, |origin| origin.offset),
                timestamp: errant.record.timestamp.unwrap_or(-1),
            };
            let failure = self.tolerance.reported(&errant, place)?;
            if let Some(dead) = &mut self.dead {
                // The bytes are gone: they are made anew, as Kafka Connect does.
                let wire = self.pipeline.encode(&errant.record);
                let wire = wire.map_err(|error| error.at(&place.to_string()))?;
                dead.letters
                    .add_written(&mut dead.waiting, &wire, place, &failure);
            }
        }
        Ok(())
    }

    fn bury(&mut self, (batch, record): (&Batch, &Record), failure: &Failure) {
        if let Some(dead) = &mut self.dead {
            let place = place_of(batch, record);
            dead.letters
                .add(&mut dead.waiting, (batch, record), place, failure);
        }
    }

    fn write_dead(&mut self) -> Result<()> {
        match &mut self.dead {
            Some(dead) => dead.write(&self.tolerance),
            None => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<Applied> {
        self.flushed = Instant::now();
        let next = std::mem::take(&mut self.unflushed);
        let safe = self.sink.precommit(&next)?;
        self.take_errant(None)?;
        self.write_dead()?;
        // What the sink holds back is asked about again at the next flush.
        for (partition, offset) in next {
            if safe.get(&partition) != Some(&offset) {
                self.unflushed.insert(partition, offset);
            }
        }
        let offsets = safe.into_iter().collect();
        Ok(Applied {
            offsets,
            pending: false,
        })
    }
}

fn partition_of(record: &Record) -> i32 {
    match record.partition {
        Partition::Fixed(partition) => partition,
        Partition::ByKey => -1,
    }
}

fn place_of<'a>(batch: &'a Batch, record: &Record) -> Place<'a> {
    Place::Consumed {
        topic: &batch.topic_of(record).name,
        partition: partition_of(record),
        offset: record.offset,
        timestamp: record.timestamp,
    }
}

impl SinkTask for RecordSinkTask {
    /// The loop puts the consumer group's offsets in the place of the beginning.
    fn open(&mut self, partitions: &[PartitionInfo]) -> Result<Vec<StartAt>> {
        let fresh: Vec<_> = partitions.iter().map(|i| i.partition.clone()).collect();
        self.sink.open(&fresh)?;
        self.partitions.extend(fresh);
        Ok(vec![StartAt::Beginning; partitions.len()])
    }

    fn put(&mut self, batch: Option<Batch>, control: &mut dyn SinkControl) -> Result<Applied> {
        if self.unflushed.is_empty() {
            // The time runs from the first record that is not safe yet.
            self.flushed = Instant::now();
        }
        if let Some(batch) = batch {
            self.take(&batch)?;
            control.recycle(batch);
        }
        if !self.unflushed.is_empty() && self.flushed.elapsed() >= self.interval {
            return self.flush();
        }
        Ok(Applied::default())
    }

    fn finish(&mut self) -> Result<Applied> {
        let applied = self.flush()?;
        if let Err(error) = self.sink.close(&self.partitions) {
            tracing::warn!(error = %error.trace(), "could not close the sink's partitions");
        }
        Ok(applied)
    }

    fn stop(&mut self) {
        self.sink.stop();
    }
}
