//! The sink against a real PostgreSQL, fed with records written by hand.

mod holes;
mod rig;
mod rows;
mod snapshots;
mod speed;
mod stream;
mod tables;
mod takeover;
