//! The loop that reads the stream: frames in, batches out, status updates in time.

use std::time::{Duration, Instant};

use walbridge_connector_api::{Batch, ConnectorError, Result};
use walbridge_postgres::Lsn;
use walbridge_postgres::ident::{literal, quote};
use walbridge_schemas::envelope::Op;
use walbridge_schemas::postgresql::Snapshot;

use crate::cursor::{Cursor, Malformed};
use crate::emit::{Emitter, Failure, Surroundings, Target};
use crate::feedback::Feedback;
use crate::heartbeat::Heartbeat;
use crate::offset::Stored;
use crate::pace::Pace;
use crate::pgoutput::{self, Message};
use crate::relations::Relations;
use crate::replay::Replay;
use crate::shared::{Shared, now_us};
use crate::transaction::Transactions;
use crate::wire::{Frame, Wire};

/// How long a batch waits for more while the next ones keep coming.
const LINGER: Duration = Duration::from_millis(5);

/// The same while much comes: fewer and fuller batches leave cores to the servers.
const BUSY_LINGER: Duration = Duration::from_millis(25);

/// How often progress without data is recorded.
const IDLE_PROGRESS: Duration = Duration::from_secs(3);

/// Reads the stream until the task stops or something goes wrong.
pub(crate) struct Reader<'a> {
    shared: &'a Shared,
    feedback: Feedback,
    relations: Relations,
    transactions: Transactions,
    emitter: Emitter,
    replay: Replay,
    heartbeat: Option<Heartbeat>,
    batch: Batch,
    batch_since: Instant,
    /// The position that the last batch with an offset carried.
    recorded: Lsn,
    recorded_at: Instant,
    progress_wanted: bool,
    now_us: i64,
}

impl<'a> Reader<'a> {
    /// Starts the stream where `transactions` stands.
    pub(crate) fn start(
        shared: &'a Shared,
        wire: &mut Wire,
        relations: Relations,
        transactions: Transactions,
        replay: Replay,
        sender_timeout: Duration,
    ) -> Result<Self> {
        let options = &shared.options;
        let binary = relations.binary;
        let command = format!(
            "START_REPLICATION SLOT {} LOGICAL {} (proto_version '1', publication_names {}{})",
            quote(&options.slot),
            replay.start(),
            literal(&quote(&options.publication)),
            if binary { ", binary 'true'" } else { "" },
        );
        wire.start_copy(&command)
            .map_err(|error| explain(error, shared))?;
        let recorded = transactions.position.lsn;
        tracing::info!(position = %recorded, binary, "streaming");
        shared.metrics.fact("phase", "streaming");
        Ok(Self {
            shared,
            feedback: Feedback::new(options.status_interval, sender_timeout, recorded),
            relations,
            transactions,
            emitter: Emitter::new(options.tombstones),
            replay,
            heartbeat: Heartbeat::new(options, &shared.registry)?,
            batch: shared.queue.blank(),
            batch_since: Instant::now(),
            recorded,
            recorded_at: Instant::now(),
            progress_wanted: false,
            now_us: now_us(),
        })
    }

    /// Reads until the task stops.
    pub(crate) fn run(&mut self, wire: &mut Wire) -> Result<()> {
        let mut pace = Pace::new();
        loop {
            self.shared.check_stop()?;
            while let Some(frame) = wire.frame()? {
                self.frame(wire, &frame)
                    .map_err(|error| explain(error, self.shared))?;
            }
            self.feedback.send_if_due(wire, self.shared.confirmed())?;
            if self.is_due() {
                self.flush(wire)?;
            }
            self.progress(wire)?;
            pace.before_read();
            let filled = wire.fill()?;
            pace.read(filled.unwrap_or(0));
            self.shared.set_busy(pace.is_busy());
            match filled {
                Some(_) => {
                    self.feedback.heard();
                    self.now_us = now_us();
                }
                None => {
                    let mut nap = self.feedback.nap(self.shared.confirmed());
                    match pace.patience() {
                        // Where cores are scarce a busy server pauses all the time.
                        Some(patience) => nap = nap.min(patience),
                        None if self.transactions.is_between() => self.flush(wire)?,
                        None => {}
                    }
                    wire.readable(nap)?;
                    self.feedback.check_alive(wire)?;
                }
            }
        }
    }

    fn frame(&mut self, wire: &mut Wire, frame: &Frame) -> Result<()> {
        let body = wire.inbox.body(frame);
        match frame.tag {
            b'd' => match body.first() {
                Some(b'w') => {
                    let mut cursor = Cursor::new(&body[1..]);
                    let lsn = cursor.u64("WAL data").map_err(broken)?;
                    cursor.take(16, "WAL data").map_err(broken)?;
                    self.feedback.received(Lsn(lsn));
                    let message = pgoutput::parse(cursor.rest()).map_err(broken)?;
                    self.message(lsn, &message)?;
                    if self.batch.size() >= self.shared.options.batch_bytes {
                        self.flush(wire)?;
                    }
                }
                Some(b'k') => {
                    let mut cursor = Cursor::new(&body[1..]);
                    let end = Lsn(cursor.u64("keep-alive").map_err(broken)?);
                    cursor.u64("keep-alive").map_err(broken)?;
                    let asked = cursor.u8("keep-alive").map_err(broken)? != 0;
                    self.keep_alive(end, asked)?;
                }
                _ => {}
            },
            b'E' => return Err(wire.server_error(body)),
            b'c' | b'C' | b'Z' => {
                return Err(ConnectorError::retry(
                    "Unreachable",
                    "the server ended the stream",
                ));
            }
            _ => {}
        }
        Ok(())
    }

    fn keep_alive(&mut self, end: Lsn, asked: bool) -> Result<()> {
        self.feedback.received(end);
        if asked {
            // A server that shuts down waits until all it sent is confirmed: do not let it wait.
            self.feedback.hurry();
            self.progress_wanted = true;
        }
        if self.transactions.is_between() {
            self.replay.passed(end)?;
            // Everything committed before `end` has been sent, so it is all done.
            self.transactions.position.lsn = self.transactions.position.lsn.max(end);
        }
        Ok(())
    }

    #[inline]
    fn message(&mut self, lsn: u64, message: &Message<'_>) -> Result<()> {
        if self.replay.skips(message)? {
            return Ok(());
        }
        match message {
            Message::Insert { relation, .. }
            | Message::Update { relation, .. }
            | Message::Delete { relation, .. } => self.row(lsn, *relation, message),
            Message::Begin {
                final_lsn,
                commit_time,
                xid,
            } => {
                self.transactions.begin(lsn, *final_lsn, *commit_time, *xid);
                Ok(())
            }
            Message::Commit { end_lsn, .. } => {
                if self.batch.records().is_empty() {
                    self.batch_since = Instant::now();
                }
                self.transactions.commit(&mut self.batch, lsn, *end_lsn);
                Ok(())
            }
            Message::Origin { commit_lsn, name } => {
                self.transactions.origin(name, *commit_lsn);
                Ok(())
            }
            Message::Relation(relation) => {
                let Self {
                    relations,
                    transactions,
                    shared,
                    ..
                } = self;
                let xid = transactions.xid();
                relations.define(relation, xid, shared, |name| transactions.collection(name))
            }
            Message::Truncate { relations, .. } => {
                for oid in relations.iter() {
                    self.row(lsn, oid, message)?;
                }
                Ok(())
            }
            Message::Type { .. } | Message::Logical { .. } => Ok(()),
        }
    }

    /// Writes one change of one table.
    #[inline]
    fn row(&mut self, lsn: u64, oid: u32, message: &Message<'_>) -> Result<()> {
        loop {
            let Some(table) = self.relations.get(oid)? else {
                return Ok(());
            };
            let options = &self.shared.options;
            let skipped = match message {
                Message::Insert { .. } => options.skipped.create,
                Message::Update { .. } => options.skipped.update,
                Message::Delete { .. } => options.skipped.delete,
                _ => options.skipped.truncate,
            };
            if skipped {
                return Ok(());
            }
            if self.batch.records().is_empty() {
                self.batch_since = Instant::now();
            }
            let order = self.transactions.next(&mut self.batch, table.collection);
            let order = order.ok_or_else(|| {
                ConnectorError::rewind(
                    "ProtocolBroken",
                    "the server sent a change outside a transaction",
                )
            })?;
            let mut at = Target {
                batch: &mut self.batch,
                plan: &mut table.plan,
                around: Surroundings {
                    source: &self.transactions.source,
                    transaction: Some(&self.transactions.block),
                    snapshot: Snapshot::False,
                    lsn,
                    now_us: self.now_us,
                },
                order,
            };
            let (emitter, at) = (&mut self.emitter, &mut at);
            let written = match message {
                Message::Insert { new, .. } => emitter.insert(at, *new, Op::Create).map(|()| 1),
                Message::Update { old, new, .. } => emitter.update(at, *old, *new),
                Message::Delete { old, .. } => emitter.delete(at, *old).map(|()| 1),
                _ => emitter.truncate(at).map(|()| 1),
            };
            let failure = match written {
                Ok(events) => {
                    self.transactions.count(table.collection, events);
                    return Ok(());
                }
                Err(failure) => failure,
            };
            let at = self.transactions.commit_lsn();
            match failure {
                Failure::Null(column) => {
                    self.relations.make_nullable(oid, column, self.shared)?;
                }
                Failure::NoIdentity => return Err(table.plan.no_identity(at)),
                Failure::Value { column, why } => {
                    return Err(ConnectorError::stop(
                        "ValueUnreadable",
                        format!(
                            "column \"{}\" of {} in the transaction committed at {at}: {why}",
                            table.plan.column(column),
                            table.plan.collection()
                        ),
                    ));
                }
                Failure::Shape => {
                    return Err(ConnectorError::rewind(
                        "ProtocolBroken",
                        format!(
                            "a row of {} does not fit its definition",
                            table.plan.collection()
                        ),
                    ));
                }
            }
        }
    }

    /// Returns whether the batch has waited long enough for more.
    fn is_due(&self) -> bool {
        let linger = if self.shared.is_busy() {
            BUSY_LINGER
        } else {
            LINGER
        };
        !self.batch.is_empty()
            && self.transactions.is_between()
            && self.batch_since.elapsed() >= linger
            && self.shared.queue.is_drained()
    }

    /// Hands the batch over if there is something in it.
    fn flush(&mut self, wire: &mut Wire) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let boundary = self.transactions.is_between();
        let mut batch = std::mem::replace(&mut self.batch, self.shared.queue.blank());
        batch.boundary = boundary;
        if boundary {
            let at = self.transactions.position.clone();
            self.recorded = at.lsn;
            self.shared.record(at.lsn);
            self.recorded_at = Instant::now();
            batch
                .offsets
                .push(Stored::Streaming(at).entry(&self.shared.options.server));
        }
        let Self {
            feedback, shared, ..
        } = self;
        shared.hand_over(batch, || feedback.send_if_due(wire, shared.confirmed()))?;
        // While it waited for room nothing was read, and the server's silence was ours.
        feedback.heard();
        Ok(())
    }

    /// Records progress without data, so that a quiet database does not keep write-ahead log.
    fn progress(&mut self, wire: &mut Wire) -> Result<()> {
        let at = &self.transactions.position;
        let wait = if self.progress_wanted {
            Duration::from_millis(200)
        } else {
            IDLE_PROGRESS
        };
        // Rows that are not handed over yet take their position along themselves.
        let nothing_pending = self.batch.is_empty() && self.transactions.is_between();
        let beat = self
            .heartbeat
            .as_mut()
            .filter(|heartbeat| heartbeat.is_due());
        let moved = at.lsn > self.recorded && self.recorded_at.elapsed() >= wait;
        if !nothing_pending || !(moved || beat.is_some()) {
            return Ok(());
        }
        self.progress_wanted = false;
        let mut batch = self.shared.queue.blank();
        batch.boundary = true;
        if let Some(beat) = beat {
            beat.write(&mut batch);
        }
        self.recorded = at.lsn;
        self.shared.record(at.lsn);
        self.recorded_at = Instant::now();
        batch
            .offsets
            .push(Stored::Streaming(at.clone()).entry(&self.shared.options.server));
        let Self {
            feedback, shared, ..
        } = self;
        shared.hand_over(batch, || feedback.send_if_due(wire, shared.confirmed()))
    }
}

fn broken(error: Malformed) -> ConnectorError {
    ConnectorError::rewind("ProtocolBroken", format!("the server's stream: {error}")).because(error)
}

/// Gives the errors of the stream that have a meaning of their own their names.
fn explain(error: ConnectorError, shared: &Shared) -> ConnectorError {
    let text = error.to_string();
    let options = &shared.options;
    if text.contains("SQLSTATE 42704") && text.contains("publication") {
        return ConnectorError::stop(
            "PublicationMissing",
            format!(
                "publication \"{}\" did not exist at the position of the stream",
                options.publication
            ),
        )
        .because(error)
        .remedy(
            "create the publication; if it was dropped and created again, changes in between are lost: \
             delete the connector's offsets and drop its slot to begin anew with a snapshot",
        );
    }
    if text.contains("SQLSTATE 55000") {
        // The next start looks at the slot and says what became of it.
        return ConnectorError::retry("SlotUnusable", text).because(error);
    }
    error
}
