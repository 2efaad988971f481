//! The fold against naive replay on a model table.

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::*;

/// A row of the model: its key, a small column and a large one that events may leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    key: u8,
    small: u8,
    large: u8,
}

/// An image: the row, and which of its columns the event knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Image {
    row: Row,
    small: bool,
    large: bool,
}

struct Model;

impl Images for Model {
    type Image = Image;

    fn compare(&self, before: &Image, live: &Image) -> Likeness {
        let (small, large) = (before.small && live.small, before.large && live.large);
        if small && before.row.small != live.row.small
            || large && before.row.large != live.row.large
        {
            Likeness::Different
        } else if small && large {
            Likeness::Same
        } else {
            Likeness::Possible
        }
    }

    fn merge(&mut self, mut newer: Image, older: &Image) -> Image {
        if !newer.large {
            newer.row.large = older.row.large;
            newer.large = older.large;
        }
        newer
    }

    fn hash(&self, image: &Image) -> u64 {
        u64::from(image.row.small)
    }

    fn alike(&self, one: &Image, other: &Image) -> bool {
        one == other
    }
}

#[derive(Debug, Clone)]
enum Action {
    Insert {
        key: u8,
        small: u8,
        large: u8,
    },
    Update {
        nth: usize,
        small: u8,
        large: Option<u8>,
    },
    Move {
        nth: usize,
        key: u8,
        large: u8,
    },
    Delete {
        nth: usize,
    },
    Truncate,
    Flush,
    Commit,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        3 => (0u8..6, 0u8..3, 0u8..3)
            .prop_map(|(key, small, large)| Action::Insert { key, small, large }),
        3 => (0usize..8, 0u8..3, proptest::option::of(0u8..3))
            .prop_map(|(nth, small, large)| Action::Update { nth, small, large }),
        3 => (0usize..8, 0u8..6, 0u8..3).prop_map(|(nth, key, large)| Action::Move { nth, key, large }),
        2 => (0usize..8).prop_map(|nth| Action::Delete { nth }),
        1 => Just(Action::Truncate),
        1 => Just(Action::Flush),
        1 => Just(Action::Commit),
    ]
}

/// The target: what settled statements leave behind, checked as the server would check them.
#[derive(Debug, Clone)]
struct Target(Vec<Row>);

impl Target {
    fn at(&mut self, key: u8) -> Option<&mut Row> {
        self.0.iter_mut().find(|row| row.key == key)
    }

    fn apply(&mut self, settled: &Settled<Image>) -> Result<(), TestCaseError> {
        for image in &settled.deletes {
            prop_assert!(
                self.at(image.row.key).is_some(),
                "deletes a row that is not there"
            );
            self.0.retain(|row| row.key != image.row.key);
        }
        for image in &settled.updates {
            let Some(row) = self.at(image.row.key) else {
                return Err(TestCaseError::fail("updates a row that is not there"));
            };
            row.small = image.row.small;
            if image.large {
                row.large = image.row.large;
            }
        }
        for image in &settled.inserts {
            prop_assert!(image.large, "inserts a row with an unknown column");
            prop_assert!(
                self.at(image.row.key).is_none(),
                "inserts a key that is there"
            );
            self.0.push(image.row);
        }
        Ok(())
    }
}

/// Replays actions on a model with a key that is checked at commit, `full` saying whether events
/// carry whole old rows; without it a key is never shared, as the source would refuse that.
fn run(start: &[u8], actions: &[Action], full: bool) -> Result<(), TestCaseError> {
    let mut rows: Vec<Row> = start
        .iter()
        .map(|&key| Row {
            key,
            small: 9,
            large: 9,
        })
        .collect();
    let mut target = Target(rows.clone());
    let mut fold = Fold::new();
    let before = |row: Row| Image {
        row,
        small: full,
        large: full,
    };
    let whole = |row: Row| Image {
        row,
        small: true,
        large: true,
    };
    let gone = |_| TestCaseError::fail("the fold misses a row");
    for action in actions.iter().chain([&Action::Commit]) {
        match *action {
            Action::Insert { key, small, large } => {
                if rows.iter().any(|row| row.key == key) {
                    continue;
                }
                let row = Row { key, small, large };
                rows.push(row);
                fold.insert(&[key], whole(row), false);
            }
            Action::Update { nth, small, large } if !rows.is_empty() => {
                let n = nth % rows.len();
                let row = &mut rows[n];
                let old = full.then(|| before(*row));
                row.small = small;
                row.large = large.unwrap_or(row.large);
                let after = Image {
                    row: *row,
                    small: true,
                    large: large.is_some(),
                };
                fold.update(&mut Model, &[after.row.key], old.as_ref(), after)
                    .map_err(gone)?;
            }
            Action::Move { nth, key, large } if !rows.is_empty() => {
                let n = nth % rows.len();
                let taken = rows.iter().filter(|row| row.key == key).count();
                if rows[n].key == key || taken > usize::from(full) {
                    continue;
                }
                let old = rows[n];
                rows[n].key = key;
                rows[n].large = large;
                fold.delete(&Model, &[old.key], &before(old))
                    .map_err(gone)?;
                fold.insert(&[key], whole(rows[n]), true);
            }
            Action::Delete { nth } if !rows.is_empty() => {
                let row = rows.remove(nth % rows.len());
                fold.delete(&Model, &[row.key], &before(row))
                    .map_err(gone)?;
            }
            Action::Truncate => {
                rows.clear();
                fold.clear();
                // At the target it goes before all that is settled next.
                target.0.clear();
            }
            Action::Flush => target.apply(&fold.settle(false, |image| image))?,
            Action::Commit => {
                // What the deferred constraint would refuse is mended first.
                let mut n = 0;
                while n < rows.len() {
                    if rows[..n].iter().any(|row| row.key == rows[n].key) {
                        let row = rows.remove(n);
                        fold.delete(&Model, &[row.key], &before(row))
                            .map_err(gone)?;
                    } else {
                        n += 1;
                    }
                }
                // Half of the commits are folded into the next one.
                if rows.len().is_multiple_of(2) {
                    continue;
                }
                target.apply(&fold.settle(true, |image| image))?;
                check(&rows, &target)?;
            }
            _ => {}
        }
    }
    target.apply(&fold.settle(true, |image| image))?;
    prop_assert!(fold.is_empty());
    check(&rows, &target)
}

fn check(rows: &[Row], target: &Target) -> Result<(), TestCaseError> {
    let (mut rows, mut target) = (rows.to_vec(), target.0.clone());
    rows.sort();
    target.sort();
    prop_assert_eq!(rows, target);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn equals_naive_replay_with_full_identity(
        start in proptest::sample::subsequence((0u8..6).collect::<Vec<_>>(), 0..6),
        actions in prop::collection::vec(action(), 0..60),
    ) {
        run(&start, &actions, true)?;
    }

    #[test]
    fn equals_naive_replay_with_key_identity(
        start in proptest::sample::subsequence((0u8..6).collect::<Vec<_>>(), 0..6),
        actions in prop::collection::vec(action(), 0..60),
    ) {
        run(&start, &actions, false)?;
    }
}

#[test]
fn a_shift_of_all_keys_becomes_updates() {
    let mut fold = Fold::new();
    let image = |key, small| Image {
        row: Row {
            key,
            small,
            large: 0,
        },
        small: true,
        large: true,
    };
    for key in 1..=3 {
        fold.delete(&Model, &[key], &image(key, key)).unwrap();
        fold.insert(&[key + 1], image(key + 1, key), true);
    }
    let settled = fold.settle(true, |image| image);
    assert_eq!(settled.deletes, [image(1, 1)]);
    assert_eq!(settled.updates, [image(2, 1), image(3, 2)]);
    assert_eq!(settled.inserts, [image(4, 3)]);
}

#[test]
fn a_row_removed_twice_is_refused() {
    let mut fold = Fold::new();
    let row = Row {
        key: 1,
        small: 0,
        large: 0,
    };
    let image = Image {
        row,
        small: true,
        large: true,
    };
    fold.delete(&Model, &[1], &image).unwrap();
    assert_eq!(fold.delete(&Model, &[1], &image), Err(NoSuchRow));
}
