//! Input that others write, fed to whatever reads it: files, records of the worker's topics, Avro, JSON,
//! and the messages of PostgreSQL.
//!
//! [`ALL`] has one function per kind of input: it panics if the reader does, or if what was read and is
//! written again reads otherwise. `libfuzzer` beside this crate has a `cargo-fuzz` target for each
//! (`./lab fuzz TARGET`); `tests/targets.rs` runs all of them over their seeds (`seeds/TARGET`) and over
//! seconds of mutations on the stable compiler, so that none can rot.

mod avro;
mod files;
mod json;
mod pgoutput;
mod topics;

pub use avro::{avro_converter, avro_rows};
pub use files::{connector_file, worker_file};
pub use json::json_converter;
pub use pgoutput::pgoutput;
pub use topics::{group_topic, state_topics};

/// Takes any bytes.
pub type Target = fn(&[u8]);

/// All targets, by name.
pub const ALL: [(&str, Target); 8] = [
    ("avro_converter", avro_converter),
    ("avro_rows", avro_rows),
    ("connector_file", connector_file),
    ("group_topic", group_topic),
    ("json_converter", json_converter),
    ("pgoutput", pgoutput),
    ("state_topics", state_topics),
    ("worker_file", worker_file),
];

/// Splits input in two at its first zero byte; without one, all of it is the first.
fn halves(data: &[u8]) -> (&[u8], &[u8]) {
    match data.iter().position(|byte| *byte == 0) {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, &[]),
    }
}
