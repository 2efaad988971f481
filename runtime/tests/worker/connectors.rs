//! A source that counts and a sink that remembers.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use serde_json::{Map, json};
use walbridge::catalog::Catalog;
use walbridge_connector_api::{
    Applied, Batch, ConfigDef, ConfigKey, Connector, ConnectorError, ConnectorKind, Kind,
    OffsetEntry, Partition, PartitionInfo, Record, Result, Settings, SinkControl, SinkTask,
    SourceTask, Span, StartAt, TaskContext, TopicPartition, TopicSpec,
};

pub(crate) fn catalog() -> Catalog {
    Catalog::new(vec![
        Arc::new(Counter),
        Arc::new(Memory),
        Arc::new(crate::numbers::Numbers),
        Arc::new(crate::records::Choosy),
        Arc::new(walbridge_file::FileStreamSource),
        Arc::new(walbridge_mirror::HeartbeatConnector),
        Arc::new(walbridge_file::FileStreamSink),
    ])
}

/// Writes 0, 1, 2, … to a topic, `step` numbers per source transaction.
struct Counter;

impl Connector for Counter {
    fn class(&self) -> &'static str {
        "org.example.CounterConnector"
    }

    fn kind(&self) -> ConnectorKind {
        ConnectorKind::Source
    }

    fn version(&self) -> &'static str {
        "1.0"
    }

    fn config(&self) -> &ConfigDef {
        static DEF: OnceLock<ConfigDef> = OnceLock::new();
        DEF.get_or_init(|| {
            ConfigDef::new(vec![
                ConfigKey::new("topic", Kind::String, "Where to.").required(),
                ConfigKey::new("step", Kind::Int, "Numbers per transaction.")
                    .default("1")
                    .min(1),
                ConfigKey::new("limit", Kind::Long, "Where to end.").default("1000000000"),
                ConfigKey::new("fail.at", Kind::Long, "Where to fail.").default("-1"),
                ConfigKey::new("fail.how", Kind::String, "How.")
                    .default("stop")
                    .allowed(&["stop", "panic", "retry", "once", "hang", "rewind", "break"]),
                ConfigKey::new("secret", Kind::Password, "Never shown."),
            ])
        })
    }

    fn source(&self, settings: &Settings, context: TaskContext) -> Result<Box<dyn SourceTask>> {
        let next = context
            .offsets
            .first()
            .and_then(|e| e.offset.as_ref()?.get("next")?.as_i64());
        Ok(Box::new(Counting {
            next: next.unwrap_or_default(),
            name: context.connector,
            topic: Arc::new(TopicSpec {
                name: settings.text("topic").into(),
                ..TopicSpec::default()
            }),
            step: settings.number("step"),
            limit: settings.number("limit"),
            fail_at: settings.number("fail.at"),
            fail_how: settings.text("fail.how").into(),
            metrics: context.metrics,
        }))
    }
}

struct Counting {
    name: String,
    topic: Arc<TopicSpec>,
    next: i64,
    step: i64,
    limit: i64,
    fail_at: i64,
    fail_how: String,
    metrics: Arc<walbridge_connector_api::TaskMetrics>,
}

impl SourceTask for Counting {
    fn poll(&mut self, wait: Duration) -> Result<Option<Batch>> {
        let polled_before = self.metrics.retained_wal_bytes.swap(1, Ordering::Relaxed) > 0;
        let spared = ["once", "break"].contains(&self.fail_how.as_str()) && polled_before;
        if self.fail_at >= 0 && self.next >= self.fail_at && !spared {
            self.metrics.fact("trouble", "as asked");
            match self.fail_how.as_str() {
                "panic" => panic!("as asked at {}", self.next),
                "retry" | "once" => return Err(ConnectorError::retry("Unreachable", "it is away")),
                // What hangs in a library looks so.
                "hang" => {
                    std::thread::sleep(Duration::from_secs(6));
                    return Ok(None);
                }
                "rewind" => return Err(ConnectorError::rewind("Lost", "where was I")),
                _ => {
                    return Err(ConnectorError::stop("Broken", "it is broken").remedy("mend it"));
                }
            }
        }
        if self.next >= self.limit {
            std::thread::sleep(wait);
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(2));
        let mut batch = Batch::default();
        let topic = batch.topic(&self.topic);
        let whole = self.next - self.next % self.step + self.step;
        // Half a source transaction at a time, so that some Kafka transactions span batches.
        let end = (self.next + (self.step + 1) / 2).min(whole);
        for number in self.next..end {
            let mark = batch.mark();
            batch
                .buffer()
                .extend_from_slice(number.to_string().as_bytes());
            let value = batch.span(mark);
            batch.push(Record {
                topic,
                partition: Partition::Fixed(0),
                offset: -1,
                timestamp: -1,
                key: Span::NULL,
                value,
                headers: Span::NULL,
            });
        }
        self.next = end;
        batch.boundary = end == whole;
        if batch.boundary {
            batch.offsets = vec![entry(&self.name, end)];
        }
        Ok(Some(batch))
    }

    fn committed(&mut self, _offsets: &[OffsetEntry]) -> Result<()> {
        self.metrics.batches.fetch_add(1, Ordering::Relaxed);
        self.metrics
            .rows
            .store(self.next.unsigned_abs(), Ordering::Relaxed);
        self.metrics.lag_bytes.store(0, Ordering::Relaxed);
        Ok(())
    }
}

fn entry(name: &str, next: i64) -> OffsetEntry {
    let map = |value: serde_json::Value| -> Map<_, _> { value.as_object().unwrap().clone() };
    OffsetEntry {
        partition: map(json!({ "counter": name })),
        offset: Some(map(json!({ "next": next }))),
    }
}

/// What each link's target holds: its rows and its position, as one.
#[derive(Default, Clone)]
pub(crate) struct Target {
    pub(crate) rows: Vec<String>,
    pub(crate) next: BTreeMap<TopicPartition, i64>,
}

static TARGETS: Mutex<BTreeMap<String, Target>> = Mutex::new(BTreeMap::new());

pub(crate) fn target(connector: &str) -> Target {
    TARGETS
        .lock()
        .unwrap()
        .get(connector)
        .cloned()
        .unwrap_or_default()
}

/// Keeps what it is given in this process.
struct Memory;

impl Connector for Memory {
    fn class(&self) -> &'static str {
        "org.example.MemorySinkConnector"
    }

    fn kind(&self) -> ConnectorKind {
        ConnectorKind::Sink
    }

    fn version(&self) -> &'static str {
        "1.0"
    }

    fn config(&self) -> &ConfigDef {
        static DEF: OnceLock<ConfigDef> = OnceLock::new();
        DEF.get_or_init(ConfigDef::default)
    }

    fn sink(&self, _settings: &Settings, context: TaskContext) -> Result<Box<dyn SinkTask>> {
        Ok(Box::new(Remembering {
            name: context.connector,
        }))
    }
}

struct Remembering {
    name: String,
}

impl SinkTask for Remembering {
    fn open(&mut self, partitions: &[PartitionInfo]) -> Result<Vec<StartAt>> {
        let next = target(&self.name).next;
        let start = |info: &PartitionInfo| {
            next.get(&info.partition)
                .map_or(StartAt::Beginning, |at| StartAt::Offset(*at))
        };
        Ok(partitions.iter().map(start).collect())
    }

    fn put(&mut self, batch: Option<Batch>, control: &mut dyn SinkControl) -> Result<Applied> {
        let Some(batch) = batch else {
            return Ok(Applied::default());
        };
        let mut targets = TARGETS.lock().unwrap();
        let target = targets.entry(self.name.clone()).or_default();
        for record in batch.records() {
            let value = batch.bytes(record.value).unwrap_or_default();
            target
                .rows
                .push(String::from_utf8_lossy(value).into_owned());
            let Partition::Fixed(partition) = record.partition else {
                continue;
            };
            let topic = Arc::from(batch.topic_of(record).name.as_str());
            target
                .next
                .insert(TopicPartition { topic, partition }, record.offset + 1);
        }
        let offsets = target.next.clone().into_iter().collect();
        control.recycle(batch);
        Ok(Applied {
            offsets,
            pending: false,
        })
    }
}
