//! What the source loops read from: batches, and where transactions may or must end.

use std::time::Duration;

use walbridge_connector_api::{Batch, OffsetEntry, Result, SourceTask};

use super::record_source::RecordSourceTask;

/// What comes after a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// More of the same transaction.
    None,
    /// A place where a transaction may end.
    May,
    /// The end of a transaction.
    Commit,
    /// The end of a transaction that is thrown away, but for its offsets.
    Abort,
}

/// A batch, and what comes after it.
pub(super) struct Part {
    pub(super) batch: Batch,
    pub(super) end: End,
}

/// A source of bytes, or of records behind converters.
pub(super) enum Input {
    Bytes(Box<dyn SourceTask>),
    Records(Box<RecordSourceTask>),
}

impl Input {
    /// Waits at most `wait` for records.
    pub(super) fn poll(&mut self, wait: Duration) -> Result<Option<Part>> {
        match self {
            Self::Bytes(source) => Ok(source.poll(wait)?.map(|batch| {
                let end = if batch.boundary { End::May } else { End::None };
                Part { batch, end }
            })),
            Self::Records(source) => source.poll(wait),
        }
    }

    /// Takes back a batch whose bytes are written.
    pub(super) fn recycle(&mut self, batch: Batch) {
        match self {
            Self::Bytes(source) => source.recycle(batch),
            Self::Records(source) => source.recycle(batch),
        }
    }

    /// Tells the source what Kafka has for certain.
    pub(super) fn committed(&mut self, offsets: &[OffsetEntry]) -> Result<()> {
        match self {
            Self::Bytes(source) => source.committed(offsets),
            Self::Records(source) => source.committed(offsets),
        }
    }

    /// Ends the source's own threads and connections.
    pub(super) fn stop(&mut self) {
        match self {
            Self::Bytes(source) => source.stop(),
            Self::Records(source) => source.stop(),
        }
    }
}

/// Lays newer offsets over older ones of the same partition.
pub(super) fn merge(all: &mut Vec<OffsetEntry>, newer: &mut Vec<OffsetEntry>) {
    for entry in newer.drain(..) {
        match all.iter_mut().find(|old| old.partition == entry.partition) {
            Some(old) => *old = entry,
            None => all.push(entry),
        }
    }
}
