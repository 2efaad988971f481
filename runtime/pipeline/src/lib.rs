//! What lies between a connector and Kafka, as Kafka Connect has it.
//!
//! ```text
//!  source task ─ ConnectRecord ─▶ transforms ─▶ header, key and value converters ─ WireRecord ─▶ Kafka
//!  sink task  ◀─ ConnectRecord ── transforms ◀─ header, key and value converters ◀ WireRecord ── Kafka
//! ```
//!
//! A step that cannot be done for a record is a [`StageError`]: it names the step and whether the same
//! may succeed later. What becomes of the record then is the caller's affair.
//!
//! Each transform stands behind its predicate. Connectors that write wire bytes themselves never come
//! through here.

pub mod converters;
mod pattern;
mod pipeline;
pub mod predicates;
mod readable;
mod settings;
mod stage;
pub mod transforms;
mod wire;

pub use pattern::NamePattern;
pub use pipeline::Pipeline;
pub use readable::Readable;
pub use settings::{ConverterChoice, ConverterChoices};
pub use stage::{Stage, StageError};
pub use wire::{WireHeader, WireRecord};
