//! Writing batches outside of transactions, many on their way at once.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use walbridge_connector_api::{Batch, Partition, StopToken};

use crate::client_config::ClientConfig;
use crate::error::Result;
use crate::outbox::{Outbox, settings};

/// How long one call into librdkafka may take.
const SLICE: Duration = Duration::from_millis(100);

/// A record without headers: its topic, its key, its value.
pub type TopicRecord<'a> = (&'a str, Vec<u8>, Option<Vec<u8>>);

/// Stands for records that were sent together, until Kafka has taken them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Receipt(usize);

/// Writes batches one after the other without waiting for Kafka to acknowledge them, and knows which it has.
///
/// The producer is idempotent: records of one partition are written in the order they were sent, each once
/// as long as the producer lives. A full queue makes [`send`](Self::send) wait. Kafka being away is no
/// error, however long it lasts, unless `message.timeout.ms` says so.
#[derive(Debug)]
pub struct AckedProducer {
    out: Outbox,
}

impl AckedProducer {
    /// Creates a producer; nothing is asked of the cluster yet.
    ///
    /// # Errors
    /// If the settings make no sense.
    pub fn new(config: &ClientConfig, stop: StopToken) -> Result<Self> {
        let config = settings(config)
            .or("message.timeout.ms", "0")
            .or("linger.ms", "5");
        Ok(Self {
            out: Outbox::new(config, stop)?,
        })
    }

    /// Hands over all records of a batch, in order; waits while the queue is full.
    ///
    /// # Errors
    /// If a record cannot be written, one of an earlier batch included: the producer is of no further use.
    pub fn send(&mut self, batch: &Batch) -> Result<Receipt> {
        let receipt = self.begin();
        self.out.send(batch)?;
        Ok(receipt)
    }

    /// Hands over records without headers, in order.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_all(&mut self, records: &[TopicRecord<'_>]) -> Result<Receipt> {
        let receipt = self.begin();
        for (topic, key, value) in records {
            self.out
                .send_one(topic, Partition::ByKey, Some(key), value.as_deref())?;
        }
        Ok(receipt)
    }

    fn begin(&mut self) -> Receipt {
        let mut acks = self.out.raw.handle().shared().acks();
        acks.forget_done();
        self.out.group = acks.begin();
        Receipt(self.out.group)
    }

    /// Returns whether Kafka has taken all records that a receipt stands for.
    pub fn is_acked(&self, receipt: Receipt) -> bool {
        self.out.raw.handle().shared().acks().is_done(receipt.0)
    }

    /// Learns what Kafka has taken in the meantime; waits at most `wait` for news.
    ///
    /// # Errors
    /// If a record cannot be written.
    pub fn serve(&self, wait: Duration) -> Result<()> {
        self.out.raw.handle().serve(wait);
        self.out.check_deliveries()
    }

    /// Waits until Kafka has taken everything, but at most so long; returns whether it has.
    ///
    /// # Errors
    /// If a record cannot be written.
    pub fn flush(&self, wait: Duration) -> Result<bool> {
        let until = Instant::now() + wait;
        loop {
            let flushed = self.out.raw.handle().flush(SLICE).is_ok();
            self.out.check_deliveries()?;
            let shared = self.out.raw.handle().shared();
            if flushed && shared.in_flight.load(Ordering::Relaxed) == 0 {
                return Ok(true);
            }
            if Instant::now() >= until {
                return Ok(false);
            }
        }
    }
}

impl Drop for AckedProducer {
    fn drop(&mut self) {
        // What Kafka has not taken is read again by whoever comes next.
        self.out.raw.handle().purge();
    }
}
