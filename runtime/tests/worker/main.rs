//! The worker with connectors made for testing, on a real broker.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod connectors;
mod contract;
mod failures;
mod loops;
mod protocol;
mod rest;
mod site;
mod state;
mod topics;
