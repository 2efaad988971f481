//! Writing single records outside of transactions.
//!
//! An idempotent producer may break for good: a broker can refuse a sequence number, or say that it has seen
//! it before. Then another one goes on. What the first had not been told of is written again,
//! so a record may stand twice; in logs that are read by key that changes nothing.

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
    config: ClientConfig,
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
            // One after another: in an empty partition Kafka takes any first number, so one that it refuses
            // for the moment would be overtaken.
            .with("max.in.flight.requests.per.connection", "1")
            .with("message.timeout.ms", PATIENCE.as_millis().to_string())
            .or("linger.ms", "0")
            .or("queue.buffering.max.kbytes", "16384")
            .or("reconnect.backoff.max.ms", "1000");
        let mut raw = RawProducer::new(&config)?;
        raw.topic(topic)?;
        Ok(Self {
            topic: topic.to_owned(),
            config,
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
        let written = self.write(&mut raw, records);
        let doubted = (written.as_ref().err())
            .filter(|error| *error.kind() == ErrorKind::Abortable)
            .map(ToString::to_string);
        let Some(why) = raw.handle().fatal().or(doubted) else {
            return written;
        };
        tracing::warn!(
            topic = self.topic,
            why,
            "a producer broke; another one goes on"
        );
        raw.handle().purge();
        *raw = RawProducer::new(&self.config)?;
        match written {
            Ok(()) => Ok(()),
            Err(_) => self.write(&mut raw, records),
        }
    }

    fn write(&self, raw: &mut RawProducer, records: &[(&[u8], Option<&[u8]>)]) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use walbridge_connector_api::{StopToken, TopicSpec};
    use walbridge_lab::Lab;

    use super::*;
    use crate::admin::Admin;

    #[test]
    fn a_broken_producer_is_replaced() {
        let config = ClientConfig::new(Lab::shared().unwrap().east().kafka().bootstrap());
        let spec = TopicSpec {
            name: "broken-writer".into(),
            partitions: Some(1),
            ..TopicSpec::default()
        };
        let admin = Admin::new(&config).unwrap();
        admin.create(&spec, &StopToken::new()).unwrap();
        let writer = LogWriter::new(&config, &spec.name).unwrap();
        for _ in 0..2 {
            writer.put(b"k", Some(b"v")).unwrap();
            writer.inner.lock().unwrap().handle().break_for_good();
            assert!(writer.inner.lock().unwrap().handle().fatal().is_some());
            // Not the next one after it: this one.
            writer.put(b"k", Some(b"w")).unwrap();
            assert!(writer.inner.lock().unwrap().handle().fatal().is_none());
        }
    }
}
