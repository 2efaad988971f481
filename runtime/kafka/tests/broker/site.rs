//! A broker to test against, and names that no other test uses.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use walbridge_connector_api::{
    Batch, Partition, Record, Span, StartAt, StopToken, TopicPartition, TopicSpec, push_header,
};
use walbridge_kafka::{Admin, ClientConfig, Consumer, TransactionalProducer};

pub(crate) fn config() -> ClientConfig {
    ClientConfig::new(match std::env::var("WALBRIDGE_TEST_KAFKA") {
        Ok(servers) => servers,
        Err(_) => walbridge_lab::Lab::shared()
            .unwrap()
            .east()
            .kafka()
            .bootstrap(),
    })
}

pub(crate) fn name(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let since = std::time::UNIX_EPOCH.elapsed().unwrap().as_micros();
    format!("{what}-{since}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn topic(what: &str, partitions: i32) -> Arc<TopicSpec> {
    let spec = TopicSpec {
        name: name(what),
        partitions: Some(partitions),
        ..TopicSpec::default()
    };
    Admin::new(&config())
        .unwrap()
        .create(&spec, &StopToken::new())
        .unwrap();
    Arc::new(spec)
}

pub(crate) fn producer(id: &str) -> TransactionalProducer {
    let mut producer = TransactionalProducer::new(&config(), id, StopToken::new()).unwrap();
    producer.init().unwrap();
    producer
}

pub(crate) fn part(topic: &TopicSpec, partition: i32) -> TopicPartition {
    TopicPartition {
        topic: Arc::from(topic.name.as_str()),
        partition,
    }
}

pub(crate) fn reader(topic: &TopicSpec, start: StartAt) -> Consumer {
    let mut consumer = Consumer::new(&config()).unwrap();
    let all: Vec<_> = (0..topic.partitions.unwrap())
        .map(|p| (part(topic, p), start))
        .collect();
    consumer.assign(&all).unwrap();
    consumer
}

/// A record as tests write and compare it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Plain {
    pub(crate) partition: Option<i32>,
    pub(crate) timestamp: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Plain {
    pub(crate) fn value(partition: i32, text: &str) -> Self {
        let value = Some(text.as_bytes().to_vec());
        Self {
            partition: Some(partition),
            timestamp: -1,
            value,
            ..Self::default()
        }
    }
}

pub(crate) fn batch(topic: &Arc<TopicSpec>, records: &[Plain]) -> Batch {
    let mut batch = Batch::default();
    append(&mut batch, topic, records);
    batch
}

pub(crate) fn append(batch: &mut Batch, topic: &Arc<TopicSpec>, records: &[Plain]) {
    let index = batch.topic(topic);
    for record in records {
        let mut part = |bytes: Option<&[u8]>| {
            let mark = batch.mark();
            bytes.map_or(Span::NULL, |bytes| {
                batch.buffer().extend_from_slice(bytes);
                batch.span(mark)
            })
        };
        let (key, value) = (part(record.key.as_deref()), part(record.value.as_deref()));
        let mark = batch.mark();
        for (name, value) in &record.headers {
            push_header(batch.buffer(), name, value.as_deref());
        }
        let headers = if record.headers.is_empty() {
            Span::NULL
        } else {
            batch.span(mark)
        };
        let partition = record.partition.map_or(Partition::ByKey, Partition::Fixed);
        let timestamp = record.timestamp;
        batch.push(Record {
            topic: index,
            partition,
            offset: -1,
            timestamp,
            key,
            value,
            headers,
        });
    }
}

pub(crate) fn plain(batch: &Batch) -> Vec<Plain> {
    let copy = |span| batch.bytes(span).map(<[u8]>::to_vec);
    let one = |record: &Record| Plain {
        partition: match record.partition {
            Partition::Fixed(p) => Some(p),
            Partition::ByKey => None,
        },
        timestamp: record.timestamp,
        key: copy(record.key),
        value: copy(record.value),
        headers: batch
            .headers(record)
            .map(|h| (h.name.to_owned(), h.value.map(<[u8]>::to_vec)))
            .collect(),
    };
    batch.records().iter().map(one).collect()
}

/// Reads until there are `count` records or the deadline has passed.
pub(crate) fn read(consumer: &mut Consumer, count: usize) -> Vec<Plain> {
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut batch = Batch::default();
    while batch.records().len() < count && Instant::now() < deadline {
        consumer
            .poll(&mut batch, usize::MAX, Duration::from_millis(100))
            .unwrap();
    }
    plain(&batch)
}

/// Reads for as long as records keep coming, and then some.
pub(crate) fn read_all(consumer: &mut Consumer) -> Vec<Plain> {
    let mut batch = Batch::default();
    while consumer
        .poll(&mut batch, usize::MAX, Duration::from_secs(1))
        .unwrap()
        > 0
    {}
    plain(&batch)
}
