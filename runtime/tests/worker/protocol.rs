//! HTTP around the API: verbs, types, paths and names that clients send.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::site::{Running, SOON, name, start};

const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn counter(worker: &Running, connector: &str) {
    let config = json!({ "connector.class": "Counter", "topic": name("protocol"), "limit": 1 });
    let created = worker.create(connector, &config);
    assert_eq!(created.status, 201, "{created:?}");
}

#[test]
fn options_and_head_answer_on_every_path() {
    let worker = start(&name("options"));
    counter(&worker, "c");
    for (path, expected) in [
        ("/", "GET,HEAD"),
        ("/health", "GET,HEAD"),
        ("/metrics", "GET,HEAD"),
        ("/openapi.json", "GET,HEAD"),
        ("/connectors", "GET,HEAD,POST"),
        ("/connectors/", "GET,HEAD,POST"),
        ("/connectors/c", "DELETE,GET,HEAD"),
        ("/connectors/c/config", "GET,HEAD,PATCH,PUT"),
        ("/connectors/c/status", "GET,HEAD"),
        ("/connectors/c/restart", "POST"),
        ("/connectors/c/pause", "PUT"),
        ("/connectors/c/resume", "PUT"),
        ("/connectors/c/stop", "PUT"),
        ("/connectors/c/tasks", "GET,HEAD"),
        ("/connectors/c/tasks-config", "GET,HEAD"),
        ("/connectors/c/tasks/0/status", "GET,HEAD"),
        ("/connectors/c/tasks/0/restart", "POST"),
        ("/connectors/c/topics", "GET,HEAD"),
        ("/connectors/c/topics/reset", "PUT"),
        ("/connectors/c/offsets", "DELETE,GET,HEAD,PATCH"),
        ("/connector-plugins", "GET,HEAD"),
        ("/connector-plugins/Counter/config", "GET,HEAD"),
        ("/connector-plugins/Counter/config/validate", "PUT"),
        ("/admin/loggers", "GET,HEAD"),
        ("/admin/loggers/root", "GET,HEAD,PUT"),
    ] {
        let options = worker.send("OPTIONS", path, None);
        assert_eq!(options.status, 200, "{path}: {options:?}");
        assert_eq!(options.headers["content-type"], "text/plain", "{path}");
        let allow = options.headers["allow"].to_str().unwrap();
        let mut verbs: Vec<&str> = allow.split(',').collect();
        verbs.sort_unstable();
        let mut wanted: Vec<&str> = expected.split(',').chain(["OPTIONS"]).collect();
        wanted.sort_unstable();
        assert_eq!(verbs, wanted, "{path}");
        assert_eq!(options.text, allow.replace(',', ", "), "{path}");
        let head = worker.send("HEAD", path, None);
        if expected.contains("GET") {
            let get = worker.get(path);
            assert_eq!((head.status, head.text.as_str()), (200, ""), "{path}");
            assert_eq!(head.headers["content-type"], get.headers["content-type"]);
        } else {
            assert_eq!(head.status, 405, "{path}");
        }
    }
    let nowhere = worker.send("OPTIONS", "/nowhere", None);
    assert_eq!(nowhere.message(), "HTTP 404 Not Found");
    assert_eq!(worker.send("HEAD", "/connectors/none", None).status, 404);
    for verb in ["TRACE", "PATCH", "DELETE", "BREW"] {
        let refused = worker.send(verb, "/connectors", None);
        assert_eq!(refused.status, 405);
        assert_eq!(refused.message(), "HTTP 405 Method Not Allowed");
        let allow = refused.headers["allow"].to_str().unwrap();
        assert!(
            allow.contains("POST") && allow.contains("OPTIONS"),
            "{allow}"
        );
    }
}

#[test]
fn types_that_are_not_json_are_refused_and_empty_bodies_are_of_any() {
    let worker = start(&name("types"));
    counter(&worker, "c");
    let refused = worker.request("GET", "/connectors", &[("accept", "text/html")], None);
    assert_eq!(
        (refused.status, refused.message().as_str()),
        (406, "HTTP 406 Not Acceptable")
    );
    let good = json!({ "name": "d", "config": {
        "connector.class": "Counter", "topic": name("types"), "limit": 1,
    }})
    .to_string();
    for kind in [FORM, ("content-type", "text/plain")] {
        let refused = worker.request("POST", "/connectors", &[kind], Some(&good));
        assert_eq!(
            (refused.status, refused.message().as_str()),
            (415, "HTTP 415 Unsupported Media Type")
        );
    }
    // No type at all, and any type without a body.
    assert_eq!(
        worker
            .request("POST", "/connectors/", &[], Some(&good))
            .status,
        201
    );
    for kind in [FORM, JSON] {
        let empty = |verb: &str, path: &str| worker.request(verb, path, &[kind], None).status;
        assert_eq!(empty("PUT", "/connectors/c/pause"), 202, "{kind:?}");
        assert_eq!(empty("PUT", "/connectors/c/resume/"), 202, "{kind:?}");
        assert_eq!(empty("POST", "/connectors/c/restart"), 204, "{kind:?}");
        assert_eq!(empty("GET", "/connectors/c/status"), 200, "{kind:?}");
        assert_eq!(empty("DELETE", "/connectors/none"), 404, "{kind:?}");
    }
    let zero = [FORM, ("content-length", "0")];
    assert_eq!(
        worker
            .request("PUT", "/connectors/c/pause", &zero, None)
            .status,
        202
    );
    // The public npm client's way: options in a body that nobody reads.
    let body = r#"{"includeTasks":true}"#;
    let restart = worker.send("POST", "/connectors/c/restart", Some(body));
    assert_eq!((restart.status, restart.text.as_str()), (204, ""));
}

#[test]
fn bodies_that_are_wrong_are_answered_with_400() {
    let worker = start(&name("bodies"));
    counter(&worker, "c");
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let cases = [
        ("POST", "/connectors", "", "not valid JSON"),
        ("POST", "/connectors", "{", "not valid JSON"),
        ("POST", "/connectors", &deep, "must be a JSON object"),
        ("POST", "/connectors", "[]", "must be a JSON object"),
        ("POST", "/connectors", "{}", "\"config\" object"),
        (
            "POST",
            "/connectors",
            r#"{"name":"x"}"#,
            "\"config\" object",
        ),
        (
            "POST",
            "/connectors",
            r#"{"config":{}}"#,
            "configuration name",
        ),
        (
            "POST",
            "/connectors",
            r#"{"name":[],"config":{}}"#,
            "\"name\" must be a text",
        ),
        (
            "POST",
            "/connectors",
            r#"{"name":"x","config":{"a":{}}}"#,
            "value of a must be a text",
        ),
        (
            "POST",
            "/connectors",
            r#"{"name":"x","config":{"a":null}}"#,
            "value of a must not be null",
        ),
        (
            "POST",
            "/connectors",
            r#"{"name":"x","config":{},"initial_state":"GONE"}"#,
            "initial_state",
        ),
        (
            "POST",
            "/connectors",
            r#"{"name":"x","config":{"name":"y"}}"#,
            "doesn't match",
        ),
        (
            "PUT",
            "/connectors/c/config",
            r#"{"tasks.max":null}"#,
            "must not be null",
        ),
        (
            "PUT",
            "/connectors/c/config",
            r#"{"a":[1]}"#,
            "value of a must be a text",
        ),
        (
            "PATCH",
            "/connectors/c/config",
            r#"{"name":null}"#,
            "\"name\"",
        ),
        (
            "PATCH",
            "/connectors/c/config",
            r#"{"name":"d"}"#,
            "doesn't match",
        ),
        (
            "PATCH",
            "/connectors/c/config",
            r#"{"tasks.max":"dog"}"#,
            "Not a number of type INT",
        ),
        (
            "PATCH",
            "/connectors/c/offsets",
            "{}",
            "need to be provided",
        ),
        (
            "PATCH",
            "/connectors/c/offsets",
            r#"{"offsets":[]}"#,
            "need to be provided",
        ),
        (
            "PATCH",
            "/connectors/c/offsets",
            r#"{"offset":[]}"#,
            "Unrecognized field",
        ),
        (
            "PATCH",
            "/connectors/c/offsets",
            r#"{"offsets":[{"partition":{"a":1},"offst":null}]}"#,
            "Unrecognized field \"offst\"",
        ),
        (
            "PATCH",
            "/connectors/c/offsets",
            r#"{"offsets":[{"partition":null}]}"#,
            "Partition objects",
        ),
        (
            "PUT",
            "/connector-plugins/Counter/config/validate",
            "{}",
            "no connector type",
        ),
        (
            "PUT",
            "/connector-plugins/Counter/config/validate",
            "",
            "not valid JSON",
        ),
        ("PUT", "/admin/loggers/root", "7", "must be a JSON object"),
    ];
    for (verb, path, body, words) in cases {
        let refused = worker.send(verb, path, Some(body));
        let shown: String = body.chars().take(60).collect();
        assert_eq!(refused.status, 400, "{verb} {path} {shown}: {refused:?}");
        let message = refused.message();
        assert!(message.contains(words), "{verb} {path} {shown}: {message}");
    }
    assert_eq!(worker.get("/connectors").json(), json!(["c"]));
}

#[test]
fn names_work_everywhere_or_are_refused() {
    let worker = start(&name("names"));
    for (given, encoded) in [
        ("with space", "with%20space"),
        ("grüße-東京", "gr%C3%BC%C3%9Fe-%E6%9D%B1%E4%BA%AC"),
        (
            "a;b=c&d?e#f+g,h:i@j",
            "a%3Bb%3Dc%26d%3Fe%23f%2Bg%2Ch%3Ai%40j",
        ),
        (
            "it's \"so\" [1]!$*()~",
            "it%27s%20%22so%22%20%5B1%5D%21%24%2A%28%29~",
        ),
    ] {
        let config = json!({ "connector.class": "Counter", "topic": name("names"), "limit": 1 });
        let created = worker.create(given, &config);
        assert_eq!(created.status, 201, "{created:?}");
        let location = created.headers["location"].to_str().unwrap();
        let (_, path) = location.split_once("/connectors/").unwrap();
        for path in [encoded, path] {
            let base = format!("/connectors/{path}");
            assert_eq!(worker.get(&base).json()["name"], given, "{base}");
            let status = worker.get(&format!("{base}/status")).json();
            assert_eq!(status["name"], given);
            let tasks = worker.get(&format!("{base}/tasks-config")).json();
            assert!(tasks[format!("{given}-0")].is_object(), "{tasks}");
            let pause = worker.send("PUT", &format!("{base}/pause"), None);
            assert_eq!(pause.status, 202);
        }
        assert_eq!(worker.get("/connectors").json(), json!([given]));
        let gone = worker.send("DELETE", &format!("/connectors/{encoded}"), None);
        assert_eq!(gone.status, 204);
    }
    for (given, encoded) in [
        ("a/b", "a%2Fb"),
        ("a\\b", "a%5Cb"),
        ("100%", "100%25"),
        ("{a}", "%7Ba%7D"),
        ("a\u{0}b", "a%00b"),
        ("a\nb", "a%0Ab"),
        ("\u{85}x", "%C2%85x"),
    ] {
        let config = json!({ "connector.class": "Counter", "topic": "t" });
        let created = worker.create(given, &config);
        assert_eq!(created.status, 400, "{given:?}: {created:?}");
        let put = worker.send(
            "PUT",
            &format!("/connectors/{encoded}/config"),
            Some(&config.to_string()),
        );
        assert_eq!(
            (put.status, put.message()),
            (400, created.message()),
            "{given:?}"
        );
        assert_eq!(worker.get(&format!("/connectors/{encoded}")).status, 404);
    }
    for given in [".", ".."] {
        let config = json!({ "connector.class": "Counter", "topic": "t" });
        assert_eq!(worker.create(given, &config).status, 400, "{given}");
    }
    let body = r#"{"connector.class":"Counter","topic":"t"}"#;
    assert_eq!(
        worker
            .send("PUT", "/connectors/%20/config", Some(body))
            .status,
        400
    );
    // A name is trimmed when a connector is created, as Kafka Connect does it.
    let trimmed = json!({ "connector.class": "Counter", "topic": name("names"), "limit": 1 });
    assert_eq!(worker.create("  t ", &trimmed).json()["name"], "t");
    // What is no text at all is refused, and the connection lives on.
    for path in ["/connectors/%FF", "/connectors/%C3%28/status"] {
        assert_eq!(worker.get(path).status, 400, "{path}");
    }
    for path in ["/connectors/%", "/connectors/%zz", "/connectors//status"] {
        let answer = raw(&worker, &format!("GET {path} HTTP/1.1"));
        let status: u16 = answer[9..12].parse().unwrap();
        assert!(status == 400 || status == 404, "{path}: {answer}");
        assert!(answer.contains("\"error_code\""), "{path}: {answer}");
    }
    let answer = raw(&worker, "GET /connectors/a b HTTP/1.1");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

/// Sends what no client library would, and returns the whole answer.
fn raw(worker: &Running, line: &str) -> String {
    let mut stream = TcpStream::connect(worker.address()).unwrap();
    write!(stream, "{line}\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn trailing_slashes_and_queries_are_read_as_connect_does() {
    let worker = start(&name("slashes"));
    counter(&worker, "c");
    for path in [
        "/connectors/c/",
        "/connectors/c/config/",
        "/connectors/c/status/",
        "/connectors/c/tasks/",
        "/connectors/c/tasks/0/status/",
        "/connectors/c/topics/",
        "/connectors/c/offsets/",
        "/connector-plugins/",
        "/connector-plugins/Counter/config/",
        "/admin/loggers/",
        "/admin/loggers/root/",
        "/health/",
        "/connectors/?expand=info",
    ] {
        assert_eq!(worker.get(path).status, 200, "{path}");
    }
    for (query, listed) in [
        ("?expand[]=info", json!(["c"])),
        ("?nothing=1", json!(["c"])),
        ("?expand=", json!({ "c": {} })),
    ] {
        let path = format!("/connectors{query}");
        assert_eq!(worker.get(&path).json(), listed, "{query}");
    }
    let restart = |query: &str| {
        let path = format!("/connectors/c/restart{query}");
        worker.send("POST", &path, None).status
    };
    for query in ["", "?includeTasks=banana", "?includeTasks", "?onlyFailed=1"] {
        assert_eq!(restart(query), 204, "{query}");
    }
    for query in [
        "?includeTasks=TRUE",
        "?onlyFailed=true",
        "?onlyFailed=True&includeTasks=x",
    ] {
        assert_eq!(restart(query), 202, "{query}");
    }
    // The other way to create, with where it is.
    let config = json!({ "connector.class": "Counter", "topic": name("put"), "limit": 1 });
    let created = worker.send("PUT", "/connectors/p/config/", Some(&config.to_string()));
    assert_eq!(created.status, 201);
    let location = created.headers["location"].to_str().unwrap();
    assert!(location.starts_with("http://127.0.0.1:"), "{location}");
    assert!(location.ends_with("/connectors/p"), "{location}");
    let again = worker.send("PUT", "/connectors/p/config", Some(&config.to_string()));
    assert_eq!(again.status, 200);
    assert!(!again.headers.contains_key("location"));
    // Null takes a key away, anything else is laid over.
    let patch = r#"{"limit":null,"step":2}"#;
    let patched = worker
        .send("PATCH", "/connectors/p/config", Some(patch))
        .json();
    assert_eq!(patched["config"]["step"], "2");
    assert_eq!(patched["config"]["limit"], Value::Null);
    assert_eq!(
        worker
            .send("PATCH", "/connectors/none/config", Some("{}"))
            .message(),
        "Connector none not found"
    );
    assert_eq!(worker.get("/connectors/c/tasks/x/status").status, 404);
    let restart = worker.send("POST", "/connectors/c/tasks/9/restart", None);
    assert_eq!(
        (restart.status, restart.message().as_str()),
        (404, "Unknown task: c-9")
    );
}

#[test]
fn plugins_of_all_kinds_are_listed_and_described() {
    let worker = start(&name("kinds"));
    let list = |query: &str| worker.get(&format!("/connector-plugins{query}")).json();
    let connectors = list("");
    for query in ["?connectorsOnly=true", "?connectorsOnly=TRUE"] {
        assert_eq!(list(query), connectors);
    }
    // Java's Boolean.valueOf: whatever is not true is false.
    for query in ["?connectorsOnly=false", "?connectorsOnly=banana"] {
        let all = list(query);
        let all = all.as_array().unwrap();
        assert!(all.len() > connectors.as_array().unwrap().len());
        for plugin in all {
            let class = plugin["class"].as_str().unwrap();
            let simple = class.rsplit('.').next().unwrap();
            for name in [class, simple] {
                let keys = worker.get(&format!("/connector-plugins/{name}/config"));
                assert_eq!(keys.status, 200, "{name}");
                assert!(keys.json().is_array());
            }
        }
    }
    let missing = worker.get("/connector-plugins/Nope/config");
    assert_eq!(
        (missing.status, missing.message().as_str()),
        (404, "Unknown plugin Nope.")
    );
    let keys = worker.get("/connector-plugins/Counter/config").json();
    assert!(keys[0]["order_in_group"].is_i64(), "{}", keys[0]);

    let body = json!({ "connector.class": "CounterConnector", "topic": "t", "name": "n" });
    let path = "/connector-plugins/Counter/config/validate";
    let found = worker.send("PUT", path, Some(&body.to_string())).json();
    // The class as it was given.
    assert_eq!(found["name"], "CounterConnector");
    assert_eq!(found["error_count"], 0, "{found}");
    let recommended = |key: &str| {
        let configs = found["configs"].as_array().unwrap();
        let one = configs.iter().find(|c| c["value"]["name"] == key).unwrap();
        one["value"]["recommended_values"].clone()
    };
    assert_eq!(recommended("errors.tolerance"), json!(["none", "all"]));
    let converters = recommended("key.converter");
    assert!(
        converters
            .as_array()
            .unwrap()
            .contains(&json!("io.confluent.connect.avro.AvroConverter")),
        "{converters}"
    );
}

#[test]
fn a_body_that_is_too_large_is_refused() {
    let worker = start(&name("large"));
    for (verb, path) in [
        ("POST", "/connectors"),
        ("PUT", "/connectors/c/config"),
        ("PATCH", "/connectors/c/config"),
        ("PATCH", "/connectors/c/offsets"),
        ("PUT", "/connector-plugins/Counter/config/validate"),
        ("PUT", "/admin/loggers/org.example.Large"),
    ] {
        let mut stream = TcpStream::connect(worker.address()).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let head = format!(
            "{verb} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: 3000000\r\n\r\n"
        );
        let mut sending = stream.try_clone().unwrap();
        let sender = std::thread::spawn(move || {
            sending.write_all(head.as_bytes()).unwrap();
            // Nobody has to read all of it.
            let _ = sending.write_all(&vec![b' '; 3_000_000]);
        });
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        sender.join().unwrap();
        let answer = answer.to_ascii_lowercase();
        assert!(
            answer.starts_with("http/1.1 413 "),
            "{verb} {path}: {answer}"
        );
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        let body: Value = serde_json::from_str(body).unwrap();
        let wanted = json!({ "error_code": 413, "message": "http 413 payload too large" });
        assert_eq!(body, wanted, "{verb} {path}");
        let described = worker.contract().responses(verb, path);
        assert!(
            described.contains(&"413".to_owned()),
            "{verb} {path}: {described:?}"
        );
    }
    // A large configuration that is none too large is judged by what it says.
    let padding = "x".repeat(1_900_000);
    let config = json!({ "connector.class": "Counter", "topic": "t", "padding": padding });
    let path = "/connector-plugins/Counter/config/validate";
    let taken = worker.send("PUT", path, Some(&config.to_string()));
    assert_eq!(taken.status, 200);
}
