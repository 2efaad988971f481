//! Records on their way into librdkafka: a byte budget, order, and why one was not taken.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use walbridge_connector_api::{Batch, Headers, Partition, Record, StopToken};

use crate::client_config::ClientConfig;
use crate::error::{ErrorKind, KafkaError, Result};
use crate::placement::Placement;
use crate::raw::{Outgoing, RawProducer};

/// How many records go to librdkafka in one call.
const AT_ONCE: usize = 1024;

/// Hands records to librdkafka, in order, and waits while there are too many bytes in it.
#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) raw: RawProducer,
    pub(crate) stop: StopToken,
    /// How many records were handed over.
    pub(crate) sent: u64,
    /// The group that records are counted in ([`crate::raw::Acks`]).
    pub(crate) group: usize,
    budget: usize,
    places: Placement,
    transactional: bool,
}

impl Outbox {
    /// Creates a producer with these settings, which say how many bytes may be in it.
    pub(crate) fn new(config: ClientConfig, stop: StopToken) -> Result<Self> {
        let transactional = config.get("transactional.id").is_some();
        let kbytes = config
            .get("queue.buffering.max.kbytes")
            .and_then(|v| v.parse().ok());
        let budget = kbytes.unwrap_or(16 * 1024_usize) * 1024;
        // The budget is kept here, exactly; librdkafka's own limits only guard against a mistake.
        let config = config
            .with(
                "queue.buffering.max.kbytes",
                (budget / 1024 * 2).max(1024).to_string(),
            )
            .with("queue.buffering.max.messages", "0");
        Ok(Self {
            raw: RawProducer::new(&config)?,
            stop,
            sent: 0,
            group: 0,
            budget,
            places: Placement::default(),
            transactional,
        })
    }

    /// Hands over all records of a batch, in order; waits while the queue is full.
    pub(crate) fn send(&mut self, batch: &Batch) -> Result<()> {
        self.places.next_turn();
        let topics = batch
            .topics()
            .iter()
            .map(|topic| self.raw.topic(&topic.name));
        let topics = topics.collect::<Result<Vec<usize>>>()?;
        let queues = queues(&topics);
        let mut waiting: Vec<Vec<Outgoing<'_>>> = vec![Vec::new(); topics.len()];
        for record in batch.records() {
            let index = queues[record.topic as usize];
            let outgoing = self.outgoing(batch, record, topics[index])?;
            let plain = record.headers.is_empty() && record.timestamp < 0;
            if plain {
                waiting[index].push(outgoing);
            }
            // A record that goes by itself must not overtake those that wait for company.
            if !plain || waiting[index].len() >= AT_ONCE {
                self.produce(topics[index], &waiting[index])?;
                waiting[index].clear();
            }
            if !plain {
                self.produce_one(topics[index], &outgoing, &batch.headers(record))?;
            }
        }
        for (topic, records) in topics.iter().zip(&waiting) {
            self.produce(*topic, records)?;
        }
        self.raw.handle().serve(Duration::ZERO);
        self.check_deliveries()
    }

    /// Hands over one record without headers.
    pub(crate) fn send_one(
        &mut self,
        topic: &str,
        partition: Partition,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<()> {
        let topic = self.raw.topic(topic)?;
        let partition = self
            .places
            .find(&self.raw, topic, partition, key, &self.stop)?;
        self.produce(
            topic,
            &[Outgoing {
                partition,
                timestamp: -1,
                key,
                value,
            }],
        )
    }

    /// Returns why a record was not delivered, if one was not.
    pub(crate) fn check_deliveries(&self) -> Result<()> {
        let Some(error) = self.raw.handle().shared().failure() else {
            return Ok(());
        };
        Err(match error.kind() {
            _ if !self.transactional => error,
            ErrorKind::Fenced
            | ErrorKind::TooLarge
            | ErrorKind::Authorization
            | ErrorKind::Refused
            | ErrorKind::UnknownTopic => error,
            _ => KafkaError::new(ErrorKind::Abortable, error.to_string()),
        })
    }

    /// Returns an error if the owner is told to stop.
    pub(crate) fn check_stop(&self, doing: &str) -> Result<()> {
        if self.stop.is_stopped() {
            return Err(KafkaError::new(
                ErrorKind::Stopped,
                format!("stopped while {doing}"),
            ));
        }
        Ok(())
    }

    /// Finds out why a record is not even taken: usually because the transaction has failed before.
    fn refused(&self, error: KafkaError) -> KafkaError {
        if *error.kind() != ErrorKind::Other {
            return error;
        }
        self.raw.handle().serve(Duration::from_millis(10));
        let cause = self.check_deliveries().err();
        cause.unwrap_or_else(|| KafkaError::new(ErrorKind::Abortable, error.to_string()))
    }

    fn outgoing<'a>(
        &mut self,
        batch: &'a Batch,
        record: &Record,
        topic: usize,
    ) -> Result<Outgoing<'a>> {
        let key = batch.bytes(record.key);
        let partition = self
            .places
            .find(&self.raw, topic, record.partition, key, &self.stop)?;
        let (timestamp, value) = (record.timestamp, batch.bytes(record.value));
        Ok(Outgoing {
            partition,
            timestamp,
            key,
            value,
        })
    }

    fn produce(&mut self, topic: usize, records: &[Outgoing<'_>]) -> Result<()> {
        let mut rest = records;
        while !rest.is_empty() {
            // As many as there is room for; one at least, however large.
            let mut cost = rest[0].cost();
            let mut most = 1;
            while most < rest.len() && cost + rest[most].cost() <= self.budget / 4 {
                cost += rest[most].cost();
                most += 1;
            }
            self.wait_for_room(cost)?;
            let taken = self
                .raw
                .produce(topic, &rest[..most], self.group)
                .map_err(|e| self.refused(e))?;
            self.sent += taken as u64;
            rest = &rest[taken..];
        }
        Ok(())
    }

    fn produce_one(
        &mut self,
        topic: usize,
        record: &Outgoing<'_>,
        headers: &Headers<'_>,
    ) -> Result<()> {
        loop {
            self.wait_for_room(record.cost())?;
            let taken = self
                .raw
                .produce_one(topic, record, headers.clone(), self.group);
            if taken.map_err(|e| self.refused(e))? {
                self.sent += 1;
                return Ok(());
            }
            self.raw.handle().serve(Duration::from_millis(10));
        }
    }

    fn wait_for_room(&self, cost: usize) -> Result<()> {
        let shared = self.raw.handle().shared();
        loop {
            let used = shared.in_flight.load(Ordering::Relaxed);
            if used == 0 || used + cost <= self.budget {
                return Ok(());
            }
            self.raw.handle().serve(Duration::from_millis(100));
            self.check_deliveries()?;
            self.check_stop("waiting for Kafka to take records")?;
        }
    }
}

/// Returns which place's queue each topic waits in: the first one that is the same topic, so that
/// records of one topic keep their order whatever a batch calls it.
fn queues(topics: &[usize]) -> Vec<usize> {
    let mut first = HashMap::with_capacity(topics.len());
    let numbered = topics.iter().enumerate();
    numbered
        .map(|(place, topic)| *first.entry(*topic).or_insert(place))
        .collect()
}

/// Adds what every producer of many records needs to the settings.
pub(crate) fn settings(config: &ClientConfig) -> ClientConfig {
    config
        .clone()
        .with("enable.idempotence", "true")
        .or("compression.type", "lz4")
        .or("batch.size", "524288")
        .or("queue.buffering.max.kbytes", "16384")
        .or("message.max.bytes", "67108864")
        .or("max.in.flight.requests.per.connection", "5")
        .or("reconnect.backoff.max.ms", "1000")
        .or("socket.keepalive.enable", "true")
        .or("topic.metadata.refresh.interval.ms", "30000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_has_one_queue() {
        assert_eq!(queues(&[7, 3, 7, 3, 9]), [0, 1, 0, 1, 4]);
        assert_eq!(queues(&[]), [0usize; 0]);
    }
}
