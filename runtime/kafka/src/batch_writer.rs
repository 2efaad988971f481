//! Writing batches outside of transactions.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use walbridge_connector_api::{Batch, Record, StopToken};

use crate::client_config::ClientConfig;
use crate::error::{ErrorKind, KafkaError, Result};
use crate::placement::Placement;
use crate::raw::{Outgoing, RawProducer};

/// How long Kafka may take to acknowledge.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one call into librdkafka may take.
const SLICE: Duration = Duration::from_millis(500);

/// Writes batches and waits until Kafka has them; for records that are few.
#[derive(Debug)]
pub struct BatchWriter {
    raw: RawProducer,
    places: Placement,
    stop: StopToken,
}

impl BatchWriter {
    /// Creates a writer; nothing is asked of the cluster yet.
    ///
    /// # Errors
    /// If the settings make no sense.
    pub fn new(config: &ClientConfig, stop: StopToken) -> Result<Self> {
        let config = config
            .clone()
            .with("enable.idempotence", "true")
            // One after another: in an empty partition Kafka takes any first number, so one that it refuses
            // for the moment would be overtaken.
            .with("max.in.flight.requests.per.connection", "1")
            .with("message.timeout.ms", PATIENCE.as_millis().to_string())
            .or("linger.ms", "0")
            .or("message.max.bytes", "67108864")
            .or("queue.buffering.max.kbytes", "131072")
            .or("reconnect.backoff.max.ms", "1000");
        Ok(Self {
            raw: RawProducer::new(&config)?,
            places: Placement::default(),
            stop,
        })
    }

    /// Writes the records of a batch in order and waits until Kafka has them all.
    ///
    /// # Errors
    /// If Kafka does not take one of them, or not in time; any of them may be there all the same.
    pub fn write(&mut self, batch: &Batch) -> Result<()> {
        let written = self.send(batch).and_then(|()| self.flush());
        if written.is_err() {
            // What was given up must not come after what is tried again.
            self.raw.handle().purge();
        }
        written
    }

    fn send(&mut self, batch: &Batch) -> Result<()> {
        self.raw.handle().shared().clear_failure();
        self.places.next_turn();
        for record in batch.records() {
            let topic = self.raw.topic(&batch.topic_of(record).name)?;
            let outgoing = self.outgoing(batch, record, topic)?;
            let headers = batch.headers(record);
            while !self.raw.produce_one(topic, &outgoing, headers.clone(), 0)? {
                self.raw.handle().serve(Duration::from_millis(10));
                self.check_stop()?;
            }
        }
        Ok(())
    }

    fn outgoing<'a>(
        &mut self,
        batch: &'a Batch,
        record: &Record,
        topic: usize,
    ) -> Result<Outgoing<'a>> {
        let key = batch.bytes(record.key);
        let to = record.partition;
        Ok(Outgoing {
            partition: self.places.find(&self.raw, topic, to, key, &self.stop)?,
            timestamp: record.timestamp,
            key,
            value: batch.bytes(record.value),
        })
    }

    fn flush(&self) -> Result<()> {
        let until = Instant::now() + PATIENCE + SLICE;
        let shared = self.raw.handle().shared();
        loop {
            let flushed = self.raw.handle().flush(SLICE);
            if let Some(error) = shared.failure() {
                return Err(error);
            }
            if flushed.is_ok() && shared.in_flight.load(Ordering::Relaxed) == 0 {
                return Ok(());
            }
            self.check_stop()?;
            if Instant::now() > until {
                let text = "Kafka did not acknowledge in time";
                return Err(KafkaError::new(ErrorKind::Retriable, text));
            }
        }
    }

    fn check_stop(&self) -> Result<()> {
        if self.stop.is_stopped() {
            let text = "stopped while waiting for Kafka to take records";
            return Err(KafkaError::new(ErrorKind::Stopped, text));
        }
        Ok(())
    }
}
