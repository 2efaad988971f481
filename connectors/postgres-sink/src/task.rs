//! The sink as a task: what the runtime calls.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use walbridge_connector_api::{
    Applied, Batch, ConnectorError, PartitionInfo, Result, SinkControl, SinkTask, StartAt,
    TaskContext,
};

use crate::config::Config;
use crate::follow::Progress;
use crate::position;
use crate::schema::Schemas;
use crate::sink::Sink;
use crate::stopped::{self, Search, Why};
use crate::target::Target;

/// How long one call may work before the runtime gets to look after its own affairs.
const TURN: Duration = Duration::from_millis(500);
/// How old the oldest transaction not applied must be before more are waited for to fold with it.
const BEHIND_US: i64 = 500_000;
/// How long at most they are waited for.
const GATHER: Duration = Duration::from_millis(100);

/// A sink task: not connected before it knows its partitions.
pub(crate) struct PostgresSinkTask {
    parts: Option<(Config, TaskContext, Box<dyn Schemas>)>,
    sink: Option<Sink>,
}

impl PostgresSinkTask {
    pub(crate) fn new(config: Config, context: TaskContext, schemas: Box<dyn Schemas>) -> Self {
        Self {
            parts: Some((config, context, schemas)),
            sink: None,
        }
    }

    fn start(&mut self, partitions: &[PartitionInfo]) -> Result<Vec<StartAt>> {
        let (config, context, schemas) = self.parts.take().ok_or_else(not_open)?;
        let target = Target::connect(&config.connection, config.synchronous_commit.as_deref())?;
        let position = position::take(&target.session, &config.link)?;
        // Whatever fails from here on, `stop` gives back what is taken.
        let sink = Sink::new(config, context, schemas, target, position);
        self.sink.insert(sink).go_on_from(partitions)
    }
}

fn not_open() -> ConnectorError {
    ConnectorError::rewind("NotOpen", "the sink task has not been opened")
}

impl SinkTask for PostgresSinkTask {
    fn open(&mut self, partitions: &[PartitionInfo]) -> Result<Vec<StartAt>> {
        match &mut self.sink {
            None => self.start(partitions),
            Some(sink) => {
                // Partitions of topics known before may have been admitted by a former task.
                let stored = position::offsets(&sink.target.session, &sink.config.link)?;
                sink.admit(partitions, &stored)
            }
        }
    }

    fn put(&mut self, batch: Option<Batch>, control: &mut dyn SinkControl) -> Result<Applied> {
        let sink = self.sink.as_mut().ok_or_else(not_open)?;
        sink.put(batch, control).map_err(|error| {
            sink.target.rollback();
            let error = sink.examine(error);
            let (link, fence) = (&sink.config.link, sink.position.fence);
            stopped::note(&sink.target.session, link, fence, &error);
            error
        })
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(50)
    }

    fn stop(&mut self) {
        if let Some(sink) = &mut self.sink {
            sink.target.leave();
        }
        self.sink = None;
    }
}

impl Sink {
    /// Goes on where the link was, and returns where to start each partition.
    fn go_on_from(&mut self, partitions: &[PartitionInfo]) -> Result<Vec<StartAt>> {
        let link = self.config.link.clone();
        self.target.replicate(&self.config.connection, &link)?;
        let session = &self.target.session;
        let stored = position::offsets(session, &link)?;
        let relations = position::relations(session, &link)?;
        let given_up = position::given_up(session, &link)?;
        let stopped = stopped::load(session, &link)?;
        let at = &self.position;
        tracing::info!(
            link, fence = at.fence, lsn = %at.commit_lsn, seq = at.seq,
            phase = at.phase.as_str(), "the sink goes on"
        );
        self.given_up.extend(given_up);
        self.since_us = stopped.since_us;
        if let Some(reason) = stopped.reason {
            self.search = Some(Search::new(Why::Noted(reason)));
        } else if let Err(error) = self.check_stored(partitions, &stored) {
            self.search = Some(Search::new(Why::Found(error)));
        }
        let starts = self.admit(partitions, &stored)?;
        let mut loaded = Vec::new();
        for (name, definition, rows) in relations {
            let topic = self.topic(&name);
            self.topics[topic].definition = Some(definition);
            loaded.push((topic, rows));
        }
        if self.is_loading() && self.search.is_none() {
            self.resume_loading(&loaded);
        }
        self.report();
        Ok(starts)
    }

    fn put(&mut self, batch: Option<Batch>, control: &mut dyn SinkControl) -> Result<Applied> {
        let before: Vec<i64> = self.rows.lanes.iter().map(|lane| lane.stored).collect();
        let came = batch.is_some();
        if let Some(batch) = batch {
            self.take_in(&batch)?;
            control.recycle(batch);
        }
        if self.search.is_some() && !self.search(control)? {
            self.balance(control);
            self.report();
            return Ok(Applied::default());
        }
        let start = Instant::now();
        let mut pending = false;
        loop {
            if self.advance()? == Progress::Blocked {
                break;
            }
            if start.elapsed() > TURN || self.context.stop.is_stopped() {
                pending = true;
                break;
            }
        }
        if !pending {
            pending = self.rest(came)?;
            self.check_holes(control)?;
        }
        self.balance(control);
        self.report();
        let lanes = self.rows.lanes.iter();
        let moved = lanes
            .zip(before)
            .filter(|(lane, before)| lane.stored != *before);
        Ok(Applied {
            offsets: moved
                .map(|(lane, _)| (lane.partition.clone(), lane.stored))
                .collect(),
            pending,
        })
    }

    /// Copies a batch's records to their lanes.
    fn take_in(&mut self, batch: &Batch) -> Result<()> {
        let mut last = None;
        for record in batch.records() {
            let walbridge_connector_api::Partition::Fixed(partition) = record.partition else {
                continue;
            };
            let key = (record.topic, partition);
            let lane = match last {
                Some((known, lane)) if known == key => lane,
                _ => self.lane(batch, record, partition)?,
            };
            last = Some((key, lane));
            self.rows.lanes[lane].push(batch, record);
            if self.topic_of[lane].is_some() {
                continue;
            }
            if self.transactions != Some(lane) {
                self.decide(lane, &batch.headers(record))?;
            }
            if self.transactions == Some(lane) {
                self.see(batch, record);
            }
        }
        Ok(())
    }

    fn lane(
        &self,
        batch: &Batch,
        record: &walbridge_connector_api::Record,
        partition: i32,
    ) -> Result<usize> {
        let name = &batch.topic_of(record).name;
        let found = self
            .lane_of
            .iter()
            .find(|(at, _)| at.partition == partition && *at.topic == **name);
        found.map(|(_, lane)| *lane).ok_or_else(|| {
            ConnectorError::rewind(
                "NotOpen",
                format!("topic {name} partition {partition} was never opened"),
            )
        })
    }

    /// Learns how far the stream is from a record of the transaction topic.
    fn see(&mut self, batch: &Batch, record: &walbridge_connector_api::Record) {
        let headers = &batch.headers(record);
        let number = |name| {
            let bytes = headers.last(name)?.try_into().ok()?;
            Some(u64::from_be_bytes(bytes))
        };
        if let (Some(lsn), Some(seq)) = (number("wb.lsn"), number("wb.seq")) {
            let ts = number("wb.ts").unwrap_or_default() as i64;
            self.newest = (lsn, seq, ts);
        }
    }

    /// Commits what is complete, unless more is about to come to fold with it; says whether it waits.
    fn rest(&mut self, came: bool) -> Result<bool> {
        let idle = self.current.as_ref().is_none_or(|current| {
            current.counts.is_empty() && self.topics.iter().all(|topic| topic.taken == 0)
        });
        if self.pending.transactions > 0 && idle {
            let since = self.pending.since.unwrap_or_else(Instant::now);
            let behind = now_us() - self.position.commit_ts > BEHIND_US;
            if came && behind && since.elapsed() < GATHER {
                return Ok(true);
            }
            self.commit()?;
        } else if self.is_loading() && self.pending.rows > 0 && !came {
            self.commit_loading()?;
        }
        Ok(false)
    }
}

pub(crate) fn now_us() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since.as_micros() as i64
}
