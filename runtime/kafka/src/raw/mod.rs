//! Calls into librdkafka: the only unsafe code of this crate.
//!
//! Everything handed out of here is safe to use: pointers are owned by types that free them, bytes are
//! borrowed for as long as their message lives, and callbacks touch nothing but [`state::Shared`].
#![allow(unsafe_code)]

mod acks;
mod admin;
mod callbacks;
mod configs;
mod consume;
mod fault;
mod groups;
mod handle;
mod leaders;
mod list;
mod offsets;
mod outage;
mod produce;
mod state;
mod text;

pub(crate) use consume::{Message, RawConsumer};
pub(crate) use handle::Handle;
pub(crate) use list::PartitionList;
pub(crate) use offsets::{Isolation, OffsetSpec};
pub(crate) use produce::{Outgoing, RawProducer};
