//! Why a link has stopped, and how it goes on: with a later snapshot, if the topics have one.
//!
//! Nothing but a new snapshot closes a hole in the stream. So a task whose link had stopped looks for one
//! ahead before anything else, passing over what lies in between; if there is none, it tries again where
//! the link was, which helps if the reason is gone.

use std::time::{Duration, Instant};

use walbridge_connector_api::{ConnectorError, Disposition, Result, SinkControl};
use walbridge_postgres::connect::Session;

use crate::apply::{Refused, Run};
use crate::marker::Unit;
use crate::order::Standing;
use crate::params::Raw;
use crate::rows::Kept;
use crate::sink::Sink;

/// What closes a hole, for messages.
pub(crate) const REMEDY: &str = "let the source begin a new snapshot (stop its connector, delete its \
     offsets with DELETE /connectors/<name>/offsets, drop its slot, resume it), then restart this task: it \
     goes on with that snapshot";

/// How long nothing more must come of the transaction topic for it to count as read to its end: markers of
/// Kafka's own stand behind the last record.
const QUIET: Duration = Duration::from_secs(3);
/// The same if nothing has come at all.
const SILENT: Duration = Duration::from_secs(15);

/// Notes why the link stops, unless another task has taken it over.
const NOTE: &str = "\
INSERT INTO walbridge.stopped (link, reason, at)
SELECT $1, $3, clock_timestamp() FROM walbridge.position WHERE link = $1 AND fence = $2
ON CONFLICT (link) DO UPDATE SET reason = EXCLUDED.reason, at = EXCLUDED.at";

/// Notes that the link goes on with a snapshot: passing over what was committed before $2, if anything.
const GO_ON: &str = "\
INSERT INTO walbridge.stopped (link, since) VALUES ($1, $2)
ON CONFLICT (link) DO UPDATE SET reason = NULL, since = EXCLUDED.since";

/// What is stored of a link's last stop.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stopped {
    /// Why it stopped, if it has not gone on since.
    pub(crate) reason: Option<String>,
    /// What was committed before this lies before the snapshot that it went on with, µs since 1970.
    pub(crate) since_us: Option<i64>,
}

/// Returns what is stored of the link's last stop.
pub(crate) fn load(session: &Session, link: &str) -> Result<Stopped> {
    let rows = session.query(
        "SELECT reason, (extract(epoch FROM since) * 1000000)::bigint FROM walbridge.stopped
         WHERE link = $1",
        &[&link],
    )?;
    Ok(rows.first().map_or_else(Stopped::default, |row| Stopped {
        reason: row.get(0),
        since_us: row.get(1),
    }))
}

/// Notes an error that a later snapshot mends, as its remedy says.
pub(crate) fn note(session: &Session, link: &str, fence: i64, error: &ConnectorError) {
    let reason = error.to_string();
    if error.disposition() != Disposition::Stop || !reason.contains(REMEDY) {
        return;
    }
    if let Err(why) = session.query(NOTE, &[&link, &fence, &reason]) {
        // The next task tries where this one was.
        tracing::warn!(%why, "why the link stops cannot be noted");
    }
}

/// Why a snapshot ahead is looked for.
#[derive(Debug)]
pub(crate) enum Why {
    /// The link had stopped, and may find its reason gone.
    Noted(String),
    /// The link cannot go on where it was.
    Found(ConnectorError),
}

/// The search for a snapshot ahead.
#[derive(Debug)]
pub(crate) struct Search {
    why: Why,
    /// Where the transaction topic ended when the search began.
    end: Option<i64>,
    began: Instant,
    /// When its last record came.
    heard: Option<Instant>,
}

impl Search {
    pub(crate) fn new(why: Why) -> Self {
        Self {
            why,
            end: None,
            began: Instant::now(),
            heard: None,
        }
    }

    fn reason(&self) -> String {
        match &self.why {
            Why::Noted(reason) => reason.clone(),
            Why::Found(error) => error.to_string(),
        }
    }

    /// Returns whether nothing has come for so long that nothing will.
    fn is_quiet(&self) -> bool {
        match self.heard {
            Some(at) => at.elapsed() >= QUIET,
            None => self.began.elapsed() >= SILENT,
        }
    }
}

impl Sink {
    /// Passes over the transaction topic's records up to the next snapshot; says whether that is found.
    ///
    /// # Errors
    /// If there is none: to go back to the stored position, or to stop if that is no use.
    pub(crate) fn search(&mut self, control: &mut dyn SinkControl) -> Result<bool> {
        let Some(mut search) = self.search.take() else {
            return Ok(true);
        };
        let Some(lane) = self.transactions else {
            // No record of it has come yet, or none will.
            if self.is_read(control)? || search.is_quiet() {
                return Err(self.not_found(search.why));
            }
            self.search = Some(search);
            return Ok(false);
        };
        let partition = self.rows.lanes[lane].partition.clone();
        if search.end.is_none() {
            let found = control.inspect(std::slice::from_ref(&partition))?;
            search.end = found.first().map(|info| info.end);
            let reason = search.reason();
            tracing::warn!(reason, "looking for a later snapshot");
            self.tell(&format!(
                "a later snapshot, since the link stopped: {reason}"
            ));
        }
        while !self.rows.lanes[lane].is_empty() {
            search.heard = Some(Instant::now());
            // What cannot be read is no snapshot.
            if let Ok(Some(marker)) = self.marker(lane, false)
                && let Unit::Snapshot(lsn) = marker.unit
                && self.position.judge(&marker, &self.given_up) == Standing::Next
            {
                tracing::warn!(%lsn, "the link goes on with a later snapshot");
                self.tell("");
                self.passing = true;
                return Ok(true);
            }
            self.rows.lanes[lane].take();
        }
        self.release(Kept::default());
        let end = search.end.unwrap_or_default();
        if self.rows.lanes[lane].next >= end || search.is_quiet() {
            // A cluster that does not answer has not shown its end.
            control.inspect(&[partition])?;
            return Err(self.not_found(search.why));
        }
        self.search = Some(search);
        Ok(false)
    }

    /// Returns whether everything has been read that may be the transaction topic.
    fn is_read(&self, control: &mut dyn SinkControl) -> Result<bool> {
        if self.undecided.is_empty() {
            return Ok(true);
        }
        let lanes = self.undecided.iter().map(|at| &self.rows.lanes[*at]);
        let partitions: Vec<_> = lanes.clone().map(|lane| lane.partition.clone()).collect();
        let found = control.inspect(&partitions)?;
        Ok(lanes.zip(&found).all(|(lane, info)| lane.next >= info.end))
    }

    fn not_found(&self, why: Why) -> ConnectorError {
        self.tell("");
        let reason = match why {
            Why::Found(error) => return error,
            Why::Noted(reason) => reason,
        };
        let forget = "UPDATE walbridge.stopped SET reason = NULL WHERE link = $1";
        match self.target.session.query(forget, &[&self.config.link]) {
            Ok(_) => ConnectorError::rewind(
                "NoLaterSnapshot",
                format!("there is no later snapshot; trying where the link stopped: {reason}"),
            ),
            Err(error) => error,
        }
    }

    /// Notes that the link goes on with a snapshot, having passed over what was committed before
    /// `since_us`, if anything; in the transaction that begins to load it.
    pub(crate) fn go_on(&mut self, since_us: i64) -> Result<()> {
        self.since_us = std::mem::take(&mut self.passing).then_some(since_us);
        let since = self.since_us.map_or(Raw(None), Raw::timestamp);
        let link = self.config.link.clone();
        let mut run = Run::new(&mut self.target, &self.rows, &self.bindings, &link);
        run.statement(GO_ON, vec![Raw::text(&link), since], None)
            .map_err(Refused::Error)
            .and_then(|()| run.send())
            .map_err(Refused::error)
    }
}
