//! Why a record that is out of its order stops the link, in words.

use walbridge_connector_api::{ConnectorError, Result};
use walbridge_schemas::transaction::Status;

use crate::event::{Event, Turn};
use crate::marker::{Marker, Unit};
use crate::order::Standing;
use crate::position::Phase;
use crate::sink::{Sink, chain_gap};
use crate::stopped::REMEDY;

impl Sink {
    /// Refuses a marker that is not the next; what is complete before it is committed.
    pub(crate) fn refuse_marker(
        &mut self,
        lane: usize,
        marker: &Marker,
        standing: Standing,
    ) -> Result<()> {
        if self.current.is_none() && self.pending.transactions > 0 {
            self.commit()?;
        }
        let (place, at) = (self.place(lane), &self.position);
        Err(match standing {
            Standing::Next | Standing::Early => chain_gap(self.too_early(&place, marker)),
            Standing::Again => self.repeats(lane, &self.had(marker)),
            Standing::Fenced => ConnectorError::stop(
                "Fenced",
                format!(
                    "{place}: {} at LSN {} was written by a primary of epoch {}, but epoch {} has begun",
                    marker.unit, marker.lsn, marker.epoch, at.epoch
                ),
            )
            .remedy("stop the source of the former primary"),
        })
    }

    /// Says what a transaction or a snapshot that comes too early was expected after.
    fn too_early(&self, place: &str, marker: &Marker) -> String {
        let at = &self.position;
        let (unit, seq, lsn) = (marker.unit, marker.seq, marker.lsn);
        if let Some(current) = &self.current {
            return format!(
                "{place}: {unit} comes before the END of {}",
                current.begin.unit
            );
        }
        if marker.status == Status::End {
            return format!("{place}: END of {unit} without its BEGIN");
        }
        match at.phase {
            Phase::New => format!(
                "{place}: transaction {seq} at LSN {lsn} comes, but no snapshot stands before it"
            ),
            Phase::Loading => format!(
                "{place}: transaction {seq} at LSN {lsn} comes, but snapshot {} has not ended",
                at.snapshot_lsn
            ),
            Phase::Streaming => format!(
                "{place}: transaction {seq} at LSN {lsn} comes too early: it follows transaction {} at \
                 LSN {}, but the target is at transaction {} at LSN {}",
                seq.wrapping_sub(1),
                marker.prev,
                at.seq,
                at.commit_lsn
            ),
        }
    }

    /// Says what the target had when a marker came again.
    fn had(&self, marker: &Marker) -> String {
        let at = &self.position;
        let what = match marker.status {
            Status::Begin => "BEGIN",
            Status::End => "END",
        };
        let unit = match marker.unit {
            Unit::Transaction(xid) => {
                format!(
                    "transaction {} (xid {xid}) at LSN {}",
                    marker.seq, marker.lsn
                )
            }
            Unit::Snapshot(lsn) if lsn == at.snapshot_lsn => marker.unit.to_string(),
            Unit::Snapshot(lsn) => format!(
                "snapshot {lsn}, begun no later than snapshot {} by its server's clock (which must be put right \
                 if it is a new one),",
                at.snapshot_lsn
            ),
        };
        let here = match at.phase {
            Phase::Streaming => format!("transaction {} at LSN {}", at.seq, at.commit_lsn),
            _ => format!("snapshot {}", at.snapshot_lsn),
        };
        format!("{what} of {unit} comes again; the target is at {here}")
    }

    /// Refuses a row that was taken before.
    pub(crate) fn row_repeats(&self, event: &Event) -> ConnectorError {
        let what = match event.turn {
            Turn::Snapshot { lsn, number: None } if !self.is_loading() => format!(
                "a row of snapshot {}, which has ended, comes again or was not counted",
                walbridge_postgres::Lsn(lsn)
            ),
            Turn::Snapshot { lsn, number } => {
                let number = number.map_or_else(|| "a row".to_owned(), |n| format!("row {n}"));
                format!(
                    "{number} of snapshot {} comes again",
                    walbridge_postgres::Lsn(lsn)
                )
            }
            Turn::Streamed { xid, order } => {
                format!("row {order} of transaction {xid} comes again")
            }
        };
        self.repeats(event.lane, &what)
    }

    /// Says that the stream brings what it has brought already: more than one writes its topics.
    pub(crate) fn repeats(&self, lane: usize, what: &str) -> ConnectorError {
        let partition = &self.rows.lanes[lane].partition;
        let stored = self.rows.lanes[lane].stored;
        let place = self.place(lane);
        let before = if stored > 0 {
            format!(", with this partition applied up to offset {stored}")
        } else {
            String::new()
        };
        ConnectorError::stop("StreamRepeats", format!("{place}: {what}{before}")).remedy(format!(
            "something writes the topics beside their one source or mirror (a second mirror, a copy): \
             stop it; kafka-transactions.sh --bootstrap-server … describe-producers --topic {} --partition \
             {} shows who has written lately. Then {REMEDY}",
            partition.topic, partition.partition
        ))
    }
}
