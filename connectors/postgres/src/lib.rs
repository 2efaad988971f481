//! What the PostgreSQL source and sink share: connection settings, TLS, identifiers and value codecs.
//!
//! * [`connect`]: [`connect::Settings`] from `database.*` or `connection.*` keys,
//!   [`connect::connect`] and [`connect::Session`] for ordinary connections;
//! * [`stream`]: the raw blocking stream under the replication protocol;
//! * [`sqlstate`]: from the server's answers to errors with a disposition;
//! * [`ident`], [`lsn`]: names inside SQL, positions in the write-ahead log.

pub mod connect;
pub mod ident;
pub mod lsn;
pub mod sqlstate;
pub mod stream;
pub mod tls;
mod url;

pub use lsn::Lsn;
