//! A source: made-up orders, one after another.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json};
use walbridge_connector_api::data::*;
use walbridge_connector_api::{
    ConfigDef, ConfigKey, ConfigProblem, Connector, ConnectorError, ConnectorKind, Form, Kind,
    OffsetEntry, RecordSource, Result, Settings, SourceRecord, StopToken, TaskContext,
};

/// The kind of connector: what it is called, which keys it takes, how its task starts.
#[derive(Debug, Clone, Copy, Default)]
pub struct OrdersSource;

impl Connector for OrdersSource {
    fn class(&self) -> &'static str {
        "io.walbridge.example.OrdersSourceConnector"
    }

    fn kind(&self) -> ConnectorKind {
        ConnectorKind::Source
    }

    fn form(&self) -> Form {
        Form::Records
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn config(&self) -> &ConfigDef {
        static DEF: OnceLock<ConfigDef> = OnceLock::new();
        DEF.get_or_init(|| {
            let limit = ConfigKey::new("limit", Kind::Long, "How many there are; 0 for no end.");
            let pause = ConfigKey::new("interval.ms", Kind::Long, "The pause between batches.");
            ConfigDef::new(vec![
                ConfigKey::new("topic", Kind::String, "Where the orders go.").required(),
                limit.default("0").min(0),
                pause.default("100").min(0),
            ])
        })
    }

    fn validate(&self, settings: &Settings) -> Vec<ConfigProblem> {
        let topic = settings.text("topic");
        let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let wrong = !topic.chars().all(legal);
        Vec::from_iter(wrong.then(|| ConfigProblem::invalid("topic", topic, "no topic's name")))
    }

    fn check_offsets(&self, _: &Settings, offsets: &[OffsetEntry]) -> Result<(), String> {
        let mut all = offsets.iter().map(next_of);
        all.find_map(Result::err)
            .map_or(Ok(()), |error| Err(error.to_string()))
    }

    fn record_source(
        &self,
        settings: &Settings,
        context: TaskContext,
    ) -> Result<Box<dyn RecordSource>> {
        // Where the records stand that were committed last; nothing at the very first start.
        let own = |entry: &&OffsetEntry| entry.partition == partition();
        let stored = context.offsets.iter().find(own);
        let next = stored.map_or(Ok(0), next_of)?;
        let limit = settings.number("limit").unsigned_abs();
        tracing::info!(next, "making orders");
        Ok(Box::new(Orders {
            topic: settings.text("topic").into(),
            schema: schema()?,
            next,
            limit: if limit == 0 { u64::MAX } else { limit },
            interval: settings.millis("interval.ms"),
            due: Instant::now(),
            stop: context.stop,
        }))
    }
}

/// The part of the source that a position belongs to: there is only one.
fn partition() -> Map<String, Json> {
    Map::from_iter([("generator".to_owned(), Json::from("orders"))])
}

/// Returns the number of the first order that an offset says was not made yet.
fn next_of(entry: &OffsetEntry) -> Result<u64> {
    let offset = entry.offset.as_ref();
    let next = offset.map_or(Some(0), |offset| offset.get("next")?.as_u64());
    let wrong = || ConnectorError::stop("InvalidOffset", "an offset is {\"next\": a number}");
    next.ok_or_else(wrong)
}

fn schema() -> Result<Schema, DataError> {
    SchemaBuilder::structure()
        .name("io.walbridge.example.Order")
        .field("id", Schema::of(Type::Int64))
        .field("customer", Schema::of(Type::String))
        .build()
}

struct Orders {
    topic: Arc<str>,
    schema: Schema,
    next: u64,
    limit: u64,
    interval: Duration,
    due: Instant,
    stop: StopToken,
}

impl Orders {
    /// Makes an order of its number alone: made again after a crash, it is the same.
    fn order(&self, number: u64) -> Result<SourceRecord> {
        let customer = format!("customer-{}", number % 7);
        let order = Struct::new(self.schema.clone())?
            .with("id", number as i64)?
            .with("customer", customer.clone())?;
        let key = SchemaAndValue::new(Schema::of(Type::String), customer);
        let value = SchemaAndValue::new(self.schema.clone(), order);
        // Where the source is once this record is written: behind it.
        let offset = Map::from_iter([("next".to_owned(), Json::from(number + 1))]);
        Ok(SourceRecord {
            record: ConnectRecord::new(Arc::clone(&self.topic), value).with_key(key),
            offset: Some(OffsetEntry {
                partition: partition(),
                offset: Some(offset),
            }),
        })
    }
}

impl RecordSource for Orders {
    fn poll(&mut self, wait: Duration) -> Result<Vec<SourceRecord>> {
        let end = self.limit.min(self.next + 10);
        let due = self.due.saturating_duration_since(Instant::now());
        let left = if self.next < end { due } else { Duration::MAX };
        // A poll may wait, and no longer than it is told.
        if self.stop.sleep(left.min(wait)) || left > wait {
            return Ok(Vec::new());
        }
        self.due = Instant::now() + self.interval;
        let orders = (self.next..end).map(|number| self.order(number)).collect();
        self.next = end;
        orders
    }
}
