//! The worker group: who belongs to it, who leads it, and who runs which task.
//!
//! Everything goes through one compacted topic with one partition, which every worker reads. Its order
//! is the order of events for all of them: all hold the same [`View`], whatever they wrote when.
//!
//! * A worker is there as long as it writes its record again and again ([`Member`]). Its *lease* counts
//!   from the moment it began to write the newest record that it has read back: once that is too long
//!   ago, its tasks hold still, before anybody else may take them for ownerless.
//! * A worker leads if its claim is the first with the highest term. Only a leader's assignments count.
//! * A task that moves is taken away in one assignment and given away in a later one, when its former
//!   owner has said that it has ended ([`next`]). So no task has two owners.
//! * An assignment that takes a worker for dead does not count if that worker wrote anything that the
//!   leader had not read yet.
//!
//! Kafka's own group membership is not used: there a dead member holds up everybody's joining, an empty
//! group waits for seconds, and a member that was paused cannot tell whether it still is one.

mod balance;
mod lease;
mod member;
mod plan;
mod record;
mod replay;
#[cfg(test)]
mod simulation;
mod standing;
mod view;

pub(crate) use lease::Lease;
pub(crate) use member::{Member, write};
pub(crate) use record::{GroupRecord, Progress, Request, TaskId};
pub use replay::replay;
pub(crate) use standing::State;
pub(crate) use view::Change;
