//! Copies topics from another site's Kafka, byte for byte and exactly once.
//!
//! ```text
//!  source Kafka ─▶ Consumer ─▶ [schema ids] ─▶ Batch + offsets ─▶ the worker's Kafka transaction
//!       ▲                          ▲
//!       └─ Scout: topics, ids, partitions, target topics (a thread of its own)
//! ```
//!
//! Key, value, headers, timestamp and partition stay as they are; only schema ids inside Confluent's
//! frame are translated, when both registries are given. What is guaranteed:
//! * a record committed at the source is at the target exactly once, in the order of its partition;
//! * the position of every partition is stored from the first moment on, also of empty ones, so that
//!   nothing that appears and expires while the mirror is down can be missed without notice;
//! * heartbeats, MirrorMaker's own topic on each cluster, get the source's alias in front at the target under
//!   every naming, so that no two clusters' run into one another or go round;
//! * whoever else writes a partition that the mirror fills is noticed, and the task stops by name;
//! * a topic at the target takes records as large as the source's did when the mirror began to read it;
//! * a topic truncated behind the position, deleted, or created anew stops the task by name.

mod check;
mod connector;
mod heartbeat;
mod lag;
mod limit;
mod position;
mod remedy;
mod route;
mod runs;
mod schema_ids;
mod scout;
mod second_writer;
mod selection;
mod settings;
mod task;
mod watch;

pub use connector::MirrorConnector;
pub use heartbeat::HeartbeatConnector;
