//! A sink of records that is choosy, and records written and read with every byte.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use walbridge_connector_api::data::{ConnectRecord, text_of};
use walbridge_connector_api::{
    Batch, ConfigDef, Connector, ConnectorError, ConnectorKind, ErrantRecordReporter, Form,
    Partition, Record, RecordSink, Result, Settings, Span, StartAt, StopToken, TaskContext,
    TopicPartition, TopicSpec, push_header,
};
use walbridge_kafka::{Admin, BatchWriter, Consumer};

use crate::site::{client, wait};

static TAKEN: Mutex<BTreeMap<String, Vec<String>>> = Mutex::new(BTreeMap::new());

/// Returns what a choosy sink has taken.
pub(crate) fn taken(connector: &str) -> Vec<String> {
    let all = TAKEN.lock().unwrap();
    all.get(connector).cloned().unwrap_or_default()
}

/// Keeps values as text in this process, but none that begins with `refuse`.
pub(crate) struct Choosy;

impl Connector for Choosy {
    fn class(&self) -> &'static str {
        "org.example.ChoosySinkConnector"
    }

    fn kind(&self) -> ConnectorKind {
        ConnectorKind::Sink
    }

    fn form(&self) -> Form {
        Form::Records
    }

    fn version(&self) -> &'static str {
        "1.0"
    }

    fn config(&self) -> &ConfigDef {
        static DEF: OnceLock<ConfigDef> = OnceLock::new();
        DEF.get_or_init(ConfigDef::default)
    }

    fn record_sink(&self, _: &Settings, context: TaskContext) -> Result<Box<dyn RecordSink>> {
        Ok(Box::new(Choosing {
            name: context.connector,
            errant: ErrantRecordReporter::default(),
        }))
    }
}

struct Choosing {
    name: String,
    errant: ErrantRecordReporter,
}

impl RecordSink for Choosing {
    fn report_to(&mut self, reporter: ErrantRecordReporter) {
        self.errant = reporter;
    }

    fn put(&mut self, records: &[ConnectRecord]) -> Result<()> {
        for record in records {
            let text = text_of(record.value.schema.as_ref(), &record.value.value).unwrap();
            if text.starts_with("refuse") {
                let error = ConnectorError::stop("TooChoosy", format!("no {text} here"));
                self.errant.report(record, error)?;
                continue;
            }
            let mut all = TAKEN.lock().unwrap();
            all.entry(self.name.clone()).or_default().push(text);
        }
        Ok(())
    }
}

/// A record with all that Kafka keeps of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Whole {
    pub(crate) partition: i32,
    pub(crate) timestamp: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Whole {
    /// Creates a record with a place, a time in milliseconds since the tests began, and a value.
    ///
    /// An old time would do to the record what retention does to old ones: half a minute after its start a
    /// broker deletes what is older than a week.
    pub(crate) fn new(partition: i32, timestamp: i64, value: &[u8]) -> Self {
        static BEGAN: OnceLock<i64> = OnceLock::new();
        let began = BEGAN.get_or_init(|| {
            let since = std::time::UNIX_EPOCH.elapsed().unwrap();
            i64::try_from(since.as_millis()).unwrap()
        });
        Self {
            partition,
            timestamp: began + timestamp,
            value: Some(value.to_vec()),
            ..Self::default()
        }
    }

    /// Returns a header's text.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let mut all = self.headers.iter().filter(|header| header.0 == name);
        let found = all.next()?.1.clone()?;
        assert!(all.next().is_none(), "two headers {name}");
        Some(String::from_utf8(found).unwrap())
    }

    /// Returns the record without the headers that say what was wrong with it.
    pub(crate) fn bare(&self) -> Self {
        let mut bare = self.clone();
        bare.headers
            .retain(|header| !header.0.starts_with("__connect.errors."));
        bare
    }
}

/// Creates a topic.
pub(crate) fn create(topic: &str, partitions: i32, config: &[(&str, &str)]) {
    let spec = TopicSpec {
        name: topic.into(),
        partitions: Some(partitions),
        replication_factor: Some(1),
        config: config
            .iter()
            .map(|(k, v)| ((*k).into(), (*v).into()))
            .collect(),
    };
    let admin = Admin::new(&client()).unwrap();
    admin.create(&spec, &StopToken::new()).unwrap();
}

/// Writes records to a topic.
pub(crate) fn write(topic: &str, records: &[Whole]) {
    let spec = Arc::new(TopicSpec {
        name: topic.into(),
        ..TopicSpec::default()
    });
    let mut batch = Batch::default();
    for record in records {
        let index = batch.topic(&spec);
        let part = |batch: &mut Batch, bytes: &Option<Vec<u8>>| {
            let Some(bytes) = bytes else {
                return Span::NULL;
            };
            let mark = batch.mark();
            batch.buffer().extend_from_slice(bytes);
            batch.span(mark)
        };
        let (key, value) = (
            part(&mut batch, &record.key),
            part(&mut batch, &record.value),
        );
        let mark = batch.mark();
        for (name, value) in &record.headers {
            push_header(batch.buffer(), name, value.as_deref());
        }
        let headers = batch.span(mark);
        batch.push(Record {
            topic: index,
            partition: Partition::Fixed(record.partition),
            offset: -1,
            timestamp: record.timestamp,
            key,
            value,
            headers,
        });
    }
    let mut writer = BatchWriter::new(&client(), StopToken::new()).unwrap();
    writer.write(&batch).unwrap();
}

/// Reads a topic at read_committed until there are so many records, and then all there are.
pub(crate) fn all(topic: &str, partitions: i32, count: usize) -> Vec<Whole> {
    let mut consumer = Consumer::new(&client()).unwrap();
    let places: Vec<_> = (0..partitions)
        .map(|partition| TopicPartition {
            topic: Arc::from(topic),
            partition,
        })
        .collect();
    let starts: Vec<_> = places
        .iter()
        .map(|place| (place.clone(), StartAt::Beginning))
        .collect();
    consumer.assign(&starts).unwrap();
    let mut found = Vec::new();
    let mut batch = Batch::default();
    wait(&format!("{count} records in {topic}"), || {
        batch.clear();
        let wait = Duration::from_millis(200);
        consumer.poll(&mut batch, 1 << 20, wait).unwrap();
        for record in batch.records() {
            let Partition::Fixed(partition) = record.partition else {
                panic!("no partition");
            };
            let headers = batch.headers(record);
            found.push(Whole {
                partition,
                timestamp: record.timestamp,
                key: batch.bytes(record.key).map(<[u8]>::to_vec),
                value: batch.bytes(record.value).map(<[u8]>::to_vec),
                headers: headers
                    .map(|h| (h.name.to_owned(), h.value.map(<[u8]>::to_vec)))
                    .collect(),
            });
        }
        let read = consumer.ends().len() == places.len() && batch.records().is_empty();
        (read && found.len() >= count).then_some(())
    });
    found
}

/// Returns what a sink's consumer group has committed for partition 0.
pub(crate) fn committed(connector: &str, topic: &str) -> Option<i64> {
    Group::new(connector, topic).committed()
}

/// Waits until a sink's consumer group has committed this offset for partition 0.
pub(crate) fn wait_committed(connector: &str, topic: &str, offset: i64) {
    // One client for all questions: each has its own connections.
    let group = Group::new(connector, topic);
    wait(&format!("offset {offset} of {topic}"), || {
        (group.committed() == Some(offset)).then_some(())
    });
}

struct Group {
    consumer: Consumer,
    place: TopicPartition,
}

impl Group {
    fn new(connector: &str, topic: &str) -> Self {
        let config = client().with("group.id", format!("connect-{connector}"));
        Self {
            consumer: Consumer::new(&config).unwrap(),
            place: TopicPartition {
                topic: Arc::from(topic),
                partition: 0,
            },
        }
    }

    fn committed(&self) -> Option<i64> {
        let place = std::slice::from_ref(&self.place);
        self.consumer.committed(place).unwrap()[0]
    }
}
