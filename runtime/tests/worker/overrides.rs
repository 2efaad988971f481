//! Client settings that connectors lay over the worker's, and what a worker allows.

use serde_json::{Value, json};

use crate::errors::{choosy, tolerant, with};
use crate::records::{Whole, all, create, write};
use crate::site::{Running, name, start, start_with, wait};

fn numbers(own: &Value) -> Value {
    let config = json!({ "connector.class": "Numbers", "topic": name("overrides"), "limit": 5 });
    with(&config, own)
}

/// Returns what is wrong with a configuration of `Numbers`, in the words of a refused create.
fn refused(worker: &Running, own: &Value) -> String {
    let answer = worker.create(&name("refused"), &numbers(own));
    assert_eq!(answer.status, 400, "{answer:?}");
    answer.message()
}

#[test]
fn a_policy_says_what_may_be_set() {
    const POLICY: &str = "connector.client.config.override.policy";
    const LIST: &str = "connector.client.config.override.allowlist";
    let id = json!({ "producer.override.client.id": "mine" });
    let sasl = json!({ "consumer.override.sasl.mechanism": "PLAIN" });
    let words = |policy: &str, name: &str| {
        format!(
            "The '{policy}' policy does not allow '{name}' to be overridden in the connector configuration."
        )
    };
    let none = start_with(&name("none"), &[(POLICY, "None")]);
    assert!(refused(&none, &id).contains(&words("None", "client.id")));
    assert!(refused(&none, &sasl).contains(&words("None", "sasl.mechanism")));
    assert_eq!(none.create("plain", &numbers(&json!({}))).status, 201);
    drop(none);
    let class =
        "org.apache.kafka.connect.connector.policy.PrincipalConnectorClientConfigOverridePolicy";
    let principal = start_with(&name("principal"), &[(POLICY, class)]);
    assert!(refused(&principal, &id).contains(&words("Principal", "client.id")));
    assert_eq!(principal.create("sasl", &numbers(&sasl)).status, 201);
    drop(principal);
    let keys = [(POLICY, "Allowlist"), (LIST, "client.id,linger.ms")];
    let list = start_with(&name("list"), &keys);
    assert!(refused(&list, &sasl).contains(&words("Allowlist", "sasl.mechanism")));
    assert_eq!(list.create("id", &numbers(&id)).status, 201);
    list.task("id", "RUNNING");
}

#[test]
fn what_is_unknown_or_would_break_a_promise_is_refused_by_name() {
    let worker = start(&name("overrides"));
    for (key, value, words) in [
        (
            "producer.override.no.such",
            "1",
            "Unknown client configuration \"no.such\"",
        ),
        (
            "admin.override.linger.ms",
            "1",
            "Unknown client configuration \"linger.ms\"",
        ),
        (
            "producer.override.group.id",
            "g",
            "Unknown client configuration \"group.id\"",
        ),
        (
            "producer.override.transactional.id",
            "x",
            "transactional.id cannot be set: ",
        ),
        (
            "producer.override.enable.idempotence",
            "false",
            "must be true",
        ),
        ("producer.override.acks", "1", "must be all"),
        (
            "producer.override.bootstrap.servers",
            "a:1",
            "kept in the worker's Kafka",
        ),
        (
            "admin.override.bootstrap.servers",
            "a:1",
            "kept in the worker's Kafka",
        ),
        (
            "consumer.override.isolation.level",
            "read_uncommitted",
            "must be read_committed",
        ),
        (
            "consumer.override.enable.auto.commit",
            "true",
            "must be false",
        ),
    ] {
        let message = refused(&worker, &json!({ key: value }));
        assert!(message.contains(words), "{key}: {message}");
    }
    let harmless = json!({
        "producer.override.acks": "all", "producer.override.enable.idempotence": "true",
        "producer.override.linger.ms": "1", "producer.override.max.request.size": "1048576",
        "consumer.override.isolation.level": "read_committed", "admin.override.retries": "3",
    });
    assert_eq!(worker.create("harmless", &numbers(&harmless)).status, 201);
    wait("the rows", || {
        (worker.status("harmless")["tasks"][0]["details"]["rows"] == 5).then_some(())
    });
}

#[test]
fn what_is_set_for_administration_reaches_the_client_that_creates_topics() {
    let worker = start(&name("reach"));
    // A broker that speaks no TLS cannot be asked for a topic with it; the producer does without.
    let config = numbers(&json!({ "admin.override.security.protocol": "SSL" }));
    assert_eq!(worker.create("admin", &config).status, 201);
    let trace = wait("it to have no connection", || {
        let task = worker.status("admin")["tasks"][0].clone();
        assert_eq!(
            task["details"]["batches"].as_u64().unwrap_or_default(),
            0,
            "{task}"
        );
        Some(task["trace"].as_str()?.to_owned())
    });
    assert!(
        trace.contains("creating topic") || trace.contains("SSL"),
        "{trace}"
    );
    let mended = worker.send(
        "PUT",
        "/connectors/admin/config",
        Some(&numbers(&json!({})).to_string()),
    );
    assert_eq!(mended.status, 200);
    wait("the rows", || {
        (worker.status("admin")["tasks"][0]["details"]["batches"].as_u64()? > 0).then_some(())
    });
}

#[test]
fn what_is_set_for_administration_reaches_the_client_that_creates_the_dead_letter_topic() {
    let worker = start(&name("reach-dead"));
    let (topic, dead) = (name("reach-in"), name("reach-dead"));
    create(&topic, 1, &[]);
    let config = with(&choosy(&topic), &tolerant(&dead));
    write(&topic, &[Whole::new(0, 1, b"{nope")]);
    let sink = name("reach");
    let own = json!({ "admin.override.security.protocol": "SSL" });
    let encrypted = with(&config, &own);
    assert_eq!(worker.create(&sink, &encrypted).status, 201);
    // The sink itself reads without; what keeps it from its dead letters is named.
    let trace = wait("it to have no connection", || {
        Some(
            worker.status(&sink)["tasks"][0]["trace"]
                .as_str()?
                .to_owned(),
        )
    });
    assert!(trace.contains(&dead) || trace.contains("SSL"), "{trace}");
    let path = format!("/connectors/{sink}/config");
    let mended = worker.send("PUT", &path, Some(&config.to_string()));
    assert_eq!(mended.status, 200);
    assert_eq!(all(&dead, 1, 1).len(), 1);
}
