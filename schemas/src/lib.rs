//! Change event model, Avro schemas, encode and decode, Confluent framing and the schema registry client.
//!
//! ```text
//!  table definition ── TableSchema ──► key and value schema JSON ──► Registry ──► id
//!  row bytes ───────── avro, envelope, postgresql, transaction ──► framed record
//!  framed record ───── frame, ValueSchema, Change, RowSchema ────► one slice per field
//! ```
//!
//! Events are Debezium's, field for field. Nothing here knows a Kafka client or a database client, and
//! nothing on the per-row path allocates: writers append to a `Vec<u8>`, readers borrow.

pub mod avro;
mod change;
pub mod envelope;
mod error;
mod field;
pub mod frame;
pub mod heartbeat;
mod layout;
pub mod marks;
pub mod name;
#[cfg(test)]
mod oracle;
pub mod postgresql;
pub mod registry;
mod row;
mod shape;
mod table;
pub mod transaction;

pub use change::{Change, Source, TransactionRef, ValueSchema};
pub use envelope::Op;
pub use error::{AvroError, SchemaError};
pub use field::{Field, FieldDefault, FieldType, Items, Nulls};
pub use layout::fingerprint;
pub use row::RowSchema;
pub use table::TableSchema;
