//! End-to-end suites on real servers, and what they are made of.
//!
//! * [`truth`]: the recorder of truth. A load that seals every transaction with a number and a
//!   digest of all tables, a checker that recomputes it at the other end in every snapshot it can
//!   take, an audit of the topics, and a comparison of the two databases row by row.
//! * [`sql`], [`rest`], [`registry`], [`topic`], [`worker`]: how the suites talk to each server.
//! * [`wait`]: conditions with deadlines. No test sleeps and hopes.
//!
//! The suites themselves are in `tests/tests`, one file per subject.

pub mod sql;
pub mod truth;
pub mod wait;
