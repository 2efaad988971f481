//! Which topics a connector has used, as Kafka Connect notes it.

use serde_json::{Value, json};
use walbridge_connector_api::StopToken;
use walbridge_connector_api::TopicSpec;
use walbridge_kafka::Admin;

use crate::connectors::target;
use crate::site::{Running, client, name, read, start, start_with, wait};

fn topics(worker: &Running, connector: &str) -> Value {
    worker
        .get(&format!("/connectors/{connector}/topics"))
        .json()
}

fn active(worker: &Running, connector: &str, expected: &Value) {
    let expected = json!({ connector: { "topics": expected } });
    wait("the active topics", || {
        (topics(worker, connector) == expected).then_some(())
    });
}

#[test]
fn topics_of_sources_and_sinks_are_noted_once_and_forgotten() {
    let group = name("tracking");
    let worker = start(&group);
    let topic = name("tracked");
    let limit =
        |limit: u32| json!({ "connector.class": "Counter", "topic": topic, "limit": limit });
    assert_eq!(topics(&worker, "c"), json!({ "c": { "topics": [] } }));
    assert_eq!(worker.create("c", &limit(3)).status, 201);
    active(&worker, "c", &json!([topic]));
    let sink = json!({ "connector.class": "MemorySink", "topics": topic });
    let sink_name = name("s");
    assert_eq!(worker.create(&sink_name, &sink).status, 201);
    wait("the rows", || {
        (target(&sink_name).rows.len() == 3).then_some(())
    });
    active(&worker, &sink_name, &json!([topic]));

    // As the real one writes it.
    let key = format!("status-topic-{topic}:connector-c");
    let status = format!("{group}-status");
    let records = read(&status, 5, |found| found.iter().any(|(k, _)| *k == key));
    let ours: Vec<_> = records.iter().filter(|(k, _)| *k == key).collect();
    assert_eq!(ours.len(), 1, "{ours:?}");
    let value: Value = serde_json::from_str(ours[0].1.as_ref().unwrap()).unwrap();
    assert_eq!(value["topic"]["name"], json!(topic));
    assert_eq!(value["topic"]["connector"], "c");
    assert_eq!(value["topic"]["task"], 0);
    assert!(value["topic"]["discoverTimestamp"].is_u64(), "{value}");

    // Another worker of the group knows it from the topic.
    worker.stop();
    let worker = start(&group);
    assert_eq!(topics(&worker, "c"), json!({ "c": { "topics": [topic] } }));

    // Forgotten, and noted again as soon as there is a record.
    let reset = worker.send("PUT", "/connectors/c/topics/reset", None);
    assert_eq!((reset.status, reset.text.as_str()), (202, ""));
    assert_eq!(topics(&worker, "c"), json!({ "c": { "topics": [] } }));
    let more = worker.send("PUT", "/connectors/c/config", Some(&limit(6).to_string()));
    assert_eq!(more.status, 200);
    active(&worker, "c", &json!([topic]));
    assert_eq!(worker.send("DELETE", "/connectors/c", None).status, 204);
    assert_eq!(topics(&worker, "c"), json!({ "c": { "topics": [] } }));
    let last = read(&status, 5, |found| {
        found
            .iter()
            .rfind(|(k, _)| *k == key)
            .is_some_and(|(_, v)| v.is_none())
    });
    assert!(!last.is_empty());
}

#[test]
fn a_reset_counts_for_a_running_task_too() {
    let worker = start(&name("tracking-on"));
    let topic = name("tracked-on");
    let spec = TopicSpec {
        name: topic.clone(),
        ..TopicSpec::default()
    };
    Admin::new(&client())
        .unwrap()
        .create(&spec, &StopToken::new())
        .unwrap();
    let config = json!({ "connector.class": "Counter", "topic": topic });
    assert_eq!(worker.create("on", &config).status, 201);
    active(&worker, "on", &json!([topic]));
    for _ in 0..3 {
        let reset = worker.send("PUT", "/connectors/on/topics/reset/", None);
        assert_eq!(reset.status, 202);
        active(&worker, "on", &json!([topic]));
    }
}

#[test]
fn tracking_and_its_reset_can_be_switched_off() {
    let words = |worker: &Running, method: &str, path: &str| {
        let answer = worker.send(method, path, None);
        (answer.status, answer.message())
    };
    let off = start_with(&name("no-tracking"), &[("topic.tracking.enable", "false")]);
    let disabled = (403, "Topic tracking is disabled.".to_owned());
    assert_eq!(words(&off, "GET", "/connectors/c/topics"), disabled);
    assert_eq!(words(&off, "PUT", "/connectors/c/topics/reset"), disabled);
    let topic = name("untracked");
    let config = json!({ "connector.class": "Counter", "topic": topic, "limit": 2 });
    assert_eq!(off.create("c", &config).status, 201);
    wait("two rows", || {
        (off.status("c")["tasks"][0]["details"]["rows"] == 2).then_some(())
    });
    let fixed = start_with(
        &name("no-reset"),
        &[("topic.tracking.allow.reset", "false")],
    );
    assert_eq!(fixed.get("/connectors/c/topics").status, 200);
    assert_eq!(
        words(&fixed, "PUT", "/connectors/c/topics/reset"),
        (403, "Topic tracking reset is disabled.".to_owned())
    );
}
