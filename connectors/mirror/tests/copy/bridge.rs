//! Two clusters, and the least of a runtime that a mirror task needs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use walbridge_connector_api::{
    Batch, Connector, ConnectorError, OffsetEntry, Partition, Record, SourceTask, Span, StartAt,
    StopToken, TaskContext, TaskMetrics, TopicPartition, TopicSpec, push_header,
};
use walbridge_kafka::{Admin, ClientConfig, Consumer, TransactionalProducer};
use walbridge_mirror::MirrorConnector;

pub(crate) fn servers() -> (String, String) {
    match std::env::var("WALBRIDGE_TEST_KAFKA") {
        Ok(both) => both
            .split_once(';')
            .map(|(e, w)| (e.into(), w.into()))
            .unwrap(),
        Err(_) => {
            let lab = walbridge_lab::Lab::shared().unwrap();
            (
                lab.east().kafka().bootstrap(),
                lab.west().kafka().bootstrap(),
            )
        }
    }
}

pub(crate) fn registries() -> (String, String) {
    match std::env::var("WALBRIDGE_TEST_REGISTRY") {
        Ok(both) => both
            .split_once(';')
            .map(|(e, w)| (e.into(), w.into()))
            .unwrap(),
        Err(_) => {
            let lab = walbridge_lab::Lab::shared().unwrap();
            (lab.east().registry().url(), lab.west().registry().url())
        }
    }
}

/// A name that no other test uses.
pub(crate) fn name(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let since = std::time::UNIX_EPOCH.elapsed().unwrap().as_micros();
    format!("{what}-{since}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Takes over the transactional id by which a test writes to the east.
fn writer(id: &str) -> TransactionalProducer {
    let east = ClientConfig::new(servers().0);
    let mut writer = TransactionalProducer::new(&east, id, StopToken::new()).unwrap();
    writer.init().unwrap();
    writer
}

/// A record as tests write and compare it: partition, timestamp, key, value, headers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Plain {
    pub(crate) partition: i32,
    pub(crate) timestamp: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

pub(crate) fn numbered(partition: i32, number: i64) -> Plain {
    Plain {
        partition,
        // Old records expire at once.
        timestamp: started() + number,
        key: Some(format!("k{number}").into_bytes()),
        value: Some(number.to_string().into_bytes()),
        headers: Vec::new(),
    }
}

fn started() -> i64 {
    static STARTED: OnceLock<i64> = OnceLock::new();
    let now = || std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64;
    *STARTED.get_or_init(now)
}

/// One mirror with its own prefix of topics between the two clusters.
pub(crate) struct Bridge {
    pub(crate) east: Admin,
    pub(crate) west: Admin,
    pub(crate) prefix: String,
    pub(crate) config: BTreeMap<String, String>,
    pub(crate) stored: Vec<OffsetEntry>,
    pub(crate) metrics: Arc<TaskMetrics>,
    writer: TransactionalProducer,
}

impl Bridge {
    pub(crate) fn new(what: &str) -> Self {
        let (east, west) = servers();
        let prefix = name(what);
        let mut config = BTreeMap::new();
        for (key, value) in [
            ("source.cluster.alias", "east"),
            ("source.cluster.bootstrap.servers", &east),
            ("topics", &format!("{prefix}.*")),
            ("refresh.topics.interval.seconds", "1"),
        ] {
            config.insert(key.to_owned(), value.to_owned());
        }
        Self {
            writer: writer(&prefix),
            east: Admin::new(&ClientConfig::new(east)).unwrap(),
            west: Admin::new(&ClientConfig::new(west)).unwrap(),
            prefix,
            config,
            stored: Vec::new(),
            metrics: Arc::default(),
        }
    }

    pub(crate) fn topic(&self, what: &str, partitions: i32) -> TopicSpec {
        let name = format!("{}{what}", self.prefix);
        let spec = TopicSpec {
            name,
            partitions: Some(partitions),
            ..TopicSpec::default()
        };
        self.east.create(&spec, &StopToken::new()).unwrap();
        spec
    }

    /// Writes records to the east in one transaction.
    pub(crate) fn write(&mut self, topic: &TopicSpec, records: &[Plain]) {
        self.writer.begin().unwrap();
        self.writer.send(&batch(topic, records)).unwrap();
        self.writer.commit().unwrap();
    }

    /// Writes records to the east that never become visible.
    pub(crate) fn write_aborted(&mut self, topic: &TopicSpec, records: &[Plain]) {
        self.writer.begin().unwrap();
        self.writer.send(&batch(topic, records)).unwrap();
        self.writer.flush().unwrap();
        self.writer.abort().unwrap();
        self.writer = writer(&self.prefix);
    }

    pub(crate) fn start(&self) -> Result<Run, ConnectorError> {
        let (_, west) = servers();
        let connector = MirrorConnector;
        let problems = connector.config().check(&self.config);
        assert_eq!(problems, []);
        let settings = connector.config().settings(&self.config);
        let config = ClientConfig::new(west);
        let context = TaskContext {
            connector: self.prefix.clone(),
            task: 0,
            group: "test".into(),
            offsets: self.stored.clone(),
            kafka: config.native().clone(),
            metrics: Arc::clone(&self.metrics),
            stop: StopToken::new(),
        };
        let id = format!("test-{}-0", self.prefix);
        let mut producer = TransactionalProducer::new(&config, &id, StopToken::new()).unwrap();
        producer.init().unwrap();
        Ok(Run {
            task: connector.source(&settings, context)?,
            producer,
        })
    }

    /// Carries one batch over, if there is one, and keeps its positions.
    pub(crate) fn step(&mut self, run: &mut Run) -> Result<usize, ConnectorError> {
        let Some(batch) = run.task.poll(Duration::from_millis(100))? else {
            return Ok(0);
        };
        run.producer.begin()?;
        run.producer.send(&batch)?;
        run.producer.commit()?;
        self.keep(&batch.offsets);
        run.task.committed(&batch.offsets)?;
        let count = batch.records().len();
        run.task.recycle(batch);
        Ok(count)
    }

    pub(crate) fn keep(&mut self, offsets: &[OffsetEntry]) {
        for entry in offsets {
            self.stored.retain(|old| old.partition != entry.partition);
            self.stored.push(entry.clone());
        }
    }

    /// Carries over until so many records have been, all in all.
    pub(crate) fn run_until(&mut self, run: &mut Run, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut done = 0;
        while done < count {
            done += self.step(run).unwrap();
            assert!(Instant::now() < deadline, "{done} of {count} records");
        }
        assert_eq!(done, count);
    }

    /// Runs a mirror until it stops with an error.
    pub(crate) fn run_to_error(&mut self, run: &mut Run) -> ConnectorError {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Err(error) = self.step(run) {
                return error;
            }
            assert!(Instant::now() < deadline, "no error came");
        }
    }

    pub(crate) fn read_east(&self, topic: &TopicSpec) -> Vec<Plain> {
        read(&self.east, &servers().0, &topic.name)
    }

    pub(crate) fn read_west(&self, topic: &TopicSpec) -> Vec<Plain> {
        read(&self.west, &servers().1, &topic.name)
    }
}

/// A started mirror task with the producer that writes for it.
pub(crate) struct Run {
    pub(crate) task: Box<dyn SourceTask>,
    pub(crate) producer: TransactionalProducer,
}

pub(crate) fn part(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition {
        topic: Arc::from(topic),
        partition,
    }
}

fn batch(topic: &TopicSpec, records: &[Plain]) -> Batch {
    let mut batch = Batch::default();
    let index = batch.topic(&Arc::new(topic.clone()));
    for record in records {
        let mut bytes = |bytes: Option<&[u8]>| {
            let mark = batch.mark();
            bytes.map_or(Span::NULL, |bytes| {
                batch.buffer().extend_from_slice(bytes);
                batch.span(mark)
            })
        };
        let (key, value) = (bytes(record.key.as_deref()), bytes(record.value.as_deref()));
        let mark = batch.mark();
        for (name, value) in &record.headers {
            push_header(batch.buffer(), name, value.as_deref());
        }
        let headers = if record.headers.is_empty() {
            Span::NULL
        } else {
            batch.span(mark)
        };
        let partition = Partition::Fixed(record.partition);
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
    batch
}

/// Reads every committed record of a topic.
fn read(admin: &Admin, servers: &str, topic: &str) -> Vec<Plain> {
    let partitions = admin.describe(&[topic]).unwrap()[0].partitions;
    let all: Vec<_> = (0..partitions)
        .map(|p| (part(topic, p), StartAt::Beginning))
        .collect();
    let mut consumer = Consumer::new(&ClientConfig::new(servers)).unwrap();
    consumer.assign(&all).unwrap();
    let mut batch = Batch::default();
    let deadline = Instant::now() + Duration::from_secs(60);
    // Every partition says once that its end has been reached.
    while consumer.ends().len() < all.len() {
        consumer
            .poll(&mut batch, usize::MAX, Duration::from_millis(100))
            .unwrap();
        assert!(Instant::now() < deadline);
    }
    let copy = |span| batch.bytes(span).map(<[u8]>::to_vec);
    let plain = |record: &Record| Plain {
        partition: match record.partition {
            Partition::Fixed(p) => p,
            Partition::ByKey => -1,
        },
        timestamp: record.timestamp,
        key: copy(record.key),
        value: copy(record.value),
        headers: batch
            .headers(record)
            .map(|h| (h.name.to_owned(), h.value.map(<[u8]>::to_vec)))
            .collect(),
    };
    let mut all: Vec<_> = batch.records().iter().map(plain).collect();
    // Order within a partition is kept by a stable sort.
    all.sort_by_key(|record| record.partition);
    all
}
