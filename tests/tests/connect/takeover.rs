//! What Kafka Connect leaves behind goes on with walbridge, on the same topics.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use walbridge_lab::{Connect, Lab};
use walbridge_tests::consumers::part;
use walbridge_tests::forge::Forger;

use crate::api::Api;
use crate::files::files;
use crate::worker::{self, Worker};

#[test]
fn a_group_of_kafka_connect_goes_on_with_every_connector_where_it_was() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let group = format!("takeover-{}", std::process::id());
    let files = files(lab, &group)?;
    let database = group.replace('-', "_");
    lab.east().postgres().create_database(&database)?;
    let plugins = [part("debezium")?, part("debezium-jdbc")?];
    let path = plugins.map(|dir| dir.display().to_string()).join(",");
    let kafka = lab.east().kafka();
    let connect = Connect::new(lab, kafka, &group, &[("plugin.path", &path)], &[])?;
    connect.start()?;
    let java = Api::new(&connect.url())?;
    let name = |what: &str| format!("{group}-{what}");
    for what in ["run", "pause", "stop"] {
        let length = files.lines_to(what, 3)?;
        let config = files.source(what, &name(what));
        java.put(&format!("/{}/config", name(what)), &config)?;
        java.wait_offset(&name(what), "position", length)
            .with_context(|| connect.log_tail(20))?;
    }
    java.put(
        &format!("/{}/config", name("sink")),
        &files.sink("copy-run", &name("run")),
    )?;
    java.wait_offset(&name("sink"), "kafka_offset", 3)?;
    java.put(&format!("/{}/pause", name("pause")), &json!({}))?;
    java.wait_states(&name("pause"), &["PAUSED", "PAUSED"])?;
    java.put(&format!("/{}/stop", name("stop")), &json!({}))?;
    java.wait_states(&name("stop"), &["STOPPED"])?;
    let foreign = foreign(lab, &group, &database);
    for (what, config) in &foreign {
        java.create(&name(what), config, "STOPPED")
            .with_context(|| connect.log_tail(10))?;
        java.wait_states(&name(what), &["STOPPED"])?;
    }
    let all: Vec<String> = ["run", "pause", "stop", "sink"]
        .into_iter()
        .chain(foreign.iter().map(|(what, _)| *what))
        .map(name)
        .collect();
    let before = look(&java, &all)?;
    connect.stop()?;

    for what in ["run", "pause", "stop"] {
        files.lines_to(what, 6)?;
    }
    let worker = worker::start(lab, &group)?;
    let ours = Api::new(&worker.url)?;
    ours.wait_states(&name("run"), &["RUNNING", "RUNNING"])
        .with_context(|| worker.log_tail(20))?;
    ours.wait_states(&name("sink"), &["RUNNING", "RUNNING"])?;
    ours.wait_states(&name("pause"), &["PAUSED", "PAUSED"])?;
    let after = look(&ours, &all)?;
    for (before, after) in before.iter().zip(&after) {
        ensure!(before == after, "not as it was:\n{before}\n{after}");
    }

    // Every line once, and in order.
    files.wait_same("copy-run", "run")?;
    for what in ["pause", "stop"] {
        ours.put(&format!("/{}/resume", name(what)), &json!({}))?;
        ours.wait_states(&name(what), &["RUNNING", "RUNNING"])?;
        let copy = format!("copy-{what}");
        let config = files.sink(&copy, &name(what));
        ours.put(&format!("/{}/config", name(&copy)), &config)?;
        files.wait_same(&copy, what)?;
    }
    files.wait_same("copy-run", "run")?;
    judge_foreign(&ours, &worker, &name)
}

/// Returns what a group says of connectors: their configurations, kinds, targets and, where they do not
/// move, their offsets.
fn look(api: &Api, names: &[String]) -> Result<Vec<Value>> {
    let one = |name: &String| -> Result<Value> {
        let config = api.get(&format!("/{name}/config"))?;
        let status = api.get(&format!("/{name}/status"))?;
        let state = &status["connector"]["state"];
        let offsets = match state.as_str() {
            Some("RUNNING") => Value::Null,
            _ => api.get(&format!("/{name}/offsets"))?,
        };
        // Secrets are shown in the one and masked in the other.
        let mut config = config;
        for secret in ["database.password", "connection.password"] {
            if let Some(value) = config.get_mut(secret) {
                *value = Value::Null;
            }
        }
        Ok(json!({
            "name": name, "config": config, "state": state, "type": status["type"], "offsets": offsets,
        }))
    };
    names.iter().map(one).collect()
}

/// Returns configurations that people have for Debezium's and MirrorMaker's connectors, stopped for the
/// move.
fn foreign(lab: &Lab, group: &str, database: &str) -> Vec<(&'static str, Value)> {
    let port = lab.east().ports().postgres.to_string();
    let registry = lab.east().registry().url();
    let (user, password) = (walbridge_lab::USER, walbridge_lab::PASSWORD);
    let debezium = json!({
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "plugin.name": "pgoutput", "topic.prefix": format!("{group}.debezium"),
        "database.hostname": "127.0.0.1", "database.port": port, "database.dbname": database,
        "database.user": user, "database.password": password,
        "slot.name": database, "publication.name": database, "tasks.max": "1",
    });
    let mut known = debezium.clone();
    known["schema.registry.url"] = json!(registry);
    let mut strange = debezium;
    strange["slot.drop.on.stop"] = json!("false");
    let jdbc = json!({
        "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
        "topics": format!("{group}.debezium.transaction"), "tasks.max": "1",
        "connection.url": format!("jdbc:postgresql://127.0.0.1:{port}/{database}"),
        "connection.username": user, "connection.password": password,
        "insert.mode": "upsert", "primary.key.mode": "record_key", "primary.key.fields": "id",
    });
    let mirror = json!({
        "connector.class": "org.apache.kafka.connect.mirror.MirrorSourceConnector",
        "source.cluster.alias": "A", "target.cluster.alias": "B",
        "source.cluster.bootstrap.servers": lab.west().kafka().bootstrap(),
        "target.cluster.bootstrap.servers": lab.east().kafka().bootstrap(),
        "topics": format!("{group}-none"), "tasks.max": "1",
    });
    let heartbeat = json!({
        "connector.class": "org.apache.kafka.connect.mirror.MirrorHeartbeatConnector",
        "source.cluster.alias": group, "target.cluster.alias": "B",
        "source.cluster.bootstrap.servers": lab.west().kafka().bootstrap(),
        "target.cluster.bootstrap.servers": lab.east().kafka().bootstrap(),
        "heartbeats.topic.replication.factor": "1", "tasks.max": "1",
    });
    let mut named = mirror.clone();
    named["replication.policy.class"] =
        json!("org.apache.kafka.connect.mirror.DefaultReplicationPolicy");
    let mut synced = mirror;
    synced["sync.topic.acls.enabled"] = json!("false");
    vec![
        ("debezium", known),
        ("debezium-strange", strange),
        ("jdbc", jdbc),
        ("mirror", named),
        ("heartbeat", heartbeat),
        ("mirror-strange", synced),
    ]
}

/// Resumes the connectors of foreign classes: they run, or say what to write instead.
fn judge_foreign(ours: &Api, worker: &Worker, name: &impl Fn(&str) -> String) -> Result<()> {
    let resume = |what: &str| ours.put(&format!("/{}/resume", name(what)), &json!({}));
    for what in ["debezium", "mirror", "heartbeat"] {
        resume(what)?;
        ours.wait_states(&name(what), &["RUNNING", "RUNNING"])
            .with_context(|| worker.log_tail(20))?;
    }
    let refused: [(&str, &[&str]); 3] = [
        (
            "debezium-strange",
            &["\"slot.drop.on.stop\": leave it out", "schema.registry.url"],
        ),
        ("jdbc", &["\"primary.key.fields\": leave it out"]),
        (
            "mirror-strange",
            &[
                "\"sync.topic.acls.enabled\": leave it out",
                "replication.policy.class must be given",
            ],
        ),
    ];
    for (what, words) in refused {
        resume(what)?;
        ours.wait_states(&name(what), &["FAILED"])?;
        let trace = ours.trace(&name(what))?;
        for words in words {
            ensure!(
                trace.contains(words),
                "{what} does not say {words}: {trace}"
            );
        }
    }
    ours.put(&format!("/{}/stop", name("debezium")), &json!({}))?;
    ours.wait_states(&name("debezium"), &["STOPPED"])?;
    ours.delete(&name("debezium"))
}

#[test]
fn task_configurations_that_compaction_took_away_come_back() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let group = format!("compacted-{}", std::process::id());
    let files = files(lab, &group)?;
    let kafka = lab.east().kafka().bootstrap();
    let topic = format!("{group}-configs");
    let (running, confluent) = (format!("{group}-run"), format!("{group}-jdbc"));
    files.lines_to("run", 5)?;
    // What Kafka Connect's worker wrote, as compaction left it: the commit says that there is one task,
    // and the task's configuration is gone, or stands behind the commit (KAFKA-17719).
    let properties = |config: Value| json!({ "properties": config });
    let named = |name: &str, mut config: Value| {
        config["name"] = json!(name);
        properties(config)
    };
    let started = json!({ "state": "STARTED", "state.v2": "STARTED" });
    let late = format!("{group}-late");
    files.lines_to("late", 4)?;
    let mut task = files.source("late", &late);
    task["task.class"] = json!("org.apache.kafka.connect.file.FileStreamSourceTask");
    let forge = Forger::new(&kafka)?;
    let key = json!({ "algorithm": "HmacSHA256", "creation-timestamp": 1, "key": "a2V5" });
    let records = [
        ("session-key".to_owned(), Some(key)),
        (format!("target-state-{running}"), Some(started.clone())),
        (
            format!("connector-{running}"),
            Some(named(&running, files.source("run", &running))),
        ),
        (format!("commit-{running}"), Some(json!({ "tasks": 1 }))),
        (format!("task-{running}-0"), None),
        (
            format!("connector-{late}"),
            Some(named(&late, files.source("late", &late))),
        ),
        (format!("commit-{late}"), Some(json!({ "tasks": 1 }))),
        (format!("task-{late}-0"), Some(properties(task))),
        (
            format!("connector-{confluent}"),
            Some(named(&confluent, confluent_sink(&running))),
        ),
    ];
    create_compacted(lab, &topic)?;
    for (key, value) in records {
        let value = value.map(|value| value.to_string().into_bytes());
        forge.write(&topic, Some(key.as_bytes()), value.as_deref())?;
    }

    let worker = worker::start(lab, &group)?;
    let ours = Api::new(&worker.url)?;
    for (name, what) in [(&running, "run"), (&late, "late")] {
        ours.wait_states(name, &["RUNNING", "RUNNING"])
            .with_context(|| worker.log_tail(20))?;
        let copy = format!("copy-{what}");
        let config = files.sink(&copy, name);
        ours.put(&format!("/{group}-{copy}/config"), &config)?;
        files.wait_same(&copy, what)?;
    }
    ours.wait_states(&confluent, &["FAILED"])?;
    let trace = ours.trace(&confluent)?;
    for words in [
        "\"connection.user\": write connection.username",
        "\"pk.mode\": leave it out",
        "\"auto.create\": write schema.evolution",
        "schema.registry.url",
    ] {
        ensure!(trace.contains(words), "it does not say {words}: {trace}");
    }
    Ok(())
}

/// Returns what people have for Confluent's JDBC sink, which is not to be had from Maven Central.
fn confluent_sink(topic: &str) -> Value {
    json!({
        "connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector",
        "topics": topic, "connection.url": "jdbc:postgresql://127.0.0.1:1/none",
        "connection.user": "nobody", "connection.password": "secret",
        "insert.mode": "upsert", "pk.mode": "record_key", "pk.fields": "id", "auto.create": "true",
        "auto.evolve": "true",
    })
}

/// Creates a topic of configurations as Kafka Connect does.
fn create_compacted(lab: &Lab, topic: &str) -> Result<()> {
    let kafka = lab.east().kafka();
    let args = [
        "--bootstrap-server",
        &kafka.bootstrap(),
        "--create",
        "--topic",
        topic,
        "--partitions",
        "1",
        "--replication-factor",
        "1",
        "--config",
        "cleanup.policy=compact",
    ];
    let output = kafka
        .tool("org.apache.kafka.tools.TopicCommand", &args)
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "creating {topic}: {said}");
    Ok(())
}
