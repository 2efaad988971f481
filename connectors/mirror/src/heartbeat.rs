//! Heartbeats: MirrorMaker's, which say at the far end of a mirror how old its newest record is.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use walbridge_connector_api::{
    Batch, ConfigDef, ConfigKey, ConfigProblem, Connector, ConnectorKind, Importance, Kind,
    OffsetEntry, Partition, Record, Result, Settings, SourceTask, Span, StopToken, TaskContext,
    TaskMetrics, TopicSpec,
};

use crate::check;
use crate::task::now_ms;

/// The topic's name, under every replication policy.
pub(crate) const TOPIC: &str = "heartbeats";

const SOURCE: &str = "sourceClusterAlias";
const TARGET: &str = "targetClusterAlias";
const OFFSET: &str = "offset";

/// Writes a heartbeat to the worker's own cluster at regular intervals.
///
/// Nothing is read from anywhere: a heartbeat is on its way through every mirror that copies the topic, and
/// its timestamp says when it set out.
#[derive(Debug, Default)]
pub struct HeartbeatConnector;

const SHARED: &str = "leave it out, it is the mirror's own key";

/// What MirrorMaker's three connectors share in one file.
const OF_MIRROR_MAKER: [(&str, &str); 3] = [
    ("topics", SHARED),
    ("groups", SHARED),
    ("replication.factor", SHARED),
];

fn definition() -> ConfigDef {
    let low = Importance::Low;
    let key = |name, kind, doc| ConfigKey::new(name, kind, doc).importance(low);
    ConfigDef::new(vec![
        ConfigKey::new(
            "source.cluster.alias",
            Kind::String,
            "The name of the cluster that the heartbeats are told to come from.",
        )
        .required(),
        ConfigKey::new(
            "target.cluster.alias",
            Kind::String,
            "The name of the cluster that is written, the worker's own.",
        )
        .default("target"),
        key(
            "emit.heartbeats.enabled",
            Kind::Boolean,
            "Whether there are heartbeats at all; without them the connector has no task.",
        )
        .default("true"),
        key(
            "emit.heartbeats.interval.seconds",
            Kind::Long,
            "How long it is from one heartbeat to the next.",
        )
        .default("1")
        .min(1),
        key(
            "heartbeats.topic.replication.factor",
            Kind::Short,
            "The replication factor of the topic if it has to be created; -1 leaves it to the cluster.",
        )
        .default("3")
        .min(-1),
        key(
            "replication.policy.class",
            Kind::Class,
            "Taken for the sake of files that MirrorMaker's connectors share: the topic is called the same \
             under each of its policies.",
        ),
        key(
            "replication.policy.separator",
            Kind::String,
            "As replication.policy.class.",
        ),
    ])
    .passing(&["source.cluster.", "target.cluster."])
    .instead_of(&OF_MIRROR_MAKER)
}

impl Connector for HeartbeatConnector {
    fn class(&self) -> &'static str {
        "org.apache.kafka.connect.mirror.MirrorHeartbeatConnector"
    }

    fn task_class(&self) -> &'static str {
        "org.apache.kafka.connect.mirror.MirrorHeartbeatTask"
    }

    fn aliases(&self) -> &'static [&'static str] {
        &["Heartbeat", "io.walbridge.HeartbeatConnector"]
    }

    fn kind(&self) -> ConnectorKind {
        ConnectorKind::Source
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn config(&self) -> &ConfigDef {
        static DEFINITION: LazyLock<ConfigDef> = LazyLock::new(definition);
        &DEFINITION
    }

    fn validate(&self, settings: &Settings) -> Vec<ConfigProblem> {
        let mut found = Vec::new();
        for key in ["source.cluster.alias", "target.cluster.alias"] {
            let alias = settings.text(key);
            if alias.len() > usize::from(i16::MAX.unsigned_abs()) {
                let why = "longer than a Kafka string can be";
                found.push(ConfigProblem::invalid(key, alias, why));
            }
        }
        found
    }

    fn tasks(&self, settings: &Settings, _max: usize) -> Result<Vec<BTreeMap<String, String>>> {
        let wanted = settings.flag("emit.heartbeats.enabled");
        Ok(Vec::from_iter(wanted.then(|| settings.raw().clone())))
    }

    fn source(&self, settings: &Settings, context: TaskContext) -> Result<Box<dyn SourceTask>> {
        let factor = i32::try_from(settings.number("heartbeats.topic.replication.factor"));
        Ok(Box::new(HeartbeatTask {
            source: settings.text("source.cluster.alias").to_owned(),
            target: settings.text("target.cluster.alias").to_owned(),
            topic: Arc::new(TopicSpec {
                name: TOPIC.to_owned(),
                partitions: Some(1),
                replication_factor: factor.ok().filter(|factor| *factor > 0),
                config: vec![("cleanup.policy".to_owned(), "compact".to_owned())],
            }),
            interval: Duration::from_secs(
                settings
                    .number("emit.heartbeats.interval.seconds")
                    .max(1)
                    .cast_unsigned(),
            ),
            due: Instant::now(),
            stop: context.stop,
            metrics: context.metrics,
            spare: None,
        }))
    }

    fn check_offsets(&self, _: &Settings, offsets: &[OffsetEntry]) -> Result<(), String> {
        offsets.iter().try_for_each(check_offset)
    }
}

/// Checks in MirrorMaker's way: anything may be taken away, and the only offset there is is 0.
fn check_offset(entry: &OffsetEntry) -> Result<(), String> {
    let Some(offset) = &entry.offset else {
        return Ok(());
    };
    for key in [SOURCE, TARGET] {
        check::text(&entry.partition, key)?;
    }
    match check::member("offset", offset, OFFSET)? {
        value if value.as_i64() == Some(0) => Ok(()),
        value => Err(check::invalid(
            "offset",
            offset,
            OFFSET,
            value,
            "; the only accepted value is 0",
        )),
    }
}

struct HeartbeatTask {
    source: String,
    target: String,
    topic: Arc<TopicSpec>,
    interval: Duration,
    due: Instant,
    stop: StopToken,
    metrics: Arc<TaskMetrics>,
    spare: Option<Batch>,
}

/// Appends a text as Kafka's protocol writes one: its length (i16, big endian) and its bytes.
fn push_text(bytes: &mut Vec<u8>, text: &str) {
    // Longer ones are refused with the settings.
    bytes.extend_from_slice(&(text.len() as i16).to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

/// Appends a heartbeat's key: the two aliases.
fn push_key(bytes: &mut Vec<u8>, source: &str, target: &str) {
    push_text(bytes, source);
    push_text(bytes, target);
}

/// Appends a heartbeat's value: the format's version (i16, 0) and the time in ms since 1970 (i64), big endian.
fn push_value(bytes: &mut Vec<u8>, timestamp: i64) {
    bytes.extend_from_slice(&0i16.to_be_bytes());
    bytes.extend_from_slice(&timestamp.to_be_bytes());
}

impl SourceTask for HeartbeatTask {
    fn poll(&mut self, wait: Duration) -> Result<Option<Batch>> {
        let left = self.due.saturating_duration_since(Instant::now());
        if self.stop.sleep(left.min(wait)) || left > wait {
            return Ok(None);
        }
        self.due = Instant::now() + self.interval;
        let timestamp = now_ms();
        let mut batch = self.spare.take().unwrap_or_default();
        batch.clear();
        let topic = batch.topic(&self.topic);
        let mark = batch.mark();
        push_key(batch.buffer(), &self.source, &self.target);
        let key = batch.span(mark);
        let mark = batch.mark();
        push_value(batch.buffer(), timestamp);
        let value = batch.span(mark);
        batch.push(Record {
            topic,
            partition: Partition::Fixed(0),
            offset: -1,
            timestamp,
            key,
            value,
            headers: Span::NULL,
        });
        let map = |value: Value| value.as_object().cloned().unwrap_or_else(Map::new);
        batch.offsets = vec![OffsetEntry {
            partition: map(json!({ SOURCE: self.source, TARGET: self.target })),
            offset: Some(map(json!({ OFFSET: 0 }))),
        }];
        batch.boundary = true;
        self.metrics.rows.fetch_add(1, Ordering::Relaxed);
        let bytes = batch.size() as u64;
        self.metrics.bytes.fetch_add(bytes, Ordering::Relaxed);
        let progress = &self.metrics.last_progress_ms;
        progress.store(timestamp, Ordering::Relaxed);
        Ok(Some(batch))
    }

    fn recycle(&mut self, batch: Batch) {
        self.spare = Some(batch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use walbridge_connector_api::data::Value as Data;
    use walbridge_connector_testkit::{SourceKit, problems};

    const CONFIG: [(&str, &str); 2] = [
        ("source.cluster.alias", "east"),
        ("target.cluster.alias", "west"),
    ];

    #[test]
    fn a_heartbeat_is_mirror_makers_byte_for_byte() {
        let mut kit = SourceKit::new(HeartbeatConnector, &CONFIG).unwrap();
        let before = now_ms();
        kit.start().unwrap().commit_until(2).unwrap();
        let record = &kit.written()[0];
        assert_eq!((&*record.topic, record.partition), ("heartbeats", Some(0)));
        assert_eq!(
            record.key.value,
            Data::Bytes(b"\x00\x04east\x00\x04west".to_vec())
        );
        let time = record.timestamp.unwrap();
        assert!(time >= before);
        let mut value = vec![0, 0];
        value.extend_from_slice(&time.to_be_bytes());
        assert_eq!(record.value.value, Data::Bytes(value));
        assert!(kit.written()[1].timestamp.unwrap() >= time + 950);
        let offsets = kit.offsets();
        assert_eq!(offsets.len(), 1);
        let text = serde_json::to_string(&offsets[0].partition).unwrap();
        assert_eq!(
            text,
            r#"{"sourceClusterAlias":"east","targetClusterAlias":"west"}"#
        );
        let text = serde_json::to_string(&offsets[0].offset).unwrap();
        assert_eq!(text, r#"{"offset":0}"#);
    }

    #[test]
    fn without_heartbeats_there_is_no_task() {
        let config = [
            CONFIG[0],
            CONFIG[1],
            ("emit.heartbeats.enabled", "false"),
            ("source.cluster.bootstrap.servers", "nowhere:1"),
            (
                "replication.policy.class",
                "org.apache.kafka.connect.mirror.IdentityReplicationPolicy",
            ),
        ];
        assert_eq!(problems(&HeartbeatConnector, &config), []);
        let none = SourceKit::new(HeartbeatConnector, &config).err().unwrap();
        assert_eq!(none.name(), "NoTasks");
    }

    #[test]
    fn offsets_are_checked_as_mirror_maker_does() {
        let mut kit = SourceKit::new(HeartbeatConnector, &CONFIG).unwrap();
        let map = |value: Value| value.as_object().cloned();
        let mut check = |partition: Value, offset: Value| {
            kit.alter_offsets(vec![OffsetEntry {
                partition: map(partition).unwrap(),
                offset: map(offset),
            }])
        };
        let both = || json!({ SOURCE: "a", TARGET: "b" });
        assert_eq!(check(both(), json!({ "offset": 0 })), Ok(()));
        assert_eq!(check(json!({ "x": 1 }), Value::Null), Ok(()));
        for (partition, offset, words) in [
            (
                json!({ SOURCE: "a" }),
                json!({ "offset": 0 }),
                "is missing the 'targetClusterAlias' key",
            ),
            (
                json!({ SOURCE: 1, TARGET: "b" }),
                json!({ "offset": 0 }),
                "must be a string",
            ),
            (both(), json!({}), "is missing the 'offset' key"),
            (
                both(),
                json!({ "offset": 1 }),
                "the only accepted value is 0",
            ),
        ] {
            let message = check(partition, offset).unwrap_err();
            assert!(message.contains(words), "{message}");
        }
    }
}
