//! What is next in the stream, what comes later, and what the target has had already.
//!
//! A snapshot is known by its LSN and the time it was taken, and lies after another one if it was begun
//! after it (`wb.since`). A transaction is known by its number since the snapshot, its LSN and its commit
//! time; it is next if it follows on the last one. A row belongs to a transaction if it has both its xid
//! and its commit time: either alone may come again on another server.
//!
//! Nothing here touches the target or the lanes, so all of it can be tried out (see `model`).

#[cfg(test)]
mod model;

use std::cmp::Ordering;
use std::collections::HashSet;

use walbridge_postgres::Lsn;
use walbridge_schemas::transaction::Status;

use crate::event::{Turn, Written};
use crate::marker::{Marker, Unit};
use crate::position::{Phase, Position};

/// Where a record of the transaction topic stands, seen from the position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is what comes next.
    Next,
    /// It, or something after it, has been taken.
    Again,
    /// Something before it is missing.
    Early,
    /// A former primary wrote it.
    Fenced,
}

/// Whether a row's turn has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Now,
    Later,
    /// It belongs to nothing that is still to be applied.
    Never,
    /// It has been taken already.
    Again,
}

/// What rows are measured by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measure<'a> {
    pub(crate) position: &'a Position,
    /// BEGIN of the transaction or snapshot at hand.
    pub(crate) begin: &'a Marker,
    /// What was committed before this is passed over, µs since 1970.
    pub(crate) since_us: Option<i64>,
    /// Snapshots that were begun and given up for another.
    pub(crate) given_up: &'a HashSet<Lsn>,
}

impl Position {
    /// Says where a marker stands that comes while nothing is at hand, or in place of an END.
    pub(crate) fn judge(&self, marker: &Marker, given_up: &HashSet<Lsn>) -> Standing {
        let standing = match marker.unit {
            Unit::Snapshot(lsn) if self.has_had(marker, lsn, given_up) => Standing::Again,
            _ if self.phase != Phase::New && marker.epoch < self.epoch => Standing::Fenced,
            Unit::Snapshot(_) => Standing::Next,
            Unit::Transaction(_) if self.phase == Phase::Streaming && self.precedes(marker) => {
                Standing::Next
            }
            Unit::Transaction(_) if self.lies_behind(marker) => Standing::Again,
            Unit::Transaction(_) => Standing::Early,
        };
        match (standing, marker.status) {
            (Standing::Next, Status::End) => Standing::Early,
            (standing, _) => standing,
        }
    }

    /// Returns whether a snapshot is not later than the one that was begun last.
    fn has_had(&self, marker: &Marker, lsn: Lsn, given_up: &HashSet<Lsn>) -> bool {
        if self.phase == Phase::New || marker.epoch > self.epoch {
            return false;
        }
        match self.snapshot_since {
            Some(since) => marker.since_us <= since,
            // Begun by a version that did not note it.
            None => lsn == self.snapshot_lsn || given_up.contains(&lsn),
        }
    }

    fn precedes(&self, marker: &Marker) -> bool {
        marker.prev == self.commit_lsn && marker.seq == self.seq + 1
    }

    /// Returns whether a transaction is one of those taken, or one from before the snapshot.
    fn lies_behind(&self, marker: &Marker) -> bool {
        let since = self.snapshot_since.unwrap_or(i64::MIN);
        let counted = self.phase == Phase::Streaming
            && marker.seq <= self.seq
            && marker.lsn <= self.commit_lsn;
        self.phase != Phase::New && (counted || marker.ts_us < since)
    }
}

impl Marker {
    /// Returns whether both are of the same transaction or snapshot, and not only alike in its number.
    pub(crate) fn is_of(&self, other: &Self) -> bool {
        (self.unit, self.lsn, self.seq, self.ts_us)
            == (other.unit, other.lsn, other.seq, other.ts_us)
    }
}

impl Measure<'_> {
    /// Says whether a row comes now, `taken` being how many of its table are taken of what is at hand.
    pub(crate) fn due(&self, turn: Turn, written: &Written, taken: u64) -> Due {
        let snapshot = self.position.snapshot_lsn;
        let ts_us = self.begin.ts_us;
        let passed_over = (self.since_us).is_some_and(|since| written.is_before(since, snapshot.0));
        match (turn, self.begin.unit) {
            (Turn::Snapshot { lsn, number }, Unit::Snapshot(current))
                if lsn == current.0 && written.may_be_of(ts_us) =>
            {
                number.map_or(Due::Now, |number| next(number, taken))
            }
            (Turn::Snapshot { lsn, .. }, _) if self.given_up.contains(&Lsn(lsn)) => Due::Never,
            _ if passed_over => Due::Never,
            (Turn::Snapshot { lsn, .. }, Unit::Transaction(_))
                if lsn == snapshot.0 && self.is_of_snapshot(written) =>
            {
                Due::Again
            }
            (Turn::Streamed { xid, order }, Unit::Transaction(current))
                if xid == current && written.may_be_of(ts_us) =>
            {
                next(order, taken)
            }
            _ => Due::Later,
        }
    }

    fn is_of_snapshot(&self, written: &Written) -> bool {
        let taken = self.position.snapshot_ts;
        taken.is_none_or(|ts_us| written.may_be_of(ts_us))
    }
}

fn next(number: u64, taken: u64) -> Due {
    match number.cmp(&(taken + 1)) {
        Ordering::Equal => Due::Now,
        Ordering::Greater => Due::Later,
        Ordering::Less => Due::Again,
    }
}
