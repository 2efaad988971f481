//! The REST API: shapes, status codes and texts that Kafka Connect's clients rely on.

use serde_json::json;

use crate::site::{name, start, wait};

#[test]
fn a_connectors_life() {
    let worker = start(&name("life"));
    let topic = name("life");
    let config = json!({
        "connector.class": "CounterConnector", "topic": topic, "tasks.max": 1, "limit": 5,
    });
    let created = worker.create("a b", &config);
    assert_eq!(created.status, 201, "{created:?}");
    let location = created.headers["location"].to_str().unwrap();
    assert!(location.ends_with("/connectors/a%20b"), "{location}");
    assert_eq!(
        created.json(),
        json!({
            "name": "a b", "type": "source", "tasks": [{ "connector": "a b", "task": 0 }],
            "config": {
                "name": "a b", "connector.class": "CounterConnector", "topic": topic,
                "tasks.max": "1", "limit": "5",
            },
        })
    );
    // Visible as soon as create has answered.
    let status = worker.status("a%20b");
    assert_eq!(status["connector"]["state"], "RUNNING");
    assert_eq!(status["tasks"][0]["id"], 0);
    assert_eq!(status["type"], "source");
    worker.task("a%20b", "RUNNING");
    assert_eq!(worker.get("/connectors/").json(), json!(["a b"]));
    let listed = worker
        .get("/connectors?expand=info&expand=status&expand[]=x")
        .json();
    assert_eq!(listed["a b"]["info"]["name"], "a b");
    assert_eq!(listed["a b"]["status"]["name"], "a b");
    assert_eq!(
        worker.get("/connectors?expand[]=info").json(),
        json!(["a b"])
    );
    let tasks = worker.get("/connectors/a%20b/tasks/").json();
    assert_eq!(tasks[0]["id"], json!({ "connector": "a b", "task": 0 }));
    assert_eq!(
        tasks[0]["config"]["task.class"],
        "org.example.CounterConnector"
    );
    assert_eq!(
        worker.get("/connectors/a%20b/tasks/0/status").json()["id"],
        0
    );

    for (path, status, state) in [
        ("pause", 202, "PAUSED"),
        ("resume", 202, "RUNNING"),
        ("pause", 202, "PAUSED"),
    ] {
        let done = worker.send("PUT", &format!("/connectors/a%20b/{path}"), None);
        assert_eq!((done.status, done.text.as_str()), (status, ""));
        worker.task("a%20b", state);
    }
    assert_eq!(
        worker.send("PUT", "/connectors/a%20b/stop", None).status,
        204
    );
    let stopped = worker.status("a%20b");
    assert_eq!(stopped["connector"]["state"], "STOPPED");
    assert_eq!(stopped["tasks"], json!([]));
    let refused = worker.send("POST", "/connectors/a%20b/tasks/0/restart", None);
    assert_eq!(refused.status, 409);
    assert_eq!(
        worker.send("PUT", "/connectors/a%20b/resume/", None).status,
        202
    );
    worker.task("a%20b", "RUNNING");
    assert_eq!(
        worker
            .send("POST", "/connectors/a%20b/restart", Some("{}"))
            .status,
        204
    );
    let restarted = worker.send(
        "POST",
        "/connectors/a%20b/restart?includeTasks=True&onlyFailed=False",
        None,
    );
    assert_eq!(restarted.status, 202);
    assert_eq!(restarted.json()["name"], "a b");
    assert_eq!(
        worker
            .send("POST", "/connectors/a%20b/tasks/0/restart", None)
            .status,
        204
    );
    worker.task("a%20b", "RUNNING");

    // Deleted and made again at once, with the name free.
    assert_eq!(worker.send("DELETE", "/connectors/a%20b", None).status, 204);
    assert_eq!(worker.get("/connectors/a%20b/status").status, 404);
    assert_eq!(worker.create("a b", &config).status, 201);
    worker.task("a%20b", "RUNNING");
    let changed = worker.send("PUT", "/connectors/a%20b/config", Some(&config.to_string()));
    assert_eq!(changed.status, 200);
}

#[test]
fn mistakes_are_answered_in_connects_words() {
    let worker = start(&name("mistakes"));
    let words = |method: &str, path: &str, body: Option<&str>| {
        let answer = worker.send(method, path, body);
        (answer.status, answer.message())
    };
    let same = |found: (u16, String), status: u16, text: &str| {
        assert_eq!(found, (status, text.to_owned()));
    };
    same(words("GET", "/nowhere", None), 404, "HTTP 404 Not Found");
    same(
        words("PATCH", "/connectors", None),
        405,
        "HTTP 405 Method Not Allowed",
    );
    assert!(
        worker
            .send("DELETE", "/connectors", None)
            .headers
            .contains_key("allow")
    );
    same(
        words("GET", "/connectors/x", None),
        404,
        "Connector x not found",
    );
    same(
        words("GET", "/connectors/x/status", None),
        404,
        "No status found for connector x",
    );
    same(
        words("PUT", "/connectors/x/pause", None),
        404,
        "Unknown connector x",
    );
    same(
        words("POST", "/connectors/x/restart", None),
        404,
        "Unknown connector: x",
    );
    same(
        words("DELETE", "/connectors/x", None),
        404,
        "Connector x not found",
    );
    assert_eq!(words("POST", "/connectors", Some("{")).0, 400);
    assert_eq!(words("GET", "/connectors/%FF", None).0, 400);
    same(
        words(
            "POST",
            "/connectors",
            Some(r#"{"name":"a","config":{},"nmae":1}"#),
        ),
        400,
        "Unrecognized field \"nmae\"; known: name, config, initial_state",
    );
    same(
        words(
            "POST",
            "/connectors",
            Some(r#"{"name":"a","config":{"topic":"t"}}"#),
        ),
        400,
        "Connector config contains no connector type",
    );
    same(
        words(
            "PUT",
            "/connectors/a/config",
            Some(r#"{"name":"b","connector.class":"Counter"}"#),
        ),
        400,
        "Connector name configuration (b) doesn't match connector name in the URL (a)",
    );
    let unknown = words(
        "PUT",
        "/connectors/a/config",
        Some(r#"{"connector.class":"Nope"}"#),
    );
    assert!(
        unknown.1.starts_with(
            "Failed to find any class that implements Connector and which name matches Nope, \
             available connectors are: "
        ),
        "{unknown:?}"
    );
    let wrong = r#"{"connector.class":"Counter","tasks.max":"dog","topc":"t"}"#;
    same(
        words("PUT", "/connectors/a/config", Some(wrong)),
        400,
        "Connector configuration is invalid and contains the following 3 error(s):\n\
         Invalid value dog for configuration tasks.max: Not a number of type INT\n\
         Unknown configuration \"topc\"; did you mean \"topic\"?\n\
         Missing required configuration \"topic\" which has no default value.\n\
         You can also find the above list of errors at the endpoint \
         `/connector-plugins/{connectorType}/config/validate`",
    );
    let sink = r#"{"connector.class":"MemorySink"}"#;
    assert!(
        words("PUT", "/connectors/s/config", Some(sink))
            .1
            .contains("Must configure one of topics or topics.regex")
    );
    let slash = r#"{"connector.class":"Counter","topic":"t"}"#;
    assert_eq!(words("PUT", "/connectors/a%2Fb/config", Some(slash)).0, 400);
    let topic = name("twice");
    let good = json!({ "connector.class": "Counter", "topic": topic, "limit": "0" });
    assert_eq!(worker.create("twice", &good).status, 201);
    let twice = worker.create("twice", &good);
    assert_eq!(
        (twice.status, twice.message()),
        (409, "Connector twice already exists".into())
    );
}

#[test]
fn plugins_describe_and_validate() {
    let worker = start(&name("plugins"));
    let root = worker.get("/").json();
    assert_eq!(root["version"], "4.3.0");
    assert!(!root["kafka_cluster_id"].as_str().unwrap().is_empty());
    let plugins = worker.get("/connector-plugins/").json();
    assert_eq!(
        plugins[0],
        json!({
            "class": "org.example.CounterConnector", "type": "source", "version": "1.0",
            "location": "built-in",
        })
    );
    let keys = worker.get("/connector-plugins/Counter/config").json();
    let topic = keys
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["name"] == "topic")
        .unwrap();
    assert_eq!(topic["required"], true);
    assert_eq!(topic["type"], "STRING");
    let body = json!({ "connector.class": "Counter", "name": "x", "secret": "swordfish" });
    let found = worker.send(
        "PUT",
        "/connector-plugins/CounterConnector/config/validate/",
        Some(&body.to_string()),
    );
    assert_eq!(found.status, 200);
    assert!(!found.text.contains("swordfish"), "{}", found.text);
    let found = found.json();
    assert_eq!(found["name"], "Counter");
    assert_eq!(found["error_count"], 1);
    let configs = found["configs"].as_array().unwrap();
    let topic = configs
        .iter()
        .find(|c| c["value"]["name"] == "topic")
        .unwrap();
    assert_eq!(
        topic["value"]["errors"],
        json!(["Missing required configuration \"topic\" which has no default value."])
    );
    let other = json!({ "connector.class": "MemorySink" }).to_string();
    let path = "/connector-plugins/Counter/config/validate";
    assert_eq!(
        worker.send("PUT", path, Some(&other)).message(),
        "Included connector type MemorySink does not match request type Counter"
    );
}

#[test]
fn secrets_are_masked_and_a_mask_written_back_keeps_them() {
    let worker = start(&name("secrets"));
    let topic = name("secrets");
    let config = json!({
        "connector.class": "Counter", "topic": topic, "limit": 1, "secret": "swordfish",
    });
    assert!(!worker.create("s", &config).text.contains("swordfish"));
    let shown = worker.get("/connectors/s/config");
    assert_eq!(shown.json()["secret"], "********");
    for path in [
        "/connectors/s",
        "/connectors/s/tasks",
        "/connectors?expand=info",
    ] {
        assert!(!worker.get(path).text.contains("swordfish"), "{path}");
    }
    assert_eq!(
        worker
            .send("PUT", "/connectors/s/config", Some(&shown.text))
            .status,
        200
    );
    let configs = format!("{}-configs", worker.group);
    let stored = crate::site::read(&configs, 1, |found| {
        found.iter().filter(|(key, _)| key == "connector-s").count() == 2
    });
    let last = stored
        .iter()
        .rfind(|(key, _)| key == "connector-s")
        .unwrap();
    assert!(
        last.1.as_ref().unwrap().contains("swordfish"),
        "the mask replaced the secret"
    );
    let placeholder = json!({
        "connector.class": "Counter", "topic": topic, "limit": 1, "secret": "${env:TOPIC_SECRET}",
    });
    assert_eq!(
        worker
            .send(
                "PUT",
                "/connectors/s/config",
                Some(&placeholder.to_string())
            )
            .status,
        200
    );
    assert_eq!(
        worker.get("/connectors/s/config").json()["secret"],
        "${env:TOPIC_SECRET}"
    );
    let tasks = worker.get("/connectors/s/tasks").json();
    assert_eq!(tasks[0]["config"]["secret"], "${env:TOPIC_SECRET}");
    let unset = json!({ "connector.class": "Counter", "topic": "${env:NOPE}", "name": "s" });
    let refused = worker.send("PUT", "/connectors/s/config", Some(&unset.to_string()));
    assert!(
        refused
            .message()
            .contains("environment variable NOPE is not set"),
        "{refused:?}"
    );
    let mask = json!({ "connector.class": "Counter", "topic": "t", "secret": "********" });
    assert_eq!(worker.create("new", &mask).status, 400);
}

#[test]
fn metrics_and_health_tell_of_tasks() {
    let worker = start(&name("metrics"));
    let config = json!({ "connector.class": "Counter", "topic": name("metrics"), "limit": 3 });
    assert_eq!(worker.create("m", &config).status, 201);
    let text = wait("three rows in the metrics", || {
        let text = worker.get("/metrics").text;
        // A source's records count as written once their transaction has committed.
        let written = "source_record_write_total{connector=\"m\",task=\"0\"} 3";
        text.contains(written).then_some(text)
    });
    for line in [
        "kafka_connect_source_task_metrics_source_record_write_total{connector=\"m\",task=\"0\"} 3",
        "walbridge_task_rows_total{connector=\"m\",task=\"0\"} 3",
        "kafka_connect_connector_task_metrics_status{connector=\"m\",task=\"0\",status=\"running\"} 1",
        "kafka_connect_connect_worker_metrics_task_count 1",
        "walbridge_task_lag_bytes{connector=\"m\",task=\"0\"} 0",
        "walbridge_task_failed{connector=\"m\",task=\"0\"} 0",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    let health = worker.get("/health");
    assert_eq!(health.status, 200);
    assert_eq!(health.json()["status"], "healthy");
    assert_eq!(health.json()["failed"], json!([]));
}

#[test]
fn log_levels_are_shown_and_set() {
    let worker = start(&name("levels"));
    let all = worker.get("/admin/loggers").json();
    assert_eq!(
        all["walbridge_kafka"]["last_modified"],
        serde_json::Value::Null
    );
    assert!(all["root"]["level"].is_string(), "{all}");
    let missing = worker.get("/admin/loggers/org.example.Nobody");
    assert_eq!(
        (missing.status, missing.message().as_str()),
        (404, "Logger org.example.Nobody not found.")
    );

    let logger = "org.example.Levels";
    let path = format!("/admin/loggers/{logger}");
    let put = |path: &str, body: &str| worker.send("PUT", path, Some(body));
    let set = put(&path, r#"{"level": "debug"}"#);
    assert_eq!((set.status, set.json()), (200, json!([logger])));
    let shown = worker.get(&path).json();
    assert_eq!(shown["level"], "DEBUG");
    assert!(
        shown["last_modified"].as_u64() > Some(1_700_000_000_000),
        "{shown}"
    );
    for (body, status, message) in [
        (
            "{}",
            400,
            "Desired 'level' parameter was not specified in request.",
        ),
        (r#"{"level": "loud"}"#, 404, "invalid log level 'loud'."),
    ] {
        let refused = put(&path, body);
        assert_eq!(
            (refused.status, refused.message().as_str()),
            (status, message)
        );
    }
    // For all workers of the group, through the config topic; those that start later have their own.
    let set = put(&format!("{path}?scope=cluster"), r#"{"level": "TRACE"}"#);
    assert_eq!((set.status, set.text.as_str()), (204, ""));
    assert_eq!(worker.get(&path).json()["level"], "TRACE");
}
