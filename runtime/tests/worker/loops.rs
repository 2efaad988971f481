//! The two loops: exactly once into Kafka, and everything out of it.

use std::time::Duration;

use serde_json::json;
use walbridge_connector_api::{StopToken, TopicSpec};
use walbridge_kafka::Admin;

use crate::connectors::target;
use crate::site::{client, name, read, start, wait};

#[test]
fn rewinds_write_nothing_twice() {
    let worker = start(&name("rewind"));
    let topic = name("rewind");
    // Fails in the middle of a source transaction each time: what was sent of it is aborted.
    let config = json!({
        "connector.class": "Counter", "topic": topic, "step": 10, "fail.at": 25, "fail.how": "rewind",
    });
    assert_eq!(worker.create("r", &config).status, 201);
    wait("it to be held back", || {
        let task = worker.status("r")["tasks"][0].clone();
        (task["details"]["phase"] == "waiting").then_some(())
    });
    let mended = json!({ "connector.class": "Counter", "topic": topic, "step": 10, "limit": 40 });
    assert_eq!(
        worker
            .send("PUT", "/connectors/r/config", Some(&mended.to_string()))
            .status,
        200
    );
    let found = read(&topic, 1, |found| found.len() >= 40);
    let numbers: Vec<String> = found.into_iter().filter_map(|(_, value)| value).collect();
    assert_eq!(numbers, (0..40).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_sink_finds_topics_as_they_appear_and_resumes_where_its_target_is() {
    let worker = start(&name("sink"));
    let prefix = name("sink");
    let connector = name("memory");
    let sink = json!({ "connector.class": "MemorySink", "topics.regex": format!("{prefix}\\..*") });
    assert_eq!(worker.create(&connector, &sink).status, 201);
    let phase = || worker.status(&connector)["tasks"][0]["details"]["phase"].clone();
    wait("it to wait for topics", || {
        (phase() == "waiting for topics").then_some(())
    });
    let source = |topic: &str, limit: i64| {
        json!({
            "connector.class": "Counter", "topic": format!("{prefix}.{topic}"), "limit": limit,
        })
    };
    assert_eq!(worker.create("one", &source("one", 20)).status, 201);
    wait("the first topic", || {
        (target(&connector).rows.len() == 20).then_some(())
    });
    let two = TopicSpec {
        name: format!("{prefix}.two"),
        partitions: Some(2),
        replication_factor: Some(1),
        config: vec![],
    };
    let admin = Admin::new(&client()).unwrap();
    admin.create(&two, &StopToken::new()).unwrap();
    let began = std::time::Instant::now();
    assert_eq!(worker.create("two", &source("two", 5)).status, 201);
    wait("the second topic", || {
        (target(&connector).rows.len() == 25).then_some(())
    });
    assert!(
        began.elapsed() < Duration::from_secs(6),
        "{:?}",
        began.elapsed()
    );

    // Stopped, then on again: nothing twice, nothing missed.
    let path = format!("/connectors/{connector}");
    assert_eq!(
        worker.send("PUT", &format!("{path}/stop"), None).status,
        204
    );
    let more = source("one", 30).to_string();
    assert_eq!(
        worker
            .send("PUT", "/connectors/one/config", Some(&more))
            .status,
        200
    );
    assert_eq!(
        worker.send("PUT", &format!("{path}/resume"), None).status,
        202
    );
    wait("the rest", || {
        (target(&connector).rows.len() == 35).then_some(())
    });
    wait("offsets to be shown", || {
        let offsets = worker.get(&format!("{path}/offsets")).json();
        let of_one = offsets["offsets"]
            .as_array()?
            .iter()
            .find(|entry| entry["partition"]["kafka_topic"] == format!("{prefix}.one"))?;
        (of_one["offset"]["kafka_offset"].as_i64()? > 20).then_some(())
    });

    admin.delete(&format!("{prefix}.two")).unwrap();
    let task = worker.task(&connector, "FAILED");
    assert!(
        task["trace"]
            .as_str()
            .unwrap()
            .starts_with("TopicDeleted: "),
        "{task}"
    );
}
