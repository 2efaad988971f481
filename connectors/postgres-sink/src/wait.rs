//! What the sink waits for, whom it lets wait, and when waiting has gone on too long.

use std::time::{Duration, Instant};

use walbridge_connector_api::{ConnectorError, Result, SinkControl, TopicPartition};

use crate::event::Turn;
use crate::marker::Unit;
use crate::sink::Sink;
use crate::stopped::REMEDY;

/// Longer than this without a row that is due, and people are told.
const QUIET: Duration = Duration::from_secs(2);

/// Longer than this, and it stands in the log: every new table is waited for, until its topic is seen.
const LOUD: Duration = Duration::from_secs(30);

/// How long the log does not say again that rows are still waited for.
const AGAIN: Duration = Duration::from_secs(300);

/// What people have been told of rows that do not come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Told {
    /// Nothing: nothing is waited for.
    #[default]
    Nothing,
    /// It stands in the status.
    Status,
    /// It stands in the log, too, since then.
    Log(Instant),
}

impl Told {
    /// Returns what people are to be told now that this has been waited for so long.
    fn next(self, waited: Duration, absent: bool, now: Instant) -> Self {
        let again = match self {
            // A topic that nothing makes will not come by waiting: people are told at once.
            Self::Nothing if waited < QUIET && !absent => return self,
            Self::Nothing | Self::Status => waited >= LOUD,
            Self::Log(since) => now.duration_since(since) >= AGAIN,
        };
        match (again, self) {
            (true, _) => Self::Log(now),
            (false, Self::Nothing) => Self::Status,
            (false, told) => told,
        }
    }
}

/// Why rows of a topic without partitions do not come.
const ABSENT: &str =
    "the topic is not there: either the mirror leaves it out, or it has not made it yet";

impl Sink {
    /// Pauses partitions that ran ahead and resumes those that are waited for.
    pub(crate) fn balance(&mut self, control: &mut dyn SinkControl) {
        let held = self.buffered();
        let budget = self.config.buffer_bytes;
        let needed = self.needed();
        let (mut pause, mut resume) = (Vec::new(), Vec::new());
        for (at, lane) in self.rows.lanes.iter_mut().enumerate() {
            let wanted = needed.contains(&at);
            if lane.paused && (wanted || held < budget / 2) {
                lane.paused = false;
                resume.push(lane.partition.clone());
            } else if !lane.paused && !wanted && held > budget / 4 * 3 {
                lane.paused = true;
                pause.push(lane.partition.clone());
            }
        }
        if !pause.is_empty() {
            control.pause(&pause);
        }
        if !resume.is_empty() {
            control.resume(&resume);
        }
    }

    /// Returns the lanes without whose records nothing can go on.
    fn needed(&self) -> Vec<usize> {
        let empty = |at: &usize| self.rows.lanes[*at].is_empty();
        let Some(current) = self
            .current
            .as_ref()
            .filter(|current| current.end.is_some())
        else {
            let loading = self.is_loading() || self.transactions.is_none();
            return (0..self.rows.lanes.len())
                .filter(|at| (loading || self.topic_of[*at].is_none()) && empty(at))
                .collect();
        };
        let missing = current.counts.iter();
        missing
            .filter(|(topic, count)| self.topics[*topic].taken < *count)
            .flat_map(|(topic, _)| self.topics[*topic].lanes.iter().copied())
            .filter(empty)
            .collect()
    }

    /// Stops if rows that END counts are certainly not there, or have not come for too long.
    ///
    /// What comes through a mirror may have its END before its rows, and the mirror may be cut off
    /// in between: so rows that nothing proves to be gone are waited for, and said to be missing.
    pub(crate) fn check_holes(&mut self, control: &mut dyn SinkControl) -> Result<()> {
        let Some(current) = self
            .current
            .as_ref()
            .filter(|current| current.end.is_some())
        else {
            return Ok(());
        };
        let (unit, waited) = (current.begin.unit, current.moved.elapsed());
        let missing: Vec<(usize, u64)> = current
            .counts
            .iter()
            .copied()
            .filter(|(topic, count)| self.topics[*topic].taken < *count)
            .collect();
        for (topic, count) in &missing {
            let lanes = self.topics[*topic].lanes.clone();
            if !lanes.is_empty() && self.all_beyond(&lanes, unit)? {
                let missing = self.missing(*topic, *count, unit);
                return Err(self.left_over(&lanes)?.unwrap_or_else(|| gone(missing)));
            }
        }
        let Some((topic, count)) = missing.first().copied() else {
            return Ok(());
        };
        let absent = self.topics[topic].lanes.is_empty();
        let told = self.told.next(waited, absent, Instant::now());
        if told != self.told {
            self.told = told;
            let what = self.missing(topic, count, unit);
            self.tell(&what);
            if matches!(told, Told::Log(_)) {
                tracing::warn!(what, waited_s = waited.as_secs(), "waiting for rows");
            }
        }
        if waited >= self.config.grace {
            let partitions: Vec<TopicPartition> = self.topics[topic]
                .lanes
                .iter()
                .map(|at| self.rows.lanes[*at].partition.clone())
                .collect();
            // While the cluster cannot be asked, nothing can be said to be missing.
            control.inspect(&partitions)?;
            let lanes = self.topics[topic].lanes.clone();
            let missing = self.missing(topic, count, unit);
            if lanes.is_empty() {
                return Err(never_came(missing));
            }
            return Err(self.left_over(&lanes)?.unwrap_or_else(|| gone(missing)));
        }
        Ok(())
    }

    /// Notes that rows come.
    pub(crate) fn moved(&mut self) {
        if let Some(current) = &mut self.current {
            current.moved = Instant::now();
        }
        match std::mem::take(&mut self.told) {
            Told::Nothing => return,
            Told::Status => {}
            Told::Log(_) => tracing::info!("the rows that were waited for come"),
        }
        self.tell("");
    }

    /// Tells people what is waited for.
    pub(crate) fn tell(&self, what: &str) {
        self.context.metrics.fact("waiting for", what);
    }

    /// Returns whether the next record of every partition belongs to something later.
    fn all_beyond(&mut self, lanes: &[usize], unit: Unit) -> Result<bool> {
        for lane in lanes {
            let Some(event) = self.head(*lane)? else {
                return Ok(false);
            };
            let beyond = match (event.turn, unit) {
                // Its own rows, too, if they are not the next: the next would stand before them.
                (Turn::Streamed { xid, order }, Unit::Transaction(current)) if xid == current => {
                    let topic = self.topic_of[*lane].map(|topic| self.topics[topic].taken);
                    topic.is_some_and(|taken| order > taken + 1)
                }
                (Turn::Snapshot { lsn, number }, Unit::Snapshot(current)) if lsn == current.0 => {
                    let topic = self.topic_of[*lane].map(|topic| self.topics[topic].taken);
                    topic.is_some_and(|taken| number.is_some_and(|number| number > taken + 1))
                }
                _ => true,
            };
            if !beyond {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Says so if a partition cannot be read on because of a row that is older than what is at hand: what
    /// it belongs to has been applied.
    fn left_over(&mut self, lanes: &[usize]) -> Result<Option<ConnectorError>> {
        for lane in lanes {
            let begun = self.current.as_ref().map(|current| current.begin.ts_us);
            if let (Some(event), Some(begun)) = (self.head(*lane)?, begun)
                && event.written.is_older(begun)
            {
                return Ok(Some(self.row_repeats(&event)));
            }
        }
        Ok(None)
    }

    fn missing(&self, topic: usize, count: u64, unit: Unit) -> String {
        let topic = &self.topics[topic];
        let heads: Vec<String> = topic
            .lanes
            .iter()
            .map(|at| {
                let lane = &self.rows.lanes[*at];
                let number = lane.partition.partition;
                match lane.head() {
                    None => format!("partition {number} from offset {}", lane.next),
                    // It is here, and its turn has not come.
                    Some(head) => format!("partition {number} has another at {}", head.offset),
                }
            })
            .collect();
        let heads = if heads.is_empty() {
            ABSENT.to_owned()
        } else {
            heads.join(", ")
        };
        let position = self.current.as_ref().map(|current| current.begin.lsn);
        let at = position.map_or(String::new(), |lsn| format!(" at LSN {lsn}"));
        format!(
            "topic {}: {unit}{at} has {count} rows by its END, but {} were found; row {} is missing \
             ({heads})",
            topic.name,
            topic.taken,
            topic.taken + 1
        )
    }
}

fn gone(message: String) -> ConnectorError {
    ConnectorError::stop("CountMismatch", message).remedy(format!(
        "if what fills the topics was cut off for longer than missing.rows.grace.ms, restart the \
         task; if not, records were removed from the topic: {REMEDY}"
    ))
}

fn never_came(message: String) -> ConnectorError {
    ConnectorError::stop("CountMismatch", message).remedy(format!(
        "let the mirror copy the topic (see its topics and topics.exclude), then restart the task; if the \
         topic was deleted, {REMEDY}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_table_is_told_of_in_the_status_alone_and_a_long_wait_in_the_log_now_and_then() {
        let began = Instant::now();
        let at = |seconds: u64| began + Duration::from_secs(seconds);
        let told = |absent: bool, until: u64| {
            let (mut told, mut changes) = (Told::Nothing, Vec::new());
            for second in 0..until {
                let next = told.next(Duration::from_secs(second), absent, at(second));
                if next != told {
                    changes.push((second, next));
                    told = next;
                }
            }
            changes
        };
        assert_eq!(told(true, 30), [(0, Told::Status)]);
        assert_eq!(told(false, 30), [(2, Told::Status)]);
        let log = |second| (second, Told::Log(at(second)));
        assert_eq!(
            told(false, 640),
            [(2, Told::Status), log(30), log(330), log(630)]
        );
    }
}
