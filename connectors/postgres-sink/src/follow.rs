//! Takes transactions in the order of the transaction topic, and of each its rows in the order of
//! its tables.

use std::cmp::Ordering;
use std::time::Instant;

use walbridge_connector_api::{ConnectorError, Result};
use walbridge_postgres::Lsn;
use walbridge_schemas::transaction::Status;

use crate::event::{Event, Turn};
use crate::marker::{Marker, Unit};
use crate::position::Phase;
use crate::sink::{Current, Sink, chain_gap};
use crate::stopped;

/// Whether a row's turn has come.
enum Due {
    Now,
    Later,
    /// It belongs to nothing that is still to be applied.
    Never,
}

/// Whether there is more to do with what is buffered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Something was done: go on.
    More,
    /// Nothing can be done before more records come.
    Blocked,
}

impl Sink {
    /// Does the next piece of work.
    pub(crate) fn advance(&mut self) -> Result<Progress> {
        let Some(lane) = self.transactions else {
            return Ok(Progress::Blocked);
        };
        match &self.current {
            None => self.begin(lane),
            Some(current) if current.end.is_none() => {
                let found = self.read_end(lane)?;
                let taken = self.take_rows()?;
                Ok(if found || taken {
                    Progress::More
                } else {
                    Progress::Blocked
                })
            }
            Some(_) => {
                let taken = self.take_rows()?;
                if self.is_complete()? {
                    self.finish(lane)?;
                    return Ok(Progress::More);
                }
                Ok(if taken {
                    Progress::More
                } else {
                    Progress::Blocked
                })
            }
        }
    }

    /// Reads the first or the second record that waits in the transaction topic's lane.
    pub(crate) fn marker(&self, lane: usize, second: bool) -> Result<Option<Marker>> {
        let source = &self.rows.lanes[lane];
        let record = if second {
            source.second()
        } else {
            source.head()
        };
        let Some(record) = record else {
            return Ok(None);
        };
        let place = || {
            let at = &source.partition;
            format!(
                "topic {} partition {} offset {}",
                at.topic, at.partition, record.offset
            )
        };
        let Some(value) = record.value() else {
            return Err(ConnectorError::stop(
                "NotAvro",
                format!("{}: no value", place()),
            ));
        };
        let headers = record.headers();
        let headers: &[u8] = if headers.1 == 0 {
            &[]
        } else {
            source.bytes(headers)
        };
        let headers = walbridge_connector_api::Headers::new(headers);
        Marker::read(source.bytes(value), &headers, &place).map(Some)
    }

    /// Begins the next transaction or snapshot.
    fn begin(&mut self, lane: usize) -> Result<Progress> {
        let Some(begin) = self.marker(lane, false)? else {
            return Ok(Progress::Blocked);
        };
        let place = self.place(lane);
        if begin.status == Status::End {
            return Err(chain_gap(format!(
                "{place}: END of {} without its BEGIN",
                begin.unit
            )));
        }
        match begin.unit {
            Unit::Snapshot(_) => {
                self.begin_loading(begin)?;
                self.rows.lanes[lane].take();
                self.commit_loading()?;
            }
            Unit::Transaction(_) => {
                self.check_chain(&begin, &place)?;
                let end = self
                    .marker(lane, true)?
                    .filter(|end| end.status == Status::End);
                // What is complete must not wait for a transaction that is not all here.
                let whole = match &end {
                    Some(end) => self.is_here(end),
                    None => false,
                };
                if self.pending.transactions > 0 && !whole {
                    self.commit()?;
                }
                self.rows.lanes[lane].take();
                self.start(begin);
            }
        }
        Ok(Progress::More)
    }

    pub(crate) fn start(&mut self, begin: Marker) {
        for topic in &mut self.topics {
            topic.taken = 0;
        }
        self.current = Some(Current {
            begin,
            end: None,
            counts: Vec::new(),
            moved: Instant::now(),
        });
    }

    fn check_chain(&self, begin: &Marker, place: &str) -> Result<()> {
        let at = &self.position;
        let (lsn, seq) = (begin.lsn, begin.seq);
        if at.phase != Phase::Streaming {
            let what = match at.phase {
                Phase::Loading => format!("snapshot {} has not ended", at.snapshot_lsn),
                _ => "no snapshot stands before it".to_owned(),
            };
            return Err(chain_gap(format!(
                "{place}: transaction {seq} at LSN {lsn} comes, but {what}"
            )));
        }
        if begin.epoch < at.epoch {
            return Err(ConnectorError::stop(
                "Fenced",
                format!(
                    "{place}: transaction {seq} at LSN {lsn} was written by a primary of epoch {}, \
                     but epoch {} has begun",
                    begin.epoch, at.epoch
                ),
            )
            .remedy("stop the source of the former primary"));
        }
        if begin.prev != at.commit_lsn || seq != at.seq + 1 {
            let what = if seq <= at.seq {
                "comes again"
            } else {
                "comes too early"
            };
            return Err(chain_gap(format!(
                "{place}: transaction {seq} at LSN {lsn} {what}: it follows transaction {} at LSN {}, \
                 but the target is at transaction {} at LSN {}",
                seq.wrapping_sub(1),
                begin.prev,
                at.seq,
                at.commit_lsn
            )));
        }
        Ok(())
    }

    /// Reads the END of the transaction at hand; says whether it is there.
    fn read_end(&mut self, lane: usize) -> Result<bool> {
        let Some(end) = self.marker(lane, false)? else {
            return Ok(false);
        };
        let Some(current) = &self.current else {
            return Ok(false);
        };
        let unit = current.begin.unit;
        if end.status == Status::Begin
            && matches!((unit, end.unit), (Unit::Snapshot(_), Unit::Snapshot(_)))
        {
            // The snapshot was begun anew: what was loaded will be discarded.
            self.commit_loading()?;
            self.current = None;
            return Ok(true);
        }
        if end.status == Status::Begin || end.unit != unit {
            let (place, other) = (self.place(lane), end.unit);
            return Err(chain_gap(format!(
                "{place}: {other} comes before the END of {unit}"
            )));
        }
        let mut counts = Vec::new();
        for (collection, count) in &end.counts {
            if let Some(topic) = self.topic_of_collection(collection) {
                counts.push((topic, *count));
            }
        }
        if let Some(current) = &mut self.current {
            current.counts = counts;
            current.end = Some(end);
            current.moved = Instant::now();
        }
        Ok(true)
    }

    /// Returns whether as many records wait as END counts, in every table.
    fn is_here(&mut self, end: &Marker) -> bool {
        end.counts.iter().all(|(collection, count)| {
            let Some(topic) = self.topic_of_collection(collection) else {
                return true;
            };
            let lanes = &self.topics[topic].lanes;
            let waiting: u64 = lanes.iter().map(|at| self.rows.lanes[*at].values()).sum();
            waiting >= *count
        })
    }

    /// Takes every row whose turn has come; says whether there was one.
    fn take_rows(&mut self) -> Result<bool> {
        let Some(current) = &self.current else {
            return Ok(false);
        };
        let unit = current.begin.unit;
        let topics: Vec<(usize, u64)> = if current.end.is_some() {
            current.counts.clone()
        } else {
            (0..self.topics.len()).map(|at| (at, u64::MAX)).collect()
        };
        let mut any = false;
        for (topic, count) in topics {
            any |= self.take_from(topic, count, unit)?;
        }
        if any {
            self.moved();
        }
        Ok(any)
    }

    fn take_from(&mut self, topic: usize, count: u64, unit: Unit) -> Result<bool> {
        let mut any = false;
        let mut at = 0;
        let mut idle = 0;
        let lanes = self.topics[topic].lanes.len();
        // Round and round the partitions until none of them has the next row.
        while idle < lanes && self.topics[topic].taken < count {
            let lane = self.topics[topic].lanes[at];
            let mut progress = false;
            while self.topics[topic].taken < count && self.take_head(topic, lane, unit)? {
                progress = true;
            }
            any |= progress;
            idle = if progress { 1 } else { idle + 1 };
            at = (at + 1) % lanes;
        }
        Ok(any)
    }

    /// Takes a lane's head if its turn has come.
    fn take_head(&mut self, topic: usize, lane: usize, unit: Unit) -> Result<bool> {
        let Some(event) = self.head(lane)? else {
            return Ok(false);
        };
        match self.due(&event, topic, unit)? {
            Due::Now => {}
            Due::Later => return Ok(false),
            Due::Never => {
                self.drop_head(lane);
                return Ok(true);
            }
        }
        self.take(topic, event)?;
        self.drop_head(lane);
        self.topics[topic].taken += 1;
        if self.pending.unflushed >= self.config.batch_bytes {
            if self.is_loading() {
                self.commit_loading()?;
            } else {
                self.flush(false)?;
            }
        }
        Ok(true)
    }

    /// Says whether a lane's head belongs to the transaction or snapshot at hand, as the next of its table.
    fn due(&self, event: &Event, topic: usize, unit: Unit) -> Result<Due> {
        let stop = |what: String| {
            let message = format!("{}: {what}", self.place(event.lane));
            Err(ConnectorError::stop("CountMismatch", message)
                .remedy(format!("the topic holds rows twice: {}", stopped::REMEDY)))
        };
        let snapshot = self.position.snapshot_lsn;
        let passed_over =
            (self.since_us).is_some_and(|since| event.written.is_before(since, snapshot.0));
        match (event.turn, unit) {
            (Turn::Snapshot { lsn }, Unit::Snapshot(current)) if lsn == current.0 => Ok(Due::Now),
            (Turn::Snapshot { lsn }, _) if self.given_up.contains(&Lsn(lsn)) => Ok(Due::Never),
            _ if passed_over => Ok(Due::Never),
            (Turn::Snapshot { lsn }, Unit::Transaction(_)) if lsn == snapshot.0 => stop(format!(
                "a row of snapshot {snapshot}, which has ended without counting it"
            )),
            (Turn::Streamed { xid, order }, Unit::Transaction(current)) if xid == current => {
                let next = self.topics[topic].taken + 1;
                match order.cmp(&next) {
                    Ordering::Equal => Ok(Due::Now),
                    Ordering::Greater => Ok(Due::Later),
                    Ordering::Less => stop(format!(
                        "row {order} of {unit} comes again; row {next} is due"
                    )),
                }
            }
            _ => Ok(Due::Later),
        }
    }

    fn drop_head(&mut self, lane: usize) {
        self.heads[lane] = None;
        self.rows.lanes[lane].take();
    }

    /// Returns whether all rows of the transaction at hand are taken.
    fn is_complete(&self) -> Result<bool> {
        let Some(current) = &self.current else {
            return Ok(false);
        };
        Ok(current
            .counts
            .iter()
            .all(|(topic, count)| self.topics[*topic].taken == *count))
    }

    /// Ends the transaction or snapshot at hand.
    fn finish(&mut self, lane: usize) -> Result<()> {
        self.settle_leaving()?;
        let Some(current) = self.current.take() else {
            return Ok(());
        };
        self.rows.lanes[lane].take();
        let end = current.end.as_ref().unwrap_or(&current.begin);
        if let Unit::Snapshot(lsn) = end.unit {
            self.position.phase = Phase::Streaming;
            self.position.commit_lsn = lsn;
            self.position.seq = 0;
            self.position.commit_ts = end.ts_us;
            self.position.epoch = end.epoch;
            self.pending.transactions += 1;
            return self.commit();
        }
        self.position.commit_lsn = end.lsn;
        self.position.seq = end.seq;
        self.position.commit_ts = end.ts_us;
        self.position.epoch = end.epoch;
        self.pending.transactions += 1;
        self.pending.since.get_or_insert_with(Instant::now);
        let full = self.pending.transactions >= self.config.batch_transactions;
        if full || self.pending.unflushed >= self.config.batch_bytes {
            self.commit()?;
        }
        Ok(())
    }
}
