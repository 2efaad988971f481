//! Kafka Connect's data model: records whose keys and values have a structure and mostly a schema.
//!
//! Connectors that do not write wire bytes themselves hand out and take [`ConnectRecord`]s;
//! converters turn them into bytes and back, transforms change them on the way.
//!
//! ```text
//!  ConnectRecord ── key, value: SchemaAndValue ─┬─ Schema (shared; none = schemaless)
//!        └── headers: ConnectHeader ────────────┴─ Value  (Null, Int8 … Struct)
//! ```
//!
//! Values of a logical type ([`logical`]) are held in their base form: a decimal as its bytes, a
//! date as days, a time and a timestamp as milliseconds. The schema's name tells what they mean.

mod builder;
mod decimal;
mod error;
pub mod logical;
mod record;
mod schema;
mod structure;
mod text;
mod validate;
mod value;

pub use builder::SchemaBuilder;
pub use decimal::Decimal;
pub use error::DataError;
pub use record::{ConnectHeader, ConnectRecord, Origin};
pub use schema::{Field, Schema, Type};
pub use structure::Struct;
pub use text::{double_text, float_text, text_of};
pub use validate::validate;
pub use value::{SchemaAndValue, Value};
