//! Records that cannot be processed: where they go, and that none is lost on the way.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use walbridge_lab::{Lab, RunningWorker};

use crate::records::{Whole, all, committed, create, taken, wait_committed, write};
use crate::site::{Running, SOON, http, kafka, name, start_with, wait};

const DATA: &str = "org.apache.kafka.connect.errors.DataException";

fn start(what: &str) -> Running {
    // On a busy machine a worker must not lose its tasks and be delivered records again: what is counted
    // here is counted exactly.
    let keys = [
        ("offset.flush.interval.ms", "200"),
        ("session.timeout.ms", "60000"),
    ];
    start_with(&name(what), &keys)
}

pub(crate) fn with(base: &Value, own: &Value) -> Value {
    let mut all = base.as_object().unwrap().clone();
    all.extend(own.as_object().unwrap().clone());
    Value::Object(all)
}

/// A sink of JSON whose lines a transform takes out.
pub(crate) fn choosy(topic: &str) -> Value {
    json!({
        "connector.class": "ChoosySink", "topics": topic,
        "key.converter": "ByteArrayConverter",
        "value.converter": "JsonConverter", "value.converter.schemas.enable": "false",
        "header.converter": "ByteArrayConverter",
        "transforms": "line",
        "transforms.line.type": "org.apache.kafka.connect.transforms.ExtractField$Value",
        "transforms.line.field": "line",
    })
}

pub(crate) fn tolerant(dead: &str) -> Value {
    json!({
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": dead,
        "errors.deadletterqueue.topic.replication.factor": "1",
        "errors.deadletterqueue.context.headers.enable": "true",
    })
}

/// Waits until a choosy sink has taken exactly this.
fn take(worker: &Running, connector: &str, wanted: &[&str]) {
    let began = Instant::now();
    wait("the records", || {
        let found = taken(connector);
        let late = began.elapsed() > SOON - Duration::from_secs(5);
        assert!(
            !late || found == wanted,
            "{found:?} of {wanted:?}: {}",
            worker.status(connector)
        );
        (found == wanted).then_some(())
    });
}

fn put(worker: &Running, connector: &str, config: &Value) {
    let path = format!("/connectors/{connector}/config");
    let answer = worker.send("PUT", &path, Some(&config.to_string()));
    assert!([200, 201].contains(&answer.status), "{answer:?}");
}

fn metric(worker: &Running, connector: &str, name: &str) -> i64 {
    let line =
        format!("kafka_connect_task_error_metrics_{name}{{connector=\"{connector}\",task=\"0\"}} ");
    let text = worker.get("/metrics").text;
    let found = text.lines().find_map(|text| text.strip_prefix(&line));
    found
        .unwrap_or_else(|| panic!("no {line} in {text}"))
        .parse()
        .unwrap()
}

fn line(text: &str) -> Vec<u8> {
    json!({ "line": text }).to_string().into_bytes()
}

#[test]
fn a_sinks_bad_records_go_to_the_dead_letter_topic_and_back() {
    let worker = start("dead");
    let (connector, topic, dead) = (name("choosy"), name("dead-in"), name("dead-out"));
    create(&topic, 2, &[]);
    let bad = Whole {
        key: Some(vec![0, 255]),
        headers: vec![("own".into(), Some(vec![9])), ("none".into(), None)],
        ..Whole::new(1, 123, b"{nope")
    };
    let untransformed = Whole::new(1, 124, b"[1]");
    let refused = Whole::new(1, 125, &line("refuse this"));
    write(
        &topic,
        &[
            Whole::new(1, 1, &line("one")),
            bad.clone(),
            untransformed.clone(),
            refused.clone(),
            Whole::new(1, 1, &line("two")),
        ],
    );
    let config = with(&choosy(&topic), &tolerant(&dead));
    assert_eq!(worker.create(&connector, &config).status, 201);
    take(&worker, &connector, &["one", "two"]);
    let letters = all(&dead, 1, 3);
    assert_eq!(letters.len(), 3);
    // Sorted out in order but for what only the sink could tell.
    for (letter, record, offset, stage, class, exception) in [
        (
            &letters[0],
            &bad,
            "1",
            "VALUE_CONVERTER",
            "org.apache.kafka.connect.json.JsonConverter",
            DATA,
        ),
        (
            &letters[1],
            &untransformed,
            "2",
            "TRANSFORMATION",
            "org.apache.kafka.connect.transforms.ExtractField$Value",
            DATA,
        ),
        (
            &letters[2],
            &refused,
            "3",
            "TASK_PUT",
            "org.apache.kafka.connect.sink.SinkTask",
            "org.apache.kafka.connect.errors.ConnectException",
        ),
    ] {
        let as_read = Whole {
            partition: 0,
            ..record.clone()
        };
        assert_eq!(letter.bare(), as_read);
        let header = |name: &str| letter.header(&format!("__connect.errors.{name}")).unwrap();
        assert_eq!(header("topic"), topic);
        assert_eq!(
            (header("partition"), header("offset")),
            ("1".into(), offset.into())
        );
        assert_eq!(
            (header("connector.name"), header("task.id")),
            (connector.clone(), "0".into())
        );
        assert_eq!(
            (header("stage"), header("class.name")),
            (stage.into(), class.into())
        );
        assert_eq!(header("exception.class.name"), exception);
        let message = header("exception.message");
        assert!(
            header("exception.stacktrace").contains(&message),
            "{message}"
        );
    }
    assert!(
        letters[2]
            .header("__connect.errors.exception.message")
            .unwrap()
            .contains("TooChoosy")
    );
    // The real one's words, and all names in its order.
    let message = letters[1].header("__connect.errors.exception.message");
    assert_eq!(
        message.as_deref(),
        Some(
            "Only Map objects supported in absence of schema for [field extraction], found: \
             java.util.ArrayList"
        )
    );
    let names: Vec<_> = letters[1]
        .headers
        .iter()
        .map(|header| header.0.as_str())
        .collect();
    let order = "topic partition offset connector.name task.id stage class.name exception.class.name \
                 exception.message exception.stacktrace";
    let order: Vec<_> = order
        .split(' ')
        .map(|name| format!("__connect.errors.{name}"))
        .collect();
    assert_eq!(names, order);
    for (name, value) in [
        ("total_record_failures", 3),
        ("total_record_errors", 3),
        ("total_records_skipped", 3),
        ("total_retries", 0),
        ("total_errors_logged", 0),
        ("deadletterqueue_produce_requests", 3),
        ("deadletterqueue_produce_failures", 0),
    ] {
        assert_eq!(metric(&worker, &connector, name), value, "{name}");
    }
    assert!(metric(&worker, &connector, "last_error_timestamp") > 1_700_000_000_000);
    let counted = worker.status(&connector)["tasks"][0]["details"]["errors"].clone();
    assert_eq!(counted["total-records-skipped"], 3, "{counted}");

    // A dead letter that says nothing of its origin, and one of another connector.
    let stray = Whole::new(0, 5, b"stray");
    let mut foreign = letters[0].clone();
    for header in &mut foreign.headers {
        if header.0 == "__connect.errors.connector.name" {
            header.1 = Some(b"somebody".to_vec());
        }
    }
    write(&dead, &[stray, foreign]);

    // Mended, they come again, each once and as it was.
    let mended = with(
        &config,
        &json!({ "value.converter": "StringConverter", "transforms": "", "errors.tolerance": "none" }),
    );
    let mended: Value = {
        let mut all = mended.as_object().unwrap().clone();
        all.retain(|key, _| {
            !key.starts_with("transforms.") && !key.starts_with("value.converter.")
        });
        Value::Object(all)
    };
    put(&worker, &connector, &mended);
    let replay = |query: &str| {
        let path = format!("/connectors/{connector}/dead-letters/replay{query}");
        worker.send("POST", &path, None)
    };
    let first = replay("?max=1").json();
    let wanted = json!({
        "topic": dead, "replayed": 1, "without_origin": 0, "of_others": 0, "expired": 0, "remaining": 4,
    });
    assert_eq!(first, wanted);
    let rest = replay("").json();
    let wanted = json!({
        "topic": dead, "replayed": 2, "without_origin": 1, "of_others": 1, "expired": 0, "remaining": 0,
    });
    assert_eq!(rest, wanted);
    assert_eq!(replay("").json()["replayed"], 0);
    let written = all(&topic, 2, 8);
    assert_eq!(written.len(), 8);
    assert_eq!(written[5..], [bad, untransformed, refused]);
    wait("them to be taken", || {
        (taken(&connector)[2..]
            == [
                "{nope".to_owned(),
                "[1]".into(),
                "{\"line\":\"refuse this\"}".into(),
            ])
        .then_some(())
    });

    // What cannot be replayed is refused.
    assert_eq!(replay("?max=none").status, 400);
    put(&worker, "plain", &with(&choosy(&topic), &json!({})));
    let path = "/connectors/plain/dead-letters/replay";
    assert_eq!(worker.send("POST", path, None).status, 400);
    let path = "/connectors/nobody/dead-letters/replay";
    assert_eq!(worker.send("POST", path, None).status, 404);
}

#[test]
fn without_tolerance_a_bad_record_stops_the_task_where_it_is() {
    let worker = start("strict");
    let (connector, topic, dead) = (name("strict"), name("strict-in"), name("strict-out"));
    create(&topic, 1, &[]);
    create(&dead, 1, &[]);
    write(&topic, &[Whole::new(0, 1, &line("one"))]);
    let config = with(
        &choosy(&topic),
        &with(&tolerant(&dead), &json!({ "errors.tolerance": "none" })),
    );
    assert_eq!(worker.create(&connector, &config).status, 201);
    wait_committed(&connector, &topic, 1);
    write(
        &topic,
        &[Whole::new(0, 1, b"{nope"), Whole::new(0, 1, &line("two"))],
    );
    let trace = worker.task(&connector, "FAILED")["trace"]
        .as_str()
        .unwrap()
        .to_owned();
    for words in [
        "ConversionFailed: cannot convert the value of",
        &format!("topic {topic}, partition 0, offset 1"),
        &format!("connector {connector}, task 0"),
        "stage VALUE_CONVERTER, class org.apache.kafka.connect.json.JsonConverter",
        "What to do: ",
        "errors.deadletterqueue.topic.name",
    ] {
        assert!(trace.contains(words), "{words}: {trace}");
    }
    assert_eq!(committed(&connector, &topic), Some(1));
    // It would be there again after each restart.
    assert_eq!(all(&dead, 1, 0), []);
    assert_eq!(metric(&worker, &connector, "total_record_errors"), 1);
    assert_eq!(metric(&worker, &connector, "total_records_skipped"), 0);

    // The sink's own refusal stops it as well, by the record's name.
    write(&topic, &[Whole::new(0, 1, &line("refuse"))]);
    put(
        &worker,
        &connector,
        &with(&config, &json!({ "errors.tolerance": "all" })),
    );
    wait("the rest", || {
        (taken(&connector) == ["one", "two"]).then_some(())
    });
    wait_committed(&connector, &topic, 4);
    put(&worker, &connector, &config);
    write(&topic, &[Whole::new(0, 1, &line("refuse more"))]);
    let trace = worker.task(&connector, "FAILED")["trace"]
        .as_str()
        .unwrap()
        .to_owned();
    for words in [
        "RecordRefused: ",
        "offset 4",
        "stage TASK_PUT",
        "TooChoosy: no refuse more here",
    ] {
        assert!(trace.contains(words), "{words}: {trace}");
    }
    assert_eq!(committed(&connector, &topic), Some(4));
}

#[test]
fn a_dead_letter_that_cannot_be_written_is_not_left_behind() {
    let worker = start("unwritten");
    let (connector, topic) = (name("unwritten"), name("unwritten-in"));
    let (small, large) = (name("unwritten-small"), name("unwritten-large"));
    create(&topic, 1, &[]);
    create(&small, 1, &[("max.message.bytes", "500")]);
    let bad = Whole::new(0, 7, &[b'{'; 2000]);
    write(
        &topic,
        &[
            Whole::new(0, 1, &line("one")),
            bad.clone(),
            Whole::new(0, 1, &line("two")),
        ],
    );
    let config = with(&choosy(&topic), &tolerant(&small));
    assert_eq!(worker.create(&connector, &config).status, 201);
    let trace = worker.task(&connector, "FAILED")["trace"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(trace.starts_with("DeadLetterUnwritten: "), "{trace}");
    assert!(
        trace.contains(&small) && trace.contains("What to do: "),
        "{trace}"
    );
    assert_eq!(
        metric(&worker, &connector, "deadletterqueue_produce_failures"),
        1
    );
    assert_eq!(committed(&connector, &topic), None);
    assert_eq!(all(&small, 1, 0), []);

    put(
        &worker,
        &connector,
        &with(&choosy(&topic), &tolerant(&large)),
    );
    wait_committed(&connector, &topic, 3);
    let letters: Vec<_> = all(&large, 1, 1).iter().map(Whole::bare).collect();
    assert_eq!(letters, [bad]);
    assert_eq!(taken(&connector).last().unwrap(), "two");
}

#[test]
fn a_registry_out_of_reach_is_waited_for_and_a_schema_it_does_not_know_is_an_error() {
    let worker = start("registry");
    let (connector, topic, dead) = (name("registry"), name("registry-in"), name("registry-out"));
    create(&topic, 1, &[]);
    // A value of a schema that no registry has, and bytes that are not framed at all.
    let unknown = Whole::new(0, 1, &[0, 0x7f, 0, 0, 1, 2]);
    let unframed = Whole::new(0, 2, b"text");
    let avro = |url: &str| {
        json!({
            "connector.class": "ChoosySink", "topics": topic,
            "key.converter": "ByteArrayConverter", "value.converter": "AvroConverter",
            "value.converter.schema.registry.url": url,
        })
    };
    write(&topic, std::slice::from_ref(&unknown));
    let nobody = format!(
        "http://127.0.0.1:{}",
        Lab::shared().unwrap().free_port().unwrap()
    );
    let away = with(&avro(&nobody), &tolerant(&dead));
    assert_eq!(worker.create(&connector, &away).status, 201);
    let waiting = wait("it to wait", || {
        let task = worker.status(&connector)["tasks"][0].clone();
        let told = task["trace"].is_string();
        (told && task["details"]["phase"] == "waiting").then_some(task)
    });
    let trace = waiting["trace"].as_str().unwrap();
    assert!(trace.starts_with("RegistryUnavailable: "), "{trace}");
    assert_eq!(all(&dead, 1, 0), []);
    assert_eq!(metric(&worker, &connector, "total_records_skipped"), 0);

    // Who says how long is too long gets it as a dead letter after that.
    let limited = json!({ "errors.retry.timeout": "1500", "errors.retry.delay.max.ms": "400" });
    put(&worker, &connector, &with(&away, &limited));
    let letter = all(&dead, 1, 1)[0].clone();
    assert_eq!(letter.bare(), unknown);
    let exception = letter.header("__connect.errors.exception.class.name");
    let retriable = "org.apache.kafka.connect.errors.RetriableException";
    assert_eq!(exception.as_deref(), Some(retriable));
    assert!(metric(&worker, &connector, "total_retries") >= 2);
    assert!(metric(&worker, &connector, "total_record_failures") >= 3);

    // The real one answers that it does not know the schema: nothing to wait for.
    let registry = Lab::shared().unwrap().east().registry().url();
    put(
        &worker,
        &connector,
        &with(&avro(&registry), &tolerant(&dead)),
    );
    write(&topic, &[unknown.clone(), unframed.clone()]);
    let letters = all(&dead, 1, 3);
    let bare: Vec<_> = letters.iter().map(Whole::bare).collect();
    assert_eq!(bare, [unknown.clone(), unknown, unframed]);
    for letter in &letters[1..] {
        let exception = letter.header("__connect.errors.exception.class.name");
        assert_eq!(exception.as_deref(), Some(DATA));
    }
}

#[test]
fn settings_that_would_lose_records_are_refused() {
    let worker = start("refused");
    let errors = |class: &str, config: &Value| -> Vec<String> {
        let config = with(&json!({ "connector.class": class, "name": "n" }), config);
        let path = format!("/connector-plugins/{class}/config/validate");
        let found = worker.send("PUT", &path, Some(&config.to_string())).json();
        let configs = found["configs"].as_array().unwrap().clone();
        let all = configs
            .iter()
            .flat_map(|c| c["value"]["errors"].as_array().unwrap().clone());
        all.map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let dead = tolerant("dead");
    let bytes = errors("MemorySink", &with(&dead, &json!({ "topics": "t" })));
    assert_eq!(bytes.len(), 2, "{bytes:?}");
    assert!(
        bytes
            .iter()
            .all(|text| text.contains("it moves whole transactions as bytes")),
        "{bytes:?}"
    );
    let listed = errors("ChoosySink", &with(&dead, &json!({ "topics": "a, dead" })));
    assert_eq!(
        listed,
        [
            "The DLQ topic 'dead' may not be included in the list of topics ('topics=[a, dead]') consumed \
          by the connector"
        ]
    );
    let matched = errors(
        "ChoosySink",
        &with(&dead, &json!({ "topics.regex": "de.*" })),
    );
    assert_eq!(
        matched,
        [
            "The DLQ topic 'dead' may not be matched by the regex for the topics ('topics.regex=de.*') \
          consumed by the connector"
        ]
    );
    assert_eq!(
        errors(
            "ChoosySink",
            &with(&dead, &json!({ "topics.regex": "e.*" }))
        ),
        [""; 0]
    );
    let source = json!({ "file": "/tmp/none", "topic": "t" });
    assert_eq!(errors("FileStreamSource", &with(&dead, &source)), [""; 0]);
}

/// A worker in processes of its own, one after the other.
struct Lives {
    file: PathBuf,
    group: String,
    url: String,
}

impl Lives {
    fn new(dir: &Path) -> Self {
        let (group, port) = (name("killed"), Lab::shared().unwrap().free_port().unwrap());
        let (file, url) = (dir.join("worker.toml"), format!("http://127.0.0.1:{port}"));
        let text = format!(
            "group.id = \"{group}\"\nbootstrap.servers = \"{}\"\nlisteners = \"{url}\"\n\
             config.storage.topic = \"{group}-configs\"\noffset.storage.topic = \"{group}-offsets\"\n\
             status.storage.topic = \"{group}-status\"\noffset.storage.partitions = 3\n\
             config.storage.replication.factor = 1\noffset.storage.replication.factor = 1\n\
             status.storage.replication.factor = 1\noffset.flush.interval.ms = 200\n",
            kafka()
        );
        std::fs::write(&file, text).unwrap();
        Self { file, group, url }
    }

    /// Starts the next one; it ends itself at this point of the code.
    fn start(&self, point: &str) -> RunningWorker {
        let lab = Lab::shared().unwrap();
        lab.worker(&format!("{}-{point}", self.group), &self.file)
            .binary(Path::new(env!("CARGO_BIN_EXE_walbridge")))
            .url(&self.url)
            .crash_at(point)
            .start()
            .unwrap()
    }
}

/// Runs a worker with a connector until it ends itself at a point of the code, and then another.
fn killed_at(point: &str, dir: &Path, connector: &str, config: &Value) -> RunningWorker {
    let lives = Lives::new(dir);
    let first = lives.start(point);
    first.put_connector(connector, config).unwrap();
    first.wait_exit(SOON).unwrap();
    lives.start("")
}

#[test]
fn a_kill_in_the_middle_of_a_replay_writes_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.txt");
    let (connector, topic, dead) = (name("again"), name("again-in"), name("again-out"));
    create(&topic, 1, &[]);
    let config = json!({
        "connector.class": "FileStreamSink", "file": out.display().to_string(), "topics": topic,
        "key.converter": "ByteArrayConverter", "value.converter": "JsonConverter",
        "value.converter.schemas.enable": "false",
    });
    let bad = [Whole::new(0, 3, b"{one"), Whole::new(0, 3, b"{two")];
    write(&topic, &bad);
    let lives = Lives::new(dir.path());
    let replay = |worker: RunningWorker| {
        let path = format!(
            "{}/connectors/{connector}/dead-letters/replay?max=1",
            lives.url
        );
        let asked = http().build().unwrap().post(path).send();
        let answer = asked.ok().and_then(|answer| answer.json::<Value>().ok());
        if answer.is_none() {
            worker.wait_exit(SOON).unwrap();
        }
        answer
    };
    let first = lives.start("replay-before-commit");
    let config = with(&config, &tolerant(&dead));
    first.put_connector(&connector, &config).unwrap();
    wait_committed(&connector, &topic, 2);
    let mended = with(&config, &json!({ "value.converter": "StringConverter" }));
    first.put_connector(&connector, &mended).unwrap();
    assert_eq!(all(&dead, 1, 2).len(), 2);
    assert_eq!(replay(first), None);
    assert_eq!(all(&topic, 1, 2).len(), 2);
    assert_eq!(replay(lives.start("replay-after-commit")), None);
    assert_eq!(all(&topic, 1, 3)[2..], bad[..1]);
    let rest = replay(lives.start("")).unwrap();
    assert_eq!(
        (&rest["replayed"], &rest["remaining"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(all(&topic, 1, 4)[2..], bad);
}

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_kill_between_the_dead_letter_and_the_offset_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.txt");
    let (connector, topic, dead) = (name("kill"), name("kill-in"), name("kill-out"));
    create(&topic, 1, &[]);
    let bad = Whole::new(0, 3, b"{nope");
    let good = |number: &str| Whole::new(0, 1, number.as_bytes());
    write(&topic, &[good("1"), bad.clone(), good("2")]);
    let config = with(
        &json!({
            "connector.class": "FileStreamSink", "file": out.display().to_string(), "topics": topic,
            "key.converter": "ByteArrayConverter", "value.converter": "JsonConverter",
            "value.converter.schemas.enable": "false",
        }),
        &tolerant(&dead),
    );
    let _worker = killed_at("dead-letters-written", dir.path(), &connector, &config);
    wait_committed(&connector, &topic, 3);
    // At least once: all of it was delivered again, and the letter with it.
    let letters: Vec<_> = all(&dead, 1, 2).iter().map(Whole::bare).collect();
    assert_eq!(letters, [bad.clone(), bad]);
    assert_eq!(lines(&out), ["1", "2", "1", "2"]);
}

#[test]
fn a_sources_bad_record_is_a_dead_letter_exactly_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("in.txt");
    let (topic, dead) = (name("source-in"), name("source-out"));
    std::fs::write(&file, "1\nx\n3\n").unwrap();
    let config = with(
        &json!({
            "connector.class": "FileStreamSource", "file": file.display().to_string(), "topic": topic,
            "key.converter": "StringConverter", "value.converter": "StringConverter",
            "transforms": "number",
            "transforms.number.type": "org.apache.kafka.connect.transforms.Cast$Value",
            "transforms.number.spec": "int32",
        }),
        &tolerant(&dead),
    );
    // Once everything has been sent, and nothing committed.
    let _worker = killed_at("producer-before-commit", dir.path(), "in", &config);
    let values = |records: Vec<Whole>| -> Vec<String> {
        let text = |record: Whole| String::from_utf8(record.value.unwrap()).unwrap();
        records.into_iter().map(text).collect()
    };
    assert_eq!(values(all(&topic, 1, 2)), ["1", "3"]);
    let mut more = std::fs::OpenOptions::new()
        .append(true)
        .open(&file)
        .unwrap();
    writeln!(more, "y\n5").unwrap();
    assert_eq!(values(all(&topic, 1, 3)), ["1", "3", "5"]);
    let letters = all(&dead, 1, 2);
    let payload = |text: &str| {
        format!("{{\"schema\":{{\"type\":\"string\",\"optional\":false}},\"payload\":\"{text}\"}}")
    };
    assert_eq!(values(letters.clone()), [payload("x"), payload("y")]);
    let header = |name: &str| letters[0].header(name).unwrap();
    assert_eq!(header("__connect.errors.stage"), "TRANSFORMATION");
    let place = (
        header("__connect.errors.topic"),
        header("__connect.errors.offset"),
    );
    assert_eq!(place, (String::new(), "-1".into()));
    assert_eq!(header("wb.errors.topic"), topic);
    let partition = json!({ "filename": file.display().to_string() }).to_string();
    assert_eq!(header("wb.errors.source.partition"), partition);
    assert_eq!(
        header("wb.errors.source.offset"),
        json!({ "position": 4 }).to_string()
    );
}
