//! The worker's configuration: defaults, then a TOML file, then the environment.
//!
//! What is read is raw text with its origin; [`WorkerConfig::load`] turns it into a checked value or
//! into every mistake at once. Nothing else in the program sees the raw form.

mod access;
mod keys;
mod listener;
mod problem;
mod raw;
mod rules;
mod worker;

pub use access::{AuthMethod, ClientAuth, Pem, RestAccess, TlsSettings};
pub use keys::worker_keys;
pub use listener::Listener;
pub use problem::{Origin, Problem, Problems};
pub use rules::{ConnectorRules, OverridePolicy, SourceSupport};
pub use worker::{
    ClientSettings, StorageTopic, TaskLimits, TopicTracking, WorkerConfig, plugin_path,
};
