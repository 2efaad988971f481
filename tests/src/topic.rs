//! Reading topics as an independent consumer does: librdkafka at `read_committed`, apache-avro for
//! the bytes, the registry over HTTP for their schemas.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use walbridge_lab::Http;

/// How long a whole topic may take to be read.
const LIMIT: Duration = Duration::from_secs(120);

/// Decodes Confluent-framed Avro.
#[derive(Debug)]
pub struct Decoder {
    registry: String,
    http: Http,
    schemas: HashMap<u32, Schema>,
}

impl Decoder {
    /// Creates a decoder that asks the registry at this URL.
    ///
    /// # Errors
    /// If there can be no HTTP client.
    pub fn new(registry: &str) -> Result<Self> {
        let registry = registry.trim_end_matches('/').to_owned();
        Ok(Self {
            registry,
            http: Http::new()?,
            schemas: HashMap::new(),
        })
    }

    /// Decodes one framed datum.
    ///
    /// # Errors
    /// If it is not framed, its schema is not known, or it does not fit its schema.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<Value> {
        let Some((&[0, a, b, c, d], mut datum)) = bytes.split_first_chunk::<5>() else {
            bail!("not framed: {:?}", &bytes[..bytes.len().min(8)]);
        };
        let id = u32::from_be_bytes([a, b, c, d]);
        if !self.schemas.contains_key(&id) {
            let answer = self
                .http
                .get(&format!("{}/schemas/ids/{id}", self.registry))?;
            let text = answer["schema"]
                .as_str()
                .context("the registry answered no schema")?;
            let schema = Schema::parse_str(text).with_context(|| format!("schema {id}: {text}"))?;
            self.schemas.insert(id, schema);
        }
        let reader = GenericDatumReader::builder(&self.schemas[&id]).build()?;
        let value = reader.read_value(&mut datum)?;
        ensure!(
            datum.is_empty(),
            "{} bytes too many for schema {id}",
            datum.len()
        );
        Ok(value)
    }
}

/// Returns a field of a record, looking through unions; `None` if it is not there or null.
pub fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let Value::Record(fields) = inner(value) else {
        return None;
    };
    let found = fields.iter().find(|(field, _)| field == name)?;
    match inner(&found.1) {
        Value::Null => None,
        value => Some(value),
    }
}

/// Returns the text of a field.
pub fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    match field(value, name)? {
        Value::String(text) | Value::Enum(_, text) => Some(text),
        _ => None,
    }
}

/// Returns the number in a field.
pub fn number(value: &Value, name: &str) -> Option<i64> {
    match field(value, name)? {
        Value::Int(number) => Some(i64::from(*number)),
        Value::Long(number) | Value::TimestampMillis(number) | Value::TimestampMicros(number) => {
            Some(*number)
        }
        _ => None,
    }
}

fn inner(value: &Value) -> &Value {
    match value {
        Value::Union(_, value) => inner(value),
        value => value,
    }
}

/// Returns a header that holds eight bytes, big endian.
pub fn header(message: &BorrowedMessage<'_>, name: &str) -> Option<u64> {
    let headers = message.headers()?;
    let header = headers.iter().find(|header| header.key == name)?;
    Some(u64::from_be_bytes(header.value?.try_into().ok()?))
}

/// Returns the settings of an independent client of the Kafka at `bootstrap`.
#[must_use]
pub fn client(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "walbridge-tests")
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "error")
        .set("check.crcs", "true");
    config
}

/// Returns the names of the topics that begin with `prefix`.
///
/// # Errors
/// If Kafka does not answer.
pub fn topics(bootstrap: &str, prefix: &str) -> Result<Vec<String>> {
    let consumer: BaseConsumer = client(bootstrap).create()?;
    let metadata = consumer.fetch_metadata(None, Duration::from_secs(10))?;
    let names = metadata
        .topics()
        .iter()
        .map(|topic| topic.name().to_owned());
    Ok(names.filter(|name| name.starts_with(prefix)).collect())
}

/// Returns how many partitions a topic has.
///
/// # Errors
/// If Kafka does not answer or there is no such topic.
pub fn partitions(consumer: &BaseConsumer, topic: &str) -> Result<i32> {
    let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10))?;
    let found = metadata.topics().first();
    let count = found.map_or(0, |topic| topic.partitions().len());
    ensure!(count > 0, "there is no topic {topic}");
    Ok(i32::try_from(count)?)
}

/// Reads a topic from its first record to the end it has now, each partition in order, and hands
/// every committed record to `take`.
///
/// # Errors
/// If Kafka does not answer, or `take` fails.
pub fn read(
    bootstrap: &str,
    topic: &str,
    mut take: impl FnMut(&BorrowedMessage<'_>) -> Result<()>,
) -> Result<()> {
    let consumer: BaseConsumer = client(bootstrap).create()?;
    let partitions = partitions(&consumer, topic)?;
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&list)?;
    let started = Instant::now();
    let mut ended = 0;
    while ended < partitions {
        ensure!(
            started.elapsed() < LIMIT,
            "{topic} could not be read within {LIMIT:?}"
        );
        match consumer.poll(Duration::from_millis(200)) {
            None => {}
            Some(Ok(message)) => take(&message)
                .with_context(|| format!("{topic}/{}@{}", message.partition(), message.offset()))?,
            Some(Err(KafkaError::PartitionEOF(_))) => ended += 1,
            Some(Err(error)) => return Err(error).with_context(|| format!("reading {topic}")),
        }
    }
    Ok(())
}
