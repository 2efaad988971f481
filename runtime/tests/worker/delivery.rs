//! Sources that deliver exactly once, with each boundary, and at least once, while their worker is killed.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use walbridge_connector_api::{Batch, Partition, StartAt, TopicPartition};
use walbridge_kafka::Consumer;

use crate::child::ChildWorker;
use crate::numbers::is_aborted;
use crate::site::{Running, client, name, read, start, start_with, wait};

/// Reads all there is in partition 0 of a topic, up to the number that comes last.
fn numbers(topic: &str, last: i64) -> Vec<i64> {
    let last = last.to_string();
    let found = read(topic, 1, |found| {
        found.iter().any(|(_, value)| value.as_ref() == Some(&last))
    });
    found
        .into_iter()
        .map(|(_, value)| value.unwrap().parse().unwrap())
        .collect()
}

/// Reads what was ever written to partition 0, aborted or not.
fn uncommitted(topic: &str) -> Vec<i64> {
    let config = client().with("isolation.level", "read_uncommitted");
    let mut consumer = Consumer::new(&config).unwrap();
    let at = TopicPartition {
        topic: Arc::from(topic),
        partition: 0,
    };
    consumer.assign(&[(at, StartAt::Beginning)]).unwrap();
    let (mut batch, mut found, mut idle) = (Batch::default(), Vec::new(), 0);
    while idle < 5 {
        batch.clear();
        let wait = Duration::from_millis(200);
        consumer.poll(&mut batch, 1 << 20, wait).unwrap();
        idle = if batch.records().is_empty() {
            idle + 1
        } else {
            0
        };
        for record in batch.records() {
            let text = String::from_utf8_lossy(batch.bytes(record.value).unwrap());
            found.push(text.parse().unwrap());
            assert_eq!(record.partition, Partition::Fixed(0));
        }
    }
    found
}

fn source(topic: &str, own: &Value) -> Value {
    let mut config = json!({
        "connector.class": "Numbers", "topic": topic,
        "value.converter": "JsonConverter", "value.converter.schemas.enable": "false",
    });
    let all = config.as_object_mut().unwrap();
    all.extend(own.as_object().unwrap().clone());
    config
}

/// Returns the next number that the only part of a connector stores.
fn stored(worker: &ChildWorker, connector: &str) -> Option<i64> {
    let offsets = worker.get(&format!("/connectors/{connector}/offsets"))?;
    offsets["offsets"][0]["offset"]["next"].as_i64()
}

/// Kills a worker at each point and starts it again, then lets it end its work.
fn kill_and_finish(worker: &mut ChildWorker, connector: &str, config: &Value, points: &[&str]) {
    for (round, point) in points.iter().enumerate() {
        worker.start(Some(point));
        if round == 0 {
            worker.put(connector, config);
        }
        worker.wait_end();
    }
    worker.start(None);
}

#[test]
fn exactly_once_doubles_nothing_with_any_boundary_when_killed() {
    const LIMIT: i64 = 1000;
    const POINTS: [&str; 4] = [
        "producer-before-commit:2",
        "producer-after-commit:2",
        "producer-before-commit:1",
        "producer-after-commit:1",
    ];
    let cases = [
        ("poll", json!({ "transaction.boundary": "poll" }), LIMIT),
        (
            "interval",
            json!({ "transaction.boundary": "interval", "transaction.boundary.interval.ms": "60" }),
            LIMIT,
        ),
    ];
    for (boundary, own, limit) in cases {
        let (group, topic) = (name(boundary), name(boundary));
        let mut own = own;
        own["limit"] = json!(limit);
        own["pause.ms"] = json!(15);
        let config = source(&topic, &own);
        let mut worker = ChildWorker::new(&group, &[]);
        kill_and_finish(&mut worker, "c", &config, &POINTS);
        let found = numbers(&topic, limit - 1);
        assert_eq!(found, (0..limit).collect::<Vec<_>>(), "{boundary}");
        wait("the offset", || {
            (stored(&worker, "c") == Some(limit)).then_some(())
        });
    }
}

#[test]
fn what_a_source_aborts_is_never_seen_and_not_read_again_when_killed() {
    const LIMIT: i64 = 300;
    let (group, topic) = (name("defined"), name("defined"));
    // Slow enough for the first records of a transaction to be written before it is aborted.
    let own = json!({
        "transaction.boundary": "connector", "limit": LIMIT, "exactly.once.support": "required",
        "pause.ms": 130,
    });
    let config = source(&topic, &own);
    let mut worker = ChildWorker::new(&group, &[]);
    let points = [
        "producer-before-commit:2",
        "producer-after-commit:2",
        // After the abort, before its offsets are committed.
        "producer-after-abort:1",
        "producer-after-abort:2",
        "producer-before-commit:1",
    ];
    kill_and_finish(&mut worker, "c", &config, &points);
    // The last decade is aborted: what moves then is only the offset.
    wait("the last offset", || {
        (stored(&worker, "c") == Some(LIMIT)).then_some(())
    });
    let seen: Vec<i64> = (0..LIMIT).filter(|n| !is_aborted(*n)).collect();
    assert_eq!(numbers(&topic, *seen.last().unwrap()), seen);
    // Some of it was written, though: what nobody sees is there.
    let written = uncommitted(&topic);
    assert!(written.iter().any(|n| is_aborted(*n)), "{written:?}");

    // Nothing is read again after a restart.
    worker.kill();
    worker.start(None);
    let more = source(
        &topic,
        &json!({ "transaction.boundary": "connector", "limit": LIMIT + 10 }),
    );
    worker.put("c", &more);
    let all: Vec<i64> = seen.iter().copied().chain(LIMIT..LIMIT + 10).collect();
    assert_eq!(numbers(&topic, LIMIT + 9), all);
}

#[test]
fn at_least_once_loses_nothing_when_killed_and_doubles_nothing_when_stopped() {
    const LIMIT: i64 = 1200;
    let keys = [
        ("exactly.once.source.support", "disabled"),
        ("offset.flush.interval.ms", "40"),
    ];
    let (group, topic) = (name("least"), name("least"));
    let own = json!({ "limit": LIMIT, "pause.ms": 4 });
    let mut worker = ChildWorker::new(&group, &keys);
    let points = [
        "records-sent:9",
        "offsets-before-store:3",
        "offsets-stored:2",
        "records-sent:3",
        "offsets-stored:1",
    ];
    kill_and_finish(&mut worker, "c", &source(&topic, &own), &points);
    let mut next = 0;
    let mut again = 0;
    for number in numbers(&topic, LIMIT - 1) {
        // In order, without a gap, some of it again.
        assert!(number <= next, "{number} comes where {next} should");
        again += i64::from(number < next);
        next = next.max(number + 1);
    }
    assert_eq!(next, LIMIT);
    assert!(
        again > 0,
        "no kill made anything come again: this shows nothing"
    );
    wait("the offset", || {
        (stored(&worker, "c") == Some(LIMIT)).then_some(())
    });
    worker.kill();

    // Stopped in good order, everything that was written counts as written.
    let topic = name("least-stopped");
    let keys = [
        ("exactly.once.source.support", "disabled"),
        ("offset.flush.interval.ms", "3600000"),
    ];
    let worker = start_with(&group, &keys);
    let endless = source(&topic, &json!({}));
    assert_eq!(worker.create("d", &endless).status, 201);
    numbers(&topic, 100);
    worker.stop();
    let worker = start_with(&group, &keys);
    let offsets = worker.get("/connectors/d/offsets").json();
    let next = offsets["offsets"][0]["offset"]["next"].as_i64().unwrap();
    let found = numbers(&topic, next + 50);
    assert!(
        found.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{found:?}"
    );
}

#[test]
fn at_least_once_waits_for_kafka_without_failing_and_says_what_it_cannot_write() {
    let keys = [
        ("exactly.once.source.support", "preparing"),
        ("offset.flush.interval.ms", "50"),
    ];
    let worker = start_with(&name("least"), &keys);
    let topic = name("small");
    crate::records::create(&topic, 1, &[("max.message.bytes", "60")]);
    let config = source(&topic, &json!({ "per.poll": "200" }));
    assert_eq!(worker.create("c", &config).status, 201);
    let task = worker.task("c", "FAILED");
    let trace = task["trace"].as_str().unwrap();
    assert!(trace.starts_with("RecordTooLarge: "), "{trace}");
    assert!(trace.contains(" bytes for topic "), "{trace}");
    // No offset is stored of what is not there.
    let offsets = worker.get("/connectors/c/offsets").json();
    assert_eq!(offsets, json!({ "offsets": [] }));
}

#[test]
fn one_connector_may_deliver_at_least_once_beside_others() {
    let (group, topic) = (name("mixed"), name("mixed"));
    let worker = start_with(&group, &[("offset.flush.interval.ms", "50")]);
    let own = json!({ "limit": 50, "exactly.once.support": "disabled" });
    assert_eq!(worker.create("least", &source(&topic, &own)).status, 201);
    assert_eq!(numbers(&topic, 49), (0..50).collect::<Vec<_>>());
    // Without transactions there is no marker behind the last record.
    let admin = walbridge_kafka::Admin::new(&client()).unwrap();
    let end = |topic: &str| {
        let at = TopicPartition {
            topic: Arc::from(topic),
            partition: 0,
        };
        admin.inspect(&[at]).unwrap()[0].end
    };
    assert_eq!(end(&topic), 50);
    let other = name("mixed");
    let own = json!({ "limit": 50 });
    assert_eq!(worker.create("exactly", &source(&other, &own)).status, 201);
    assert_eq!(numbers(&other, 49), (0..50).collect::<Vec<_>>());
    wait("a marker", || (end(&other) > 50).then_some(()));
}

fn errors(worker: &Running, class: &str, key: &str, own: &Value) -> Vec<String> {
    let mut config = json!({ "connector.class": class, "name": "n", "topic": "t" });
    let all = config.as_object_mut().unwrap();
    all.extend(own.as_object().unwrap().clone());
    let path = format!("/connector-plugins/{class}/config/validate");
    let answer = worker.send("PUT", &path, Some(&config.to_string())).json();
    let configs = answer["configs"].as_array().unwrap();
    let mut found = configs.iter().filter(|c| c["value"]["name"] == key);
    let errors = found.next().unwrap()["value"]["errors"].as_array().unwrap();
    errors
        .iter()
        .map(|e| e.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn what_is_asked_of_delivery_is_checked_in_connects_words() {
    const SUPPORT: &str = "exactly.once.support";
    const BOUNDARY: &str = "transaction.boundary";
    let worker = start(&name("asked"));
    let required = json!({ SUPPORT: "required" });
    assert_eq!(errors(&worker, "Numbers", SUPPORT, &required), [""; 0]);
    let not = json!({ SUPPORT: "required", "support": "unsupported" });
    let words =
        "The connector does not support exactly-once semantics with the provided configuration.";
    assert_eq!(errors(&worker, "Numbers", SUPPORT, &not), [words]);
    let unknown = json!({ SUPPORT: "REQUIRED", "support": "unknown" });
    let found = errors(&worker, "Numbers", SUPPORT, &unknown);
    assert!(
        found[0].starts_with("The connector does not implement the API required for preflight")
    );
    let no = json!({ BOUNDARY: "connector", "defines": "false" });
    let found = errors(&worker, "Numbers", BOUNDARY, &no);
    assert!(found[0].starts_with("The connector does not support connector-defined transaction"));
    let long = json!({ BOUNDARY: "interval", "transaction.boundary.interval.ms": "900000" });
    let found = errors(
        &worker,
        "Numbers",
        "transaction.boundary.interval.ms",
        &long,
    );
    assert!(
        found[0].contains("transaction.timeout.ms (900000)"),
        "{found:?}"
    );

    // Bytes keep their transactions, or the configuration is refused.
    for (key, value) in [
        (SUPPORT, "disabled"),
        (BOUNDARY, "poll"),
        (BOUNDARY, "interval"),
        ("transaction.boundary.interval.ms", "5"),
    ] {
        let found = errors(&worker, "Counter", key, &json!({ key: value }));
        assert!(found[0].contains("whole source transactions"), "{found:?}");
    }

    let off = start_with(&name("off"), &[("exactly.once.source.support", "disabled")]);
    let words = "This worker does not have exactly-once source support enabled.";
    assert_eq!(errors(&off, "Numbers", SUPPORT, &required), [words]);
    let refused = off.create("n", &source("t", &required));
    assert_eq!(refused.status, 400);
    assert!(refused.message().contains(words), "{refused:?}");
    // What depends on transactions has them all the same.
    let topic = name("bytes");
    let bytes = json!({ "connector.class": "Counter", "topic": topic, "step": 4, "fail.at": 10, "fail.how": "rewind" });
    assert_eq!(off.create("bytes", &bytes).status, 201);
    let mended = json!({ "connector.class": "Counter", "topic": topic, "step": 4, "limit": 20 });
    wait("it to be held back", || {
        (off.status("bytes")["tasks"][0]["details"]["phase"] == "waiting").then_some(())
    });
    let path = "/connectors/bytes/config";
    assert_eq!(off.send("PUT", path, Some(&mended.to_string())).status, 200);
    assert_eq!(numbers(&topic, 19), (0..20).collect::<Vec<_>>());
}
