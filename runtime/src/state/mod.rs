//! What the worker group knows, as it lies in three compacted topics in Kafka Connect's formats.
//!
//! Each store has a pure part here (bytes to state and back) that any record can be fed to: what is
//! not understood is ignored, as another worker or a newer version may have written it.

mod configs;
mod offsets;
mod statuses;
mod topics;

pub use configs::{
    ANSWER, Answer, ConfigRecord, Configs, ConnectorEntry, LOGGER, RESTART, TargetState,
};
pub use offsets::{Offsets, offset_key};
pub use statuses::{RunState, Status, Statuses};
pub use topics::ActiveTopics;
