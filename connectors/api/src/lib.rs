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
//! # Writing a connector
//!
//! `docs/plugins.md` goes through a whole one step by step; `walbridge-connector-testkit` runs it without
//! Kafka; `walbridge-plugin` makes a library of it that a worker loads. In short:
//!
//! * **Configuration.** [`Connector::config`] is a table of [`ConfigKey`]s: types, defaults, bounds. Unknown keys
//!   and wrong values are refused before a task ever starts; [`Connector::validate`] adds what one key alone
//!   cannot tell. Values are read from [`Settings`]; a [`Kind::Password`] is never shown.
//! * **Positions.** A source says with each record, or with each batch, where it is once that is written: an
//!   [`OffsetEntry`], JSON of the connector's own making. It comes back in [`TaskContext::offsets`] at the next
//!   start, and only from a Kafka transaction that has committed. A task keeps no position anywhere else.
//! * **Confirming.** `committed` is the only call after which a source may let the other side forget.
//!   A connector of which that is not needed leaves it out.
//! * **Back-pressure.** A poll is not called while what came before is not in Kafka, a put not before the last one
//!   has returned; nobody reads ahead but the connector itself. What it holds in queues of its own is counted
//!   in bytes, not in records, and has a bound. A poll hands out some hundred KiB and not all there is.
//! * **Time.** Tasks have a thread each and may block, a poll no longer than it is told. What waits for longer looks
//!   at [`TaskContext::stop`].
//! * **Errors.** A [`ConnectorError`] has a name that stays, what is wrong and where, what a person should do, and
//!   a [`Disposition`]: `Retry` for what is out of reach, `Rewind` for a task that lost its place, `Stop` for all
//!   that would lose, double or tear data. In doubt it is `Stop`: a task that has failed can be started again.
//! * **Records in error.** A sink hands single records that cannot be written to its [`ErrantRecordReporter`] and
//!   goes on with the others; `errors.tolerance` says whether it may.
//! * **Exactly once.** A source has it as it is. A sink does if it keeps the offsets of what it has written together
//!   with that, as one, and leaves out what is delivered again.
//!
//! A source that counts:
//!
//! ```
//! use std::sync::OnceLock;
//! use std::time::Duration;
//!
//! use serde_json::{Map, Value};
//! use walbridge_connector_api::data::{ConnectRecord, SchemaAndValue};
//! use walbridge_connector_api::{
//!     ConfigDef, ConfigKey, Connector, ConnectorKind, Form, Kind, OffsetEntry, RecordSource, Result,
//!     Settings, SourceRecord, TaskContext,
//! };
//!
//! struct Counter;
//!
//! impl Connector for Counter {
//!     fn class(&self) -> &'static str {
//!         "org.example.CounterConnector"
//!     }
//!
//!     fn kind(&self) -> ConnectorKind {
//!         ConnectorKind::Source
//!     }
//!
//!     fn form(&self) -> Form {
//!         Form::Records
//!     }
//!
//!     fn version(&self) -> &'static str {
//!         env!("CARGO_PKG_VERSION")
//!     }
//!
//!     fn config(&self) -> &ConfigDef {
//!         static DEF: OnceLock<ConfigDef> = OnceLock::new();
//!         let topic = ConfigKey::new("topic", Kind::String, "Where the numbers go.");
//!         DEF.get_or_init(|| ConfigDef::new(vec![topic.required()]))
//!     }
//!
//!     fn record_source(&self, settings: &Settings, context: TaskContext) -> Result<Box<dyn RecordSource>> {
//!         let stored = context.offsets.first().and_then(|entry| entry.offset.as_ref()?.get("next")?.as_i64());
//!         let topic = settings.text("topic").to_owned();
//!         Ok(Box::new(Counting { topic, next: stored.unwrap_or(0) }))
//!     }
//! }
//!
//! struct Counting {
//!     topic: String,
//!     next: i64,
//! }
//!
//! impl RecordSource for Counting {
//!     fn poll(&mut self, _wait: Duration) -> Result<Vec<SourceRecord>> {
//!         let record = ConnectRecord::new(self.topic.as_str(), SchemaAndValue::schemaless(self.next));
//!         self.next += 1;
//!         // Where the source is once this record is written.
//!         let offset = Map::from_iter([("next".to_owned(), Value::from(self.next))]);
//!         let entry = OffsetEntry { partition: Map::new(), offset: Some(offset) };
//!         Ok(vec![SourceRecord { record, offset: Some(entry) }])
//!     }
//! }
//!
//! let config = [("topic".to_owned(), "numbers".to_owned())].into();
//! assert!(Counter.config().check(&config).is_empty());
//! ```
//!
//! A sink of records is as short; see [`RecordSink`].
//!
//! # What is guaranteed
//!
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
pub use metrics::{Copied, PartitionMetrics, Seen, Spread, TaskMetrics, Total};
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
