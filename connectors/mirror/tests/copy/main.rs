//! The mirror between two real clusters: the lab's, or those that `WALBRIDGE_TEST_KAFKA` names
//! (`east;west`), with the registries of `WALBRIDGE_TEST_REGISTRY`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "these are tests, helpers included"
)]

mod bridge;
mod exact;
mod heartbeats;
mod holes;
mod ids;
mod topics;
