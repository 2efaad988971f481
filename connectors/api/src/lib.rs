//! What a connector implements, and nothing of how it is run.
//!
//! A [`Connector`] is a kind of connector: its name, its configuration keys, and how to make tasks.
//! A [`SourceTask`] hands out [`Batch`]es of records together with the offsets that belong to them;
//! a [`SinkTask`] takes batches and applies them. The runtime moves the bytes in between and never
//! reads them. This crate knows neither Kafka nor any database.
//!
//! A connector that does not write wire bytes itself has the form [`Form::Records`]: its tasks are a
//! [`RecordSource`] or a [`RecordSink`], work with the records of [`data`], and the runtime's
//! converters make the bytes.
//!
//! ```text
//!  SourceTask::poll ──▶ Batch (records + offsets) ──▶ runtime: one Kafka transaction
//!        ▲                                                        │
//!        └────────── SourceTask::committed(offsets) ◀─────────────┘   the one confirm path
//!
//!  runtime: consumer ──▶ Batch ──▶ SinkTask::put ──▶ Applied (what the target has for certain)
//! ```
//!
//! What is guaranteed:
//! * a source is told `committed` only for offsets inside a Kafka transaction that has committed;
//! * a batch's records and offsets are in one Kafka transaction, and a transaction ends only after a
//!   batch whose [`Batch::boundary`] is set; a source of records whose connector is set to at least once
//!   is told `committed` for offsets whose records Kafka has acknowledged;
//! * a [`RecordSource`] that may define its own transactions says where they end through a
//!   [`TransactionContext`];
//! * a sink sees each partition in offset order, starting where [`SinkTask::open`] said;
//! * a record handed to an [`ErrantRecordReporter`] and tolerated is in the dead letter topic, if there is
//!   one, before its offset is committed;
//! * an error's [`Disposition`] alone decides what the runtime does with it.

mod batch;
mod config;
mod connector;
pub mod data;
mod errant;
mod error;
mod headers;
mod metrics;
mod offset;
mod record_sink;
mod record_source;
mod sink;
mod source;
mod stop;
mod transactions;

pub use batch::{Batch, Partition, Record, Span, TopicSpec};
pub use config::{ConfigDef, ConfigKey, ConfigProblem, Importance, Kind, Settings, Width};
pub use connector::{Connector, ConnectorKind, Form, TaskContext};
pub use errant::{ErrantRecord, ErrantRecordReporter};
pub use error::{ConnectorError, Disposition, Result};
pub use headers::{Header, Headers, push_header};
pub use metrics::TaskMetrics;
pub use offset::{OffsetEntry, SourceOffset, SourcePartition};
pub use record_sink::{NextOffsets, RecordSink};
pub use record_source::{RecordSource, SourceRecord};
pub use sink::{Applied, PartitionInfo, SinkControl, SinkTask, StartAt, TopicPartition};
pub use source::SourceTask;
pub use stop::StopToken;
pub use transactions::{ExactlyOnce, TransactionContext, TransactionEnd};

/// Names a point of the code where a fault test may end the process (see the `fail` crate).
///
/// Compiles to nothing unless the `failpoints` feature of the worker is on.
pub use fail::fail_point;
