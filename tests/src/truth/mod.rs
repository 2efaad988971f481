//! The recorder of truth.
//!
//! ```text
//!  Load ──▶ east: every transaction counts truth.seq up and brings truth.digest up to date
//!            │                                        judge.txn remembers both, per transaction
//!            ▼  the chain under judgement
//!           west ──▶ Checker: in every snapshot, recompute the digest from the rows   (I3)
//!            │
//!            └────▶ compare: both databases, row by row, column by column             (I2)
//!           topics ─▶ Audit: every event once, every count met, no link missing       (I1, I2)
//! ```
//!
//! The digest is a sum over all rows of all tables of a hash of the row, so it can be kept up to
//! date from the rows a transaction changes, and computed from nothing by a reader who sees only
//! the tables. A row lost, doubled, torn from its transaction or changed by one bit changes it.

mod audit;
mod checker;
mod compare;
mod listen;
mod load;
mod operations;
mod record;
mod shapes;
mod trial;

pub use audit::{Audit, Heard, Link};
pub use checker::{Checker, Loading, Verdict, loading_of_subscription, loading_of_walbridge};
pub use compare::{compare, compare_definitions};
pub use listen::listen;
pub use load::{Load, Pace, Shapes, Written, prepare};
pub use operations::Events;
pub use record::{Record, Sealed};
pub use trial::{Outcome, Trial, audit};

/// The tables whose rows make the digest.
pub const TABLES: &[&str] = &[
    "account",
    "ledger",
    "journal",
    "place",
    "moved",
    "composite",
    "document",
    "kinds",
    "scratch",
    "bulk",
    "grown",
    "odd_number",
    "odd_time",
    "shade",
    "altered",
    "small_01",
    "small_02",
    "small_03",
    "small_04",
    "small_05",
    "small_06",
    "small_07",
    "small_08",
    "small_09",
    "small_10",
    "small_11",
    "small_12",
];
