//! The files that a chain is made of: its workers' and its connectors'.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use walbridge_lab::{PASSWORD, USER};

use super::{Chain, End, Part, name_of};

impl Chain {
    /// Returns the configuration of a connector.
    pub fn config(&self, part: Part) -> Value {
        let (mut config, extra) = match part {
            Part::Source => (self.source(), &self.plan.source),
            Part::Mirror => (self.mirror(), &self.plan.mirror),
            Part::Sink => (self.sink(), &self.plan.sink),
        };
        for (key, value) in extra.as_object().unwrap_or(&Map::new()) {
            if value.is_null() {
                config.remove(key);
            } else {
                config.insert(key.clone(), value.clone());
            }
        }
        Value::Object(config)
    }

    fn source(&self) -> Map<String, Value> {
        let (site, name) = (self.lab.east(), &self.plan.name);
        object(json!({
            "connector.class": "PostgresSource",
            "database.hostname": "127.0.0.1",
            "database.port": site.postgres().port().to_string(),
            "database.user": USER,
            "database.password": PASSWORD,
            "database.dbname": name,
            "topic.prefix": name,
            "slot.name": name,
            "publication.name": name,
            "schema.include.list": "public",
            "schema.registry.url": site.registry().url(),
        }))
    }

    fn mirror(&self) -> Map<String, Value> {
        object(json!({
            "connector.class": "Mirror",
            "source.cluster.alias": "east",
            "source.cluster.bootstrap.servers": self.lab.east().kafka().link_bootstrap(),
            "source.schema.registry.url": self.lab.east().registry().link_url(),
            "target.schema.registry.url": self.lab.west().registry().url(),
            "topics": format!("{}\\..*", self.plan.name),
        }))
    }

    fn sink(&self) -> Map<String, Value> {
        let registry = self.site(self.end_of(Part::Sink)).registry().url();
        object(json!({
            "connector.class": "PostgresSink",
            "topics.regex": format!("{}\\..*", self.plan.name),
            "connection.hostname": "127.0.0.1",
            "connection.port": self.lab.west().postgres().port().to_string(),
            "connection.username": USER,
            "connection.password": PASSWORD,
            "connection.dbname": self.plan.name,
            "schema.registry.url": registry,
        }))
    }

    /// Returns the file of a worker of an end's group that listens at `url` and finds Kafka at `kafka`.
    pub(super) fn worker_file(&self, end: End, url: &str, kafka: &str) -> String {
        let group = format!("{}-{}", self.plan.name, name_of(end));
        let mut keys = BTreeMap::from([
            ("group.id".to_owned(), group.clone()),
            ("bootstrap.servers".to_owned(), kafka.to_owned()),
            ("listeners".to_owned(), url.to_owned()),
            (
                "config.storage.topic".to_owned(),
                format!("{group}-configs"),
            ),
            (
                "config.storage.replication.factor".to_owned(),
                "1".to_owned(),
            ),
            (
                "offset.storage.topic".to_owned(),
                format!("{group}-offsets"),
            ),
            (
                "offset.storage.replication.factor".to_owned(),
                "1".to_owned(),
            ),
            ("offset.storage.partitions".to_owned(), "3".to_owned()),
            ("status.storage.topic".to_owned(), format!("{group}-status")),
            (
                "status.storage.replication.factor".to_owned(),
                "1".to_owned(),
            ),
            ("status.storage.partitions".to_owned(), "1".to_owned()),
            // Several partitions per table, or order across partitions would not be put to test.
            (
                "topic.creation.default.partitions".to_owned(),
                "3".to_owned(),
            ),
        ]);
        keys.extend(self.plan.worker.iter().cloned());
        keys.iter().fold(String::new(), |mut file, (key, value)| {
            let _ = writeln!(file, "\"{key}\" = {value:?}");
            file
        })
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
