//! Heartbeat records: a sign of life for consumers of a quiet database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use walbridge_connector_api::{Batch, Partition, Record, Result, Span, TopicSpec};
use walbridge_schemas::registry::Registry;
use walbridge_schemas::{frame, heartbeat};

use crate::config::Options;
use crate::registry::register;
use crate::shared::now_us;

/// Writes a record now and then.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    spec: Arc<TopicSpec>,
    server: String,
    key_schema: u32,
    value_schema: u32,
    interval: Duration,
    last: Instant,
}

impl Heartbeat {
    /// Registers the schemas; `None` if no heartbeats are wanted.
    pub(crate) fn new(options: &Options, registry: &Registry) -> Result<Option<Self>> {
        if options.heartbeat.is_zero() {
            return Ok(None);
        }
        let name = crate::names::heartbeat_topic(options);
        let key_schema = register(registry, &format!("{name}-key"), heartbeat::KEY_SCHEMA)?;
        let value_schema = register(registry, &format!("{name}-value"), heartbeat::VALUE_SCHEMA)?;
        let spec = TopicSpec {
            name,
            partitions: Some(1),
            ..TopicSpec::default()
        };
        Ok(Some(Self {
            spec: Arc::new(spec),
            server: options.server.clone(),
            key_schema,
            value_schema,
            interval: options.heartbeat,
            last: Instant::now(),
        }))
    }

    /// Returns whether it is time for one.
    pub(crate) fn is_due(&self) -> bool {
        self.last.elapsed() >= self.interval
    }

    /// Appends a record.
    pub(crate) fn write(&mut self, batch: &mut Batch) {
        self.last = Instant::now();
        let mark = batch.mark();
        frame::write(batch.buffer(), self.key_schema);
        heartbeat::write_key(batch.buffer(), &self.server);
        let key = batch.span(mark);
        let mark = batch.mark();
        frame::write(batch.buffer(), self.value_schema);
        heartbeat::write_value(batch.buffer(), now_us() / 1000);
        let value = batch.span(mark);
        let topic = batch.topic(&self.spec);
        batch.push(Record {
            topic,
            partition: Partition::Fixed(0),
            offset: -1,
            timestamp: -1,
            key,
            value,
            headers: Span::NULL,
        });
    }
}
