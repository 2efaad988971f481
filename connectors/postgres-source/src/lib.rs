//! Reads PostgreSQL's write-ahead log and turns it into Avro change events.
//!
//! ```text
//!  walsender ─ wire ─▶ pgoutput::Message<'a> ─ relations ─▶ plan ─ emit ─▶ Batch ─ queue ─▶ task ─▶ Kafka
//!      ▲                                                                                       │
//!      └──────────── feedback: what the server may forget ◀── shared::confirm ◀── committed ◀──┘
//! ```
//!
//! One thread reads the stream ([`reader`]); only it and, before it, the threads of the snapshot
//! ([`snapshot`]) write batches. A row's bytes are borrowed from the read buffer until they are Avro
//! in a batch's arena; nothing is allocated, looked up by name or logged per row.
//!
//! | Module | Holds |
//! |---|---|
//! | [`wire`] | the connection: log in, queries, COPY, replication, all without blocking for good |
//! | [`pgoutput`], [`copy`] | bytes in, borrowed rows out; any bytes end without a panic |
//! | [`plan`], [`columns`], [`catalog`] | a table's definition, its schemas, encoders and key |
//! | [`emit`], [`records`], [`transaction`] | rows to records; BEGIN and END; the chain |
//! | [`start`], [`slot`], [`publication`], [`offset`], [`replay`] | where to begin; every mismatch has a name |
//! | [`feedback`], [`pace`], [`queue`], [`monitor`] | status updates, read size, back-pressure, retained log |
//!
//! What is guaranteed: the slot is told to forget only what [`SourceTask::committed`] has named;
//! batches that may end a Kafka transaction end with a source transaction; what is stored against
//! what the server has is checked at every start, down to the last transaction read.
//!
//! [`SourceTask::committed`]: walbridge_connector_api::SourceTask::committed
#![allow(rustdoc::private_intra_doc_links)]

mod canonical;
mod catalog;
mod columns;
mod config;
mod connector;
mod copy;
mod cursor;
mod emit;
mod feedback;
mod filter;
mod heartbeat;
mod identity;
mod looks;
mod monitor;
mod names;
mod offset;
mod pace;
pub mod pgoutput;
mod plan;
mod publication;
mod queue;
mod reader;
mod records;
mod registry;
mod relations;
mod replay;
mod shared;
mod slot;
mod snapshot;
mod start;
mod structure;
mod task;
mod transaction;
mod wire;

pub use connector::PostgresSource;
pub use cursor::Malformed;
