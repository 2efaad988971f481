//! A sink of records as a sink of bytes: converters stand between.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use walbridge_connector_api::data::ConnectRecord;
use walbridge_connector_api::{
    Applied, Batch, NextOffsets, Partition, PartitionInfo, Record, RecordSink, Result, SinkControl,
    SinkTask, StartAt, TaskMetrics, TopicPartition,
};
use walbridge_pipeline::{Pipeline, WireHeader, WireRecord};

/// Runs a [`RecordSink`] in the sink loop. What it was given counts as applied once it is flushed.
pub(super) struct RecordSinkTask {
    sink: Box<dyn RecordSink>,
    pipeline: Pipeline,
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
        sink: Box<dyn RecordSink>,
        pipeline: Pipeline,
        metrics: Arc<TaskMetrics>,
        interval: Duration,
    ) -> Self {
        Self {
            sink,
            pipeline,
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
        let partition = match record.partition {
            Partition::Fixed(partition) => partition,
            Partition::ByKey => -1,
        };
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
        let place = TopicPartition {
            topic: Arc::clone(&self.topic),
            partition,
        };
        self.unflushed.insert(place, record.offset + 1);
        self.pipeline.sink(&wire)
    }

    fn take(&mut self, batch: &Batch) -> Result<()> {
        let mut records = Vec::with_capacity(batch.records().len());
        for record in batch.records() {
            records.extend(self.convert(batch, record)?);
        }
        if !records.is_empty() {
            self.sink.put(&records)?;
        }
        let (rows, bytes) = (batch.records().len() as u64, batch.size() as u64);
        self.metrics.rows.fetch_add(rows, Ordering::Relaxed);
        self.metrics.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.metrics.batches.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn flush(&mut self) -> Result<Applied> {
        self.flushed = Instant::now();
        let next = std::mem::take(&mut self.unflushed);
        let safe = self.sink.precommit(&next)?;
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
