//! Applies change events to PostgreSQL in whole source transactions, exactly once.
//!
//! ```text
//!  Batch ──▶ lanes (one per partition) ──▶ follow: the transaction topic's order,
//!                                            │      per table by data_collection_order
//!                                            ▼
//!            adopt (tables fit the stream)  take ──▶ fold (one statement per row at most)
//!                                                      │
//!            COMMIT ◀── position, offsets, fence ◀── apply: COPY, unnest
//! ```
//!
//! What is guaranteed:
//! * the target only ever equals the source as of some commit; while a snapshot is loaded its phase
//!   says `loading`, and it is no standby;
//! * rows, position and offsets change in one target transaction: whatever dies, each change has its
//!   effect once;
//! * a transaction that is missing, rows that are missing, topics truncated or made anew, a row that
//!   is not as the stream says: each stops the task by name;
//! * after a stop the link goes on with a later snapshot as soon as the topics have one, and no row from
//!   before it is taken for one of its own;
//! * memory stays within `buffer.bytes`, however large a transaction is;
//! * a task whose fence was taken cannot commit.
//!
//! Where to look: [`PostgresSink`] is what the runtime loads; `task` is what it calls; `order` says what
//! is next; `follow` takes transactions in that order; `take` puts rows into the `fold`; `commit` and `apply` bring them to the
//! target; `load` is for snapshots; `wait` finds holes; `stopped` goes on after one; `position` is what
//! the target remembers.

mod adopt;
mod apply;
mod binding;
mod commit;
mod config;
mod connector;
mod ddl;
mod definition;
mod event;
mod evolve;
mod fold;
mod follow;
mod key;
mod lane;
mod load;
mod marker;
mod open;
mod order;
mod origin;
mod params;
mod position;
mod refusal;
mod report;
mod rows;
mod schema;
mod sink;
mod stale;
mod stopped;
mod table;
mod take;
mod target;
mod task;
mod truncate;
mod wait;

pub use connector::PostgresSink;
pub use schema::Schemas;
