//! The worker with connectors made for testing, on a real broker.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod certificates;
mod cli;
mod connectors;
mod contract;
mod errors;
mod failures;
mod files;
mod loops;
mod protocol;
mod records;
mod rest;
mod restarts;
mod site;
mod state;
mod tls;
mod topics;
