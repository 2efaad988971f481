//! Kafka Connect's metrics: which there are is recorded from a running one, and a worker has them all.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use walbridge_connector_api::{Batch, Partition, Record, Span, TopicSpec};
use walbridge_kafka::{BatchWriter, ClientConfig};
use walbridge_lab::{Connect, Http, Lab, wait_for};
use walbridge_tests::consumers::{folder, part};

use crate::api::{Api, SOON};
use crate::files::files;
use crate::worker;

/// Metrics of Kafka Connect that a worker has not: the group, the attribute (`*` for any), and why.
const LEFT_OUT: [(&str, &str, &str); 8] = [
    (
        "app-info",
        "*",
        "start time, commit and version of the Java client; the version is in `GET /`",
    ),
    (
        "kafka-metrics-count",
        "*",
        "how many metrics the Java client keeps",
    ),
    (
        "connect-metrics",
        "*",
        "the network layer of the Java client that belongs to the group; librdkafka is another client",
    ),
    ("connect-node-metrics", "*", "the same layer, by broker"),
    (
        "connect-coordinator-metrics",
        "*",
        "Kafka's group membership, which workers do not use: they share a topic",
    ),
    (
        "connect-worker-metrics",
        "connector-destroyed-task-count",
        "there is no such state here: a task that is gone has no state",
    ),
    (
        "sink-task-metrics",
        "offset-commit-skip-rate",
        "an offset commit is never skipped here, and its answer never comes too late",
    ),
    (
        "sink-task-metrics",
        "offset-commit-skip-total",
        "an offset commit is never skipped here, and its answer never comes too late",
    ),
];

/// One metric: the domain, the type, the tags' names and the attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    domain: String,
    group: String,
    tags: String,
    attribute: String,
}

impl Name {
    fn parse(line: &str) -> Result<Self> {
        let mut parts = line.split(' ').map(str::to_owned);
        let mut part = || parts.next().context("a line of metrics has four parts");
        Ok(Self {
            domain: part()?,
            group: part()?,
            tags: part()?,
            attribute: part()?,
        })
    }

    /// Returns the names that the usual rules of the JMX exporter make of it.
    fn exported(&self) -> String {
        let domain = self.domain.replace('.', "_");
        let whole = format!("{domain}_{}_{}", self.group, self.attribute);
        whole.replace('-', "_").to_lowercase()
    }

    fn left_out(&self) -> Option<usize> {
        LEFT_OUT.iter().position(|(group, attribute, _)| {
            *group == self.group && (*attribute == "*" || *attribute == self.attribute)
        })
    }
}

fn recorded() -> PathBuf {
    folder().join("connect/metrics.txt")
}

/// Runs a source, a sink, a mirror and a task that fails, until all have done something.
fn work(api: &Api, lab: &Lab, name: &str, of_mirror: &Value) -> Result<()> {
    let files = files(lab, name)?;
    let (topic, far) = (format!("{name}-lines"), format!("{name}-far"));
    files.lines_to("in", 10)?;
    api.create("metrics-in", &files.source("in", &topic), "RUNNING")?;
    api.create("metrics-out", &files.sink("out", &topic), "RUNNING")?;
    let mut broken = files.sink("broken", &topic);
    broken["value.converter"] = json!("org.apache.kafka.connect.json.JsonConverter");
    api.create("metrics-broken", &broken, "RUNNING")?;
    write(&lab.west().kafka().bootstrap(), &far, 7)?;
    let mut mirror = json!({
        "connector.class": "org.apache.kafka.connect.mirror.MirrorSourceConnector",
        "source.cluster.alias": "west",
        "target.cluster.alias": "east",
        "source.cluster.bootstrap.servers": lab.west().kafka().bootstrap(),
        "target.cluster.bootstrap.servers": lab.east().kafka().bootstrap(),
        "topics": far,
        "replication.factor": "1",
        "replication.policy.class": "org.apache.kafka.connect.mirror.IdentityReplicationPolicy",
    });
    for (key, value) in of_mirror.as_object().into_iter().flatten() {
        mirror[key] = value.clone();
    }
    api.create("metrics-mirror", &mirror, "RUNNING")?;
    files.wait_same("out", "in")?;
    api.wait_states("metrics-broken", &["RUNNING", "FAILED"])?;
    api.wait_states("metrics-mirror", &["RUNNING", "RUNNING"])
}

/// Writes records of ten bytes each to a topic.
fn write(kafka: &str, topic: &str, count: usize) -> Result<()> {
    let client = ClientConfig::new(kafka);
    let spec = Arc::new(TopicSpec {
        name: topic.into(),
        partitions: Some(1),
        replication_factor: Some(1),
        ..TopicSpec::default()
    });
    let stop = walbridge_connector_api::StopToken::new();
    walbridge_kafka::Admin::new(&client)?.create(&spec, &stop)?;
    let mut batch = Batch::default();
    for _ in 0..count {
        let topic = batch.topic(&spec);
        let mark = batch.mark();
        batch.buffer().extend_from_slice(b"ten bytes!");
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
    let mut writer = BatchWriter::new(&client, stop)?;
    writer.write(&batch)?;
    Ok(())
}

#[test]
fn the_record_has_what_a_running_connect_exposes() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let name = format!("metrics-java-{}", std::process::id());
    let connect = Connect::new(lab, lab.east().kafka(), &name, &[], &[])?;
    connect.start()?;
    let api = Api::new(&connect.url())?;
    let bytes = "org.apache.kafka.connect.converters.ByteArrayConverter";
    let of_java = json!({
        "emit.offset-syncs.enabled": "false",
        "key.converter": bytes,
        "value.converter": bytes,
    });
    work(&api, lab, &name, &of_java)?;
    let list = || -> Result<BTreeSet<String>> {
        let output = Command::new("java")
            .arg(folder().join("connect/ListMetrics.java"))
            .arg(connect.jmx().to_string())
            .output()
            .context("running java")?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "ListMetrics.java: {complaint}");
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().map(str::to_owned).collect())
    };
    // A mirror's metrics of a partition appear with its first record.
    let found = wait_for("the mirror's metrics", SOON, || {
        let found = list()?;
        let mirrors = found.iter().any(|line| line.contains(" record-age-ms"));
        Ok(mirrors.then_some(found))
    })?;
    let text: String = found.iter().map(|line| format!("{line}\n")).collect();
    if std::env::var_os("WALBRIDGE_TEST_UPDATE").is_some() {
        std::fs::write(recorded(), text)?;
        return Ok(());
    }
    let known = std::fs::read_to_string(recorded())?;
    let known: BTreeSet<String> = known.lines().map(str::to_owned).collect();
    let (gone, fresh): (Vec<_>, Vec<_>) = (
        known.difference(&found).collect(),
        found.difference(&known).collect(),
    );
    ensure!(
        gone.is_empty() && fresh.is_empty(),
        "compat/connect/metrics.txt has what is not there: {gone:?}\nand has not what is: {fresh:?}\n\
         WALBRIDGE_TEST_UPDATE=1 writes it"
    );
    Ok(())
}

#[test]
fn a_worker_has_all_of_connects_metrics() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let name = format!("metrics-{}", std::process::id());
    let worker = worker::start(lab, &name)?;
    let api = Api::new(&worker.url)?;
    work(&api, lab, &name, &json!({}))?;
    let lines = std::fs::read_to_string(recorded())?;
    let names: Vec<Name> = lines.lines().map(Name::parse).collect::<Result<_>>()?;
    ensure!(names.len() > 100, "only {} are recorded", names.len());
    let http = Http::new()?;
    wait_for("all metrics", SOON, || {
        let text = http.text(&format!("{}/metrics", worker.url))?;
        let missing: Vec<String> = names
            .iter()
            .filter(|name| name.left_out().is_none())
            .filter(|name| !has(&text, &name.exported(), &name.tags))
            .map(|name| format!("{}{{{}}}", name.exported(), name.tags))
            .collect();
        ensure!(missing.is_empty(), "missing: {missing:#?}\nin\n{text}");
        Ok(Some(()))
    })?;
    is_open_metrics(&worker.url)?;
    for (at, (group, attribute, _)) in LEFT_OUT.iter().enumerate() {
        let used = names.iter().any(|name| name.left_out() == Some(at));
        ensure!(
            used,
            "{group} {attribute} is left out, but Connect has none"
        );
    }
    Ok(())
}

/// Lets the strictest reader there is read the metrics.
fn is_open_metrics(url: &str) -> Result<()> {
    let output = Command::new("python3")
        .env("PYTHONPATH", part("prometheus")?)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(folder().join("connect/read_metrics.py"))
        .arg(url)
        .output()
        .context("running python3")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "read_metrics.py: {complaint}");
    println!("{}", String::from_utf8_lossy(&output.stdout));
    Ok(())
}

/// Returns whether there is a series of this name with these labels, and maybe one more that holds a text.
fn has(text: &str, name: &str, tags: &str) -> bool {
    text.lines().any(|line| {
        let Some(rest) = line.strip_prefix(name) else {
            return false;
        };
        let labels = match rest.split_once('}') {
            Some((labels, _)) if labels.starts_with('{') => &labels[1..],
            _ if rest.starts_with(' ') => "",
            _ => return false,
        };
        let found: BTreeSet<&str> = labels
            .split(',')
            .filter_map(|label| Some(label.split_once("=\"")?.0))
            .collect();
        tags.split(',')
            .filter(|tag| !tag.is_empty())
            .all(|tag| found.contains(tag))
    })
}
