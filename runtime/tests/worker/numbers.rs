//! A source of records that counts, in several parts, and says where its transactions end.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::json;
use walbridge_connector_api::data::{ConnectRecord, SchemaAndValue};
use walbridge_connector_api::{
    ConfigDef, ConfigKey, Connector, ConnectorKind, ExactlyOnce, Form, Kind, OffsetEntry,
    RecordSource, Result, Settings, SourceRecord, TaskContext, TransactionContext,
};

/// How many numbers make a transaction of the source's own.
pub(crate) const DECADE: i64 = 10;

/// Returns whether the source aborts the transaction with this number: every third.
pub(crate) fn is_aborted(number: i64) -> bool {
    number / DECADE % 3 == 2
}

/// Writes 0, 1, 2, … of each of its parts to the topic's partition of the same number.
pub(crate) struct Numbers;

impl Connector for Numbers {
    fn class(&self) -> &'static str {
        "org.example.NumbersConnector"
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
        static DEF: OnceLock<ConfigDef> = OnceLock::new();
        DEF.get_or_init(|| {
            let key =
                |name, kind, default| ConfigKey::new(name, kind, "For tests.").default(default);
            ConfigDef::new(vec![
                ConfigKey::new("topic", Kind::String, "Where to.").required(),
                key("parts", Kind::Int, "1"),
                key("limit", Kind::Long, "1000000000"),
                key("per.poll", Kind::Int, "7"),
                key("pause.ms", Kind::Long, "1"),
                key("support", Kind::String, "supported"),
                key("defines", Kind::Boolean, "true"),
                key("task.parts", Kind::List, "0"),
            ])
        })
    }

    fn exactly_once(&self, settings: &Settings) -> ExactlyOnce {
        match settings.text("support") {
            "supported" => ExactlyOnce::Supported,
            "unsupported" => ExactlyOnce::Unsupported,
            _ => ExactlyOnce::Unknown,
        }
    }

    fn can_define_boundaries(&self, settings: &Settings) -> bool {
        settings.flag("defines")
    }

    fn tasks(&self, settings: &Settings, max: usize) -> Result<Vec<BTreeMap<String, String>>> {
        let parts = settings.size("parts");
        let tasks = (0..max.min(parts)).map(|task| {
            let own: Vec<_> = (task..parts).step_by(max).map(|p| p.to_string()).collect();
            let mut config = settings.raw().clone();
            // How many there are in all is no task's affair.
            config.remove("parts");
            config.insert("task.parts".into(), own.join(","));
            config
        });
        Ok(tasks.collect())
    }

    fn record_source(
        &self,
        settings: &Settings,
        context: TaskContext,
    ) -> Result<Box<dyn RecordSource>> {
        let next = |part: i32| {
            let own = context.offsets.iter().find(|e| e.partition["part"] == part);
            own.and_then(|entry| entry.offset.as_ref()?["next"].as_i64())
                .unwrap_or_default()
        };
        let parts = settings.list("task.parts");
        let parts = parts.iter().map(|part| part.parse().unwrap());
        Ok(Box::new(Counting {
            topic: settings.text("topic").to_owned(),
            parts: parts.map(|part| (part, next(part))).collect(),
            limit: settings.number("limit"),
            per_poll: settings.number("per.poll"),
            pause: settings.millis("pause.ms"),
            transactions: None,
        }))
    }
}

struct Counting {
    topic: String,
    /// The parts, each with its next number.
    parts: Vec<(i32, i64)>,
    limit: i64,
    per_poll: i64,
    pause: Duration,
    transactions: Option<TransactionContext>,
}

impl RecordSource for Counting {
    fn define_transactions(&mut self, context: TransactionContext) {
        self.transactions = Some(context);
    }

    fn poll(&mut self, wait: Duration) -> Result<Vec<SourceRecord>> {
        let mut found = Vec::new();
        // One part after the other, so that transactions of the source are whole.
        let due = self.parts.iter_mut().find(|(_, next)| *next < self.limit);
        let Some((part, next)) = due else {
            std::thread::sleep(wait);
            return Ok(found);
        };
        std::thread::sleep(self.pause);
        for _ in 0..self.per_poll.min(self.limit - *next) {
            let (number, at) = (*next, found.len());
            *next += 1;
            let value = SchemaAndValue::schemaless(number);
            let mut record = ConnectRecord::new(self.topic.as_str(), value);
            record.partition = Some(*part);
            let map = |value: serde_json::Value| value.as_object().unwrap().clone();
            found.push(SourceRecord {
                record,
                offset: Some(OffsetEntry {
                    partition: map(json!({ "part": *part })),
                    offset: Some(map(json!({ "next": *next }))),
                }),
            });
            let ends = number % DECADE == DECADE - 1;
            if let Some(transactions) = self.transactions.as_ref().filter(|_| ends) {
                match is_aborted(number) {
                    true => transactions.abort_after(at),
                    false => transactions.commit_after(at),
                }
            }
        }
        Ok(found)
    }
}
