//! Runs a connector without Kafka, for its tests: polls, commits, stops, crashes and starts again.
//!
//! ```text
//!  SourceKit: poll ─▶ Transaction ─▶ commit (records + offsets are "in Kafka") ─▶ committed
//!                        └─ crash: gone, and polled again from the offsets that were committed
//!  SinkKit:   records "in Kafka" ─▶ put ─▶ precommit ─▶ offsets committed
//!                        └─ crash: delivered again from the offsets that were committed
//! ```
//!
//! It does what the runtime does and promises no more: a source's records and offsets are committed
//! together or not at all, a sink of records begins at the committed offsets, a sink of bytes where its
//! [`open`](walbridge_connector_api::SinkTask::open) says. Both forms look alike here: the bytes of a
//! [`Batch`](walbridge_connector_api::Batch) are shown as records whose keys, values and headers are bytes.
//! Converters and transforms are the runtime's and not run.
//!
//! [`problems`] checks a configuration as the REST API's validate does. [`SourceKit::survives_crashes`] and
//! [`SinkKit::survives_crashes`] kill a task at every point there is and compare what came of it.
//!
//! # Examples
//!
//! ```
//! use walbridge_connector_api::{Connector, Result};
//! use walbridge_connector_testkit::SourceKit;
//!
//! fn goes_on_where_it_was(connector: impl Connector + 'static) -> Result<()> {
//!     let mut kit = SourceKit::new(connector, &[("topic", "numbers")])?;
//!     let mut run = kit.start()?;
//!     let first = run.next()?;
//!     run.commit(first)?;
//!     let _lost = run.next()?; // polled, and in no transaction that committed
//!     run.crash();
//!
//!     let mut run = kit.start()?; // from the committed offsets
//!     let again = run.next()?; // what was lost, once more
//!     run.commit(again)?;
//!     run.stop();
//!     assert!(kit.written().len() >= 2);
//!     Ok(())
//! }
//! ```

mod boundaries;
mod bytes;
mod config;
mod sink;
mod source;

pub use config::problems;
pub use sink::{RunningSink, SinkKit};
pub use source::{RunningSource, SourceKit, Transaction};
