//! The order of rows inside partitions: what a consumer that knows nothing of transactions relies on.

use std::collections::BTreeMap;

/// How many findings are kept: one cause may show in thousands of rows.
const ENOUGH: usize = 20;

/// Follows every partition and notes what comes out of its order.
#[derive(Debug, Default)]
pub(super) struct Order {
    partitions: BTreeMap<(String, i32), Followed>,
    violations: Vec<String>,
}

/// One partition as far as it was heard.
#[derive(Debug, Default)]
struct Followed {
    /// The transactions whose rows came, in the order of their first rows.
    transactions: Vec<String>,
    /// The number of the last row in its transaction.
    total: u64,
}

impl Order {
    /// Takes the next row of a partition: its transaction, and its number in it.
    pub(super) fn hear(&mut self, table: &str, partition: i32, transaction: &str, total: u64) {
        let place = (table.to_owned(), partition);
        let followed = self.partitions.entry(place).or_default();
        let same = followed
            .transactions
            .last()
            .is_some_and(|last| last == transaction);
        if same && total <= followed.total {
            let before = followed.total;
            self.complain(format!(
                "{table}, partition {partition}: row {total} of {transaction} stands behind row {before}"
            ));
            return;
        }
        if !same {
            followed.transactions.push(transaction.to_owned());
        }
        followed.total = total;
    }

    /// Compares each partition with the chain, the transactions in the order of their commits, and
    /// returns what must not be.
    pub(super) fn judge(mut self, chain: &[&str]) -> Vec<String> {
        let places: BTreeMap<&str, usize> = (chain.iter().enumerate())
            .map(|(at, id)| (*id, at))
            .collect();
        for ((table, partition), followed) in std::mem::take(&mut self.partitions) {
            // A transaction that the chain does not have is a finding of another judge.
            let known = (followed.transactions.iter())
                .filter_map(|id| places.get(id.as_str()).map(|at| (*at, id)));
            let known: Vec<_> = known.collect();
            for pair in known.windows(2).filter(|pair| pair[0].0 >= pair[1].0) {
                self.complain(format!(
                    "{table}, partition {partition}: rows of {} stand behind rows of {}, which commits later",
                    pair[1].1, pair[0].1
                ));
            }
        }
        self.violations
    }

    fn complain(&mut self, violation: String) {
        if self.violations.len() < ENOUGH {
            self.violations.push(violation);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(heard: &[(i32, &str, u64)]) -> Vec<String> {
        let mut order = Order::default();
        for (partition, transaction, total) in heard {
            order.hear("t", *partition, transaction, *total);
        }
        order.judge(&["7", "9"])
    }

    #[test]
    fn partitions_in_order_pass() {
        let none: Vec<String> = Vec::new();
        assert_eq!(
            judge(&[(0, "7", 1), (1, "7", 2), (0, "7", 3), (0, "9", 1)]),
            none
        );
        // Another partition may be behind.
        assert_eq!(judge(&[(0, "9", 1), (1, "7", 2)]), none);
    }

    #[test]
    fn a_row_behind_a_later_one_fails() {
        assert_eq!(
            judge(&[(0, "7", 2), (0, "7", 1)]),
            ["t, partition 0: row 1 of 7 stands behind row 2"]
        );
        assert_eq!(
            judge(&[(0, "9", 1), (0, "7", 2)]),
            ["t, partition 0: rows of 7 stand behind rows of 9, which commits later"]
        );
        // Rows of two transactions in turns.
        assert_eq!(judge(&[(0, "7", 1), (0, "9", 1), (0, "7", 2)]).len(), 1);
    }
}
