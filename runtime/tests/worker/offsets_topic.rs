//! A topic for one connector's offsets, beside the worker's.

use serde_json::{Value, json};
use walbridge_connector_api::{StopToken, TopicSpec};
use walbridge_kafka::Admin;

use crate::site::{Running, client, name, read, start, wait};

fn numbers(topic: &str, own: Option<&str>, limit: i64) -> Value {
    let mut config = json!({
        "connector.class": "Numbers", "topic": topic, "limit": limit,
        "value.converter": "JsonConverter", "value.converter.schemas.enable": "false",
    });
    if let Some(own) = own {
        config["offsets.storage.topic"] = json!(own);
    }
    config
}

fn put(worker: &Running, connector: &str, config: &Value) {
    let path = format!("/connectors/{connector}/config");
    let answer = worker.send("PUT", &path, Some(&config.to_string()));
    assert!(matches!(answer.status, 200 | 201), "{answer:?}");
}

fn set(worker: &Running, connector: &str, state: &str) {
    let path = format!("/connectors/{connector}/{state}");
    let answer = worker.send("PUT", &path, None);
    assert!(matches!(answer.status, 202 | 204), "{answer:?}");
}

/// Waits until the source is at this number by what REST says, and by the last record of these topics.
fn at(worker: &Running, connector: &str, next: Option<i64>, topics: &[&str]) {
    let path = format!("/connectors/{connector}/offsets");
    let expected = next.map(|next| json!({ "next": next }));
    wait("the offset", || {
        let found = worker.get(&path).json();
        let offset = found["offsets"].get(0).map(|entry| entry["offset"].clone());
        (offset == expected).then_some(())
    });
    let key = format!("[\"{connector}\",{{\"part\":0}}]");
    for topic in topics {
        read(topic, 3, |found| {
            let last = found.iter().rfind(|(k, _)| *k == key);
            let value = last.and_then(|(_, value)| value.as_ref());
            let value: Option<Value> = value.map(|text| serde_json::from_str(text).unwrap());
            last.is_some() && value == expected
        });
    }
}

fn all_of(topic: &str, limit: i64) {
    let last = (limit - 1).to_string();
    let found = read(topic, 1, |found| {
        found.iter().any(|(_, value)| value.as_ref() == Some(&last))
    });
    let found: Vec<i64> = found
        .into_iter()
        .map(|(_, value)| value.unwrap().parse().unwrap())
        .collect();
    assert_eq!(found, (0..limit).collect::<Vec<_>>());
}

#[test]
fn offsets_go_into_both_and_no_change_of_the_option_loses_the_position() {
    let (group, topic) = (name("own"), name("own"));
    let (workers, own, other) = (format!("{group}-offsets"), name("own-a"), name("own-b"));
    let worker = start(&group);
    put(&worker, "c", &numbers(&topic, Some(&own), 20));
    at(&worker, "c", Some(20), &[&own, &workers]);
    let admin = Admin::new(&client()).unwrap();
    assert_eq!(admin.describe(&[&own]).unwrap()[0].partitions, 3);
    let policy = admin.configs(&own).unwrap().remove("cleanup.policy");
    assert_eq!(policy.as_deref(), Some("compact"));

    // Without it, with another, with the first again, whose offset is old by now; and over a restart.
    put(&worker, "c", &numbers(&topic, None, 40));
    at(&worker, "c", Some(40), &[&workers]);
    put(&worker, "c", &numbers(&topic, Some(&other), 60));
    at(&worker, "c", Some(60), &[&other, &workers]);
    worker.stop();
    let worker = start(&group);
    put(&worker, "c", &numbers(&topic, Some(&own), 80));
    at(&worker, "c", Some(80), &[&own, &workers]);
    all_of(&topic, 80);

    // Through REST both change.
    set(&worker, "c", "stop");
    let path = "/connectors/c/offsets";
    let change = json!({ "offsets": [{ "partition": { "part": 0 }, "offset": { "next": 79 } }] });
    let answer = worker.send("PATCH", path, Some(&change.to_string()));
    assert_eq!(answer.status, 200, "{answer:?}");
    at(&worker, "c", Some(79), &[&own, &workers]);
    assert_eq!(worker.send("DELETE", path, None).status, 200);
    at(&worker, "c", None, &[&own, &workers]);
    set(&worker, "c", "resume");
    at(&worker, "c", Some(80), &[&own, &workers]);
}

#[test]
fn it_must_be_compacted_and_the_source_may_not_write_there() {
    let worker = start(&name("own"));
    let bad = name("deleting");
    let spec = TopicSpec {
        name: bad.clone(),
        partitions: Some(1),
        replication_factor: Some(1),
        config: vec![("cleanup.policy".into(), "delete".into())],
    };
    let admin = Admin::new(&client()).unwrap();
    admin.create(&spec, &StopToken::new()).unwrap();
    put(&worker, "bad", &numbers(&name("t"), Some(&bad), 5));
    let task = worker.task("bad", "FAILED");
    let words = format!(
        "Topic '{bad}' supplied via the 'offsets.storage.topic' property is required to have \
         'cleanup.policy=compact' to guarantee consistency and durability of source connector offsets, but \
         found the topic currently has 'cleanup.policy=delete'."
    );
    assert!(task["trace"].as_str().unwrap().contains(&words), "{task}");

    let own = name("own");
    put(&worker, "self", &numbers(&own, Some(&own), 5));
    let task = worker.task("self", "FAILED");
    let words = "WritesToItsOffsets: Source tasks may not produce to their own offsets topics";
    assert!(task["trace"].as_str().unwrap().starts_with(words), "{task}");
    // Without a topic of its own it is the worker's that it may not write to.
    let workers = format!("{}-offsets", worker.group);
    put(&worker, "theirs", &numbers(&workers, None, 5));
    let task = worker.task("theirs", "FAILED");
    assert!(task["trace"].as_str().unwrap().starts_with(words), "{task}");

    let refused = worker.create("name", &numbers("t", Some("a/b"), 5));
    assert_eq!(refused.status, 400);
    assert!(refused.message().contains("not the name of a topic"));
}

#[test]
fn at_least_once_has_one_too() {
    let worker = crate::site::start_with(
        &name("least-own"),
        &[
            ("exactly.once.source.support", "disabled"),
            ("offset.flush.interval.ms", "50"),
        ],
    );
    let (topic, own) = (name("least-own"), name("least-own-offsets"));
    let workers = format!("{}-offsets", worker.group);
    put(&worker, "c", &numbers(&topic, Some(&own), 30));
    at(&worker, "c", Some(30), &[&own, &workers]);
    all_of(&topic, 30);
}
