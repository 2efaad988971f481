//! Takes transactions in the order of the transaction topic, and of each its rows in the order of
//! its tables.

use std::time::Instant;

use walbridge_connector_api::{ConnectorError, Result};
use walbridge_schemas::transaction::Status;

use crate::marker::{Marker, Unit};
use crate::order::{Due, Measure, Standing};
use crate::position::Phase;
use crate::sink::{Current, Sink};

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
        let standing = self.position.judge(&begin, &self.given_up);
        if standing != Standing::Next {
            self.refuse_marker(lane, &begin, standing)?;
        }
        match begin.unit {
            Unit::Snapshot(_) => {
                self.begin_loading(begin)?;
                self.rows.lanes[lane].take();
                self.commit_loading()?;
            }
            Unit::Transaction(_) => {
                let end = self
                    .marker(lane, true)?
                    .filter(|end| end.status == Status::End);
                // What is complete must not wait for a transaction that is not all here, nor be lost
                // with one whose tables change: that may have to stop.
                let joins = match &end {
                    Some(end) => self.is_here(end) && !self.redefines(end),
                    None => false,
                };
                if self.pending.transactions > 0 && !joins {
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

    /// Reads the END of the transaction at hand; says whether it is there.
    fn read_end(&mut self, lane: usize) -> Result<bool> {
        let Some(end) = self.marker(lane, false)? else {
            return Ok(false);
        };
        let Some(current) = &self.current else {
            return Ok(false);
        };
        if end.status == Status::Begin || !end.is_of(&current.begin) {
            return self.read_other(lane, &end);
        }
        let mut counts = Vec::new();
        for (collection, count) in &end.counts {
            if let Some(topic) = self.topic_of_collection(collection) {
                counts.push((topic, *count));
            }
        }
        self.check_surplus(&counts)?;
        if let Some(current) = &mut self.current {
            current.counts = counts;
            current.end = Some(end);
            current.moved = Instant::now();
        }
        Ok(true)
    }

    /// Reads what comes in place of the END of what is at hand: a snapshot that is begun anew, or nothing
    /// that belongs there.
    fn read_other(&mut self, lane: usize, marker: &Marker) -> Result<bool> {
        let Some(current) = &self.current else {
            return Ok(false);
        };
        let standing = if marker.is_of(&current.begin) {
            Standing::Again
        } else {
            self.position.judge(marker, &self.given_up)
        };
        let loading = matches!(current.begin.unit, Unit::Snapshot(_));
        let anew = matches!(marker.unit, Unit::Snapshot(_)) && standing == Standing::Next;
        if !loading || !anew {
            self.refuse_marker(lane, marker, standing)?;
        }
        // What was loaded will be discarded.
        self.commit_loading()?;
        self.current = None;
        Ok(true)
    }

    /// Stops if more rows came before END than it counts: nothing would ever be complete.
    fn check_surplus(&self, counts: &[(usize, u64)]) -> Result<()> {
        for (at, topic) in self.topics.iter().enumerate() {
            let counted = counts.iter().find(|(counted, _)| *counted == at);
            let counted = counted.map_or(0, |(_, count)| *count);
            if topic.taken > counted
                && let Some(lane) = topic.lanes.first()
            {
                let what = format!("{} rows came of the {counted} that END counts", topic.taken);
                return Err(self.repeats(*lane, &what));
            }
        }
        Ok(())
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

    /// Returns whether a row of the transaction may carry a table definition.
    fn redefines(&mut self, end: &Marker) -> bool {
        end.counts.iter().any(|(collection, count)| {
            let Some(topic) = self.topic_of_collection(collection) else {
                return false;
            };
            let lanes = &mut self.rows.lanes;
            let of_topic = &self.topics[topic].lanes;
            (of_topic.iter()).any(|lane| lanes[*lane].redefines_within(*count))
        })
    }

    /// Takes every row whose turn has come; says whether there was one.
    fn take_rows(&mut self) -> Result<bool> {
        let Some(current) = &self.current else {
            return Ok(false);
        };
        let topics: Vec<(usize, u64)> = if current.end.is_some() {
            current.counts.clone()
        } else {
            (0..self.topics.len()).map(|at| (at, u64::MAX)).collect()
        };
        let mut any = false;
        for (topic, count) in topics {
            any |= self.take_from(topic, count)?;
        }
        if any {
            self.moved();
        }
        Ok(any)
    }

    fn take_from(&mut self, topic: usize, count: u64) -> Result<bool> {
        let mut any = false;
        let mut at = 0;
        let mut idle = 0;
        let lanes = self.topics[topic].lanes.len();
        // Round and round the partitions until none of them has the next row.
        while idle < lanes && self.topics[topic].taken < count {
            let lane = self.topics[topic].lanes[at];
            let mut progress = false;
            while self.topics[topic].taken < count && self.take_head(topic, lane)? {
                progress = true;
            }
            any |= progress;
            idle = if progress { 1 } else { idle + 1 };
            at = (at + 1) % lanes;
        }
        Ok(any)
    }

    /// Takes a lane's head if its turn has come.
    fn take_head(&mut self, topic: usize, lane: usize) -> Result<bool> {
        let Some(event) = self.head(lane)? else {
            return Ok(false);
        };
        let Some(current) = &self.current else {
            return Ok(false);
        };
        let measure = Measure {
            position: &self.position,
            begin: &current.begin,
            since_us: self.since_us,
            given_up: &self.given_up,
        };
        match measure.due(event.turn, &event.written, self.topics[topic].taken) {
            Due::Now => {}
            Due::Later => return Ok(false),
            Due::Never => {
                self.drop_head(lane);
                return Ok(true);
            }
            Due::Again => return Err(self.row_repeats(&event)),
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
