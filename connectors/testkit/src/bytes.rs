//! Batches of bytes as records whose parts are bytes, and back.

use std::sync::Arc;

use walbridge_connector_api::data::{ConnectHeader, ConnectRecord, SchemaAndValue, Value};
use walbridge_connector_api::{
    Batch, ConnectorError, Partition, Record, Result, Span, TopicSpec, push_header,
};

fn shown(bytes: Option<&[u8]>) -> SchemaAndValue {
    SchemaAndValue::schemaless(bytes.map(<[u8]>::to_vec))
}

/// Shows the records of a batch.
pub(crate) fn records(batch: &Batch) -> Vec<ConnectRecord> {
    let show = |record: &Record| {
        let topic = batch.topic_of(record).name.as_str();
        let mut shown_record = ConnectRecord::new(topic, shown(batch.bytes(record.value)));
        shown_record.key = shown(batch.bytes(record.key));
        shown_record.partition = match record.partition {
            Partition::Fixed(partition) => Some(partition),
            Partition::ByKey => None,
        };
        shown_record.timestamp = (record.timestamp >= 0).then_some(record.timestamp);
        let headers = batch.headers(record);
        shown_record.headers = headers
            .map(|header| ConnectHeader::new(header.name, shown(header.value)))
            .collect();
        shown_record
    };
    batch.records().iter().map(show).collect()
}

/// Makes a batch, as the runtime's consumer does, of records that have been read.
pub(crate) fn batch(records: &[ConnectRecord]) -> Result<Batch> {
    let mut batch = Batch::default();
    let mut topics: Vec<Arc<TopicSpec>> = Vec::new();
    for record in records {
        let known = topics.iter().position(|topic| *topic.name == *record.topic);
        let known = known.unwrap_or_else(|| {
            topics.push(Arc::new(TopicSpec {
                name: record.topic.to_string(),
                ..TopicSpec::default()
            }));
            topics.len() - 1
        });
        let topic = batch.topic(&topics[known]);
        let key = part(&mut batch, &record.key)?;
        let value = part(&mut batch, &record.value)?;
        let mark = batch.mark();
        for header in &record.headers {
            let value = bytes(&header.value)?;
            push_header(batch.buffer(), &header.key, value);
        }
        let headers = if record.headers.is_empty() {
            Span::NULL
        } else {
            batch.span(mark)
        };
        let origin = record.origin.as_ref();
        batch.push(Record {
            topic,
            partition: Partition::Fixed(origin.map_or(0, |origin| origin.partition)),
            offset: origin.map_or(-1, |origin| origin.offset),
            timestamp: record.timestamp.unwrap_or(-1),
            key,
            value,
            headers,
        });
    }
    Ok(batch)
}

fn part(batch: &mut Batch, data: &SchemaAndValue) -> Result<Span> {
    let Some(bytes) = bytes(data)? else {
        return Ok(Span::NULL);
    };
    let mark = batch.mark();
    batch.buffer().extend_from_slice(bytes);
    Ok(batch.span(mark))
}

fn bytes(data: &SchemaAndValue) -> Result<Option<&[u8]>> {
    match &data.value {
        Value::Null => Ok(None),
        Value::Bytes(bytes) => Ok(Some(bytes)),
        Value::String(text) => Ok(Some(text.as_bytes())),
        other => Err(ConnectorError::stop(
            "NotBytes",
            format!(
                "this sink takes bytes, and the test wrote a value of type {}",
                other.kind_name()
            ),
        )),
    }
}
