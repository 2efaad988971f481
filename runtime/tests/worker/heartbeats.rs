//! MirrorMaker's heartbeats by our worker: what is in the topic, and what is stored.

use serde_json::{Value, json};

use crate::records::all;
use crate::site::{kafka, name, start, start_with, wait};

#[test]
fn heartbeats_are_written_and_their_offset_is_mirror_makers() {
    let worker = start(&name("heartbeats"));
    let (source, target) = (name("east"), name("west"));
    let config = json!({
        "connector.class": "org.apache.kafka.connect.mirror.MirrorHeartbeatConnector",
        "source.cluster.alias": source, "target.cluster.alias": target,
        "source.cluster.bootstrap.servers": "nowhere:9092",
        "target.cluster.bootstrap.servers": kafka(),
        "heartbeats.topic.replication.factor": "1", "tasks.max": "4",
    });
    assert_eq!(worker.create("beats", &config).status, 201);
    worker.task("beats", "RUNNING");
    let mut key = Vec::new();
    for alias in [&source, &target] {
        key.extend_from_slice(&(alias.len() as i16).to_be_bytes());
        key.extend_from_slice(alias.as_bytes());
    }
    let own = || {
        let found = all("heartbeats", 1, 1).into_iter();
        found
            .filter(|record| record.key.as_ref() == Some(&key))
            .collect::<Vec<_>>()
    };
    let beats = wait("two heartbeats", || {
        let own = own();
        (own.len() >= 2).then_some(own)
    });
    for beat in &beats {
        let mut value = vec![0, 0];
        value.extend_from_slice(&beat.timestamp.to_be_bytes());
        assert_eq!(beat.value.as_deref(), Some(&*value));
    }
    let pause = beats[1].timestamp - beats[0].timestamp;
    assert!((900..20_000).contains(&pause), "{pause} ms");
    let offsets = worker.get("/connectors/beats/offsets").json();
    assert_eq!(
        offsets,
        json!({ "offsets": [{
            "partition": { "sourceClusterAlias": source, "targetClusterAlias": target },
            "offset": { "offset": 0 },
        }] })
    );
    let status = worker.status("beats");
    assert_eq!(status["tasks"].as_array().unwrap().len(), 1, "{status}");

    // Without them there is a connector and no task, as in MirrorMaker.
    let mut none = config;
    none["emit.heartbeats.enabled"] = json!("false");
    let body = none.to_string();
    let changed = worker.send("PUT", "/connectors/beats/config", Some(&body));
    assert_eq!(changed.status, 200, "{changed:?}");
    wait("the task to go", || {
        let status = worker.status("beats");
        let gone = status["tasks"] == json!([]) && status["connector"]["state"] == "RUNNING";
        gone.then_some(())
    });
    let tasks: Value = worker.get("/connectors/beats/tasks").json();
    assert_eq!(tasks, json!([]));
}

#[test]
fn a_connector_that_has_no_lag_is_well_after_a_pause() {
    let keys = [("task.lag.unknown.after.ms", "1000")];
    let worker = start_with(&name("lagless"), &keys);
    let config = json!({
        "connector.class": "org.apache.kafka.connect.mirror.MirrorHeartbeatConnector", "heartbeats.topic.replication.factor": "1",
        "source.cluster.alias": name("lagless"), "target.cluster.alias": "b",
    });
    assert_eq!(worker.create("beats", &config).status, 201);
    worker.task("beats", "RUNNING");
    let change = |how| worker.send("PUT", &format!("/connectors/beats/{how}"), None);
    assert_eq!(change("pause").status, 202);
    worker.task("beats", "PAUSED");
    let health = wait("the pause to be told", || {
        let health = worker.get("/health");
        (health.json()["status"] == "degraded").then_some(health)
    });
    // Whoever probes looks at the code: a worker that serves is not to be started anew.
    assert_eq!(health.status, 200);
    assert_eq!(health.json()["degraded"][0]["connector"], "beats");
    assert_eq!(change("resume").status, 202);
    // For longer than a lag may go without being measured.
    wait("more heartbeats", || {
        let details = worker.status("beats")["tasks"][0]["details"].clone();
        (details["rows"].as_u64()? > 2).then_some(())
    });
    let status = worker.status("beats");
    assert!(!status.to_string().contains("lag"), "{status}");
    assert_eq!(worker.get("/health").json()["status"], "healthy");
}
