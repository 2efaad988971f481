//! The worker: loads connectors, runs their tasks, keeps their state in Kafka and answers Kafka
//! Connect's REST API.
//!
//! ```text
//!   REST ──Command──▶ herder loop ──writes──▶ config topic ──read back──▶ reconcile ──▶ tasks
//!    ▲                    ▲                                                              │
//!    │ snapshots          └──────────────── TaskEvent: running, waiting, failed ◀────────┤
//!    └── configs, statuses, offsets (compacted topics, followed)                         │
//!                                                                                        ▼
//!   source loop: poll ─▶ one Kafka transaction (records + offsets) ─▶ committed
//!   sink loop:   consumer ─▶ put ─▶ the target's own transaction
//! ```
//!
//! * [`config`]: the worker file, checked whole. [`connector`]: a connector's configuration, checked.
//! * [`secrets`]: placeholders and masks. [`state`]: the three topics' formats.
//! * [`access`]: who may use the API. `herder`: the one loop that decides. `task`: supervision and the two loops. `rest`: the API.
//! * [`library`]: connectors out of shared libraries. [`catalog`]: the only file that names connectors. [`plugins`]: all that a configuration can name.
//!   [`metrics`]: what Prometheus reads. `replay`: dead letters back to where they were read.
//!
//! What is guaranteed: state lives in Kafka alone, so a worker with an empty disk goes on where
//! another was; a task's panic or error touches no other task; a secret leaves the process only
//! towards the server it is for.

pub mod access;
pub mod catalog;
mod clients;
pub mod config;
pub mod connector;
pub mod crash;
mod descriptors;
mod group;
mod herder;
mod lags;
pub mod library;
pub mod logging;
pub mod metrics;
mod offset_store;
pub mod plugins;
mod replay;
mod rest;
pub mod secrets;
pub mod state;
mod stores;
mod task;
mod worker;

#[doc(hidden)]
pub use group::replay as replay_group;
pub use worker::{Stopper, Worker, WorkerError};

/// The version that `GET /` reports: that of the Kafka Connect whose API this is, for clients choose
/// what they may use by it.
pub const CONNECT_VERSION: &str = "4.3.0";

/// The version of walbridge itself.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
