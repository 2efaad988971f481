//! From the fold to the target: flushes, and the commit that moves the position.

use walbridge_connector_api::{ConnectorError, Result, fail_point};

use walbridge_schemas::Op;

use crate::apply::{Refused, Run};
use crate::event::Event;
use crate::fold::Settled;
use crate::params::{Array, Raw, texts};
use crate::position::{self, ADVANCE};
use crate::rows::{Image, Kept};
use crate::sink::{Pending, Sink};
use crate::stopped::REMEDY;
use crate::target::origin_sql;
use crate::task::now_us;

const INT4: u32 = 23;
const INT8: u32 = 20;

/// What one flush has to apply: per topic its plan and its changes.
type Work = Vec<(usize, u32, Settled<Image>)>;

impl Sink {
    /// Sends what is folded to the target, in the open transaction.
    ///
    /// With `whole` all source transactions in it are complete.
    pub(crate) fn flush(&mut self, whole: bool) -> Result<()> {
        self.flush_keeping(whole, Kept::default(), []).map(drop)
    }

    /// As [`flush`](Self::flush), with what must outlive it already kept.
    pub(crate) fn flush_keeping<const N: usize>(
        &mut self,
        whole: bool,
        mut kept: Kept,
        images: [Image; N],
    ) -> Result<[Image; N]> {
        self.run_truncates()?;
        let (work, log) = self.settle(whole, &mut kept)?;
        if log.is_empty() {
            let link = self.config.link.clone();
            let mut run = Run::new(&mut self.target, &self.rows, &self.bindings, &link);
            let done = apply(&mut run, &work).and_then(|()| run.send());
            done.map_err(|refused| self.refuse(refused))?;
        } else {
            self.apply_savepoint(&work, &log)?;
        }
        self.release(kept);
        Ok(images)
    }

    /// Takes the changes out of the folds.
    fn settle(&mut self, whole: bool, kept: &mut Kept) -> Result<(Work, Vec<(usize, Event)>)> {
        let mut work = Vec::new();
        let mut held = false;
        for at in std::mem::take(&mut self.dirty) {
            let rows = &self.rows;
            let topic = &mut self.topics[at];
            topic.dirty = false;
            let settled = topic.fold.settle(whole, |image| rows.keep(kept, &image));
            held |= topic.held;
            topic.held = settled.held > 0;
            if whole && topic.held {
                return Err(ConnectorError::stop(
                    "StandbyDiverged",
                    format!(
                        "topic {}: {} keys hold more than one row at the end of a transaction",
                        topic.name, settled.held
                    ),
                )
                .remedy(format!("the stream contradicts itself: {REMEDY}")));
            }
            if let Some((event, _)) = &mut topic.leaving {
                event.before = event.before.map(|image| rows.keep(kept, &image));
            }
            if topic.held || topic.leaving.is_some() {
                topic.dirty = true;
                self.dirty.push(at);
            }
            if let Some(plan) = topic.active {
                work.push((at, plan, settled));
            }
        }
        let log = std::mem::take(&mut self.log);
        // Rows from before the last flush cannot be replayed, nor what is now held back.
        let replayable = !held && work.iter().all(|(_, _, settled)| settled.held == 0);
        Ok((work, if replayable { log } else { Vec::new() }))
    }

    fn refuse(&mut self, refused: Refused) -> ConnectorError {
        self.target.rollback();
        match refused {
            // The tables were emptied before.
            Refused::Unique(error) if self.is_loading() => error.remedy(format!(
                "the topics hold the row twice, for something writes them beside their one source or mirror \
                 (stop it), or a constraint at the target is stricter than the source's (drop it); then {REMEDY}"
            )),
            refused => refused.error(),
        }
    }

    /// Applies a batch under a savepoint; should it be refused as a whole, then row by row: values of
    /// a unique column may have gone round among rows, which only their own order allows.
    fn apply_savepoint(&mut self, work: &Work, log: &[(usize, Event)]) -> Result<()> {
        let link = self.config.link.clone();
        let mut run = Run::new(&mut self.target, &self.rows, &self.bindings, &link);
        run.sql("SAVEPOINT wb");
        let error = match apply(&mut run, work).and_then(|()| run.send()) {
            Ok(()) => return Ok(()),
            Err(Refused::Unique(error)) => error,
            Err(other) => return Err(self.refuse(other)),
        };
        tracing::info!(%error, rows = log.len(), "applying a batch row by row");
        let mut run = Run::new(&mut self.target, &self.rows, &self.bindings, &link);
        run.sql("ROLLBACK TO SAVEPOINT wb");
        // At once: nothing can even be prepared in a transaction that has failed.
        let replayed = run.send().and_then(|()| replay(&mut run, work, log));
        replayed.map_err(|refused| self.refuse(refused))
    }

    /// Forgets what was taken of the lanes, but for what is kept.
    pub(crate) fn release(&mut self, kept: Kept) {
        // What was read of waiting records may speak of marks that are gone.
        self.heads.iter_mut().for_each(|head| *head = None);
        self.rows.release(kept);
        self.pending.unflushed = 0;
    }

    /// Commits everything folded, with the position after it.
    pub(crate) fn commit(&mut self) -> Result<()> {
        fail_point!("sink-before-apply");
        let mut kept = Kept::default();
        self.run_truncates()?;
        let (work, log) = self.settle(true, &mut kept)?;
        let (params, lanes) = self.advance_params();
        let origin = origin_sql(self.position.commit_lsn, self.position.commit_ts);
        let link = self.config.link.clone();
        if !log.is_empty() {
            self.apply_savepoint(&work, &log)?;
        }
        let mut run = Run::new(&mut self.target, &self.rows, &self.bindings, &link);
        let sent = if log.is_empty() {
            apply(&mut run, &work)
        } else {
            Ok(())
        }
        .and_then(|()| {
            run.sql(origin);
            run.statement(ADVANCE, params, Some(1))?;
            run.send()
        });
        self.end(sent)?;
        for (lane, next) in lanes {
            self.rows.lanes[lane].stored = next;
        }
        self.release(kept);
        self.count();
        Ok(())
    }

    /// Ends the transaction: commits if all went well.
    pub(crate) fn end(&mut self, sent: Result<(), Refused>) -> Result<()> {
        if let Err(refused) = sent {
            self.target.rollback();
            return Err(refused.error());
        }
        fail_point!("sink-before-commit");
        self.target.commit().map_err(|error| match error.name() {
            // A deferred constraint that the source does not have, or has otherwise.
            "DatabaseError" => ConnectorError::stop("StandbyDiverged", error.to_string()).remedy(
                "a constraint at the target is stricter than the source's: drop it, or put the rows \
                 right",
            ),
            _ => error,
        })?;
        self.commits += 1;
        fail_point!("sink-after-commit");
        Ok(())
    }

    /// Returns the parameters that move the position, and the offsets that go with it.
    pub(crate) fn advance_params(&self) -> (Vec<Raw>, Vec<(usize, i64)>) {
        let at = &self.position;
        let lanes = &self.rows.lanes;
        let moved: Vec<_> = lanes
            .iter()
            .enumerate()
            .filter(|(_, lane)| lane.next != lane.stored)
            .map(|(at, lane)| (at, lane.next))
            .collect();
        let (mut partitions, mut offsets) = (Array::new(INT4), Array::new(INT8));
        for (lane, next) in &moved {
            let number = lanes[*lane].partition.partition.to_be_bytes();
            let next = next.to_be_bytes();
            let bytes = |bytes: &[u8], out: &mut Vec<u8>| {
                out.extend_from_slice(bytes);
                Ok::<_, std::convert::Infallible>(())
            };
            let _ = partitions.push(|out| bytes(&number, out));
            let _ = offsets.push(|out| bytes(&next, out));
        }
        let params = vec![
            Raw::text(&self.config.link),
            Raw::long(at.fence),
            Raw::long(at.epoch as i64),
            Raw::long(at.commit_lsn.0 as i64),
            Raw::long(at.seq as i64),
            Raw::timestamp(at.commit_ts),
            Raw::text(at.phase.as_str()),
            Raw::long(at.snapshot_lsn.0 as i64),
            texts(moved.iter().map(|(lane, _)| &*lanes[*lane].partition.topic)),
            partitions.finish(),
            offsets.finish(),
            texts(moved.iter().map(|(lane, _)| lanes[*lane].topic_id.as_str())),
        ];
        (params, moved)
    }

    /// Adds what was committed to the task's counters.
    pub(crate) fn count(&mut self) {
        use std::sync::atomic::Ordering::Relaxed;
        let metrics = &self.context.metrics;
        let done = std::mem::take(&mut self.pending);
        metrics.rows.fetch_add(done.rows, Relaxed);
        metrics.bytes.fetch_add(done.bytes, Relaxed);
        metrics.transactions.fetch_add(done.transactions, Relaxed);
        metrics.batches.fetch_add(1, Relaxed);
        metrics.last_progress_ms.store(now_us() / 1000, Relaxed);
        self.pending = Pending::default();
    }

    /// Turns a lost connection into what it means: fenced, or to be tried again.
    pub(crate) fn examine(&self, error: ConnectorError) -> ConnectorError {
        if error.name() != "Unreachable" {
            return self.examine_tables(error);
        }
        let settings = &self.config.connection;
        let Ok(session) = walbridge_postgres::connect::Session::open(settings) else {
            return error;
        };
        match position::fence(&session, &self.config.link) {
            Ok(Some(fence)) if fence != self.position.fence => ConnectorError::stop(
                "Fenced",
                format!(
                    "another task has taken over link {}: its fence is {fence}, this task's {}",
                    self.config.link, self.position.fence
                ),
            )
            .remedy("run only one sink per link; if this is the right one, restart it"),
            _ => error,
        }
    }
}

fn apply(run: &mut Run<'_>, work: &Work) -> Result<(), Refused> {
    for (_, plan, settled) in work {
        run.apply(*plan, settled)?;
    }
    Ok(())
}

fn replay(run: &mut Run<'_>, work: &Work, log: &[(usize, Event)]) -> Result<(), Refused> {
    for (topic, plan, settled) in work {
        if !log.iter().any(|(at, _)| at == topic) {
            run.apply(*plan, settled)?;
        }
    }
    for (_, event) in log {
        // An update without `before` kept its key: its new image finds the row.
        let before = match event.op {
            Op::Update => event.before.or(event.after),
            _ => event.before,
        };
        run.replay(before.as_ref(), event.after.as_ref())?;
    }
    run.send()
}
