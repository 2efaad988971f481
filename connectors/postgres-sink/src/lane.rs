//! One partition's records: those waiting for their turn and those taken but not yet applied.
//!
//! Records are copied out of the consumer's batches into chunks of the lane, so that a slow lane
//! never pins other lanes' memory. A byte has a position that counts from the lane's start and stays
//! valid until the lane is told that everything before it is applied.

use std::collections::VecDeque;

use walbridge_connector_api::{Batch, Record, TopicPartition};
use walbridge_schemas::marks;

const CHUNK_MIN: usize = 4 << 10;
const CHUNK_MAX: usize = 256 << 10;
const NULL: u32 = u32::MAX;

#[derive(Debug)]
struct Chunk {
    start: u64,
    bytes: Vec<u8>,
}

/// One record's place in its lane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waiting {
    pub(crate) offset: i64,
    start: u64,
    key: u32,
    value: u32,
    headers: u32,
}

impl Waiting {
    /// Returns where the value lies: its position and length; `None` for a tombstone.
    pub(crate) fn value(&self) -> Option<(u64, u32)> {
        let key = if self.key == NULL { 0 } else { self.key };
        (self.value != NULL).then(|| (self.start + u64::from(key), self.value))
    }

    /// Returns where the key lies.
    pub(crate) fn key(&self) -> Option<(u64, u32)> {
        (self.key != NULL).then_some((self.start, self.key))
    }

    /// Returns where the headers lie.
    pub(crate) fn headers(&self) -> (u64, u32) {
        (self.end() - u64::from(self.headers), self.headers)
    }

    /// Returns the record's bytes in all.
    pub(crate) fn size(&self) -> u64 {
        self.end() - self.start
    }

    fn end(&self) -> u64 {
        let part = |len| if len == NULL { 0 } else { u64::from(len) };
        self.start + part(self.key) + part(self.value) + u64::from(self.headers)
    }
}

/// One partition and what is held of it.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) partition: TopicPartition,
    pub(crate) topic_id: String,
    chunks: VecDeque<Chunk>,
    waiting: VecDeque<Waiting>,
    /// How many of the waiting are no tombstones.
    values: u64,
    /// How many came that are no tombstones.
    came: u64,
    /// Of those, which ones carry a table definition and may still wait.
    redefinitions: VecDeque<u64>,
    end: u64,
    held: usize,
    /// The offset after the last record taken.
    pub(crate) next: i64,
    /// The offset after the last record that came.
    pub(crate) received: i64,
    /// The offset as it stands in the target.
    pub(crate) stored: i64,
    pub(crate) paused: bool,
}

impl Lane {
    pub(crate) fn new(partition: TopicPartition, topic_id: String, next: i64) -> Self {
        Self {
            partition,
            topic_id,
            chunks: VecDeque::new(),
            waiting: VecDeque::new(),
            values: 0,
            came: 0,
            redefinitions: VecDeque::new(),
            end: 0,
            held: 0,
            next,
            received: next,
            stored: next,
            paused: false,
        }
    }

    /// Copies a record in; one that came already (after a resumed fetch) is left out.
    pub(crate) fn push(&mut self, batch: &Batch, record: &Record) {
        if record.offset < self.received {
            return;
        }
        let parts = [record.key, record.value, record.headers].map(|span| batch.bytes(span));
        let len = parts.iter().flatten().map(|part| part.len()).sum();
        self.reserve(len);
        let start = self.end;
        if let Some(chunk) = self.chunks.back_mut() {
            parts
                .iter()
                .flatten()
                .for_each(|part| chunk.bytes.extend_from_slice(part));
        }
        self.end += len as u64;
        let size = |part: Option<&[u8]>| part.map_or(NULL, |part| part.len() as u32);
        self.waiting.push_back(Waiting {
            offset: record.offset,
            start,
            key: size(parts[0]),
            value: size(parts[1]),
            headers: parts[2].map_or(0, |part| part.len() as u32),
        });
        let headers = &batch.headers(record);
        if headers.last(marks::RELATION).is_some() {
            self.redefinitions.push_back(self.came);
        }
        self.values += u64::from(parts[1].is_some());
        self.came += u64::from(parts[1].is_some());
        self.received = record.offset + 1;
    }

    fn reserve(&mut self, len: usize) {
        let last = self
            .chunks
            .back()
            .map(|chunk| (chunk.bytes.capacity(), chunk.bytes.len()));
        if last.is_some_and(|(capacity, used)| capacity - used >= len) {
            return;
        }
        let grown = last.map_or(CHUNK_MIN, |(capacity, _)| capacity * 2);
        let capacity = grown.clamp(CHUNK_MIN, CHUNK_MAX).max(len);
        self.held += capacity;
        self.chunks.push_back(Chunk {
            start: self.end,
            bytes: Vec::with_capacity(capacity),
        });
    }

    /// Returns whether one of the next `count` rows that wait carries a table definition.
    pub(crate) fn redefines_within(&mut self, count: u64) -> bool {
        let head = self.came - self.values;
        while self.redefinitions.front().is_some_and(|at| *at < head) {
            self.redefinitions.pop_front();
        }
        self.redefinitions
            .front()
            .is_some_and(|at| *at < head + count)
    }

    /// Returns the record whose turn is next.
    pub(crate) fn head(&self) -> Option<&Waiting> {
        self.waiting.front()
    }

    /// Returns the record behind the head.
    pub(crate) fn second(&self) -> Option<&Waiting> {
        self.waiting.get(1)
    }

    /// Takes the head away; its bytes stay until [`release`](Self::release).
    pub(crate) fn take(&mut self) {
        if let Some(record) = self.waiting.pop_front() {
            self.next = record.offset + 1;
            self.values -= u64::from(record.value().is_some());
        }
    }

    /// Returns how many records wait that are no tombstones.
    pub(crate) fn values(&self) -> u64 {
        self.values
    }

    /// Returns whether no record waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Returns bytes by their position; empty if they are not held.
    pub(crate) fn bytes(&self, (start, len): (u64, u32)) -> &[u8] {
        let at = self.chunks.partition_point(|chunk| chunk.start <= start);
        let chunk = at.checked_sub(1).and_then(|at| self.chunks.get(at));
        chunk
            .and_then(|chunk| {
                let from = (start - chunk.start) as usize;
                chunk.bytes.get(from..from + len as usize)
            })
            .unwrap_or(&[])
    }

    /// Forgets the bytes of everything that was taken.
    pub(crate) fn release(&mut self) {
        let keep = self.waiting.front().map_or(self.end, |record| record.start);
        while let Some(chunk) = self.chunks.front() {
            let end = chunk.start + chunk.bytes.len() as u64;
            if end > keep || (self.chunks.len() == 1 && self.held <= CHUNK_MAX && end == keep) {
                // A last small chunk is kept for the next record.
                if end == keep {
                    self.restart();
                }
                return;
            }
            self.held -= chunk.bytes.capacity();
            self.chunks.pop_front();
        }
    }

    /// Uses the only chunk anew.
    fn restart(&mut self) {
        if let Some(chunk) = self.chunks.front_mut() {
            chunk.start = self.end;
            chunk.bytes.clear();
        }
    }

    /// Returns the memory held.
    pub(crate) fn size(&self) -> usize {
        self.held + self.waiting.len() * size_of::<Waiting>()
    }
}
