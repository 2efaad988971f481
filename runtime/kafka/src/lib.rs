//! The audited layer over librdkafka: batch producer, batch consumer, compacted logs and topic
//! administration.
//!
//! Whole [`Batch`](walbridge_connector_api::Batch)es go in and come out; there is no future, no
//! channel and no allocation per record. All `unsafe` code of this crate is in the module `raw`.
//!
//! ```text
//!  Batch ─▶ TransactionalProducer ─▶ Kafka ─▶ Consumer ─▶ Batch
//!             begin·send·commit                 read_committed, named errors instead of resets
//!  Batch ─▶ AckedProducer ─▶ Kafka            no transactions, many batches on their way
//! ```
//!
//! What is guaranteed:
//! * records of one partition are written in the order they were sent, or the transaction fails;
//! * memory is bounded: a full producer waits, a consumer fetches no further than its budget;
//! * a position that cannot be read any more, a deleted topic and a topic that was created anew under
//!   the same name are errors with a name, and no record of the new topic is ever handed out;
//! * every blocking call ends when its [`StopToken`](walbridge_connector_api::StopToken) is set.

mod acked_producer;
mod admin;
mod batch_writer;
mod client_config;
mod compacted;
mod consumer;
mod error;
mod fence;
mod java;
mod outbox;
mod partitioner;
mod placement;
mod producer;
mod raw;
mod topic;
mod watchdog;
mod writer;

pub use acked_producer::{AckedProducer, Receipt, TopicRecord};
pub use admin::Admin;
pub use batch_writer::BatchWriter;
pub use client_config::{ClientConfig, Role};
pub use compacted::{CompactedLog, Follower, LogRecord};
pub use consumer::{Consumer, Reach};
pub use error::{ErrorKind, KafkaError, Result};
pub use fence::fence;
pub use partitioner::{murmur2, partition_for_key};
pub use producer::TransactionalProducer;
pub use topic::{CreateOutcome, TopicDescription};
pub use writer::LogWriter;
