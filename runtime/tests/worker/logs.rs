//! Log lines of a worker's process: whom they are about, in both formats, and the levels that REST sets.

use std::path::Path;

use serde_json::{Value, json};
use walbridge_lab::{Lab, RunningWorker};

use crate::site::{anybody, kafka, name, wait, worker_file};

/// Starts a worker in a process of its own; returns it with its id.
fn worker(dir: &Path, group: &str, number: u32, more: &str) -> (RunningWorker, String) {
    let lab = Lab::shared().unwrap();
    let id = format!("127.0.0.1:{}", lab.free_port().unwrap());
    let file = dir.join(format!("worker-{number}.toml"));
    let text = worker_file(group).replace("127.0.0.1:0", &id);
    std::fs::write(&file, format!("{text}{more}\n")).unwrap();
    let worker = lab
        .worker(&format!("{group}-{number}"), &file)
        .binary(Path::new(env!("CARGO_BIN_EXE_walbridge")))
        .url(&format!("http://{id}"))
        .start()
        .unwrap();
    (worker, id)
}

/// Runs connectors that say something: from the task's thread, from a connector's, and from librdkafka's.
fn work(worker: &RunningWorker, dir: &Path) {
    std::fs::write(dir.join("in"), "one\ntwo\n").unwrap();
    let (path, topic) = (
        |file: &str| dir.join(file).display().to_string(),
        name("said"),
    );
    let text = "org.apache.kafka.connect.storage.StringConverter";
    let source = json!({
        "connector.class": "FileStreamSource", "file": path("in"), "topic": topic,
        "value.converter": text,
    });
    let broken = json!({
        "connector.class": "FileStreamSink", "file": path("out"), "topics": topic,
        "value.converter": "JsonConverter", "key.converter": text,
    });
    let away = json!({
        "connector.class": "Mirror", "source.cluster.alias": "a", "target.cluster.alias": "b",
        "source.cluster.bootstrap.servers": "127.0.0.1:1", "topics": "x",
    });
    worker.put_connector("reads", &source).unwrap();
    worker.put_connector("breaks", &broken).unwrap();
    worker.put_connector("waits", &away).unwrap();
}

/// What is looked for: who says it, and of which connector.
const SAID: [(&str, &str); 4] = [
    ("walbridge_file::input", "reads"),
    ("walbridge::task::supervise", "breaks"),
    ("walbridge::task::supervise", "waits"),
    ("kafka", "waits"),
];

#[test]
fn each_line_of_a_task_names_it_in_json() {
    let dir = tempfile::tempdir().unwrap();
    // No level takes the names away.
    let more = "log.format = \"json\"\nlog.level = \"warn,walbridge_file=debug\"";
    let (worker, id) = worker(dir.path(), &name("json"), 0, more);
    work(&worker, dir.path());
    let lines = wait("all to have said something", || {
        let log = worker.log();
        let whole = &log[..=log.rfind('\n')?];
        let lines: Vec<Value> = whole
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
            .collect();
        let said = |(target, connector): &(&str, &str)| {
            let mut all = lines.iter();
            all.any(|line| line["target"] == *target && line["connector"] == *connector)
        };
        SAID.iter().all(said).then_some(lines)
    });
    for line in &lines {
        for field in ["timestamp", "level", "target", "message"] {
            assert!(line[field].is_string(), "{field} is missing: {line}");
        }
        assert!(
            line.get("span").is_none() && line.get("spans").is_none(),
            "{line}"
        );
        assert_eq!(line["worker_id"], id, "{line}");
        let target = line["target"].as_str().unwrap();
        let of_task = ["walbridge_file", "walbridge_mirror", "walbridge::task"];
        let of_client = |name: &str| line["client"].as_str().is_some_and(|c| c.contains(name));
        if of_task.iter().any(|start| target.starts_with(start)) || of_client("connector-") {
            let connector = line["connector"].as_str().unwrap_or_default();
            assert!(["reads", "breaks", "waits"].contains(&connector), "{line}");
            assert_eq!(line["task"], 0, "{line}");
            assert!(!of_client("connector-") || of_client(connector), "{line}");
        }
    }
}

#[test]
fn each_line_of_a_task_names_it_in_text() {
    let dir = tempfile::tempdir().unwrap();
    let (worker, id) = worker(dir.path(), &name("text"), 0, "log.format = \"text\"");
    work(&worker, dir.path());
    for (word, connector) in [
        ("file=", "reads"),
        ("failed", "breaks"),
        ("127.0.0.1:1", "waits"),
    ] {
        let names = format!(" worker_id={id} connector={connector} task=0 ");
        wait(&format!("a line of {connector}"), || {
            let log = worker.log();
            let mut lines = log.lines();
            lines
                .any(|line| line.contains(&names) && line.contains(word))
                .then_some(())
        });
    }
    for line in worker.log().lines() {
        let (time, rest) = line.split_once(' ').unwrap();
        assert!(time.ends_with('Z') && time.contains('T'), "{line}");
        let mut words = rest.split_whitespace();
        let level = words.next().unwrap();
        assert!(
            ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"].contains(&level),
            "{line}"
        );
        assert_eq!(
            words.next(),
            Some(format!("worker_id={id}").as_str()),
            "{line}"
        );
    }
}

/// How many lines of librdkafka's least level a worker has written.
fn traces(worker: &RunningWorker) -> usize {
    let log = worker.log();
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| line["target"] == "kafka" && line["level"] == "TRACE")
        .count()
}

#[test]
fn a_level_is_set_on_one_worker_or_on_all_of_the_group() {
    let dir = tempfile::tempdir().unwrap();
    let group = name("levels");
    let start = |number| worker(dir.path(), &group, number, "log.format = \"json\"");
    let ((one, first), (other, second)) = (start(1), start(2));
    let client = anybody();
    let set = |scope: &str, level: &str| {
        let url = format!("http://{first}/admin/loggers/kafka{scope}");
        let answer = client
            .put(url)
            .json(&json!({ "level": level }))
            .send()
            .unwrap();
        answer.status().as_u16()
    };
    let level = |worker: &str| {
        let answer = client
            .get(format!("http://{worker}/admin/loggers/kafka"))
            .send();
        let answer: Value = answer.unwrap().json().unwrap();
        answer["level"].clone()
    };
    assert_eq!((traces(&one), traces(&other)), (0, 0), "{}", kafka());
    assert_eq!(set("", "TRACE"), 200);
    assert_eq!(
        (level(&first), level(&second)),
        (json!("TRACE"), json!("INFO"))
    );
    wait("lines of the one", || (traces(&one) > 0).then_some(()));
    assert_eq!(traces(&other), 0);

    assert_eq!(set("?scope=cluster", "TRACE"), 204);
    wait("the level at the other", || {
        (level(&second) == "TRACE").then_some(())
    });
    wait("lines of the other", || (traces(&other) > 0).then_some(()));

    assert_eq!(set("?scope=cluster", "ERROR"), 204);
    for id in [&first, &second] {
        wait("the level at both", || (level(id) == "ERROR").then_some(()));
    }
}
