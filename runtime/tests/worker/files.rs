//! Lines of a file through a topic into another file, with converters and transforms on the way.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use walbridge_lab::{Lab, RunningWorker};

use crate::site::{kafka, name, read, wait};

const RUNNING: Duration = Duration::from_secs(60);

/// A worker in a process of its own, so that it can be killed.
fn worker(dir: &Path, group: &str) -> (RunningWorker, String) {
    let lab = Lab::shared().unwrap();
    let port = lab.free_port().unwrap();
    let file = dir.join("worker.toml");
    let text = format!(
        "group.id = \"{group}\"\nbootstrap.servers = \"{}\"\nlisteners = \"http://127.0.0.1:{port}\"\n\
         config.storage.topic = \"{group}-configs\"\noffset.storage.topic = \"{group}-offsets\"\n\
         status.storage.topic = \"{group}-status\"\noffset.storage.partitions = 3\n\
         config.storage.replication.factor = 1\noffset.storage.replication.factor = 1\n\
         status.storage.replication.factor = 1\noffset.flush.interval.ms = 500\n\
         key.converter = \"org.apache.kafka.connect.storage.StringConverter\"\n",
        kafka()
    );
    std::fs::write(&file, text).unwrap();
    let url = format!("http://127.0.0.1:{port}");
    let worker = lab
        .worker(group, &file)
        .binary(Path::new(env!("CARGO_BIN_EXE_walbridge")))
        .url(&url)
        .start()
        .unwrap();
    (worker, url)
}

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn append(path: &Path, numbers: std::ops::Range<u32>) {
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap();
    for number in numbers {
        writeln!(file, "line {number}").unwrap();
    }
}

fn with(base: &Value, own: &Value) -> Value {
    let mut all = base.as_object().unwrap().clone();
    all.extend(own.as_object().unwrap().clone());
    Value::Object(all)
}

/// Transforms that make a record of a line; one of them is for topics of another name.
fn hoisting() -> Value {
    json!({
        "transforms": "hoist,site,never",
        "transforms.hoist.type": "org.apache.kafka.connect.transforms.HoistField$Value",
        "transforms.hoist.field": "line",
        "transforms.site.type": "org.apache.kafka.connect.transforms.InsertField$Value",
        "transforms.site.static.field": "site",
        "transforms.site.static.value": "east",
        "transforms.site.predicate": "lines",
        "transforms.never.type": "org.apache.kafka.connect.transforms.InsertField$Value",
        "transforms.never.static.field": "never",
        "transforms.never.static.value": "here",
        "transforms.never.predicate": "lines",
        "transforms.never.negate": "true",
        "predicates": "lines",
        "predicates.lines.type": "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
        "predicates.lines.pattern": "lines-.*",
    })
}

/// A transform that makes a line of such a record.
fn extracting() -> Value {
    json!({
        "transforms": "line",
        "transforms.line.type": "org.apache.kafka.connect.transforms.ExtractField$Value",
        "transforms.line.field": "line",
    })
}

#[test]
fn avro_with_a_real_registry_keeps_what_transforms_made() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("in.txt"), dir.path().join("out.txt"));
    let (group, topic) = (name("avro"), name("lines"));
    let registry = Lab::shared().unwrap().east().registry().url();
    let avro = json!({
        "value.converter": "io.confluent.connect.avro.AvroConverter",
        "value.converter.schema.registry.url": registry,
    });
    let source = json!({
        "connector.class": "FileStreamSource", "file": from.display().to_string(), "topic": topic,
    });
    let sink = json!({
        "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
        "file": to.display().to_string(), "topics": topic,
    });
    let (worker, _) = worker(dir.path(), &group);
    let source = with(&with(&hoisting(), &avro), &source);
    worker.put_connector("in", &source).unwrap();
    // First the records as they are, then their lines.
    let whole = with(&avro, &sink);
    worker.put_connector("whole", &whole).unwrap();
    append(&from, 0..3);
    let expected: Vec<_> = (0..3)
        .map(|n| format!("Struct{{line=line {n},site=east}}"))
        .collect();
    wait("the records", || (lines(&to) == expected).then_some(()));
    let parts = dir.path().join("lines.txt");
    let part = with(
        &with(&extracting(), &whole),
        &json!({ "file": parts.display().to_string() }),
    );
    worker.put_connector("part", &part).unwrap();
    wait("the lines", || {
        (lines(&parts) == ["line 0", "line 1", "line 2"]).then_some(())
    });

    let http = reqwest::blocking::Client::new();
    let subject = format!("{registry}/subjects/{topic}-value/versions/latest");
    let found: Value = http.get(subject).send().unwrap().json().unwrap();
    let schema: Value = serde_json::from_str(found["schema"].as_str().unwrap()).unwrap();
    let fields = json!([
        { "name": "line", "type": "string" },
        { "name": "site", "type": ["null", "string"], "default": null },
    ]);
    assert_eq!(schema["fields"], fields, "{schema}");
}

#[test]
fn validate_describes_transforms_and_refuses_them_where_bytes_are_moved() {
    let dir = tempfile::tempdir().unwrap();
    let (_worker, url) = worker(dir.path(), &name("validate"));
    let http = reqwest::blocking::Client::new();
    let validate = |plugin: &str, config: &Value| -> Value {
        let url = format!("{url}/connector-plugins/{plugin}/config/validate");
        let answer = http.put(url).json(config).send().unwrap();
        answer.json().unwrap()
    };
    let source = json!({ "connector.class": "FileStreamSource", "name": "f", "topic": "t" });
    let good = validate("FileStreamSource", &with(&hoisting(), &source));
    assert_eq!(good["error_count"], 0, "{good}");
    let groups = good["groups"].as_array().unwrap();
    let last: Vec<_> = groups.iter().rev().take(4).rev().collect();
    assert_eq!(
        last,
        [
            "Transforms: hoist",
            "Transforms: site",
            "Transforms: never",
            "Predicates: lines"
        ]
    );
    let one = |answer: &Value, key: &str| -> Value {
        let configs = answer["configs"].as_array().unwrap();
        let one = configs.iter().find(|config| config["value"]["name"] == key);
        one.unwrap_or_else(|| panic!("no {key} in {answer}"))
            .clone()
    };
    let class = one(&good, "transforms.hoist.type");
    assert_eq!(
        class["definition"]["display_name"],
        "Transformation type for hoist"
    );
    assert_eq!(class["definition"]["group"], "Transforms: hoist");
    let offered = class["value"]["recommended_values"].as_array().unwrap();
    assert!(offered.len() > 25, "{offered:?}");
    assert_eq!(
        one(&good, "transforms.hoist.field")["value"]["value"],
        "line"
    );
    assert_eq!(
        one(&good, "transforms.hoist.negate")["value"]["value"],
        "false"
    );

    let bad = json!({
        "transforms": "a,b", "transforms.a.type": "Nope", "transforms.b.type": "HoistField$Value",
        "value.converter": "AvroConverter", "key.converter": "NopeConverter",
    });
    let bad = validate("FileStreamSource", &with(&source, &bad));
    for (key, words) in [
        ("transforms.a.type", "Class Nope could not be found"),
        (
            "transforms.b.field",
            "Missing required configuration \"transforms.b.field\" which has no default value.",
        ),
        ("key.converter", "Class NopeConverter could not be found"),
        (
            "value.converter.schema.registry.url",
            "Missing required configuration",
        ),
    ] {
        let errors = one(&bad, key)["value"]["errors"].to_string();
        let words = words.replace('"', "\\\"");
        assert!(errors.contains(&words), "{key}: {errors}");
    }
    assert_eq!(bad["error_count"], 4, "{bad}");

    let mirror = with(
        &extracting(),
        &json!({ "connector.class": "MirrorConnector", "name": "m" }),
    );
    let refused = validate("MirrorConnector", &mirror);
    let errors = one(&refused, "transforms")["value"]["errors"].to_string();
    assert!(
        errors.contains("it moves keys and values as bytes"),
        "{errors}"
    );

    let all: Value = http
        .get(format!("{url}/connector-plugins?connectorsOnly=false"))
        .send()
        .unwrap()
        .json()
        .unwrap();
    let all = all.as_array().unwrap();
    for (class, kind) in [
        (
            "org.apache.kafka.connect.file.FileStreamSinkConnector",
            "sink",
        ),
        (
            "org.apache.kafka.connect.transforms.Cast$Key",
            "transformation",
        ),
        (
            "org.apache.kafka.connect.transforms.predicates.HasHeaderKey",
            "predicate",
        ),
        ("org.apache.kafka.connect.json.JsonConverter", "converter"),
        (
            "org.apache.kafka.connect.json.JsonConverter",
            "header_converter",
        ),
        ("io.confluent.connect.avro.AvroConverter", "converter"),
    ] {
        let found = |plugin: &&Value| plugin["class"] == class && plugin["type"] == kind;
        assert_eq!(all.iter().filter(found).count(), 1, "{class}");
    }
}

#[test]
fn a_file_goes_through_a_topic_into_another_whatever_happens_to_the_worker() {
    const ALL: u32 = 60_000;
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("in.txt"), dir.path().join("out.txt"));
    let (group, topic) = (name("files"), name("lines"));
    let source = with(
        &hoisting(),
        &json!({
            "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
            "file": from.display().to_string(), "topic": topic, "batch.size": "100",
            "value.converter": "JsonConverter", "value.converter.schemas.enable": "false",
        }),
    );
    let sink = with(
        &extracting(),
        &json!({
            "connector.class": "FileStreamSink", "file": to.display().to_string(), "topics": topic,
            "value.converter": "JsonConverter", "value.converter.schemas.enable": "false",
        }),
    );
    let (worker, _) = worker(dir.path(), &group);
    worker.put_connector("in", &source).unwrap();
    worker.put_connector("out", &sink).unwrap();
    append(&from, 0..10);
    wait("the first lines", || (lines(&to).len() == 10).then_some(()));

    append(&from, 10..ALL);
    for _ in 0..3 {
        // In the middle of it each time: more has come than before, and not all.
        let before = lines(&to).len();
        wait("more lines", || (lines(&to).len() > before).then_some(()));
        worker.kill().unwrap();
        worker.start().unwrap();
    }
    let last = format!("line {}", ALL - 1);
    wait("the last line", || {
        (lines(&to).last() == Some(&last)).then_some(())
    });

    // Into Kafka exactly once and in order.
    let expected: Vec<String> = (0..ALL)
        .map(|n| format!("{{\"line\":\"line {n}\",\"site\":\"east\"}}"))
        .collect();
    let found = read(&topic, 1, |found| found.len() >= expected.len());
    let found: Vec<String> = found.into_iter().filter_map(|(_, value)| value).collect();
    assert!(found == expected, "{} records for {ALL} lines", found.len());

    // Out of it at least once: each line is there, in order but for what was delivered again.
    let written = lines(&to);
    let mut next = 0;
    for line in &written {
        // A line that a kill has torn is no number that follows, and is written again whole.
        if *line == format!("line {next}") {
            next += 1;
        }
    }
    assert_eq!(next, ALL, "of {} lines written", written.len());

    // What the last kill made it deliver again may still be coming: one more line comes after it.
    append(&from, ALL..ALL + 1);
    let last = format!("line {ALL}");
    wait("the line after those", || {
        (lines(&to).last() == Some(&last)).then_some(())
    });

    // Stopped in good order, nothing comes again.
    worker.wait_state("out", "RUNNING", RUNNING).unwrap();
    worker.stop().unwrap();
    let before = lines(&to).len();
    worker.start().unwrap();
    append(&from, ALL + 1..ALL + 2);
    let last = format!("line {}", ALL + 1);
    wait("one line more", || {
        (lines(&to).last() == Some(&last)).then_some(())
    });
    assert_eq!(lines(&to).len(), before + 1);
}
