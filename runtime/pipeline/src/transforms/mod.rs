//! Single message transforms, by Kafka Connect's and Debezium's names, options and results.
//!
//! ```text
//!  settings ─▶ chain::build ─▶ Chain ── Stage: predicate? ─▶ Transform
//!                  │                         kind::KINDS: one file per transform
//!                  └─ every problem by its key
//! ```
//!
//! Where this differs from Java:
//! * dates are written and read in English and in UTC; weeks begin on Sundays. What a pattern's
//!   letters for weeks would mean for reading is refused;
//! * a `Date`, `Time` or `Timestamp` is a number that only a schema tells apart from another, so
//!   `TimestampConverter` does not make one without a schema;
//! * floating point numbers are written with the fewest digits that tell them apart, as Java does from
//!   version 19 on;
//! * what Java throws at the first record though the settings alone show it (a replacement with a
//!   group that the pattern does not have) is refused when the settings are checked.

mod cache;
mod cast;
pub mod chain;
mod dates;
mod drop_headers;
mod error;
mod event_router;
mod extract_field;
mod extract_new_record_state;
mod filter;
mod flatten;
mod header_from;
mod hoist_field;
mod insert_field;
mod insert_header;
mod kind;
mod literal;
mod mask_field;
mod numbers;
pub(crate) mod options;
mod path;
pub(crate) mod regex;
mod regex_router;
mod replace_field;
mod set_schema_metadata;
mod side;
mod structs;
mod timestamp_converter;
mod timestamp_router;
mod value_to_key;

pub use chain::{Chain, ChainError};
pub use error::TransformError;
pub use kind::{KINDS, TransformKind, find};
pub use side::Side;

use walbridge_connector_api::data::ConnectRecord;

/// Changes records on their way, or drops them.
pub trait Transform: Send + Sync {
    /// Returns the changed record, or `None` to drop it.
    ///
    /// # Errors
    /// If the record is not one that it can work on.
    fn apply(&self, record: ConnectRecord) -> Result<Option<ConnectRecord>, TransformError>;
}
