//! The worker with connectors made for testing, on a real broker.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod apart;
mod certificates;
mod child;
mod cli;
mod connectors;
mod contract;
mod delivery;
mod descriptors;
mod errors;
mod failures;
mod fencing;
mod files;
mod heartbeats;
mod logs;
mod loops;
mod metrics;
mod numbers;
mod offsets_topic;
mod overrides;
mod plugins;
mod protocol;
mod records;
mod rest;
mod restarts;
mod site;
mod state;
mod tls;
mod topic_groups;
mod topics;
