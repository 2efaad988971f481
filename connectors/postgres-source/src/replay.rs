//! The part of the stream that was read before: skipped, and checked to be the same.

use walbridge_connector_api::{ConnectorError, Result};
use walbridge_postgres::Lsn;

use crate::offset::Position;
use crate::pgoutput::Message;

/// Skips what the stored position has already, which the server sends again when asked from before it.
///
/// The last transaction read is asked for once more if the slot still has it: a database restored
/// from an older copy behind the same address does not have it, or has another one there.
#[derive(Debug)]
pub(crate) struct Replay {
    resume: Lsn,
    start: Lsn,
    /// The last transaction's commit LSN and xid, until it has been seen.
    expected: Option<(Lsn, u32)>,
    skipping: bool,
}

impl Replay {
    /// Begins at a position; `confirmed` is what the slot has been told to forget.
    ///
    /// Another publication than the position's need not have the last transaction's tables.
    pub(crate) fn new(at: &Position, confirmed: Lsn, publication: &str) -> Self {
        let same = at.origin.publication == publication;
        let expected = at.xid.filter(|_| same).map(|xid| (at.lsn_commit, xid));
        let expected = expected.filter(|(lsn, _)| *lsn >= confirmed);
        let start = expected.map_or(at.lsn, |(lsn, _)| lsn);
        Self {
            resume: at.lsn,
            start,
            expected,
            skipping: false,
        }
    }

    /// Returns where the server is asked to start.
    pub(crate) fn start(&self) -> Lsn {
        self.start
    }

    /// Returns whether a message belongs to what was read before.
    #[inline]
    pub(crate) fn skips(&mut self, message: &Message<'_>) -> Result<bool> {
        match message {
            Message::Begin { final_lsn, xid, .. } => {
                let lsn = Lsn(*final_lsn);
                if self.expected == Some((lsn, *xid)) {
                    self.expected = None;
                }
                self.skipping = lsn < self.resume;
                if !self.skipping {
                    self.passed(Lsn(u64::MAX))?;
                }
                Ok(self.skipping)
            }
            Message::Commit { .. } => Ok(std::mem::take(&mut self.skipping)),
            // Definitions are told once: those inside a skipped transaction count after it.
            Message::Relation(_) => Ok(false),
            _ => Ok(self.skipping),
        }
    }

    /// Learns that the server has sent everything up to `end`.
    pub(crate) fn passed(&self, end: Lsn) -> Result<()> {
        match self.expected {
            Some((lsn, xid)) if end > lsn => Err(ConnectorError::stop(
                "HistoryDiffers",
                format!(
                    "the transaction {xid} committed at {lsn}, which was read from this server, is not in \
                     its write-ahead log: it is an older copy of the database that went its own way"
                ),
            )
            .remedy(
                "point the connector at the right server, or, to begin anew with a snapshot: stop the \
                 connector, delete its offsets, drop the slot, resume",
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offset::Origin;

    fn at(lsn: u64, commit: u64, xid: Option<u32>) -> Position {
        Position {
            origin: Origin {
                system_id: String::new(),
                timeline: 1,
                database: String::new(),
                slot: String::new(),
                publication: String::new(),
            },
            lsn: Lsn(lsn),
            lsn_commit: Lsn(commit),
            seq: 1,
            xid,
            ts_us: 0,
            snapshot_lsn: Lsn(1),
        }
    }

    fn begin(final_lsn: u64, xid: u32) -> Message<'static> {
        Message::Begin {
            final_lsn,
            commit_time: 0,
            xid,
        }
    }

    const COMMIT: Message<'static> = Message::Commit {
        commit_lsn: 0,
        end_lsn: 0,
        commit_time: 0,
    };

    #[test]
    fn the_last_transaction_is_seen_again_and_skipped() {
        let mut replay = Replay::new(&at(120, 100, Some(7)), Lsn(90), "");
        assert_eq!(replay.start(), Lsn(100));
        assert!(replay.passed(Lsn(100)).is_ok());
        assert!(replay.skips(&begin(100, 7)).unwrap());
        assert!(replay.skips(&COMMIT).unwrap());
        assert!(replay.passed(Lsn(500)).is_ok());
        assert!(!replay.skips(&begin(130, 8)).unwrap());
        assert!(!replay.skips(&COMMIT).unwrap());
    }

    #[test]
    fn another_history_stops() {
        let mut replay = Replay::new(&at(120, 100, Some(7)), Lsn(90), "");
        assert!(replay.skips(&begin(100, 9)).unwrap());
        assert!(replay.skips(&COMMIT).unwrap());
        assert_eq!(
            replay.skips(&begin(130, 10)).unwrap_err().name(),
            "HistoryDiffers"
        );
        assert_eq!(
            replay.passed(Lsn(101)).unwrap_err().name(),
            "HistoryDiffers"
        );
    }

    #[test]
    fn what_the_slot_has_forgotten_is_not_asked_for() {
        let replay = Replay::new(&at(120, 100, Some(7)), Lsn(110), "");
        assert_eq!(replay.start(), Lsn(120));
        assert!(replay.passed(Lsn(500)).is_ok());
        assert_eq!(
            Replay::new(&at(120, 100, None), Lsn(90), "").start(),
            Lsn(120)
        );
    }
}
