//! The layer against a real broker: the lab's, or the one that `WALBRIDGE_TEST_KAFKA` names.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "these are tests, helpers included"
)]

mod acked;
mod latency;
mod logs;
mod reading;
mod site;
mod storm;
mod topics;
mod transactions;
