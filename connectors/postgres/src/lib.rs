//! What the PostgreSQL source and sink share: connection settings, TLS, identifiers and value codecs.
//!
//! * [`connect`]: [`connect::Settings`] from `database.*` or `connection.*` keys,
//!   [`connect::connect`] and [`connect::Session`] for ordinary connections;
//! * [`stream`]: the raw blocking stream under the replication protocol;
//! * [`sqlstate`]: from the server's answers to errors with a disposition;
//! * [`ident`], [`lsn`]: names inside SQL, positions in the write-ahead log;
//! * [`types`]: the server's types and the fields that carry them;
//! * [`encode`], [`decode`]: from the server's values to Avro and back;
//! * [`defaults`]: from column defaults to schema defaults.

mod array;
mod calendar;
pub mod connect;
pub mod decode;
pub mod defaults;
pub mod encode;
mod hstore;
pub mod ident;
pub mod lsn;
mod numeric;
mod print;
pub mod sqlstate;
pub mod stream;
pub mod tls;
pub mod types;
mod url;
mod value;

pub use lsn::Lsn;
pub use value::{ValueError, Wire};
