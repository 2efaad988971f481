//! A source of records as a source of bytes: converters stand between.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use walbridge_connector_api::{
    Batch, OffsetEntry, Partition, Record, RecordSource, Result, SourceTask, Span, TaskMetrics,
    TopicSpec, push_header,
};
use walbridge_pipeline::{Pipeline, WireRecord};

/// Runs a [`RecordSource`] in the source loop. Each poll is a batch after which a transaction may end.
pub(super) struct RecordSourceTask {
    source: Box<dyn RecordSource>,
    pipeline: Pipeline,
    topics: HashMap<Arc<str>, Arc<TopicSpec>>,
    metrics: Arc<TaskMetrics>,
    spare: Option<Batch>,
}

impl RecordSourceTask {
    pub(super) fn new(
        source: Box<dyn RecordSource>,
        pipeline: Pipeline,
        metrics: Arc<TaskMetrics>,
    ) -> Self {
        Self {
            source,
            pipeline,
            topics: HashMap::new(),
            metrics,
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
}

impl SourceTask for RecordSourceTask {
    fn poll(&mut self, wait: Duration) -> Result<Option<Batch>> {
        let records = self.source.poll(wait)?;
        if records.is_empty() {
            return Ok(None);
        }
        let mut batch = self.spare.take().unwrap_or_default();
        batch.clear();
        for record in records {
            if let Some(wire) = self.pipeline.source(record.record)? {
                self.append(&mut batch, &wire);
            }
            // Also of a record that a transform dropped: it is not to be read again.
            let Some(offset) = record.offset else {
                continue;
            };
            let mut known = batch.offsets.iter_mut();
            match known.find(|known| known.partition == offset.partition) {
                Some(known) => known.offset = offset.offset,
                None => batch.offsets.push(offset),
            }
        }
        batch.boundary = true;
        let (rows, bytes) = (batch.records().len() as u64, batch.size() as u64);
        self.metrics.rows.fetch_add(rows, Ordering::Relaxed);
        self.metrics.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(Some(batch))
    }

    fn recycle(&mut self, batch: Batch) {
        self.spare = Some(batch);
    }

    fn committed(&mut self, offsets: &[OffsetEntry]) -> Result<()> {
        self.source.committed(offsets)
    }

    fn stop(&mut self) {
        self.source.stop();
    }
}
