//! How the topics of sources are created.

use std::collections::HashMap;

use serde_json::{Value, json};
use walbridge_kafka::Admin;

use crate::site::{Running, client, name, start, start_with, wait};

/// Has a source write to a topic and returns how that was created: partitions, and configuration of its own.
fn created(worker: &Running, topic: &str, own: &Value) -> (i32, HashMap<String, String>) {
    let mut config = json!({
        "connector.class": "Numbers", "topic": topic, "limit": 5,
    });
    let all = config.as_object_mut().unwrap();
    all.extend(own.as_object().unwrap().clone());
    let connector = name("groups");
    let answer = worker.create(&connector, &config);
    assert_eq!(answer.status, 201, "{answer:?}");
    let admin = Admin::new(&client()).unwrap();
    let found = wait("the topic", || {
        admin.describe(&[topic]).unwrap().into_iter().next()
    });
    let configs = admin.own_configs(topic).unwrap();
    (found.partitions, configs.into_iter().collect())
}

fn groups() -> Value {
    json!({
        "topic.creation.groups": "compacted, wide",
        "topic.creation.default.partitions": 2,
        "topic.creation.default.replication.factor": -1,
        "topic.creation.default.retention.ms": "7200000",
        "topic.creation.compacted.include": "keyed-.*, wide-kept-.*",
        "topic.creation.compacted.exclude": "keyed-not-.*",
        "topic.creation.compacted.cleanup.policy": "compact",
        "topic.creation.compacted.min.compaction.lag.ms": "60000",
        "topic.creation.wide.include": "wide-.*",
        "topic.creation.wide.partitions": 5,
        "topic.creation.wide.replication.factor": 1,
    })
}

#[test]
fn a_topic_is_created_as_the_first_group_that_is_for_it_says() {
    let worker = start(&name("groups"));
    // Partitions of the default, configuration of its own.
    let (partitions, config) = created(&worker, &name("keyed"), &groups());
    assert_eq!(partitions, 2);
    assert_eq!(config["cleanup.policy"], "compact");
    assert_eq!(config["min.compaction.lag.ms"], "60000");
    assert!(!config.contains_key("retention.ms"), "{config:?}");
    // In the order of the groups.
    let (partitions, config) = created(&worker, &name("wide-kept"), &groups());
    assert_eq!(
        (partitions, config["cleanup.policy"].as_str()),
        (2, "compact")
    );
    let (partitions, config) = created(&worker, &name("wide"), &groups());
    assert_eq!((partitions, config.get("cleanup.policy")), (5, None));
    // Excluded, and of none: the default.
    for topic in ["keyed-not", "other"] {
        let (partitions, config) = created(&worker, &name(topic), &groups());
        assert_eq!(
            (partitions, config["retention.ms"].as_str()),
            (2, "7200000")
        );
        assert!(!config.contains_key("cleanup.policy"), "{config:?}");
    }
}

#[test]
fn half_a_default_will_do_and_the_worker_fills_the_rest() {
    let keys = [("topic.creation.default.partitions", "4")];
    let worker = start_with(&name("half"), &keys);
    let half = json!({ "topic.creation.default.replication.factor": 1 });
    assert_eq!(created(&worker, &name("half"), &half).0, 4);
    let own = json!({ "topic.creation.default.partitions": 3 });
    assert_eq!(created(&worker, &name("half"), &own).0, 3);
}

#[test]
fn mistakes_are_told_at_once_each_with_its_key() {
    let worker = start(&name("groups"));
    let config = json!({
        "connector.class": "Numbers", "topic": "t", "name": "n", "topic.creation.groups": "a",
        "topic.creation.a.include": "(", "topic.creation.a.partitions": "0",
        "topic.creation.b.partitions": "1",
    });
    let answer = worker.create("n", &config);
    assert_eq!(answer.status, 400);
    let message = answer.message();
    assert!(message.contains("following 5 error(s)"), "{message}");
    for words in [
        "Missing required configuration \"topic.creation.default.partitions\" which has no default value.",
        "Missing required configuration \"topic.creation.default.replication.factor\" which has no default value.",
        "Invalid value ( for configuration topic.creation.a.include: ",
        "Invalid value 0 for configuration topic.creation.a.partitions: Value must be -1 or at least 1",
        "Unknown configuration \"topic.creation.b.partitions\": topic.creation.groups lists no such group",
    ] {
        assert!(message.contains(words), "{words}: {message}");
    }
    // What only the broker knows to be wrong stops the task by name.
    let config = json!({
        "connector.class": "Numbers", "topic": name("t"), "topic.creation.default.no.such.key": "1",
    });
    assert_eq!(worker.create("broker", &config).status, 201);
    let task = worker.task("broker", "FAILED");
    assert!(
        task["trace"].as_str().unwrap().contains("no.such.key"),
        "{task}"
    );
    // Sinks create none.
    let sink = json!({ "connector.class": "MemorySink", "topics": "t", "topic.creation.default.partitions": "1" });
    assert_eq!(worker.create("sink", &sink).status, 400);
}
