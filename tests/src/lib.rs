//! End-to-end suites on real servers, and what they are made of.
//!
//! * [`truth`]: the recorder of truth. A load that seals every transaction with a number and a
//!   digest of all tables, a checker that recomputes it at the other end in every snapshot it can
//!   take, an audit of the topics, and a comparison of the two databases row by row.
//! * [`sql`], [`topic`]: how the suites read databases and topics.
//! * [`consumers`]: Java's and Python's consumers, and what they must see.
//! * [`own`]: a server that a test may replace; [`forge`]: what somebody with rights does to topics.
//! * [`chain`]: a pair of workers and their connectors, made for one test.
//!
//! Servers and workers come from `walbridge-lab`. The suites themselves are in `tests/tests`, one
//! file per subject.

// Every binary that links librdkafka links what mends it.
use walbridge_kafka as _;

pub mod chain;
pub mod consumers;
pub mod forge;
pub mod own;
pub mod sql;
pub mod topic;
pub mod truth;
