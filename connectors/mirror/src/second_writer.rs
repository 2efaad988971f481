//! Sees whether anybody else writes the topics that the mirror fills.
//!
//! What a partition can have grown by is known: the records that were handed over for it, and a marker for
//! each transaction. Whatever it has grown by beyond that is somebody else's.

use std::collections::HashMap;

use walbridge_connector_api::{ConnectorError, Result, TopicPartition};

use crate::lag::Lag;
use crate::scout::Scout;

/// After how many looks without any doing of the mirror's the marker of its last transaction must be there.
const QUIET: u32 = 2;

/// What was found of one partition when it was looked at last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    /// Where it ended at the target.
    end: i64,
    /// How many offsets the mirror had used there before that, at least.
    settled: i64,
    /// How many looks in a row the mirror had done nothing.
    quiet: u32,
}

/// Remembers where the target's partitions ended.
#[derive(Debug, Default)]
pub(crate) struct SecondWriter {
    looks: HashMap<TopicPartition, Look>,
}

impl SecondWriter {
    /// Compares how much the target's partitions have grown with what the mirror has written.
    ///
    /// # Errors
    /// If one has grown by more, and if the target does not answer.
    pub(crate) fn look(&mut self, scout: &Scout, lag: &Lag) -> Result<()> {
        // In this order: what is settled now is part of the ends that are asked for next, and those have
        // nothing that is handed over only after them.
        let settled = lag.settled();
        for (partition, topic, end) in scout.target_ends()? {
            // One that the task has not taken up yet has nothing from it.
            let settled = settled.get(&partition).copied().unwrap_or_default();
            let taken = lag.taken(&partition).unwrap_or_default();
            let before = self.looks.get(&partition).copied();
            let (look, foreign) = judge(before, end, settled, taken);
            if foreign > 0 {
                return Err(found(&topic, partition.partition, foreign));
            }
            self.looks.insert(partition, look);
        }
        Ok(())
    }
}

/// Returns what is remembered, and how many offsets are somebody else's for certain.
fn judge(before: Option<Look>, end: i64, settled: i64, taken: i64) -> (Look, i64) {
    let Some(before) = before else {
        let quiet = 0;
        return (
            Look {
                end,
                settled,
                quiet,
            },
            0,
        );
    };
    let used = taken - before.settled;
    let quiet = if used == 0 { before.quiet + 1 } else { 0 };
    // The commit is known before its markers are written.
    let marker = i64::from(quiet <= QUIET);
    let foreign = (end - before.end - used - marker).max(0);
    let look = Look {
        end,
        settled,
        quiet,
    };
    (look, foreign)
}

fn found(topic: &str, partition: i32, foreign: i64) -> ConnectorError {
    let text = format!(
        "something else writes topic {topic} at the target: partition {partition} has grown by at least \
         {foreign} records more than this mirror has written"
    );
    ConnectorError::stop("SecondWriter", text).remedy(
        "end whatever else writes there: another mirror, MirrorMaker beside this one, a copy of any kind. \
         Then restart this connector. What was written twice stays in the topic; a sink that meets it stops \
         (StreamRepeats) and says how to go on. If something is meant to write there, such as dead letters \
         that are written back, set target.other.writers to ignore",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_record_is_seen_once_the_mirror_is_quiet() {
        let mut look = None;
        // The marker of a transaction before the first look comes after it.
        for end in [10, 11, 11, 11] {
            let (next, foreign) = judge(look, end, 7, 7);
            assert_eq!(foreign, 0);
            look = Some(next);
        }
        assert_eq!(judge(look, 12, 7, 7).1, 1);
    }

    #[derive(Debug, Clone)]
    enum Step {
        HandOver(i64),
        Commit,
        Marker,
        Look,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (1_i64..5).prop_map(Step::HandOver),
            Just(Step::Commit),
            Just(Step::Marker),
            Just(Step::Look),
        ];
        prop::collection::vec(step, 0..200)
    }

    proptest! {
        /// A transaction begins once the one before has its marker, and records are written when they are
        /// handed over or at any time until they are committed.
        #[test]
        fn the_mirrors_own_records_are_never_taken_for_others(steps in steps(), late: bool) {
            let (mut end, mut taken, mut settled, mut open, mut marker) = (100, 0, 0, 0, false);
            let (mut look, mut since_commit) = (None, 0);
            for step in steps {
                match step {
                    Step::HandOver(records) => {
                        taken += records + 1;
                        open += records;
                        if !late && !marker {
                            (end, open) = (end + open, 0);
                        }
                    }
                    Step::Commit if !marker && taken > settled => {
                        (end, open, settled, marker, since_commit) = (end + open, 0, taken, true, 0);
                    }
                    Step::Marker if marker => (end, marker) = (end + 1, false),
                    Step::Look => {
                        // It never takes so long.
                        if marker && since_commit == QUIET {
                            (end, marker) = (end + 1, false);
                        }
                        since_commit += 1;
                        let (next, foreign) = judge(look, end, settled, taken);
                        prop_assert_eq!(foreign, 0);
                        look = Some(next);
                    }
                    _ => {}
                }
            }
        }
    }
}
