//! State lives in Kafka alone, in Kafka Connect's formats.

use std::time::Duration;

use serde_json::{Value, json};
use walbridge_connector_api::{Partition, StopToken, TopicPartition};
use walbridge_kafka::{Admin, TransactionalProducer};

use crate::site::{client, name, read, start, wait};

#[test]
fn a_worker_with_an_empty_disk_goes_on_where_another_was() {
    let group = name("handover");
    let topic = name("handover");
    let config = json!({ "connector.class": "Counter", "topic": topic, "step": 7, "limit": 2100 });
    let paused = json!({ "connector.class": "Counter", "topic": name("paused") });
    let first = start(&group);
    assert_eq!(first.create("c", &config).status, 201);
    let body = json!({ "name": "p", "config": paused, "initial_state": "paused" }).to_string();
    assert_eq!(first.send("POST", "/connectors", Some(&body)).status, 201);
    wait("some rows", || {
        (first.status("c")["tasks"][0]["details"]["rows"].as_u64()? > 100).then_some(())
    });
    let took = first.stop();
    assert!(took < Duration::from_secs(5), "{took:?}");
    let second = start(&group);
    assert_eq!(second.get("/connectors").json(), json!(["c", "p"]));
    assert_eq!(second.status("p")["connector"]["state"], "PAUSED");
    let found = read(&topic, 1, |found| found.len() >= 2100);
    let numbers: Vec<String> = found.into_iter().filter_map(|(_, value)| value).collect();
    let expected: Vec<String> = (0..2100).map(|n| n.to_string()).collect();
    assert_eq!(numbers, expected, "each number once and in order");
}

#[test]
fn topics_hold_connects_records() {
    let worker = start(&name("formats"));
    let config = json!({ "connector.class": "Counter", "topic": name("formats"), "limit": 4 });
    assert_eq!(worker.create("f", &config).status, 201);
    worker.task("f", "RUNNING");
    let topic = |kind: &str| format!("{}-{kind}", worker.group);
    let offsets = read(&topic("offsets"), 3, |found| {
        found
            .iter()
            .any(|(_, value)| value.as_deref() == Some(r#"{"next":4}"#))
    });
    assert!(
        offsets
            .iter()
            .all(|(key, _)| key == r#"["f",{"counter":"f"}]"#),
        "{offsets:?}"
    );
    assert_eq!(worker.send("PUT", "/connectors/f/stop", None).status, 204);
    assert_eq!(worker.send("DELETE", "/connectors/f", None).status, 204);
    let mut configs = read(&topic("configs"), 1, |found| {
        found
            .iter()
            .any(|(key, value)| key == "target-state-f" && value.is_none())
    });
    // A worker that does not lead yet asks the leader, and Kafka Connect passes over the answers.
    configs.retain(|(key, _)| !key.starts_with("answer-"));
    let keys: Vec<&str> = configs.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "connector-f",
            "task-f-0",
            "commit-f",
            "tasks-fencing-f",
            "commit-f",
            "target-state-f",
            "connector-f",
            "target-state-f"
        ]
    );
    let json =
        |n: usize| -> Value { serde_json::from_str(configs[n].1.as_ref().unwrap()).unwrap() };
    assert_eq!(json(0)["properties"]["connector.class"], "Counter");
    assert_eq!(
        json(1)["properties"]["task.class"],
        "org.example.CounterConnector"
    );
    assert_eq!(json(2), json!({ "tasks": 1 }));
    assert_eq!(json(3), json!({ "task-count": 1 }));
    assert_eq!(json(4), json!({ "tasks": 0 }));
    assert_eq!(json(5), json!({ "state": "PAUSED", "state.v2": "STOPPED" }));
    let statuses = read(&topic("status"), 5, |found| {
        found
            .iter()
            .any(|(key, value)| key == "status-connector-f" && value.is_none())
    });
    let running = statuses.iter().find(|(key, value)| {
        key == "status-task-f-0"
            && value
                .as_ref()
                .is_some_and(|value| value.contains("RUNNING"))
    });
    let running: Value = serde_json::from_str(running.unwrap().1.as_ref().unwrap()).unwrap();
    assert_eq!(running["trace"], Value::Null);
    assert!(
        running["worker_id"]
            .as_str()
            .unwrap()
            .starts_with("127.0.0.1:")
    );
    assert!(running["generation"].is_u64());
}

#[test]
fn offsets_are_shown_and_changed_only_when_stopped() {
    let worker = start(&name("offsets"));
    let topic = name("offsets");
    let config = json!({ "connector.class": "Counter", "topic": topic, "limit": 3 });
    assert_eq!(worker.create("o", &config).status, 201);
    let shown = |expected: Value| {
        wait("the offsets to be as expected", || {
            (worker.get("/connectors/o/offsets").json() == expected).then_some(())
        });
    };
    shown(json!({ "offsets": [{ "partition": { "counter": "o" }, "offset": { "next": 3 } }] }));
    let refused = worker.send("DELETE", "/connectors/o/offsets", None);
    assert_eq!(refused.status, 400);
    assert!(
        refused
            .message()
            .starts_with("Connectors must be in the STOPPED state")
    );
    assert_eq!(worker.send("PUT", "/connectors/o/stop", None).status, 204);
    let body = r#"{"offsets":[{"partition":{"counter":"o"},"offset":{"next":2}}]}"#;
    let altered = worker.send("PATCH", "/connectors/o/offsets", Some(body));
    assert_eq!(
        altered.json()["message"],
        "The offsets for this connector have been altered successfully"
    );
    shown(json!({ "offsets": [{ "partition": { "counter": "o" }, "offset": { "next": 2 } }] }));
    assert_eq!(worker.send("PUT", "/connectors/o/resume", None).status, 202);
    let again = read(&topic, 1, |found| found.len() >= 4);
    assert_eq!(again[3].1.as_deref(), Some("2"));
    assert_eq!(worker.send("PUT", "/connectors/o/stop", None).status, 204);
    assert_eq!(
        worker.send("DELETE", "/connectors/o/offsets", None).status,
        200
    );
    shown(json!({ "offsets": [] }));
}

#[test]
fn an_offset_behind_somebody_elses_open_transaction_is_waited_for() {
    let worker = start(&name("behind"));
    let topic = name("behind");
    let config = json!({ "connector.class": "Counter", "topic": topic });
    assert_eq!(worker.create("c", &config).status, 201);
    let past = |rows: u64| {
        wait("further rows", || {
            (worker.status("c")["tasks"][0]["details"]["rows"].as_u64()? > rows).then_some(())
        });
    };
    past(20);
    // What a worker leaves that is killed between its offset record and its commit.
    let id = name("killed");
    let producer = || {
        let mut producer = TransactionalProducer::new(&client(), &id, StopToken::new()).unwrap();
        producer.init().unwrap();
        producer
    };
    let mut killed = producer();
    killed.begin().unwrap();
    let offsets = format!("{}-offsets", worker.group);
    for partition in 0..3 {
        let (partition, key) = (Partition::Fixed(partition), br#"["x",{}]"#);
        killed
            .send_one(&offsets, partition, Some(key), Some(b"{}"))
            .unwrap();
    }
    let admin = Admin::new(&client()).unwrap();
    let all = [0, 1, 2].map(|partition| TopicPartition {
        topic: offsets.as_str().into(),
        partition,
    });
    wait("the open transaction to be written", || {
        admin
            .inspect(&all)
            .unwrap()
            .iter()
            .all(|info| info.end > info.first)
            .then_some(())
    });
    let now = worker.status("c")["tasks"][0]["details"]["rows"]
        .as_u64()
        .unwrap();
    past(now + 50);
    assert_eq!(
        worker
            .send("POST", "/connectors/c/tasks/0/restart", None)
            .status,
        204
    );
    worker.task("c", "UNASSIGNED");
    std::thread::sleep(Duration::from_secs(1));
    drop(producer());
    past(now + 60);
    assert_eq!(worker.send("PUT", "/connectors/c/stop", None).status, 204);
    let found = read(&topic, 1, |found| found.len() as u64 > now + 60);
    let numbers: Vec<String> = found.into_iter().filter_map(|(_, value)| value).collect();
    let expected: Vec<String> = (0..numbers.len()).map(|n| n.to_string()).collect();
    assert_eq!(numbers, expected, "each number once and in order");
}

#[test]
fn a_connector_is_there_as_soon_as_any_worker_has_said_so() {
    let group = name("both");
    let workers = [start(&group), start(&group)];
    let topic = name("both");
    for number in 0..6 {
        let worker = &workers[number % 2];
        let config = json!({ "connector.class": "Counter", "topic": topic, "limit": 3 });
        let connector = format!("c{number}");
        assert_eq!(worker.create(&connector, &config).status, 201);
        for path in ["", "/config", "/status", "/tasks"] {
            let answer = worker.get(&format!("/connectors/{connector}{path}"));
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
        }
        worker.task(&connector, "RUNNING");
    }
}

#[test]
fn offsets_are_stored_as_kafka_connect_would_store_them() {
    let worker = start(&name("forms"));
    let topic = name("forms");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("lines").display().to_string();
    let source = json!({ "connector.class": "FileStreamSource", "file": file, "topic": topic });
    std::fs::write(&file, "one\n").unwrap();
    assert_eq!(worker.create("source", &source).status, 201);
    read(&topic, 1, |found| !found.is_empty());
    let out = dir.path().join("out").display().to_string();
    let sink = json!({
        "connector.class": "FileStreamSink", "file": out, "topics": topic,
        "value.converter": "org.apache.kafka.connect.storage.StringConverter",
    });
    assert_eq!(worker.create("sink", &sink).status, 201);
    for connector in ["source", "sink"] {
        let path = format!("/connectors/{connector}/stop");
        assert_eq!(worker.send("PUT", &path, None).status, 204);
    }
    let alter = |connector: &str, offsets: Value| {
        let body = json!({ "offsets": offsets }).to_string();
        worker.send(
            "PATCH",
            &format!("/connectors/{connector}/offsets"),
            Some(&body),
        )
    };
    let at = |topic: &Value, partition: Value, offset: i64| {
        json!({
            "partition": { "kafka_topic": topic, "kafka_partition": partition },
            "offset": { "kafka_offset": offset },
        })
    };
    let known = Value::from(topic.as_str());
    for (bad, words) in [
        (
            at(&Value::Null, 0.into(), 1),
            "Kafka topic names must be valid strings and may not be null",
        ),
        (
            at(&json!([1]), 0.into(), 1),
            "Kafka topic names must be valid strings and may not be null",
        ),
        (
            at(&known, Value::Null, 1),
            "Kafka partitions must be valid numbers and may not be null",
        ),
    ] {
        let refused = alter("sink", json!([bad]));
        assert_eq!((refused.status, refused.message().as_str()), (400, words));
    }
    // The same partition twice, and in the other way to write it: the last counts.
    let twice = json!([at(&known, 0.into(), 1), at(&known, "0".into(), 2)]);
    assert_eq!(alter("sink", twice).status, 200);
    let stored = worker.get("/connectors/sink/offsets").json();
    assert_eq!(stored, json!({ "offsets": [at(&known, 0.into(), 2)] }));

    let line =
        |name: Value, offset: Value| json!({ "partition": { "filename": name }, "offset": offset });
    let nested = json!([line(json!({ "a": [1] }), json!({ "position": 1 }))]);
    let refused = alter("source", nested);
    assert_eq!(refused.status, 400);
    assert!(refused.message().contains("field filename contains MAP"));
    let name = Value::from(file.as_str());
    let twice = json!([
        line(name.clone(), json!({ "position": 1 })),
        line(name.clone(), json!({ "position": 2 }))
    ]);
    assert_eq!(alter("source", twice).status, 200);
    let stored = worker.get("/connectors/source/offsets").json();
    assert_eq!(
        stored,
        json!({ "offsets": [line(name, json!({ "position": 2 }))] })
    );
}

#[test]
fn numbers_of_a_configuration_are_kept_letter_by_letter() {
    let worker = start(&name("letters"));
    let body = format!(
        r#"{{"name": 1.50, "config": {{"connector.class": "Counter", "topic": "{}", "limit": 3,
            "fail.how": "stop", "producer.override.linger.ms": 1.10, "producer.override.batch.size": 1e5,
            "producer.override.client.id": 12345678901234567890123, "consumer.override.client.id": 1e400}}}}"#,
        name("letters")
    );
    let created = worker.send("POST", "/connectors", Some(&body));
    assert_eq!(created.status, 400, "{created:?}");
    // Only because whole numbers are wanted there, and not because of JSON.
    let message = created.message();
    for key in ["batch.size", "linger.ms"] {
        assert!(
            message.contains(&format!("producer.override.{key}: ")),
            "{message}"
        );
    }
    let body = body.replace(": 1e5", ": 100000").replace(": 1.10", ": 10");
    let created = worker.send("POST", "/connectors", Some(&body));
    assert_eq!(created.status, 201, "{created:?}");
    let config = &created.json()["config"];
    assert_eq!(config["name"], "1.50");
    assert_eq!(
        config["producer.override.client.id"],
        "12345678901234567890123"
    );
    assert_eq!(config["consumer.override.client.id"], "1e400");
    let patch = r#"{"producer.override.client.id": 1.10}"#;
    let path = "/connectors/1.50/config";
    assert_eq!(worker.send("PATCH", path, Some(patch)).status, 200);
    assert_eq!(
        worker.get(path).json()["producer.override.client.id"],
        "1.10"
    );
}
