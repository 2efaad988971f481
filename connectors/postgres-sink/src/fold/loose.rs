//! Rows that no key tells apart: a multiset.
//!
//! A row that came and went before it was settled leaves nothing. Rows that are the same in all
//! columns stand for each other, as they do at the server.

use std::collections::HashMap;

use super::Images;

/// The changes of a table without a key.
#[derive(Debug)]
pub(super) struct Loose<I> {
    /// Rows that came; `None` for one that has gone again.
    came: Vec<Option<I>>,
    /// Rows that went and were there before.
    gone: Vec<I>,
    /// By hash, which rows came. Made when the first row goes: a table that only grows needs none.
    index: Option<HashMap<u64, Vec<u32>>>,
}

impl<I: Copy> Loose<I> {
    pub(super) fn new() -> Self {
        Self {
            came: Vec::new(),
            gone: Vec::new(),
            index: None,
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.came.is_empty() && self.gone.is_empty()
    }

    pub(super) fn size(&self) -> usize {
        let index = self.index.as_ref().map_or(0, HashMap::len);
        self.came.len() * size_of::<Option<I>>() + self.gone.len() * size_of::<I>() + index * 48
    }

    pub(super) fn clear(&mut self) {
        self.came.clear();
        self.gone.clear();
        self.index = None;
    }

    /// Takes a row that comes, of a table of which rows only come.
    pub(super) fn push(&mut self, row: I) {
        self.index = None;
        self.came.push(Some(row));
    }

    /// Takes a row that comes.
    pub(super) fn come<C: Images<Image = I>>(&mut self, context: &C, row: I) {
        if let Some(index) = &mut self.index {
            let at = self.came.len() as u32;
            index.entry(context.hash(&row)).or_default().push(at);
        }
        self.came.push(Some(row));
    }

    /// Takes a row that goes: one that came before, else one that was there.
    pub(super) fn go<C: Images<Image = I>>(&mut self, context: &C, row: I) {
        let came = &self.came;
        let index = self.index.get_or_insert_with(|| {
            let mut index: HashMap<u64, Vec<u32>> = HashMap::new();
            for (at, row) in came.iter().enumerate() {
                if let Some(row) = row {
                    index.entry(context.hash(row)).or_default().push(at as u32);
                }
            }
            index
        });
        let same = |at: &u32| {
            let there = &came[*at as usize];
            there
                .as_ref()
                .is_some_and(|there| context.alike(there, &row))
        };
        let places = index.get_mut(&context.hash(&row));
        let found = places.and_then(|places| {
            let nth = places.iter().rposition(same)?;
            Some(places.swap_remove(nth))
        });
        match found {
            Some(at) => self.came[at as usize] = None,
            None => self.gone.push(row),
        }
    }

    /// Returns the rows that go and the rows that come, and forgets them.
    pub(super) fn settle(&mut self) -> (Vec<I>, Vec<I>) {
        self.index = None;
        let came = std::mem::take(&mut self.came).into_iter().flatten();
        (std::mem::take(&mut self.gone), came.collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Images, Likeness};
    use super::Loose;

    /// Images are numbers; the hash makes some of them meet.
    struct Numbers;

    impl Images for Numbers {
        type Image = u8;

        fn compare(&self, _: &u8, _: &u8) -> Likeness {
            Likeness::Different
        }

        fn merge(&mut self, newer: u8, _: &u8) -> u8 {
            newer
        }

        fn hash(&self, image: &u8) -> u64 {
            u64::from(image % 3)
        }

        fn alike(&self, one: &u8, other: &u8) -> bool {
            one == other
        }
    }

    proptest! {
        #[test]
        fn equals_naive_replay(
            start in prop::collection::vec(0u8..8, 0..12),
            actions in prop::collection::vec((0u8..5, 0u8..8), 0..60),
        ) {
            let (mut rows, mut target) = (start.clone(), start);
            let mut loose = Loose::new();
            for (action, row) in actions.into_iter().chain([(4, 0)]) {
                match action {
                    0 | 1 => {
                        rows.push(row);
                        loose.come(&Numbers, row);
                    }
                    2 | 3 => {
                        let Some(at) = rows.iter().position(|there| *there == row) else { continue };
                        rows.swap_remove(at);
                        loose.go(&Numbers, row);
                    }
                    _ => {
                        let (gone, came) = loose.settle();
                        for row in gone {
                            let at = target.iter().position(|there| *there == row);
                            prop_assert!(at.is_some(), "a row goes that is not there");
                            target.swap_remove(at.unwrap_or_default());
                        }
                        target.extend(came);
                        let (mut a, mut b) = (rows.clone(), target.clone());
                        a.sort_unstable();
                        b.sort_unstable();
                        prop_assert_eq!(a, b);
                    }
                }
            }
            prop_assert!(loose.is_empty());
        }
    }
}
