//! Which groups of records Kafka has taken.

use std::collections::VecDeque;

/// Counts down what is not acknowledged yet, per group of records. Groups are numbered from 1; a record of
/// group 0 is not counted.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    /// How many groups are done and forgotten.
    forgotten: usize,
    left: VecDeque<usize>,
}

impl Acks {
    /// Begins a group and returns its number.
    pub(crate) fn begin(&mut self) -> usize {
        self.left.push_back(0);
        self.forgotten + self.left.len()
    }

    fn left(&mut self, group: usize) -> Option<&mut usize> {
        self.left.get_mut(group.checked_sub(self.forgotten + 1)?)
    }

    /// Notes that so many records of a group are on their way.
    pub(crate) fn sending(&mut self, group: usize, records: usize) {
        if let Some(left) = self.left(group) {
            *left += records;
        }
    }

    /// Notes that so many records of a group are no longer on their way: taken, or not even sent.
    pub(crate) fn settled(&mut self, group: usize, records: usize) {
        if let Some(left) = self.left(group) {
            *left = left.saturating_sub(records);
        }
    }

    /// Returns whether nothing of a group is on its way any more.
    pub(crate) fn is_done(&mut self, group: usize) -> bool {
        self.left(group).is_none_or(|left| *left == 0)
    }

    /// Forgets the groups up to the first that is not done, but never the last one, which may still grow.
    pub(crate) fn forget_done(&mut self) {
        while self.left.len() > 1 && self.left.front() == Some(&0) {
            self.left.pop_front();
            self.forgotten += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_done_in_any_order() {
        let mut acks = Acks::default();
        let (one, two) = (acks.begin(), acks.begin());
        acks.sending(one, 2);
        acks.sending(two, 1);
        acks.settled(two, 1);
        acks.forget_done();
        assert!(acks.is_done(two) && !acks.is_done(one));
        acks.settled(one, 2);
        acks.forget_done();
        let three = acks.begin();
        acks.sending(three, 1);
        assert!(acks.is_done(one) && acks.is_done(two) && !acks.is_done(three));
        assert_eq!(three, 3);
        // What is not counted changes nothing.
        acks.settled(0, 1);
        assert!(!acks.is_done(three));
    }
}
