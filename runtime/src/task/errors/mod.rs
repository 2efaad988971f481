//! What becomes of a record that cannot be processed.
//!
//! ```text
//!  a step fails ─▶ Tolerance: again, while what it needs is out of reach and errors.retry.timeout lasts
//!                     ├─ not tolerated: the task's error, its offset stays before the record
//!                     └─ tolerated ─▶ DeadLetters ─▶ written before the record's offset moves on
//! ```
//!
//! A source's dead letters are part of its own Kafka transaction: there exactly once. A sink's are written
//! and acknowledged before the offsets of their batch can be committed: there at least once. Nothing here
//! is touched by a record that passes.

mod counters;
mod dead_letters;
mod failure;
mod policy;
mod tolerance;
mod writer;

pub(crate) use counters::{COUNTERS, ErrorCounters};
pub(super) use dead_letters::DeadLetters;
pub(crate) use dead_letters::{CONNECTOR, CONTEXT, PARTITION, TOPIC};
pub(super) use failure::{Failure, Place};
pub(super) use policy::ErrorPolicy;
pub(super) use tolerance::Tolerance;
pub(super) use writer::DeadLetterWriter;
