//! Former tasks of a source: they cannot write any more once the new ones start.

use serde_json::{Value, json};
use walbridge_connector_api::{Partition, StopToken};
use walbridge_kafka::{ErrorKind, TransactionalProducer};

use crate::site::{Running, client, name, read, start, wait};

fn numbers(topic: &str, parts: u32, own: &Value) -> Value {
    let mut config = json!({
        "connector.class": "Numbers", "topic": topic, "parts": parts, "limit": 20,
        "topic.creation.default.partitions": parts, "topic.creation.default.replication.factor": 1,
        "value.converter": "JsonConverter", "value.converter.schemas.enable": "false",
    });
    let all = config.as_object_mut().unwrap();
    all.extend(own.as_object().unwrap().clone());
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

/// Waits until so many tasks run and nothing else is there.
fn running(worker: &Running, connector: &str, count: usize) {
    wait("the tasks to run", || {
        let status = worker.status(connector);
        let tasks = status["tasks"].as_array()?;
        let all = tasks.iter().all(|task| task["state"] == "RUNNING");
        (tasks.len() == count && all).then_some(())
    });
}

/// Waits until the config topic says this of a source's tasks, and returns all it ever said.
fn counts(group: &str, connector: &str, last: u32) -> Vec<Value> {
    let key = format!("tasks-fencing-{connector}");
    let of = |found: &[(String, Option<String>)]| -> Vec<Value> {
        let own = found.iter().filter(|(k, _)| *k == key);
        let values = own.filter_map(|(_, value)| value.as_ref());
        values.map(|v| serde_json::from_str(v).unwrap()).collect()
    };
    let last = json!({ "task-count": last });
    let found = read(&format!("{group}-configs"), 1, |found| {
        of(found).last() == Some(&last)
    });
    of(&found)
}

/// Takes a task's transactional id, as one that hangs somewhere has it, and writes without committing.
fn zombie(group: &str, connector: &str, task: u32, topic: &str) -> TransactionalProducer {
    let id = format!("{group}-{connector}-{task}");
    let mut zombie = TransactionalProducer::new(&client(), &id, StopToken::new()).unwrap();
    zombie.init().unwrap();
    zombie.begin().unwrap();
    let text = Some(&b"-1"[..]);
    zombie
        .send_one(topic, Partition::Fixed(0), None, text)
        .unwrap();
    zombie.flush().unwrap();
    zombie
}

/// Runs a connector of so many tasks, and stops it.
fn run_and_stop(worker: &Running, group: &str, topic: &str, tasks: u32) {
    let config = numbers(topic, tasks, &json!({ "tasks.max": tasks }));
    put(worker, "c", &config);
    running(worker, "c", tasks as usize);
    counts(group, "c", tasks);
    set(worker, "c", "stop");
    wait("the tasks to end", || {
        let tasks = worker.status("c")["tasks"].clone();
        (tasks == json!([])).then_some(())
    });
}

#[test]
fn tasks_that_are_no_more_are_fenced_before_the_new_ones_start() {
    let (group, topic) = (name("fence"), name("fence"));
    let worker = start(&group);
    run_and_stop(&worker, &group, &topic, 3);
    let mut zombies: Vec<_> = (0..3).map(|n| zombie(&group, "c", n, &topic)).collect();
    // One task from now on, which takes over the id of the first by itself.
    put(
        &worker,
        "c",
        &numbers(&topic, 3, &json!({ "tasks.max": 1, "limit": 40 })),
    );
    set(&worker, "c", "resume");
    running(&worker, "c", 1);
    for (n, zombie) in zombies.iter_mut().enumerate() {
        let error = zombie.commit().unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Fenced, "task {n}: {error}");
    }
    let expected = [json!({ "task-count": 3 }), json!({ "task-count": 1 })];
    assert_eq!(counts(&group, "c", 1), expected);
    // Nothing of theirs is there, and everything else once.
    let found = read(&topic, 3, |found| found.len() >= 120);
    let mut found: Vec<i64> = found
        .into_iter()
        .map(|(_, value)| value.unwrap().parse().unwrap())
        .collect();
    found.sort_unstable();
    let mut all: Vec<i64> = (0..3).flat_map(|_| 0..40).collect();
    all.sort_unstable();
    assert_eq!(found, all);
}

#[test]
fn tasks_that_stay_as_they_are_go_on_while_others_are_fenced() {
    let (group, topic) = (name("stay"), name("stay"));
    let worker = start(&group);
    // With one part more the first task gets it, and the second stays as it is.
    let own = json!({
        "tasks.max": 2, "limit": 1_000_000, "pause.ms": 20, "topic.creation.default.partitions": 3,
    });
    put(&worker, "c", &numbers(&topic, 2, &own));
    running(&worker, "c", 2);
    let details = |task: usize| worker.status("c")["tasks"][task]["details"].clone();
    let before = [details(0), details(1)];
    put(&worker, "c", &numbers(&topic, 3, &own));
    counts(&group, "c", 2);
    wait("the first task to start anew", || {
        (details(0)["since_ms"] != before[0]["since_ms"]).then_some(())
    });
    running(&worker, "c", 2);
    let rows = || details(1)["rows"].as_u64();
    let then = rows();
    wait("the second to go on", || (rows() > then).then_some(()));
    assert_eq!(details(1)["since_ms"], before[1]["since_ms"]);
    let both = vec![json!({ "task-count": 2 }); 2];
    wait("both generations to be noted", || {
        (counts(&group, "c", 2) == both).then_some(())
    });
}

#[test]
fn offsets_are_changed_only_when_nobody_can_still_write_older_ones() {
    let (group, topic) = (name("alter"), name("alter"));
    let worker = start(&group);
    run_and_stop(&worker, &group, &topic, 2);
    let mut late = zombie(&group, "c", 1, &topic);
    let (key, value) = (br#"["c",{"part":1}]"#, br#"{"next":5}"#);
    let offsets = format!("{group}-offsets");
    late.send_one(&offsets, Partition::ByKey, Some(key), Some(value))
        .unwrap();
    let change = json!({ "offsets": [{ "partition": { "part": 1 }, "offset": { "next": 17 } }] });
    let path = "/connectors/c/offsets";
    let answer = worker.send("PATCH", path, Some(&change.to_string()));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(*late.commit().unwrap_err().kind(), ErrorKind::Fenced);
    let found = worker.get(path).json();
    let all = found["offsets"].as_array().unwrap();
    let own = all.iter().find(|e| e["partition"]["part"] == 1).unwrap();
    assert_eq!(own["offset"]["next"], 17, "{found}");
}

#[test]
fn a_connector_made_anew_fences_the_tasks_of_the_one_before() {
    let (group, topic) = (name("anew"), name("anew"));
    let worker = start(&group);
    put(
        &worker,
        "c",
        &numbers(&topic, 2, &json!({ "tasks.max": 2 })),
    );
    running(&worker, "c", 2);
    counts(&group, "c", 2);
    assert_eq!(worker.send("DELETE", "/connectors/c", None).status, 204);
    wait("it to be gone", || {
        (worker.get("/connectors/c/status").status == 404).then_some(())
    });
    // Its threads may take a moment longer than its status.
    let id = format!("{group}-c-1");
    let mut left = wait("the id to be free", || {
        let mut left = TransactionalProducer::new(&client(), &id, StopToken::new()).unwrap();
        left.init().unwrap();
        Some(left)
    });
    left.begin().unwrap();
    let text = Some(&b"-1"[..]);
    left.send_one(&topic, Partition::Fixed(0), None, text)
        .unwrap();
    left.flush().unwrap();
    put(
        &worker,
        "c",
        &numbers(&topic, 2, &json!({ "tasks.max": 1 })),
    );
    running(&worker, "c", 1);
    assert_eq!(*left.commit().unwrap_err().kind(), ErrorKind::Fenced);
}
