//! Failed tasks that start again by themselves, within limits.

use serde_json::{Value, json};

use crate::site::{Running, name, start, wait};

fn counter(how: &str, own: &Value) -> Value {
    let mut config = json!({
        "connector.class": "Counter", "topic": name("restarts"), "fail.at": 0, "fail.how": how,
        "errors.restart.backoff.ms": "50", "errors.restart.backoff.max.ms": "100",
    });
    let all = config.as_object_mut().unwrap();
    all.extend(own.as_object().unwrap().clone());
    config
}

fn details(worker: &Running, connector: &str) -> Value {
    worker.status(connector)["tasks"][0]["details"].clone()
}

#[test]
fn a_failed_task_starts_again_as_often_as_it_may() {
    let worker = start(&name("restarts"));
    // One that gets over it.
    let heals = counter("break", &json!({ "errors.restart.max": "3" }));
    assert_eq!(worker.create("heals", &heals).status, 201);
    wait("it to run", || {
        let task = worker.status("heals")["tasks"][0].clone();
        let rows = task["details"]["rows"].as_u64()?;
        (task["state"] == "RUNNING" && rows > 0).then_some(())
    });
    let healed = details(&worker, "heals");
    assert_eq!(
        (&healed["restarts"], &healed["restarts_max"]),
        (&json!(1), &json!(3))
    );
    assert_eq!(healed["next_retry_ms"], Value::Null);
    assert_eq!(worker.get("/health").json()["failed"], json!([]));

    // One that does not, and one that is not asked to.
    let breaks = counter("stop", &json!({ "errors.restart.max": "2" }));
    assert_eq!(worker.create("breaks", &breaks).status, 201);
    let stays = json!({
        "connector.class": "Counter", "topic": name("restarts"), "fail.at": 0, "fail.how": "stop",
    });
    assert_eq!(worker.create("stays", &stays).status, 201);
    let trace = wait("it to give up", || {
        let task = worker.task("breaks", "FAILED");
        let trace = task["trace"].as_str()?.to_owned();
        trace.contains("Not started again").then_some(trace)
    });
    assert_eq!(
        trace,
        "Broken: it is broken\nWhat to do: mend it\nNot started again: 2 restarts (errors.restart.max) \
         within 3600000 ms (errors.restart.window.ms) did not help"
    );
    let given_up = details(&worker, "breaks");
    assert_eq!(given_up["restarts"], 2);
    assert_eq!(given_up["next_retry_ms"], Value::Null);
    let plain = worker.task("stays", "FAILED");
    assert_eq!(plain["trace"], "Broken: it is broken\nWhat to do: mend it");
    assert_eq!(plain["details"]["restarts"], Value::Null);

    // While it waits the status says until when, and a person is faster.
    let slow = json!({ "errors.restart.max": "9", "errors.restart.backoff.ms": "600000",
                       "errors.restart.backoff.max.ms": "600000" });
    let slow = counter("break", &slow);
    assert_eq!(worker.create("slow", &slow).status, 201);
    worker.task("slow", "FAILED");
    let next = wait("the next restart to be told", || {
        details(&worker, "slow")["next_retry_ms"].as_u64()
    });
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    assert!(
        (now + 200_000..now + 600_000).contains(&next),
        "{next} at {now}"
    );
    let mut mended = slow;
    mended["fail.at"] = json!(-1);
    let path = "/connectors/slow/config";
    let put = worker.send("PUT", path, Some(&mended.to_string()));
    assert_eq!(put.status, 200);
    worker.task("slow", "RUNNING");
}

#[test]
fn the_keys_are_listed_only_where_one_is_set() {
    let worker = start(&name("restart-keys"));
    let path = "/connector-plugins/Counter/config/validate";
    let plain = json!({ "connector.class": "Counter", "topic": "t", "name": "n" });
    let listed = |config: &Value| {
        let found = worker.send("PUT", path, Some(&config.to_string())).json();
        let configs = found["configs"].as_array().unwrap().clone();
        let names = configs.iter().map(|c| c["value"]["name"].as_str().unwrap());
        let extended = names.filter(|name| name.starts_with("errors.restart."));
        (extended.count(), found)
    };
    assert_eq!(listed(&plain).0, 0);
    let mut set = plain.clone();
    set["errors.restart.max"] = json!("5");
    let (count, found) = listed(&set);
    assert_eq!((count, &found["error_count"]), (4, &json!(0)), "{found}");
    set["errors.restart.max"] = json!("often");
    assert_eq!(listed(&set).1["error_count"], 1);
    set["errors.restart.maxx"] = json!("5");
    assert_eq!(listed(&set).1["error_count"], 2);
}
