//! Tasks that fail: what their status says, and that nobody else notices.

use serde_json::json;
use walbridge::{Worker, WorkerError};
use walbridge_connector_api::{StopToken, TopicSpec};
use walbridge_kafka::Admin;

use crate::site::{client, config, name, start, start_with, wait};

#[test]
fn a_task_that_stands_still_is_told_of() {
    let worker = start_with(&name("stuck"), &[("task.stuck.after.ms", "1000")]);
    let counter = |how: &str| {
        json!({
            "connector.class": "Counter", "topic": name("stuck"), "limit": 100, "fail.at": 40, "fail.how": how,
        })
    };
    assert_eq!(worker.create("hangs", &counter("hang")).status, 201);
    assert_eq!(worker.create("waits", &counter("retry")).status, 201);
    let stuck = wait("the task to be called stuck", || {
        let stuck = worker.get("/health").json()["stuck"].clone();
        (!stuck.as_array()?.is_empty()).then_some(stuck)
    });
    // One that waits with a reason is not stuck, and says what it waits for.
    assert_eq!(stuck.as_array().unwrap().len(), 1, "{stuck}");
    assert_eq!(
        (&stuck[0]["connector"], &stuck[0]["task"]),
        (&json!("hangs"), &json!(0))
    );
    let metrics = worker.get("/metrics").text;
    assert!(
        metrics.contains("walbridge_task_stuck{connector=\"hangs\",task=\"0\"} 1"),
        "{metrics}"
    );
    assert!(
        metrics.contains("walbridge_task_stuck{connector=\"waits\",task=\"0\"} 0"),
        "{metrics}"
    );
    // It is not, once it moves again; the next call hangs anew.
    wait("the task to come round", || {
        let stuck = worker.get("/health").json()["stuck"].clone();
        stuck.as_array()?.is_empty().then_some(())
    });
}

#[test]
fn a_failed_task_keeps_its_cause_and_disturbs_nobody() {
    let worker = start(&name("failures"));
    let counter = |at: i64, how: &str| {
        json!({
            "connector.class": "Counter", "topic": name("failures"), "fail.at": at, "fail.how": how,
        })
    };
    assert_eq!(worker.create("good", &counter(-1, "stop")).status, 201);
    assert_eq!(worker.create("stops", &counter(0, "stop")).status, 201);
    assert_eq!(worker.create("panics", &counter(2, "panic")).status, 201);
    assert_eq!(worker.create("waits", &counter(0, "retry")).status, 201);
    let task = worker.task("stops", "FAILED");
    assert_eq!(task["trace"], "Broken: it is broken\nWhat to do: mend it");
    let trace = worker.task("panics", "FAILED")["trace"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(trace.starts_with("Panic: as asked at 2 at "), "{trace}");
    let waiting = wait("the third to wait", || {
        let task = worker.status("waits")["tasks"][0].clone();
        let details = &task["details"];
        let known = details["phase"] == "waiting" && details["trouble"] == "as asked";
        // The trace takes the way over the status topic, the details do not.
        (known && task["trace"].is_string()).then_some(task)
    });
    assert_eq!(waiting["state"], "RUNNING");
    assert_eq!(waiting["trace"], "Unreachable: it is away");
    assert!(waiting["details"]["next_retry_ms"].as_u64().unwrap() > 0);
    let health = worker.get("/health").json();
    assert_eq!(health["failed"].as_array().unwrap().len(), 2, "{health}");
    assert_eq!(health["waiting"][0]["connector"], "waits");
    assert_eq!(health["status"], "degraded", "{health}");
    let named = |name: &str| {
        let reasons = health["degraded"].as_array().into_iter().flatten();
        reasons.filter(|reason| reason["connector"] == name).count()
    };
    let all = ["good", "stops", "panics", "waits"].map(named);
    assert_eq!(all, [0, 1, 1, 1], "{health}");
    let before = worker.status("good")["tasks"][0]["details"]["rows"]
        .as_u64()
        .unwrap();
    wait("the good one to go on", || {
        let task = worker.status("good")["tasks"][0].clone();
        (task["state"] == "RUNNING" && task["details"]["rows"].as_u64()? > before + 10)
            .then_some(())
    });
    // What a task says of itself is over with the run that said it.
    assert_eq!(worker.create("once", &counter(0, "once")).status, 201);
    let over = wait("the task to get over it", || {
        let task = worker.status("once")["tasks"][0].clone();
        (task["details"]["rows"].as_u64()? > 0).then_some(task)
    });
    assert_eq!(over["details"]["trouble"], serde_json::Value::Null);
    // A failed task is a failed task until somebody acts; then it tries again.
    let again = worker.send(
        "POST",
        "/connectors/stops/restart?includeTasks=true&onlyFailed=true",
        None,
    );
    assert_eq!(again.status, 202);
    assert_eq!(again.json()["tasks"][0]["state"], "RESTARTING", "{again:?}");
    worker.task("stops", "FAILED");
    let mended = counter(-1, "stop").to_string();
    assert_eq!(
        worker
            .send("PUT", "/connectors/stops/config", Some(&mended))
            .status,
        200
    );
    worker.task("stops", "RUNNING");
}

#[test]
fn a_topic_that_is_not_compacted_is_refused() {
    let group = name("refused");
    let topic = TopicSpec {
        name: format!("{group}-offsets"),
        partitions: Some(1),
        replication_factor: Some(1),
        config: vec![("cleanup.policy".into(), "delete".into())],
    };
    Admin::new(&client())
        .unwrap()
        .create(&topic, &StopToken::new())
        .unwrap();
    let catalog = crate::connectors::catalog();
    let worker = Worker::start(config(&group), catalog, Default::default()).unwrap();
    let Err(WorkerError::Kafka(trace)) = worker.join() else {
        panic!("it started")
    };
    assert!(
        trace.contains(
            "-offsets' supplied via the 'offset.storage.topic' property is required to have \
             'cleanup.policy=compact' to guarantee consistency and durability of source connector \
             offsets, but found the topic currently has 'cleanup.policy=delete'."
        ),
        "{trace}"
    );
}
