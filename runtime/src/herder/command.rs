//! What can be asked of the worker's loop.

use std::collections::BTreeMap;
use std::sync::mpsc::Sender;

use tokio::sync::oneshot;
use walbridge_connector_api::OffsetEntry;

use super::Event;
use crate::state::TargetState;

/// Why a request is not carried out, with the HTTP status that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The HTTP status.
    pub(crate) status: u16,
    /// Kafka Connect's words.
    pub(crate) message: String,
}

impl Refusal {
    /// Creates a refusal.
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }
}

/// Where an answer goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

/// How a source's offsets are to change.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum OffsetChange {
    /// These partitions get these offsets; `None` forgets one.
    Alter(Vec<OffsetEntry>),
    /// All partitions are forgotten.
    Reset,
}

/// One request.
#[derive(Debug)]
pub(crate) enum Command {
    /// Create a connector, or give one a new configuration; answers whether it was created.
    Put {
        /// The connector's name.
        name: String,
        /// Its checked configuration.
        config: BTreeMap<String, String>,
        /// The state it starts in; only when it is created.
        initial: Option<TargetState>,
        /// Whether it must not exist yet.
        create: bool,
        /// Where the answer goes.
        reply: Reply<bool>,
    },
    /// Delete a connector.
    Delete(String, Reply<()>),
    /// Run, pause or stop a connector.
    Target(String, TargetState, Reply<()>),
    /// Restart a connector and those of its tasks.
    Restart {
        /// The connector's name.
        name: String,
        /// Whether its tasks restart too.
        tasks: bool,
        /// Whether only what has failed restarts.
        only_failed: bool,
        /// Where the answer goes.
        reply: Reply<()>,
    },
    /// Restart one task.
    RestartTask(String, u32, Reply<()>),
    /// Change a source's offsets.
    Offsets(String, OffsetChange, Reply<()>),
}

/// Sends requests to the worker's loop and waits for the answers.
#[derive(Debug, Clone)]
pub(crate) struct Herder(Sender<Event>);

impl Herder {
    /// Creates a handle to the loop behind `events`.
    pub(crate) fn new(events: Sender<Event>) -> Self {
        Self(events)
    }

    /// Sends what `command` makes of a reply channel and waits for the answer.
    pub(crate) async fn ask<T>(
        &self,
        command: impl FnOnce(Reply<T>) -> Command,
    ) -> Result<T, Refusal> {
        let gone = || Refusal::new(503, "The worker is shutting down");
        let (reply, answer) = oneshot::channel();
        self.0
            .send(Event::Command(command(reply)))
            .map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Tells the loop to end.
    pub(crate) fn stop(&self) {
        // An error means that it has ended already.
        let _ = self.0.send(Event::Stop);
    }
}
