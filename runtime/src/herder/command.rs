//! What can be asked of the worker's loop.

use std::collections::BTreeMap;
use std::sync::mpsc::Sender;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use walbridge_connector_api::{SourceOffset, SourcePartition};

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

/// What becomes of an order; the flag says whether a connector was created.
pub(crate) type Outcome = Result<bool, Refusal>;

/// How a source's offsets are to change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum OffsetChange {
    /// These partitions get these offsets; `None` forgets one.
    Alter(Vec<(SourcePartition, Option<SourceOffset>)>),
    /// All partitions are forgotten.
    Reset,
}

/// One thing that the group's leader does when somebody asks for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Create a connector, or give one a new configuration.
    Put {
        /// The connector's name.
        name: String,
        /// Its checked configuration.
        config: BTreeMap<String, String>,
        /// The state it starts in; only when it is created.
        initial: Option<TargetState>,
        /// Whether it must not exist yet.
        create: bool,
    },
    /// Delete a connector.
    Delete(String),
    /// Run, pause or stop a connector.
    Target(String, TargetState),
    /// Restart a connector and those of its tasks.
    Restart {
        /// The connector's name.
        name: String,
        /// Whether its tasks restart too.
        tasks: bool,
        /// Whether only what has failed restarts.
        only_failed: bool,
    },
    /// Restart one task.
    RestartTask(String, u32),
    /// Change a source's offsets.
    Offsets(String, OffsetChange),
    /// Let all workers of the group log at this level.
    LogLevel(String, String),
}

/// One order and who waits for what becomes of it.
#[derive(Debug)]
pub(crate) struct Command {
    /// What to do.
    pub(crate) order: Order,
    /// Where the outcome goes.
    pub(crate) reply: oneshot::Sender<Outcome>,
}

/// Sends requests to the worker's loop and waits for the answers.
#[derive(Debug, Clone)]
pub(crate) struct Herder(Sender<Event>);

impl Herder {
    /// Creates a handle to the loop behind `events`.
    pub(crate) fn new(events: Sender<Event>) -> Self {
        Self(events)
    }

    /// Has an order carried out, here or wherever the leader is, and waits for the outcome.
    pub(crate) async fn ask(&self, order: Order) -> Outcome {
        let gone = || Refusal::new(503, "The worker is shutting down");
        let (reply, answer) = oneshot::channel();
        self.0
            .send(Event::Command(Command { order, reply }))
            .map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Tells the loop to end.
    pub(crate) fn stop(&self) {
        // An error means that it has ended already.
        let _ = self.0.send(Event::Stop);
    }
}
