//! What lies between a connector and Kafka, as Kafka Connect has it.
//!
//! ```text
//!  source task ─ ConnectRecord ─▶ transforms ─▶ header, key and value converters ─ WireRecord ─▶ Kafka
//!  sink task  ◀─ ConnectRecord ── transforms ◀─ header, key and value converters ◀ WireRecord ── Kafka
//! ```
//!
//! Each transform stands behind its predicate. Connectors that write wire bytes themselves never come
//! through here.

pub mod converters;
mod pipeline;
pub mod predicates;
mod settings;
pub mod transforms;
mod wire;

pub use pipeline::Pipeline;
pub use settings::{ConverterChoice, ConverterChoices};
pub use wire::{WireHeader, WireRecord};
