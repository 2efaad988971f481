//! MirrorMaker's heartbeats by our worker: what is in the topic, and what is stored.

use serde_json::{Value, json};

use crate::records::all;
use crate::site::{kafka, name, start};

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
    let beats = crate::site::wait("two heartbeats", || {
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
    crate::site::wait("the task to go", || {
        let status = worker.status("beats");
        let gone = status["tasks"] == json!([]) && status["connector"]["state"] == "RUNNING";
        gone.then_some(())
    });
    let tasks: Value = worker.get("/connectors/beats/tasks").json();
    assert_eq!(tasks, json!([]));
}
