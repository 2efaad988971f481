//! Streams as a source writes them, and what is done to them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use walbridge_postgres::Lsn;
use walbridge_schemas::transaction::Status;

use crate::event::{Turn, Written};
use crate::marker::{Marker, Unit};

/// A row of a topic: when it comes, and what it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) turn: Turn,
    pub(super) written: Written,
    pub(super) id: u64,
}

/// What the target holds: rows by table, each as often as it is there.
pub(super) type State = [BTreeMap<u64, u32>; 2];

/// A stream, and what the target must be after each of its units.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) markers: Vec<Marker>,
    pub(super) lanes: [Vec<Row>; 3],
    /// By the snapshot's time and the number since.
    pub(super) states: BTreeMap<(i64, u64), State>,
    lsn: u64,
    seq: u64,
    xid: u64,
    clock: i64,
    id: u64,
    servers: u64,
    snapshot: i64,
    state: State,
}

/// What the source does.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    /// A snapshot of so many rows; one that breaks off has no END, and another one follows.
    Snapshot { rows: [u8; 2], breaks_off: bool },
    /// A transaction that writes so many rows.
    Transaction { rows: [u8; 2] },
    /// From now on another server, whose positions and transactions begin anew.
    Server,
}

impl Stream {
    fn marker(&self, status: Status, unit: Unit, prev: u64, since_us: i64) -> Marker {
        Marker {
            status,
            unit,
            epoch: 1,
            lsn: Lsn(self.lsn),
            prev: Lsn(prev),
            seq: self.seq,
            ts_us: self.clock,
            since_us,
            tables: Vec::new(),
            counts: Vec::new(),
        }
    }

    fn rows(&mut self, rows: [u8; 2], turn: impl Fn(usize, u64) -> Turn) {
        for (table, count) in rows.into_iter().enumerate() {
            for number in 1..=u64::from(count) {
                self.id += 1;
                let lane = if table == 1 {
                    2
                } else {
                    (self.id % 2) as usize
                };
                self.lanes[lane].push(Row {
                    turn: turn(table, number),
                    written: Written::at(self.clock, self.lsn),
                    // Rows without a key may be alike.
                    id: if table == 1 { self.id % 3 } else { self.id },
                });
                let id = if table == 1 { self.id % 3 } else { self.id };
                *self.state[table].entry(id).or_default() += 1;
            }
        }
    }

    fn unit(&mut self, unit: Unit, prev: u64, since: i64, rows: [u8; 2], ends: bool) {
        self.markers
            .push(self.marker(Status::Begin, unit, prev, since));
        self.rows(rows, |table, number| match unit {
            Unit::Snapshot(lsn) => Turn::Snapshot {
                lsn: lsn.0,
                number: (table == 1).then_some(number),
            },
            Unit::Transaction(xid) => Turn::Streamed { xid, order: number },
        });
        if ends {
            let mut end = self.marker(Status::End, unit, prev, since);
            let counts = rows.into_iter().enumerate();
            end.counts = counts
                .map(|(at, n)| (at.to_string(), u64::from(n)))
                .collect();
            self.markers.push(end);
            let key = (self.snapshot, self.seq);
            self.states.insert(key, self.state.clone());
        }
    }

    pub(super) fn play(deeds: &[Deed]) -> Self {
        let mut stream = Self {
            lsn: 1000,
            xid: 700,
            clock: 1_000_000,
            ..Self::default()
        };
        for deed in deeds {
            stream.clock += 10;
            stream.lsn += 100;
            match deed {
                Deed::Snapshot { rows, breaks_off } => {
                    let since = stream.clock;
                    stream.clock += 1;
                    (stream.seq, stream.snapshot) = (0, stream.clock);
                    stream.state = State::default();
                    let unit = Unit::Snapshot(Lsn(stream.lsn));
                    stream.unit(unit, stream.lsn, since, *rows, !breaks_off);
                }
                Deed::Transaction { rows } if stream.ended() => {
                    (stream.seq, stream.xid) = (stream.seq + 1, stream.xid + 1);
                    let (unit, prev) = (Unit::Transaction(stream.xid), stream.lsn - 100);
                    stream.unit(unit, prev, stream.clock, *rows, true);
                }
                Deed::Transaction { .. } => stream.lsn -= 100,
                Deed::Server => {
                    stream.servers += 1;
                    // Lower, yet no two servers meet in one.
                    (stream.lsn, stream.xid) = (1000 + stream.servers, 700);
                }
            }
        }
        stream
    }

    /// Returns whether the chain may go on: its snapshot has ended, and the server is the same.
    fn ended(&self) -> bool {
        let last = self.markers.last();
        last.is_some_and(|last| last.status == Status::End && last.lsn.0 + 100 == self.lsn)
    }
}

/// How a lane is written again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Twice {
    /// 0 is the transaction topic.
    pub(super) lane: usize,
    pub(super) from: usize,
    pub(super) len: usize,
    /// Where the copy stands, counted from the original's end.
    pub(super) late: usize,
}

pub(super) fn again<T: Clone>(lane: &mut Vec<T>, twice: &Twice) {
    if lane.is_empty() {
        return;
    }
    let from = twice.from % lane.len();
    let end = lane.len().min(from + twice.len);
    let copy: Vec<_> = lane[from..end].to_vec();
    let at = lane.len().min(end + twice.late);
    lane.splice(at..at, copy);
}

pub(super) fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let rows = || [0u8..4, 0..4];
    let deed = prop_oneof![
        6 => rows().prop_map(|rows| Deed::Transaction { rows }),
        2 => (rows(), any::<bool>()).prop_map(|(rows, breaks_off)| Deed::Snapshot { rows, breaks_off }),
        1 => Just(Deed::Server),
    ];
    (rows(), proptest::collection::vec(deed, 0..12)).prop_map(|(rows, mut deeds)| {
        deeds.insert(
            0,
            Deed::Snapshot {
                rows,
                breaks_off: false,
            },
        );
        // What broke off is begun anew at last.
        deeds.push(Deed::Snapshot {
            rows,
            breaks_off: false,
        });
        deeds
    })
}
