//! How far each part of a source is in Kafka without a gap.

use std::collections::VecDeque;

use walbridge_connector_api::{OffsetEntry, SourcePartition};

use super::input::merge;

/// Offsets in the order in which their records were sent, until those have been acknowledged.
///
/// An offset counts once its records and all that were sent before it for the same source partition are
/// acknowledged; other partitions hold nothing up.
#[derive(Debug)]
pub(super) struct Watermark<R> {
    waiting: VecDeque<(R, Vec<OffsetEntry>)>,
}

impl<R> Default for Watermark<R> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
        }
    }
}

impl<R> Watermark<R> {
    /// Notes offsets that are true once the records of a receipt, and all before it, are acknowledged.
    pub(super) fn add(&mut self, receipt: R, offsets: Vec<OffsetEntry>) {
        if !offsets.is_empty() {
            self.waiting.push_back((receipt, offsets));
        }
    }

    /// Takes out the newest offset of each source partition that counts by now.
    pub(super) fn take(&mut self, is_acked: impl Fn(&R) -> bool) -> Vec<OffsetEntry> {
        let mut found = Vec::new();
        let mut held: Vec<SourcePartition> = Vec::new();
        self.waiting.retain_mut(|(receipt, offsets)| {
            if is_acked(receipt) {
                let is_held = |entry: &OffsetEntry| held.contains(&entry.partition);
                let (kept, mut counts) = std::mem::take(offsets).into_iter().partition(is_held);
                *offsets = kept;
                merge(&mut found, &mut counts);
            } else {
                held.extend(offsets.iter().map(|entry| entry.partition.clone()));
            }
            !offsets.is_empty()
        });
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn entry(partition: u8, offset: usize) -> OffsetEntry {
        OffsetEntry {
            partition: json!({ "p": partition }).as_object().unwrap().clone(),
            offset: json!({ "n": offset }).as_object().cloned(),
        }
    }

    #[test]
    fn a_gap_holds_up_its_own_partition_alone() {
        let mut mark = Watermark::default();
        mark.add(1, vec![entry(0, 1)]);
        mark.add(2, vec![entry(0, 2), entry(1, 2)]);
        mark.add(3, vec![entry(0, 3)]);
        assert_eq!(mark.take(|n| *n > 1), [entry(1, 2)]);
        assert_eq!(mark.take(|n| *n > 1), []);
        assert_eq!(mark.take(|n| *n != 3), [entry(0, 2)]);
        assert_eq!(mark.take(|_| true), [entry(0, 3)]);
        assert!(mark.waiting.is_empty());
    }

    proptest! {
        /// Whatever is acknowledged in whatever order, no offset counts before everything up to it.
        #[test]
        fn no_offset_overtakes_what_is_not_acknowledged(
            sent in prop::collection::vec(prop::collection::btree_set(0..3u8, 1..3), 1..20),
            order in prop::collection::vec(0..20usize, 0..60),
        ) {
            let mut mark = Watermark::default();
            for (number, partitions) in sent.iter().enumerate() {
                let offsets = partitions.iter().map(|p| entry(*p, number)).collect();
                mark.add(number, offsets);
            }
            let mut acked = std::collections::BTreeSet::new();
            let mut at = [None; 3];
            for number in order.into_iter().chain(0..20) {
                acked.insert(number);
                for found in mark.take(|number| acked.contains(number)) {
                    let number = |map: &serde_json::Map<_, serde_json::Value>, name: &str| {
                        usize::try_from(map[name].as_u64().unwrap()).unwrap()
                    };
                    let partition = number(&found.partition, "p");
                    at[partition] = Some(number(found.offset.as_ref().unwrap(), "n"));
                }
                for (partition, at) in at.iter().enumerate() {
                    let own = sent.iter().enumerate().filter(|(_, partitions)| {
                        partitions.contains(&u8::try_from(partition).unwrap())
                    });
                    let expected = own
                        .map(|(number, _)| number)
                        .take_while(|number| acked.contains(number))
                        .last();
                    prop_assert_eq!(*at, expected);
                }
            }
        }
    }
}
