//! Which partition a record goes to.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use walbridge_connector_api::{Partition, StopToken};

use crate::error::{ErrorKind, KafkaError, Result};
use crate::partitioner::partition_for_key;
use crate::raw::RawProducer;

/// How old the known number of partitions may be.
const MAX_AGE: Duration = Duration::from_secs(60);

/// Knows how many partitions topics have.
#[derive(Debug, Default)]
pub(crate) struct Placement {
    counts: HashMap<usize, (i32, Instant)>,
    turn: u32,
}

impl Placement {
    /// Sends records without a key elsewhere from now on: all of one batch go together, as with the
    /// Java client, so that requests stay large.
    pub(crate) fn next_turn(&mut self) {
        self.turn = self.turn.wrapping_add(1);
    }

    /// Returns the partition for a record.
    pub(crate) fn find(
        &mut self,
        producer: &RawProducer,
        topic: usize,
        to: Partition,
        key: Option<&[u8]>,
        stop: &StopToken,
    ) -> Result<i32> {
        let known = self
            .counts
            .get(&topic)
            .filter(|(_, at)| at.elapsed() < MAX_AGE);
        let count = match (known, to) {
            (Some((count, _)), Partition::Fixed(partition)) if partition < *count => *count,
            (Some((count, _)), Partition::ByKey) => *count,
            _ => self.count(producer, topic, stop)?,
        };
        match (to, key) {
            (Partition::Fixed(partition), _) if partition >= count => Err(KafkaError::new(
                ErrorKind::Abortable,
                format!("there is no partition {partition}: the topic has {count}"),
            )),
            (Partition::Fixed(partition), _) => Ok(partition),
            (Partition::ByKey, Some(key)) => Ok(partition_for_key(key, count)),
            (Partition::ByKey, None) => {
                Ok((self.turn % count.max(1).cast_unsigned()).cast_signed())
            }
        }
    }

    fn count(&mut self, producer: &RawProducer, topic: usize, stop: &StopToken) -> Result<i32> {
        loop {
            match producer.partitions(topic, Duration::from_secs(5)) {
                Ok(count) => {
                    self.counts.insert(topic, (count, Instant::now()));
                    return Ok(count);
                }
                Err(error) if error.is_retriable() && !stop.is_stopped() => {
                    producer.handle().serve(Duration::from_millis(50));
                }
                Err(error) => return Err(error),
            }
        }
    }
}
