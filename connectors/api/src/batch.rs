//! The unit that crosses threads: many records in one arena.

use std::sync::Arc;

use crate::headers::Headers;
use crate::offset::OffsetEntry;

/// A range of bytes in a batch's arena, or nothing at all (a Kafka null).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    start: u32,
    len: u32,
}

impl Span {
    /// The absent value: no key, no value (a tombstone), no headers.
    pub const NULL: Span = Span {
        start: 0,
        len: u32::MAX,
    };

    /// Returns whether this span stands for no bytes at all, which is not the same as empty bytes.
    pub fn is_null(self) -> bool {
        self.len == u32::MAX
    }

    /// Returns the length in bytes; a null span has none.
    pub fn len(self) -> usize {
        if self.is_null() { 0 } else { self.len as usize }
    }

    /// Returns where in the arena it begins.
    pub fn start(self) -> usize {
        self.start as usize
    }

    /// Returns whether there are no bytes in it.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// Where in its topic a record goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partition {
    /// The partition that Kafka's default partitioner (murmur2 of the key) chooses; a record
    /// without a key goes to any one.
    ByKey,
    /// This partition.
    Fixed(i32),
}

/// A topic as the connector wants it to be, should it have to be created.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicSpec {
    /// The topic's name.
    pub name: String,
    /// How many partitions it must have; `None` leaves it to `topic.creation.*` and the broker.
    pub partitions: Option<i32>,
    /// The replication factor; `None` leaves it to `topic.creation.*` and the broker.
    pub replication_factor: Option<i32>,
    /// Topic configuration such as `cleanup.policy`.
    pub config: Vec<(String, String)>,
}

/// One record: where it goes (or comes from) and which bytes of the arena are its parts.
#[derive(Debug, Clone, Copy)]
pub struct Record {
    /// Index into [`Batch::topics`].
    pub topic: u32,
    /// Where in the topic it goes, or the partition it was read from.
    pub partition: Partition,
    /// The offset it was read from; -1 for a record that is yet to be written.
    pub offset: i64,
    /// Milliseconds since 1970; -1 leaves it to the producer.
    pub timestamp: i64,
    /// The key's bytes.
    pub key: Span,
    /// The value's bytes.
    pub value: Span,
    /// Headers as [`crate::push_header`] wrote them; [`Span::NULL`] for none.
    pub headers: Span,
}

/// Records in one arena, with the source offsets that stand for having read them.
///
/// A batch is written by appending to its [`buffer`](Batch::buffer), turning what was appended into
/// spans with [`span`](Batch::span) and naming them in [`push`](Batch::push). Cleared batches keep
/// their memory, so a task that recycles them allocates nothing once warm.
#[derive(Debug, Default)]
pub struct Batch {
    arena: Vec<u8>,
    records: Vec<Record>,
    topics: Vec<Arc<TopicSpec>>,
    /// Handles that were asked for, with the index of their name; several may have one name.
    handles: Vec<(Arc<TopicSpec>, u32)>,
    /// Which of them was asked for last: records come in runs.
    last: usize,
    /// The offsets that are true once all of these records are written.
    pub offsets: Vec<OffsetEntry>,
    /// Whether a Kafka transaction may end after this batch: not inside a source transaction.
    pub boundary: bool,
    /// How many source transactions end in this batch.
    pub transactions: u64,
}

impl Batch {
    /// Creates an empty batch whose arena can hold `bytes` before it grows.
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            arena: Vec::with_capacity(bytes),
            ..Self::default()
        }
    }

    /// Empties the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.records.clear();
        self.topics.clear();
        self.handles.clear();
        self.offsets.clear();
        self.boundary = false;
        self.transactions = 0;
    }

    /// Returns the arena to append bytes to.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.arena
    }

    /// Returns the bytes held so far.
    pub fn size(&self) -> usize {
        self.arena.len()
    }

    /// Returns the bytes the arena can hold without growing.
    pub fn capacity(&self) -> usize {
        self.arena.capacity()
    }

    /// Returns a mark to pass to [`span`](Batch::span) after appending.
    pub fn mark(&self) -> usize {
        self.arena.len()
    }

    /// Returns the span of everything appended since `mark`.
    ///
    /// # Panics
    /// If the arena has outgrown 4 GiB, which a byte budget must prevent long before.
    pub fn span(&self, mark: usize) -> Span {
        let start = u32::try_from(mark).unwrap_or(u32::MAX);
        let len = u32::try_from(self.arena.len() - mark).unwrap_or(u32::MAX);
        assert!(
            start != u32::MAX && len != u32::MAX,
            "a batch holds at most 4 GiB"
        );
        Span { start, len }
    }

    /// Returns the span of bytes that are in the arena already; `None` if they are not all there.
    pub fn span_at(&self, start: usize, len: usize) -> Option<Span> {
        let end = start.checked_add(len)?;
        let (start, len) = (u32::try_from(start).ok()?, u32::try_from(len).ok()?);
        (end <= self.arena.len() && len != u32::MAX).then_some(Span { start, len })
    }

    /// Returns the arena's bytes.
    pub fn arena(&self) -> &[u8] {
        &self.arena
    }

    /// Takes back everything appended since `mark`.
    pub fn rewind(&mut self, mark: usize) {
        self.arena.truncate(mark);
    }

    /// Takes back everything since there were `records` records and `mark` was taken.
    pub fn undo(&mut self, records: usize, mark: usize) {
        self.records.truncate(records);
        self.arena.truncate(mark);
    }

    /// Returns the index of `topic` in this batch, adding it if its name is new.
    ///
    /// One name has one index, whoever made the handle: what writes the batch keeps the order of
    /// records by it. The first description of a topic is the one that stays.
    #[inline]
    pub fn topic(&mut self, topic: &Arc<TopicSpec>) -> u32 {
        let same = |(known, _): &(Arc<TopicSpec>, u32)| Arc::ptr_eq(known, topic);
        if let Some(handle) = self.handles.get(self.last).filter(|known| same(known)) {
            return handle.1;
        }
        if let Some(found) = self.handles.iter().position(same) {
            self.last = found;
            return self.handles[found].1;
        }
        self.add_handle(topic)
    }

    /// Notes a handle that this batch has not met.
    #[cold]
    fn add_handle(&mut self, topic: &Arc<TopicSpec>) -> u32 {
        let found = self.topics.iter().position(|t| t.name == topic.name);
        let index = found.unwrap_or_else(|| {
            self.topics.push(Arc::clone(topic));
            self.topics.len() - 1
        });
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        // The handle is kept, so that no other one can come to lie where it is.
        self.handles.push((Arc::clone(topic), index));
        self.last = self.handles.len() - 1;
        index
    }

    /// Adds a record whose spans are in this batch's arena.
    pub fn push(&mut self, record: Record) {
        self.records.push(record);
    }

    /// Returns the topics that records point to.
    pub fn topics(&self) -> &[Arc<TopicSpec>] {
        &self.topics
    }

    /// Returns the topic of a record of this batch.
    pub fn topic_of(&self, record: &Record) -> &Arc<TopicSpec> {
        &self.topics[record.topic as usize]
    }

    /// Returns the records in order.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Returns whether there is neither a record nor an offset in it.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.offsets.is_empty()
    }

    /// Returns the bytes of a span, or `None` for a null one.
    pub fn bytes(&self, span: Span) -> Option<&[u8]> {
        (!span.is_null()).then(|| {
            let start = span.start as usize;
            &self.arena[start..start + span.len as usize]
        })
    }

    /// Returns the bytes of a span for changing in place, or `None` for a null one.
    pub fn bytes_mut(&mut self, span: Span) -> Option<&mut [u8]> {
        if span.is_null() {
            return None;
        }
        let start = span.start as usize;
        Some(&mut self.arena[start..start + span.len as usize])
    }

    /// Returns the headers of a record.
    pub fn headers(&self, record: &Record) -> Headers<'_> {
        Headers::new(self.bytes(record.headers).unwrap_or(&[]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn null_and_empty_differ() {
        let mut batch = Batch::default();
        let mark = batch.mark();
        let empty = batch.span(mark);
        assert_eq!(batch.bytes(empty), Some(&[][..]));
        assert_eq!(batch.bytes(Span::NULL), None);
        batch.buffer().extend_from_slice(b"abc");
        let span = batch.span(mark);
        assert_eq!(batch.bytes(span), Some(&b"abc"[..]));
    }

    proptest! {
        /// However many handles there are of a name, it has one index.
        #[test]
        fn a_name_has_one_index(asked in prop::collection::vec((0usize..4, 0usize..3), 0..60)) {
            let handle = |name: usize| Arc::new(TopicSpec { name: name.to_string(), ..TopicSpec::default() });
            let handles: Vec<Vec<_>> = (0..4).map(|name| (0..3).map(|_| handle(name)).collect()).collect();
            let mut batch = Batch::default();
            for _ in 0..2 {
                let mut indexes = std::collections::BTreeMap::new();
                for (name, of) in &asked {
                    let index = batch.topic(&handles[*name][*of]);
                    prop_assert_eq!(*indexes.entry(*name).or_insert(index), index);
                    prop_assert_eq!(&batch.topics()[index as usize].name, &name.to_string());
                }
                prop_assert_eq!(batch.topics().len(), indexes.len());
                batch.clear();
            }
        }
    }
}
