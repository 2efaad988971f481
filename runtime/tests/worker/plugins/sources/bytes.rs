//! A source of records that says where its transactions end, and a source and a sink of bytes: numbers in source transactions of three batches, and a sink that keeps
//! values and its own position in a file, looks at its partitions and counts.

use std::io::Write as _;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::{Map, json};
use walbridge_connector_api::data::{ConnectRecord, SchemaAndValue};
use walbridge_connector_api::{
    Applied, Batch, ConfigDef, ConfigKey, Connector, ConnectorError, ConnectorKind, ExactlyOnce, Form, Kind,
    OffsetEntry, Partition, PartitionInfo, Record, RecordSource, Result, Settings, SinkControl, SinkTask,
    SourceRecord, SourceTask, Span, StartAt, TaskContext, TopicPartition, TopicSpec, TransactionContext,
    push_header,
};

struct Numbers;

impl Connector for Numbers {
    fn class(&self) -> &'static str {
        "org.example.NumbersSourceConnector"
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
                ConfigKey::new("limit", Kind::Long, "Where to end.").required(),
            ])
        })
    }

    fn source(&self, settings: &Settings, context: TaskContext) -> Result<Box<dyn SourceTask>> {
        let stored = context.offsets.first().and_then(|e| e.offset.as_ref()?.get("next")?.as_i64());
        // The former life of the task may have committed all there is.
        context.metrics.sequence.store(stored.unwrap_or(-1), Ordering::Relaxed);
        Ok(Box::new(Counting {
            topic: Arc::new(TopicSpec {
                name: settings.text("topic").into(),
                partitions: Some(1),
                ..TopicSpec::default()
            }),
            next: stored.unwrap_or(0),
            limit: settings.number("limit"),
            context,
        }))
    }
}

struct Counting {
    topic: Arc<TopicSpec>,
    next: i64,
    limit: i64,
    context: TaskContext,
}

impl SourceTask for Counting {
    fn poll(&mut self, wait: Duration) -> Result<Option<Batch>> {
        if self.next >= self.limit {
            self.context.metrics.fact("phase", "all counted");
            self.context.stop.sleep(wait);
            return Ok(None);
        }
        // A few hundred a second at most: whoever kills the worker finds it at work.
        self.context.stop.sleep(Duration::from_millis(4));
        let mut batch = Batch::default();
        let topic = batch.topic(&self.topic);
        let mark = batch.mark();
        batch.buffer().extend_from_slice(self.next.to_string().as_bytes());
        let value = batch.span(mark);
        let mark = batch.mark();
        push_header(batch.buffer(), "h", Some(&[1, 2]));
        let headers = batch.span(mark);
        let (key, offset) = (Span::NULL, -1);
        let partition = Partition::Fixed(0);
        batch.push(Record { topic, partition, offset, timestamp: -1, key, value, headers });
        self.next += 1;
        if self.next % 3 == 0 {
            batch.boundary = true;
            batch.transactions = 1;
            let map = |value: serde_json::Value| -> Map<_, _> { value.as_object().unwrap().clone() };
            batch.offsets = vec![OffsetEntry {
                partition: map(json!({ "n": self.context.connector })),
                offset: Some(map(json!({ "next": self.next }))),
            }];
        }
        Ok(Some(batch))
    }

    fn committed(&mut self, offsets: &[OffsetEntry]) -> Result<()> {
        let next = offsets[0].offset.as_ref().and_then(|offset| offset.get("next")?.as_i64());
        self.context.metrics.sequence.store(next.unwrap_or(-1), Ordering::Relaxed);
        Ok(())
    }
}

struct Keeping;

impl Connector for Keeping {
    fn class(&self) -> &'static str {
        "org.example.KeepingSinkConnector"
    }

    fn kind(&self) -> ConnectorKind {
        ConnectorKind::Sink
    }

    fn version(&self) -> &'static str {
        "1.0"
    }

    fn config(&self) -> &ConfigDef {
        static DEF: OnceLock<ConfigDef> = OnceLock::new();
        DEF.get_or_init(|| ConfigDef::new(vec![ConfigKey::new("file", Kind::String, "The file.").required()]))
    }

    fn sink(&self, settings: &Settings, context: TaskContext) -> Result<Box<dyn SinkTask>> {
        let file = settings.text("file").to_owned();
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let last = text.lines().last().and_then(|line| line.split(' ').next()?.parse::<i64>().ok());
        Ok(Box::new(Kept { file, next: last.map_or(0, |last| last + 1), pauses: 0, context }))
    }
}

/// A line of the file is a record of partition 0: offset, value, headers.
struct Kept {
    file: String,
    next: i64,
    pauses: u64,
    context: TaskContext,
}

impl SinkTask for Kept {
    fn open(&mut self, partitions: &[PartitionInfo]) -> Result<Vec<StartAt>> {
        assert_eq!(partitions.len(), 1);
        Ok(vec![if self.next == 0 { StartAt::Beginning } else { StartAt::Offset(self.next) }])
    }

    fn put(&mut self, batch: Option<Batch>, control: &mut dyn SinkControl) -> Result<Applied> {
        let Some(batch) = batch else { return Ok(Applied::default()) };
        let place = TopicPartition { topic: batch.topics()[0].name.as_str().into(), partition: 0 };
        control.pause(std::slice::from_ref(&place));
        let infos = control.inspect(std::slice::from_ref(&place))?;
        if infos.len() != 1 || infos[0].end < self.next {
            return Err(ConnectorError::stop("Strange", format!("{infos:?}")));
        }
        control.resume(std::slice::from_ref(&place));
        self.pauses += 1;
        self.context.metrics.fact("pauses", self.pauses.to_string());
        let mut lines = Vec::new();
        for record in batch.records() {
            let value = String::from_utf8_lossy(batch.bytes(record.value).unwrap_or_default());
            write!(lines, "{} {value}", record.offset).unwrap();
            for header in batch.headers(record) {
                write!(lines, " {}={:?}", header.name, header.value).unwrap();
            }
            lines.push(b'\n');
            // Transactions leave holes between offsets.
            self.next = record.offset + 1;
        }
        control.recycle(batch);
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(&self.file).unwrap();
        file.write_all(&lines).unwrap();
        Ok(Applied { offsets: vec![(place, self.next)], pending: false })
    }
}

/// Pairs of numbers, each a transaction; of three pairs the last one is aborted.
struct Pairs;

impl Connector for Pairs {
    fn class(&self) -> &'static str {
        "org.example.PairsSourceConnector"
    }

    fn kind(&self) -> ConnectorKind {
        ConnectorKind::Source
    }

    fn form(&self) -> Form {
        Form::Records
    }

    fn version(&self) -> &'static str {
        "1.0"
    }

    fn config(&self) -> &ConfigDef {
        Numbers.config()
    }

    fn exactly_once(&self, _: &Settings) -> ExactlyOnce {
        ExactlyOnce::Supported
    }

    fn can_define_boundaries(&self, _: &Settings) -> bool {
        true
    }

    fn record_source(&self, settings: &Settings, context: TaskContext) -> Result<Box<dyn RecordSource>> {
        let stored = context.offsets.first().and_then(|e| e.offset.as_ref()?.get("next")?.as_i64());
        Ok(Box::new(Pairing {
            topic: settings.text("topic").into(),
            next: stored.unwrap_or(0),
            limit: settings.number("limit"),
            transactions: None,
        }))
    }
}

struct Pairing {
    topic: Arc<str>,
    next: i64,
    limit: i64,
    transactions: Option<TransactionContext>,
}

impl RecordSource for Pairing {
    fn define_transactions(&mut self, context: TransactionContext) {
        self.transactions = Some(context);
    }

    fn poll(&mut self, wait: Duration) -> Result<Vec<SourceRecord>> {
        if self.next >= self.limit {
            std::thread::sleep(wait);
            return Ok(Vec::new());
        }
        let mut records = Vec::new();
        // Seven records: a transaction begins in one poll and ends in another.
        for place in 0..7.min((self.limit - self.next) as usize) {
            let number = self.next;
            self.next += 1;
            let offset = Map::from_iter([("next".to_owned(), json!(self.next))]);
            records.push(SourceRecord {
                record: ConnectRecord::new(Arc::clone(&self.topic), SchemaAndValue::schemaless(number)),
                offset: Some(OffsetEntry {
                    partition: Map::new(),
                    offset: Some(offset),
                }),
            });
            match (&self.transactions, number % 6) {
                (Some(transactions), 1 | 3) => transactions.commit_after(place),
                (Some(transactions), 5) => transactions.abort_after(place),
                _ => {}
            }
        }
        Ok(records)
    }
}

walbridge_plugin::export!(Numbers, Keeping, Pairs);
