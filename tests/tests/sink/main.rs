//! The sink against a real PostgreSQL, fed with records written by hand.

#![allow(clippy::unwrap_used)]

mod holes;
mod random;
mod rig;
mod rows;
mod snapshots;
mod speed;
mod stopped;
mod stream;
mod tables;
mod takeover;
mod twice;
