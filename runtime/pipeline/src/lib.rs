//! What lies between a connector and Kafka, as Kafka Connect has it.
//!
//! ```text
//!  source task ─▶ ConnectRecord ─▶ transforms (each behind its predicate) ─▶ converters ─▶ bytes
//!  bytes ─▶ converters ─▶ ConnectRecord ─▶ transforms ─▶ sink task
//! ```

pub mod predicates;
pub mod transforms;
