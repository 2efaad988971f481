//! Records: the body first, then the schemas that it speaks of for the first time.

use std::sync::Arc;

use walbridge_connector_api::data::{ConnectHeader, ConnectRecord, Origin};
use walbridge_connector_api::{OffsetEntry, SourceRecord};

use super::value::{get_data, put_data};
use super::{Malformed, Reader, Result, SchemasIn, SchemasOut, Wire};

/// The topics of one message, each named once.
#[derive(Default)]
struct Topics(Vec<Arc<str>>);

impl Topics {
    fn put(&mut self, topic: &Arc<str>, out: &mut Vec<u8>) {
        // Most records have the topic of the one before.
        let known = self.0.iter().rposition(|known| known == topic);
        let number = known.unwrap_or(self.0.len());
        (number as u32).write(out);
        if known.is_none() {
            topic.write(out);
            self.0.push(Arc::clone(topic));
        }
    }

    fn get(&mut self, from: &mut Reader<'_>) -> Result<Arc<str>> {
        let number = u32::read(from)? as usize;
        if number == self.0.len() {
            self.0.push(Wire::read(from)?);
        }
        let topic = self.0.get(number);
        topic
            .cloned()
            .ok_or(Malformed("a topic that was never named"))
    }
}

fn put(
    record: &ConnectRecord,
    topics: &mut Topics,
    schemas: &mut SchemasOut,
    out: &mut Vec<u8>,
) -> Result<()> {
    topics.put(&record.topic, out);
    record.partition.write(out);
    record.timestamp.write(out);
    put_data(&record.key, schemas, out)?;
    put_data(&record.value, schemas, out)?;
    (record.headers.len() as u32).write(out);
    for header in &record.headers {
        header.key.write(out);
        put_data(&header.value, schemas, out)?;
    }
    record.origin.is_some().write(out);
    if let Some(origin) = &record.origin {
        topics.put(&origin.topic, out);
        (origin.partition, origin.offset).write(out);
    }
    Ok(())
}

fn get(from: &mut Reader<'_>, topics: &mut Topics, schemas: &SchemasIn) -> Result<ConnectRecord> {
    let topic = topics.get(from)?;
    let (partition, timestamp) = (Wire::read(from)?, Wire::read(from)?);
    let (key, value) = (get_data(from, schemas)?, get_data(from, schemas)?);
    let count = u32::read(from)? as usize;
    let mut headers = Vec::with_capacity(from.room(count));
    for _ in 0..count {
        let key = Arc::<str>::read(from)?;
        headers.push(ConnectHeader::new(key, get_data(from, schemas)?));
    }
    let origin = if bool::read(from)? {
        let topic = topics.get(from)?;
        let (partition, offset) = Wire::read(from)?;
        Some(Origin {
            topic,
            partition,
            offset,
        })
    } else {
        None
    };
    Ok(ConnectRecord {
        topic,
        partition,
        key,
        value,
        timestamp,
        headers,
        origin,
    })
}

/// Appends a body that may speak of schemas, and those behind it.
fn put_all<T>(
    all: &[T],
    schemas: &mut SchemasOut,
    out: &mut Vec<u8>,
    mut one: impl FnMut(&T, &mut Topics, &mut SchemasOut, &mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    schemas.begin();
    let start = out.len();
    // The body's length, once it is known.
    0u64.write(out);
    (all.len() as u32).write(out);
    let mut topics = Topics::default();
    for value in all {
        one(value, &mut topics, schemas, out)?;
    }
    let len = (out.len() - start - 8) as u64;
    out[start..start + 8].copy_from_slice(&len.to_le_bytes());
    schemas.finish(out);
    Ok(())
}

fn get_all<T>(
    from: &mut Reader<'_>,
    schemas: &mut SchemasIn,
    mut one: impl FnMut(&mut Reader<'_>, &mut Topics, &SchemasIn) -> Result<T>,
) -> Result<Vec<T>> {
    let len = usize::try_from(u64::read(from)?).map_err(|_| Malformed("it is too long"))?;
    let mut body = Reader::new(from.take(len)?);
    schemas.learn(from)?;
    let count = u32::read(&mut body)? as usize;
    let mut all = Vec::with_capacity(body.room(count));
    let mut topics = Topics::default();
    for _ in 0..count {
        all.push(one(&mut body, &mut topics, schemas)?);
    }
    body.end()?;
    Ok(all)
}

/// Appends records.
///
/// # Errors
/// If one is nested too deep.
pub fn write_records(
    records: &[ConnectRecord],
    schemas: &mut SchemasOut,
    out: &mut Vec<u8>,
) -> Result<()> {
    put_all(records, schemas, out, put)
}

/// Reads records.
///
/// # Errors
/// If the bytes are not those of records.
pub fn read_records(from: &mut Reader<'_>, schemas: &mut SchemasIn) -> Result<Vec<ConnectRecord>> {
    get_all(from, schemas, get)
}

/// Appends a source's records with their offsets.
///
/// # Errors
/// If one is nested too deep.
pub fn write_source_records(
    records: &[SourceRecord],
    schemas: &mut SchemasOut,
    out: &mut Vec<u8>,
) -> Result<()> {
    put_all(records, schemas, out, |source, topics, schemas, out| {
        put(&source.record, topics, schemas, out)?;
        source.offset.write(out);
        Ok(())
    })
}

/// Reads a source's records with their offsets.
///
/// # Errors
/// If the bytes are not those of records.
pub fn read_source_records(
    from: &mut Reader<'_>,
    schemas: &mut SchemasIn,
) -> Result<Vec<SourceRecord>> {
    get_all(from, schemas, |from, topics, schemas| {
        let record = get(from, topics, schemas)?;
        let offset = Option::<OffsetEntry>::read(from)?;
        Ok(SourceRecord { record, offset })
    })
}

#[cfg(test)]
mod tests;
