//! Notices partitions that have more to read than their reader gets.
//!
//! That should not be, and has been: librdkafka 2.12 can lose track of a partition for good (see
//! `raw::leaders`), and then nothing more comes of it and nobody is told.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use walbridge_connector_api::TopicPartition;

use super::{Consumer, Place, plain_list};
use crate::error::Result;
use crate::raw::{Isolation, OffsetSpec, PartitionList};

/// How long a partition that has more to read may stand still before anybody wonders, and again before it
/// is assigned anew.
const LOOK: Duration = Duration::from_secs(15);

/// How long the cluster may take to say where partitions end, which nobody waits for.
const GLANCE: Duration = Duration::from_secs(1);

/// How long nobody is told again of a partition that stands still in spite of everything.
const TELL_AGAIN: Duration = Duration::from_secs(600);

/// A partition that was assigned anew and has not moved since.
#[derive(Debug)]
struct Anew {
    next: i64,
    /// The offset after the last record that came of it.
    after: Option<i64>,
    told: Option<Instant>,
}

/// What there is to say of partitions that stood still.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// It was of no use to assign it anew.
    Stands(TopicPartition, i64),
    /// Records come that had not come before.
    Goes(TopicPartition, i64),
}

/// What is known of a partition since it last moved.
#[derive(Debug, Clone, Copy)]
struct Standing {
    next: i64,
    /// Whether there was more to read at the last look.
    behind: bool,
}

/// Compares from time to time where partitions are with where they were, and with their ends.
///
/// A look is worth something only when all that was fetched has been taken: the caller sees to that.
#[derive(Debug)]
pub(super) struct Stalls {
    every: Duration,
    looked: Instant,
    standing: HashMap<TopicPartition, Standing>,
    anew: HashMap<TopicPartition, Anew>,
}

impl Default for Stalls {
    fn default() -> Self {
        Self {
            every: LOOK,
            looked: Instant::now(),
            standing: HashMap::new(),
            anew: HashMap::new(),
        }
    }
}

impl Stalls {
    /// Returns whether it is time to look.
    pub(super) fn is_due(&self) -> bool {
        self.looked.elapsed() >= self.every
    }

    /// Begins a look at partitions that should move and where each is read next; returns those that have
    /// not moved since the last one.
    pub(super) fn look<'a>(
        &mut self,
        places: impl Iterator<Item = (&'a TopicPartition, i64)>,
    ) -> Vec<TopicPartition> {
        self.looked = Instant::now();
        let mut standing = HashMap::new();
        let mut still = Vec::new();
        for (partition, next) in places {
            let before = self.standing.get(partition).copied();
            let known = before.filter(|before| before.next == next);
            if known.is_some() {
                still.push(partition.clone());
            }
            let behind = false;
            standing.insert(
                partition.clone(),
                known.unwrap_or(Standing { next, behind }),
            );
        }
        self.standing = standing;
        still
    }

    /// Ends a look with the end of each partition that stands still; returns those that had more to read at
    /// the last look already.
    pub(super) fn compare(&mut self, ends: &[(TopicPartition, i64)]) -> Vec<TopicPartition> {
        let mut stalled = Vec::new();
        for (partition, end) in ends {
            let Some(standing) = self.standing.get_mut(partition) else {
                continue;
            };
            // Negative before anything came from it.
            let behind = *end > standing.next.max(0);
            if behind && standing.behind {
                stalled.push(partition.clone());
            }
            // What is assigned anew gets as much time again.
            standing.behind = behind && !standing.behind;
        }
        stalled
    }

    /// Notes that a partition is assigned anew; says so if that was of no use the last time.
    ///
    /// The first time there is nothing to say: behind what was read may be what nobody reads, such as the
    /// end of a transaction.
    fn assigned(
        &mut self,
        partition: &TopicPartition,
        next: i64,
        after: Option<i64>,
    ) -> Option<Word> {
        let now = Instant::now();
        let Some(anew) = self.anew.get_mut(partition) else {
            let told = None;
            self.anew
                .insert(partition.clone(), Anew { next, after, told });
            return None;
        };
        let again = anew.told.is_none_or(|told| told.elapsed() >= TELL_AGAIN);
        again.then(|| {
            anew.told = Some(now);
            Word::Stands(partition.clone(), next)
        })
    }

    /// Looks which partitions have moved since they were assigned anew; says so of those that have records.
    fn moved<'a>(
        &mut self,
        places: impl Iterator<Item = (&'a TopicPartition, i64, Option<i64>)>,
    ) -> Vec<Word> {
        let mut words = Vec::new();
        for (partition, next, after) in places {
            let Some(anew) = self.anew.get(partition).filter(|anew| anew.next != next) else {
                continue;
            };
            if after != anew.after || anew.told.is_some() {
                words.push(Word::Goes(partition.clone(), anew.next));
            }
            self.anew.remove(partition);
        }
        words
    }

    /// Forgets a partition that begins to be read anew.
    pub(super) fn forget(&mut self, partition: &TopicPartition) {
        self.standing.remove(partition);
        self.anew.remove(partition);
    }

    #[cfg(test)]
    pub(super) fn hasten(&mut self, every: Duration) {
        self.every = every;
    }
}

impl Consumer {
    /// Assigns partitions anew that stand still though there is more in them.
    pub(super) fn check_stalls(&mut self) -> Result<()> {
        let places = self.places.iter();
        let places = places.map(|(tp, place)| (tp, place.next, place.after));
        self.stalls.moved(places).iter().for_each(tell);
        let wanted = self.places.iter().filter(|(_, place)| !place.paused);
        let still = self.stalls.look(wanted.map(|(tp, place)| (tp, place.next)));
        if still.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = still.iter().map(|tp| (&*tp.topic, tp.partition)).collect();
        let handle = self.raw.handle();
        // No answer, no evidence: what keeps the cluster from answering may keep records from coming.
        let Ok(ends) = handle.list_offsets(&names, OffsetSpec::End, Isolation::Committed, GLANCE)
        else {
            return Ok(());
        };
        let ends = ends.into_iter().map(|(topic, partition, end)| {
            let topic = Arc::from(topic.as_str());
            (TopicPartition { topic, partition }, end)
        });
        for partition in self.stalls.compare(&ends.collect::<Vec<_>>()) {
            let Place { next, after, .. } = self.places[&partition];
            tracing::debug!(
                topic = %partition.topic, partition = partition.partition, next,
                "nothing comes though there is more: the partition is assigned anew"
            );
            self.stalls
                .assigned(&partition, next, after)
                .iter()
                .for_each(tell);
            let one = std::slice::from_ref(&partition);
            // If it is not even assigned, so much the more.
            let _ = self.raw.unassign(&plain_list(one)?);
            self.ends.remove(&partition);
            let list = [(&*partition.topic, partition.partition, next)];
            self.raw.assign_more(&PartitionList::new(list)?)?;
        }
        Ok(())
    }
}

/// Tells people what matters to them: not what was mended before anybody missed anything.
fn tell(word: &Word) {
    match word {
        Word::Stands(at, next) => tracing::warn!(
            topic = %at.topic, partition = at.partition, next,
            "nothing comes though there is more, also after the partition was assigned anew; that is tried \
             again"
        ),
        Word::Goes(at, next) => tracing::warn!(
            topic = %at.topic, partition = at.partition, next,
            "the partition goes on, which had stood still though there was more, after it was assigned anew"
        ),
    }
}

#[cfg(test)]
mod tests {
    use walbridge_connector_api::{Batch, Partition, StartAt, StopToken, TopicSpec};
    use walbridge_lab::Lab;

    use super::*;
    use crate::{Admin, ClientConfig, TransactionalProducer};

    fn partition(number: i32) -> TopicPartition {
        TopicPartition {
            topic: "t".into(),
            partition: number,
        }
    }

    #[test]
    fn a_partition_stalls_when_it_is_behind_in_two_looks_and_has_not_moved() {
        let (a, b) = (partition(0), partition(1));
        let mut stalls = Stalls::default();
        assert_eq!(stalls.look([(&a, 5), (&b, -2)].into_iter()), []);
        assert_eq!(stalls.look([(&a, 5), (&b, -2)].into_iter()).len(), 2);
        assert_eq!(stalls.compare(&[(a.clone(), 5), (b.clone(), 1)]), []);
        stalls.look([(&a, 5), (&b, -2)].into_iter());
        let stalled = stalls.compare(&[(a.clone(), 6), (b.clone(), 1)]);
        assert_eq!(stalled, std::slice::from_ref(&b));
        // It was assigned anew, and gets its time.
        stalls.look([(&a, 6), (&b, -2)].into_iter());
        assert_eq!(stalls.compare(&[(b.clone(), 1)]), []);
        // One that moves is none, however far behind it is.
        for next in 7..10 {
            assert!(!stalls.look([(&a, next)].into_iter()).contains(&a));
        }
    }

    #[test]
    fn a_partition_that_stands_still_is_told_of_when_it_matters_and_once() {
        let (idle, lost, stuck) = (partition(0), partition(1), partition(2));
        let mut stalls = Stalls::default();
        for at in [&idle, &lost, &stuck] {
            assert_eq!(stalls.assigned(at, 5, Some(5)), None);
        }
        // Nothing to be read was there, as behind the last transaction of an idle partition.
        let places = [
            (&idle, 6, Some(5)),
            (&lost, 9, Some(9)),
            (&stuck, 5, Some(5)),
        ];
        assert_eq!(
            stalls.moved(places.into_iter()),
            [Word::Goes(lost.clone(), 5)]
        );
        assert_eq!(stalls.moved(places.into_iter()), []);
        let stands = Some(Word::Stands(stuck.clone(), 5));
        assert_eq!(stalls.assigned(&stuck, 5, Some(5)), stands);
        for _ in 0..100 {
            assert_eq!(stalls.assigned(&stuck, 5, Some(5)), None);
        }
        let over = [(&stuck, 6, Some(5))];
        assert_eq!(
            stalls.moved(over.into_iter()),
            [Word::Goes(stuck.clone(), 5)]
        );
    }

    #[test]
    fn a_partition_that_librdkafka_has_lost_is_found_again() {
        let config = ClientConfig::new(Lab::shared().unwrap().east().kafka().bootstrap());
        let spec = TopicSpec {
            name: format!("stalls-{}", std::process::id()),
            partitions: Some(2),
            ..TopicSpec::default()
        };
        let admin = Admin::new(&config).unwrap();
        admin.create(&spec, &StopToken::new()).unwrap();
        let mut producer =
            TransactionalProducer::new(&config, &spec.name, StopToken::new()).unwrap();
        producer.init().unwrap();
        let mut write = |text: &str| {
            producer.begin().unwrap();
            for partition in 0..2 {
                let (partition, value) = (Partition::Fixed(partition), Some(text.as_bytes()));
                producer
                    .send_one(&spec.name, partition, None, value)
                    .unwrap();
            }
            producer.commit().unwrap();
        };
        let part = |partition| TopicPartition {
            topic: spec.name.as_str().into(),
            partition,
        };
        let mut consumer = Consumer::new(&config).unwrap();
        consumer.stalls.hasten(Duration::from_millis(300));
        let all = [0, 1].map(|p| (part(p), StartAt::Beginning));
        consumer.assign(&all).unwrap();
        let read = |consumer: &mut Consumer, count: usize| {
            let (mut batch, began) = (Batch::default(), Instant::now());
            while batch.records().len() < count && began.elapsed() < Duration::from_secs(20) {
                let wait = Duration::from_millis(50);
                consumer.poll(&mut batch, usize::MAX, wait).unwrap();
            }
            let offsets = batch.records().iter().map(|r| (r.partition, r.offset));
            let mut offsets: Vec<_> = offsets.collect();
            offsets.sort_by_key(|(partition, offset)| (format!("{partition:?}"), *offset));
            offsets
        };
        write("first");
        let (zero, one) = (Partition::Fixed(0), Partition::Fixed(1));
        assert_eq!(read(&mut consumer, 2), [(zero, 0), (one, 0)]);
        // As if librdkafka did not read it any more, and nobody had said so.
        consumer
            .raw
            .unassign(&plain_list(&[part(1)]).unwrap())
            .unwrap();
        write("second");
        write("third");
        // A record has its marker behind it.
        let found = read(&mut consumer, 4);
        assert_eq!(found, [(zero, 2), (zero, 4), (one, 2), (one, 4)]);
        // One that is paused is left alone.
        consumer.pause(&[part(0)]).unwrap();
        write("fourth");
        assert_eq!(read(&mut consumer, 1), [(one, 6)]);
        let mut batch = Batch::default();
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(2) {
            consumer
                .poll(&mut batch, usize::MAX, Duration::from_millis(50))
                .unwrap();
        }
        assert_eq!(batch.records().len(), 0);
        consumer.resume(&[part(0)]).unwrap();
        assert_eq!(read(&mut consumer, 1), [(zero, 6)]);
    }
}
