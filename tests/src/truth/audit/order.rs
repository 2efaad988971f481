//! Whether events stand in their partitions in the order in which the primary made them.

use std::collections::{BTreeMap, HashMap};

/// How many disorders are told.
const TOLD: usize = 20;

/// The events of each partition as they were heard: which transaction, and its number therein.
#[derive(Debug, Default)]
pub(super) struct Orders {
    partitions: BTreeMap<(String, i32), Vec<(String, u64)>>,
}

impl Orders {
    /// Takes the next event of a partition.
    pub(super) fn hear(&mut self, table: &str, partition: i32, transaction: &str, total: u64) {
        let place = (table.to_owned(), partition);
        let heard = self.partitions.entry(place).or_default();
        heard.push((transaction.to_owned(), total));
    }

    /// Returns what stands after something later; `chain` is the order of the transactions, and those
    /// that are not in it are not looked at.
    pub(super) fn judge<'a>(&self, chain: impl Iterator<Item = &'a str>) -> Vec<String> {
        let turns: HashMap<&str, usize> = chain.enumerate().map(|(at, id)| (id, at)).collect();
        let mut found = Vec::new();
        for ((table, partition), heard) in &self.partitions {
            let known = heard.iter().filter_map(|(transaction, total)| {
                let turn = turns.get(transaction.as_str())?;
                Some((*turn, *total, transaction))
            });
            let mut latest = None;
            for event in known {
                let before = *latest.get_or_insert(event);
                if (event.0, event.1) < (before.0, before.1) {
                    found.push(format!(
                        "{table}/{partition}: event {} of transaction {} comes after event {} of transaction {}",
                        event.1, event.2, before.1, before.2
                    ));
                } else {
                    latest = Some(event);
                }
            }
        }
        found.truncate(TOLD);
        found
    }
}
