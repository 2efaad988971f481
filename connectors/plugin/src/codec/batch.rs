//! Batches of bytes: the arena as it is, and a row of numbers per record.

use std::sync::Arc;

use walbridge_connector_api::{Batch, Partition, Record, Span, TopicSpec};

use super::{Malformed, Reader, Result, Wire, put_bytes};

/// What a record that goes where its key says has for a partition.
const BY_KEY: i32 = -1;

fn put_record(record: &Record, out: &mut Vec<u8>) {
    record.topic.write(out);
    match record.partition {
        Partition::ByKey => BY_KEY.write(out),
        Partition::Fixed(partition) => partition.write(out),
    }
    record.offset.write(out);
    record.timestamp.write(out);
    for span in [record.key, record.value, record.headers] {
        let place = if span.is_null() {
            (0, u32::MAX)
        } else {
            (span.start() as u32, span.len() as u32)
        };
        place.write(out);
    }
}

impl Wire for Batch {
    fn write(&self, out: &mut Vec<u8>) {
        out.reserve(self.size() + self.records().len() * 44 + 64);
        put_bytes(out, self.arena());
        (self.topics().len() as u32).write(out);
        self.topics().iter().for_each(|topic| topic.write(out));
        self.offsets.write(out);
        self.boundary.write(out);
        self.transactions.write(out);
        (self.records().len() as u32).write(out);
        self.records()
            .iter()
            .for_each(|record| put_record(record, out));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self> {
        let mut batch = Self::default();
        read_batch(&mut batch, from)?;
        Ok(batch)
    }
}

/// Reads a batch into one that has memory already.
///
/// # Errors
/// If the bytes are not those of a batch.
pub fn read_batch(batch: &mut Batch, from: &mut Reader<'_>) -> Result<()> {
    batch.clear();
    batch.buffer().extend_from_slice(from.bytes()?);
    // The other side may name a topic twice; here it has one index.
    let mut places = Vec::new();
    for _ in 0..u32::read(from)? {
        places.push(batch.topic(&Arc::new(TopicSpec::read(from)?)));
    }
    batch.offsets = Wire::read(from)?;
    batch.boundary = bool::read(from)?;
    batch.transactions = u64::read(from)?;
    for _ in 0..u32::read(from)? {
        let place = places.get(u32::read(from)? as usize).copied();
        let topic = place.ok_or(Malformed("a record's topic is not in the batch"))?;
        let partition = match i32::read(from)? {
            BY_KEY => Partition::ByKey,
            partition => Partition::Fixed(partition),
        };
        let (offset, timestamp) = (i64::read(from)?, i64::read(from)?);
        let mut span = || match <(u32, u32)>::read(from)? {
            (_, u32::MAX) => Ok(Span::NULL),
            (start, len) => batch
                .span_at(start as usize, len as usize)
                .ok_or(Malformed("bytes of a record are not in the batch")),
        };
        let (key, value, headers) = (span()?, span()?, span()?);
        batch.push(Record {
            topic,
            partition,
            offset,
            timestamp,
            key,
            value,
            headers,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{bytes_of, whole};
    use proptest::prelude::*;
    use walbridge_connector_api::{OffsetEntry, push_header};

    fn batch(rows: &[(u8, Option<Vec<u8>>, i64)]) -> Batch {
        let mut batch = Batch::default();
        let specs = ["a", "b"].map(|name| {
            Arc::new(TopicSpec {
                name: name.into(),
                partitions: Some(3),
                replication_factor: None,
                config: vec![("cleanup.policy".into(), "compact".into())],
            })
        });
        for (topic, value, timestamp) in rows {
            let topic = batch.topic(&specs[usize::from(topic % 2)]);
            let mark = batch.mark();
            push_header(batch.buffer(), "h", value.as_deref());
            let headers = batch.span(mark);
            let mark = batch.mark();
            batch
                .buffer()
                .extend_from_slice(value.as_deref().unwrap_or_default());
            let span = batch.span(mark);
            batch.push(Record {
                topic,
                partition: Partition::Fixed(1),
                offset: -1,
                timestamp: *timestamp,
                key: Span::NULL,
                value: value.as_ref().map_or(Span::NULL, |_| span),
                headers,
            });
        }
        batch.offsets = vec![OffsetEntry {
            partition: serde_json::Map::new(),
            offset: None,
        }];
        batch.boundary = true;
        batch.transactions = 7;
        batch
    }

    /// Shows all that a batch says.
    fn shown(batch: &Batch) -> String {
        let Batch {
            offsets,
            boundary,
            transactions,
            ..
        } = batch;
        let (records, topics) = (batch.records(), batch.topics());
        format!(
            "{:?} {topics:?} {records:?} {offsets:?} {boundary} {transactions}",
            batch.arena()
        )
    }

    proptest! {
        #[test]
        fn a_batch_comes_back(rows: Vec<(u8, Option<Vec<u8>>, i64)>) {
            let batch = batch(&rows);
            let read: Batch = whole(&bytes_of(&batch)).unwrap();
            prop_assert_eq!(shown(&read), shown(&batch));
        }

        /// A library that names a topic twice has its records in one topic all the same.
        #[test]
        fn a_topic_named_twice_is_one(rows: Vec<(u8, Option<Vec<u8>>, i64)>) {
            let batch = batch(&rows);
            let (mut bytes, mut twice) = (Vec::new(), Vec::new());
            (batch.topics().len() as u32).write(&mut bytes);
            ((batch.topics().len() * 2) as u32).write(&mut twice);
            for topic in batch.topics() {
                topic.write(&mut bytes);
                topic.write(&mut twice);
                topic.write(&mut twice);
            }
            let whole_batch = bytes_of(&batch);
            let mut arena = Vec::new();
            put_bytes(&mut arena, batch.arena());
            let mut offsets = Vec::new();
            batch.offsets.write(&mut offsets);
            batch.boundary.write(&mut offsets);
            batch.transactions.write(&mut offsets);
            (batch.records().len() as u32).write(&mut offsets);
            let records = arena.len() + bytes.len() + offsets.len();
            prop_assert_eq!(&whole_batch[..records], [&arena[..], &bytes, &offsets].concat());
            let mut doubled = [arena, twice, offsets].concat();
            for (number, record) in batch.records().iter().enumerate() {
                // Either name of it will do.
                let topic = record.topic * 2 + (number % 2) as u32;
                put_record(&Record { topic, ..*record }, &mut doubled);
            }
            prop_assert_eq!(shown(&whole(&doubled).unwrap()), shown(&batch));
        }

        #[test]
        fn any_bytes_end_without_panic(mut bytes: Vec<u8>, cut: usize, at: usize, byte: u8) {
            let _ = whole::<Batch>(&bytes);
            // And those that are nearly right.
            bytes = bytes_of(&batch(&[(0, Some(vec![1, 2]), 5), (1, None, 6)]));
            let cut_off = &bytes[..cut % bytes.len()];
            prop_assert!(whole::<Batch>(cut_off).is_err());
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(read) = whole::<Batch>(&bytes) {
                for record in read.records() {
                    let _ = (read.bytes(record.value), read.topic_of(record), read.headers(record).count());
                }
            }
        }
    }
}
