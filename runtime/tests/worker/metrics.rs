//! What the metrics say is so: known numbers of records in and out, and a known failure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use walbridge::metrics::{self, Kind};

use crate::site::{Running, name, start_with, wait};

const TEXT: &str = "org.apache.kafka.connect.storage.StringConverter";

/// Series by name and labels, as `/metrics` shows them.
struct Shown(BTreeMap<String, String>);

impl Shown {
    /// Reads them, making sure that the text is OpenMetrics.
    fn read(worker: &Running) -> Self {
        let answer = worker.get("/metrics");
        let kind = answer.headers["content-type"].to_str().unwrap();
        assert!(
            kind.starts_with("application/openmetrics-text; version=1.0.0"),
            "{kind}"
        );
        let text = answer.text;
        assert!(text.ends_with("# EOF\n"), "{text}");
        let (mut types, mut family, mut all) = (BTreeMap::new(), String::new(), BTreeMap::new());
        for line in text.lines().filter(|line| *line != "# EOF") {
            if let Some(about) = line.strip_prefix("# ") {
                let mut words = about.split(' ');
                let (what, name) = (words.next().unwrap(), words.next().unwrap());
                assert!(["HELP", "TYPE"].contains(&what), "{line}");
                if family != name {
                    assert!(!types.contains_key(name), "{name} is in two places");
                    name.clone_into(&mut family);
                }
                if what == "TYPE" {
                    types.insert(name.to_owned(), words.next().unwrap().to_owned());
                }
                continue;
            }
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            let end = match types[&family].as_str() {
                "counter" => "_total",
                "gauge" => "",
                other => panic!("{family} is a {other}"),
            };
            assert_eq!(name, format!("{family}{end}"), "{line}");
            assert!(value == "NaN" || value.parse::<f64>().is_ok(), "{line}");
            let before = all.insert(series.to_owned(), value.to_owned());
            assert_eq!(before, None, "{series} is there twice");
        }
        Self(all)
    }

    fn value(&self, name: &str, connector: &str) -> Option<f64> {
        let series = format!("{name}{{connector=\"{connector}\",task=\"0\"}}");
        self.0.get(&series)?.parse().ok()
    }

    /// Returns the text that a metric of a task has in its last label.
    fn text(&self, name: &str, connector: &str) -> Option<&str> {
        let start = format!("{name}{{connector=\"{connector}\",task=\"0\",");
        let (series, value) = self
            .0
            .iter()
            .find(|(series, _)| series.starts_with(&start))?;
        assert_eq!(value, "1");
        let (_, text) = series[start.len()..].split_once("=\"")?;
        text.strip_suffix("\"}")
    }
}

const SOURCE: &str = "kafka_connect_source_task_metrics";
const SINK: &str = "kafka_connect_sink_task_metrics";
const TASK: &str = "kafka_connect_connector_task_metrics";
const ERRORS: &str = "kafka_connect_task_error_metrics";
const WORKER: &str = "kafka_connect_connect_worker_metrics";

#[test]
fn what_they_say_is_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = |file: &str| dir.path().join(file).display().to_string();
    let text: String = (0..1000).map(|n| format!("line {n}\n")).collect();
    std::fs::write(path("in"), &text).unwrap();
    let topic = name("counted");
    let keys = [
        ("key.converter", TEXT),
        ("value.converter", TEXT),
        ("offset.flush.interval.ms", "200"),
    ];
    let worker = start_with(&name("counts"), &keys);
    let source = json!({
        "connector.class": "FileStreamSource", "file": path("in"), "topic": topic,
        "batch.size": "100",
    });
    let mut dropping = source.clone();
    dropping["transforms"] = json!("drop");
    dropping["transforms.drop.type"] = json!("org.apache.kafka.connect.transforms.Filter");
    let sink = json!({
        "connector.class": "FileStreamSink", "file": path("out"), "topics": topic,
    });
    let broken = json!({
        "connector.class": "FileStreamSink", "file": path("broken"), "topics": topic,
        "value.converter": "JsonConverter", "errors.tolerance": "none",
    });
    assert_eq!(worker.create("in", &source).status, 201);
    assert_eq!(worker.create("out", &sink).status, 201);
    wait("all lines", || {
        let out = std::fs::read_to_string(path("out")).unwrap_or_default();
        (out == text).then_some(())
    });
    assert_eq!(worker.create("broken", &broken).status, 201);
    worker.task("broken", "FAILED");
    let idle = json!({
        "connector.class": "FileStreamSource", "file": path("idle"), "topic": name("idle"),
    });
    assert_eq!(worker.create("paused", &idle).status, 201);
    worker.task("paused", "RUNNING");
    assert_eq!(
        worker.send("PUT", "/connectors/paused/pause", None).status,
        202
    );
    assert_eq!(worker.create("dropped", &dropping).status, 201);

    let wanted: &[(&str, &str, &str, f64)] = &[
        (SOURCE, "source_record_poll_total", "in", 1000.0),
        (SOURCE, "source_record_write_total", "in", 1000.0),
        (SOURCE, "source_record_active_count", "in", 0.0),
        (SOURCE, "source_record_poll_total", "dropped", 1000.0),
        (SOURCE, "source_record_write_total", "dropped", 0.0),
        (TASK, "batch_size_avg", "in", 100.0),
        (TASK, "batch_size_max", "in", 100.0),
        (TASK, "offset_commit_success_percentage", "in", 1.0),
        (TASK, "offset_commit_failure_percentage", "in", 0.0),
        (SINK, "sink_record_read_total", "out", 1000.0),
        (SINK, "sink_record_send_total", "out", 1000.0),
        (SINK, "partition_count", "out", 1.0),
        (SINK, "sink_record_active_count", "out", 0.0),
        (SINK, "sink_record_send_total", "broken", 0.0),
        (ERRORS, "total_record_failures", "broken", 1.0),
        (ERRORS, "total_record_errors", "broken", 1.0),
        (ERRORS, "total_record_errors", "out", 0.0),
        (TASK, "running_ratio", "broken", 0.0),
        (TASK, "pause_ratio", "broken", 0.0),
        ("walbridge_task", "rows_total", "in", 1000.0),
        ("walbridge_task", "lag_bytes", "in", 0.0),
        ("walbridge_task", "lag_seconds", "in", 0.0),
        ("walbridge_task", "lag_records", "out", 0.0),
        ("walbridge_task", "lag_bytes", "out", 0.0),
        ("walbridge_task", "lag_seconds", "out", 0.0),
        ("walbridge_task", "failed", "broken", 1.0),
        ("walbridge_task", "failed", "in", 0.0),
        (TASK, "pause_ratio", "paused", 1.0),
        (TASK, "running_ratio", "paused", 0.0),
    ];
    let shown = wait("the numbers", || {
        let shown = Shown::read(&worker);
        let wrong = wanted.iter().find_map(|(group, metric, connector, value)| {
            let found = shown.value(&format!("{group}_{metric}"), connector);
            (found != Some(*value))
                .then(|| format!("{metric} of {connector} is {found:?}, not {value}"))
        });
        if let Some(wrong) = wrong {
            // Said by the test's end if it comes to that.
            eprintln!("{wrong}");
            return None;
        }
        Some(shown)
    });
    for (metric, connector) in [
        (format!("{SOURCE}_source_record_poll_rate"), "in"),
        (format!("{SOURCE}_poll_batch_max_time_ms"), "in"),
        (format!("{SOURCE}_transaction_size_max"), "in"),
        (format!("{TASK}_offset_commit_max_time_ms"), "in"),
        (format!("{TASK}_running_ratio"), "in"),
        (format!("{SINK}_sink_record_read_rate"), "out"),
        (format!("{SINK}_put_batch_avg_time_ms"), "out"),
        (format!("{SINK}_offset_commit_completion_total"), "out"),
    ] {
        let found = shown.value(&metric, connector);
        assert!(found > Some(0.0), "{metric} of {connector} is {found:?}");
    }
    for (metric, connector, text) in [
        ("status", "in", "running"),
        ("status", "broken", "failed"),
        ("status", "paused", "paused"),
        ("connector_type", "out", "sink"),
        ("value_converter_class", "out", TEXT),
        (
            "value_converter_class",
            "broken",
            "org.apache.kafka.connect.json.JsonConverter",
        ),
    ] {
        let metric = format!("{TASK}_{metric}");
        assert_eq!(
            shown.text(&metric, connector),
            Some(text),
            "{metric} of {connector}"
        );
    }
    let plain = |name: &str| shown.0.get(name).map(String::as_str);
    for (metric, value) in [
        ("connector_count", "5"),
        ("task_count", "4"),
        ("connector_startup_attempts_total", "5"),
        ("connector_startup_failure_total", "0"),
        ("task_startup_attempts_total", "5"),
        ("connector_failed_task_count{connector=\"broken\"}", "1"),
        ("connector_running_task_count{connector=\"broken\"}", "0"),
        ("connector_paused_task_count{connector=\"paused\"}", "1"),
    ] {
        assert_eq!(
            plain(&format!("{WORKER}_{metric}")),
            Some(value),
            "{metric}"
        );
    }
    all_are_described(&shown);
}

/// Every series is described, and every metric but those of other connectors is there.
fn all_are_described(shown: &Shown) {
    let described: BTreeMap<String, _> = metrics::all()
        .into_iter()
        .flat_map(|(group, all)| {
            all.into_iter()
                .map(move |metric| (metric.series(), (group, metric)))
        })
        .collect();
    let mut found = BTreeSet::new();
    for series in shown.0.keys() {
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let Some((_, metric)) = described.get(name) else {
            panic!("{series} is not described");
        };
        let labels = labels.trim_end_matches('}').split("\",");
        let labels = labels.filter_map(|label| Some(label.split_once('=')?.0));
        assert!(labels.eq(metric.labels.iter().copied()), "{series}");
        found.insert(name.to_owned());
    }
    // What only PostgreSQL's connectors tell of, and a mirror, and a task that may start again by itself.
    let elsewhere = [
        "walbridge_task_buffered_bytes",
        "walbridge_task_lag_transactions",
        "walbridge_task_position",
        "walbridge_task_restarts",
        "walbridge_task_retained_wal_bytes",
        "walbridge_task_safe_wal_bytes",
        "walbridge_task_sequence",
        "walbridge_task_tables_without_identity",
    ];
    for (name, (group, metric)) in &described {
        let others = *group == "MirrorSourceConnector" || elsewhere.contains(&name.as_str());
        let is = found.contains(name);
        assert!(
            is != others,
            "{name} ({:?}): {is}",
            metric.kind == Kind::Text
        );
    }
}
