//! The operations of connectors, of tasks and of what a sink asks of the runtime, with what crosses.
//!
//! | Operation | Input | Answer |
//! |---|---|---|
//! | [`VALIDATE`] | [`Settings`](walbridge_connector_api::Settings) | list of problems |
//! | [`TASKS`] | settings, how many at most (u64) | list of configurations |
//! | [`CHECK_OFFSETS`] | settings, offsets | words of refusal, if any |
//! | [`DELIVERY`] | settings | [`Delivery`](crate::codec::Delivery) |
//! | [`START`] | settings, [`Start`](crate::codec::Start) | nothing; the task's handle |
//! | [`DEFINE`] | nothing | nothing; from then on a source of records says where its transactions end |
//! | [`POLL`] | how long in ms (u64) | records and the ends of transactions among them, or a batch |
//! | [`COMMITTED`] | offsets | nothing |
//! | [`OPEN`] | partitions, or what is known of them | nothing, or where to start each |
//! | [`PUT`] | records, or a batch if there is one | nothing, or what is applied |
//! | [`PRECOMMIT`] | the next offsets | those that are safe |
//! | [`CLOSE`] | partitions | nothing |
//! | [`FINISH`] | nothing | what is applied |
//! | [`STOP`] | nothing | nothing |
//!
//! Answers of tasks begin with an [`Aside`](crate::codec::Aside): what was counted, and which records could
//! not be written. An error's answer too, before the error.

/// Checks what one key alone cannot tell.
pub const VALIDATE: u32 = 1;
/// Makes the configurations of tasks.
pub const TASKS: u32 = 2;
/// Checks source offsets that somebody wants to store.
pub const CHECK_OFFSETS: u32 = 3;
/// Starts a task of the connector's kind and form.
pub const START: u32 = 4;
/// Asks how a source can deliver.
pub const DELIVERY: u32 = 5;

/// Waits for what there is to read.
pub const POLL: u32 = 16;
/// Says which offsets have been committed.
pub const COMMITTED: u32 = 17;
/// Names partitions whose records follow.
pub const OPEN: u32 = 18;
/// Hands over records.
pub const PUT: u32 = 19;
/// Asks which offsets are safe.
pub const PRECOMMIT: u32 = 20;
/// Names partitions of which no more records follow.
pub const CLOSE: u32 = 21;
/// Asks a sink of bytes to apply what it holds.
pub const FINISH: u32 = 22;
/// Ends a task's threads and connections.
pub const STOP: u32 = 23;
/// Lets a source of records say where its transactions end.
pub const DEFINE: u32 = 24;

/// Stops reading partitions.
pub const PAUSE: u32 = 32;
/// Goes on reading partitions.
pub const RESUME: u32 = 33;
/// Asks for partitions as the cluster has them.
pub const INSPECT: u32 = 34;
