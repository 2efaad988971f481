//! The worker with connectors made for testing, on a real broker.

mod connectors;
mod failures;
mod loops;
mod rest;
mod site;
mod state;
