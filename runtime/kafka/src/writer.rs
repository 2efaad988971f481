//! Writing single records outside of transactions.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::client_config::ClientConfig;
use crate::error::{ErrorKind, KafkaError, Result};
use crate::partitioner::partition_for_key;
use crate::raw::{Outgoing, RawProducer};

/// How long Kafka may take to acknowledge.
const PATIENCE: Duration = Duration::from_secs(30);

/// Writes records to one topic and waits until Kafka has them; for logs of few records.
#[derive(Debug)]
pub struct LogWriter {
    topic: String,
    inner: Mutex<RawProducer>,
}

impl LogWriter {
    /// Creates a writer to a topic.
    ///
    /// # Errors
    /// If the settings make no sense.
    pub fn new(config: &ClientConfig, topic: &str) -> Result<Self> {
        let config = config
            .clone()
            .with("enable.idempotence", "true")
            .with("message.timeout.ms", PATIENCE.as_millis().to_string())
            .or("linger.ms", "0")
            .or("queue.buffering.max.kbytes", "16384")
            .or("reconnect.backoff.max.ms", "1000");
        let mut raw = RawProducer::new(&config)?;
        raw.topic(topic)?;
        Ok(Self {
            topic: topic.to_owned(),
            inner: Mutex::new(raw),
        })
    }

    /// Writes one record, `None` being a tombstone, and waits until Kafka has it.
    ///
    /// # Errors
    /// If Kafka does not acknowledge in time; the record may be there all the same.
    pub fn put(&self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        self.put_all(&[(key, value)])
    }

    /// Writes records in order and waits until Kafka has them all.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn put_all(&self, records: &[(&[u8], Option<&[u8]>)]) -> Result<()> {
        let mut raw = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let topic = raw.topic(&self.topic)?;
        raw.handle().shared().clear_failure();
        let count = raw.partitions(topic, PATIENCE)?;
        for (key, value) in records {
            let partition = partition_for_key(key, count);
            let record = Outgoing {
                partition,
                timestamp: -1,
                key: Some(key),
                value: *value,
            };
            while raw.produce(topic, std::slice::from_ref(&record), 0)? == 0 {
                raw.handle().serve(Duration::from_millis(20));
            }
        }
        let flushed = raw.handle().flush(PATIENCE + Duration::from_secs(5));
        if let Some(error) = raw.handle().shared().failure() {
            return Err(error);
        }
        flushed.map_err(|_| {
            raw.handle().purge();
            KafkaError::new(
                ErrorKind::Retriable,
                format!("topic {}: Kafka did not acknowledge in time", self.topic),
            )
        })
    }
}
