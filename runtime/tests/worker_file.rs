//! Worker files: every mistake at once, where it is, and never a secret.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;

use walbridge::config::{AuthMethod, ClientAuth, WorkerConfig};

fn load(text: &str, env: &[(&str, &str)]) -> Result<WorkerConfig, String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("worker.toml");
    std::fs::write(&file, text).unwrap();
    let env: BTreeMap<String, String> = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    WorkerConfig::load(&file, &env).map_err(|problems| {
        problems
            .to_string()
            .replace(&dir.path().display().to_string(), "DIR")
    })
}

const GOOD: &str = r#"
group.id = "1e5"
bootstrap.servers = ["a:1", "b:2"]
"config.storage.topic" = "c"
offset.storage.topic = "o"
[status.storage]
topic = "s"
"#;

#[test]
fn forms_of_keys_are_the_same_and_the_environment_wins() {
    let env = [
        ("WALBRIDGE_GROUP_ID", "007"),
        ("WALBRIDGE_CRASH", "x"),
        ("WALBRIDGE_LAB_DIR", "/tmp"),
        ("WALBRIDGE_TRANSACTION_MAX_MS", "20"),
    ];
    let config = load(GOOD, &env).unwrap();
    assert_eq!(config.group, "007");
    assert_eq!(config.limits.transaction_time.as_millis(), 20);
    assert_eq!(config.own_topics(), ["c", "o", "s", "c-group"]);
    assert_eq!(
        config.client("admin").expose()["bootstrap.servers"],
        "a:1,b:2"
    );
    assert_eq!(config.listeners[0].to_string(), "http://127.0.0.1:8083");
    assert_eq!(load(GOOD, &[]).unwrap().group, "1e5");
}

#[test]
fn libraries_are_a_list_of_files_and_folders() {
    assert!(load(GOOD, &[]).unwrap().plugin_path.is_empty());
    let text = format!("plugin.path = [\"/a\", \"/b/c.so\"]\n{GOOD}");
    let found = load(&text, &[]).unwrap().plugin_path;
    assert_eq!(found, ["/a", "/b/c.so"].map(std::path::PathBuf::from));
    let env = [("WALBRIDGE_PLUGIN_PATH", "/x, /y")];
    let found = load(&text, &env).unwrap().plugin_path;
    assert_eq!(found, ["/x", "/y"].map(std::path::PathBuf::from));
}

#[test]
fn every_mistake_is_reported_with_its_place() {
    let text = r#"
group.id = "g"
config.storage.topic = "same"
offset.storage.topic = "same"
status.storage.topic = "${env:NOT_SET}"
status.storage.partitions = "many"
offset.storage.partitons = 3
listeners = "ftp://x:1"
sasl.pasword = "hunter2"
log.format = "xml"
"#;
    let found = load(text, &[("WALBRIDGE_TOPIC_CREATION_ENABLE", "maybe")]).unwrap_err();
    let expected = "\
9 mistakes
  DIR/worker.toml: status.storage.topic: ${env:NOT_SET}: environment variable NOT_SET is not set
  DIR/worker.toml: bootstrap.servers: Missing required configuration \"bootstrap.servers\" which has no default value.
  DIR/worker.toml: status.storage.partitions: Invalid value many for configuration status.storage.partitions: Not a number of type INT
  environment variable WALBRIDGE_TOPIC_CREATION_ENABLE: topic.creation.enable: Invalid value maybe for configuration topic.creation.enable: Expected value to be either true or false
  DIR/worker.toml: log.format: Invalid value xml for configuration log.format: String must be one of: text, json
  DIR/worker.toml: offset.storage.partitons: Unknown configuration \"offset.storage.partitons\"; did you mean \"offset.storage.partitions\"?
  DIR/worker.toml: listeners: ftp is not a supported scheme; supported: http, https
  DIR/worker.toml: offset.storage.topic: must name another topic than config.storage.topic
  DIR/worker.toml: sasl.pasword: ";
    assert!(found.starts_with(expected), "{found}");
    assert!(!found.contains("hunter2"), "{found}");
}

#[test]
fn files_that_are_not_there_or_not_toml_say_so() {
    let found = load("group.id = [", &[]).unwrap_err();
    assert!(
        found.starts_with("1 mistake\n  DIR/worker.toml: "),
        "{found}"
    );
    let text =
        format!("{GOOD}\n[value]\nconverter = \"x\"\nconverter.schemas.enable = \"false\"\n");
    let nested = load(&text, &[]).unwrap_err();
    assert!(nested.contains("put keys in quotes"), "{nested}");
    let none = WorkerConfig::load("/nowhere/worker.toml".as_ref(), &BTreeMap::new()).unwrap_err();
    assert!(
        none.to_string()
            .contains("/nowhere/worker.toml: cannot be read"),
        "{none}"
    );
}

#[test]
fn secrets_do_not_show() {
    let text = format!("{GOOD}\nsasl.jaas.config = \"x\"\n")
        .replace("[status.storage]\ntopic", "status.storage.topic");
    let text = text.replace("\"x\"", "\"org.apache.kafka.common.security.plain.PlainLoginModule required username=\\\"u\\\" password=\\\"hunter2\\\";\"");
    let config = load(&text, &[]).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}

/// Reads the good file with these keys besides.
fn with(keys: &[(&str, &str)]) -> Result<WorkerConfig, String> {
    let env: Vec<_> = keys
        .iter()
        .map(|(key, value)| {
            let name = format!("WALBRIDGE_{}", key.to_uppercase().replace('.', "_"));
            (name, *value)
        })
        .collect();
    let env: Vec<_> = env.iter().map(|(k, v)| (k.as_str(), *v)).collect();
    load(GOOD, &env)
}

#[test]
fn what_the_network_reaches_needs_a_setting_that_says_who_may() {
    for listeners in ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"] {
        let config = with(&[("listeners", listeners)]).unwrap();
        assert_eq!(config.access.methods, [], "{listeners}");
    }
    for listeners in [
        "http://:1",
        "http://0.0.0.0:1",
        "http://[::]:1",
        "http://db.east:1",
        "http://127.0.0.1:1,http://10.0.0.1:2",
    ] {
        for said in [None, Some(""), Some(" , ")] {
            let mut keys = vec![("listeners", listeners)];
            keys.extend(said.map(|said| ("rest.authentication", said)));
            let refused = with(&keys).unwrap_err();
            assert!(refused.starts_with("1 mistake\n"), "{refused}");
            for word in [
                "environment variable WALBRIDGE_LISTENERS: listeners: ",
                "nobody is asked who they are",
                "rest.authentication",
                "basic",
                "bearer",
                "mtls",
                "insecure",
                "127.0.0.1",
            ] {
                assert!(refused.contains(word), "{word}: {refused}");
            }
        }
    }
    let insecure = with(&[
        ("listeners", "http://:1"),
        ("rest.authentication", "insecure"),
    ]);
    assert_eq!(insecure.unwrap().access.methods, [AuthMethod::Insecure]);
    let users = [
        ("listeners", "http://:1"),
        ("rest.authentication", "Basic, bearer"),
        ("rest.users.file", "/etc/users"),
    ];
    let config = with(&users).unwrap();
    let both = [AuthMethod::Basic, AuthMethod::Bearer];
    assert_eq!(config.access.methods, both);
    assert_eq!(config.access.open_paths, ["/health"]);
}

#[test]
fn every_mistake_of_access_is_told_by_its_key() {
    let one = |keys: &[(&str, &str)], key: &str, words: &str| {
        let refused = with(keys).unwrap_err();
        let line = format!(": {key}: ");
        let found = refused.lines().find(|text| text.contains(&line));
        let found = found.unwrap_or_else(|| panic!("nothing of {key}: {refused}"));
        assert!(found.contains(words), "{words}: {refused}");
    };
    let ways = "rest.authentication";
    one(&[(ways, "basic")], "rest.users.file", "walbridge password");
    one(&[(ways, "bearer")], "rest.users.file", "must name the file");
    one(&[(ways, "digest")], ways, "digest is none of basic, bearer");
    one(&[(ways, "insecure,mtls")], ways, "stands alone");
    one(&[(ways, "mtls")], ways, "https in all listeners");
    let open = "rest.open.paths";
    one(&[(open, "/connectors")], open, "/connectors cannot be open");
    let https = ("listeners", "https://127.0.0.1:1");
    let store = "listeners.https.ssl.keystore.location";
    one(&[https], "ssl.keystore.location", "an https listener needs");
    let own = (store, "/x.pem");
    let kind = "listeners.https.ssl.keystore.type";
    one(&[https, own], kind, "JKS is not supported for a listener");
    let pem = (kind, "PEM");
    let trust = "listeners.https.ssl.truststore.location";
    one(&[https, own, pem, (ways, "mtls")], trust, "sign clients'");
    let auth = "listeners.https.ssl.client.auth";
    one(
        &[https, own, pem, (auth, "maybe")],
        auth,
        "maybe is none of",
    );
    one(
        &[https, own, pem, (auth, "required")],
        trust,
        "must name the PEM",
    );
    let password = "listeners.https.ssl.keystore.password";
    one(
        &[https, own, pem, (password, "hunter2")],
        password,
        "no password",
    );
    let typo = "listeners.https.ssl.keystore.locaton";
    one(
        &[https, own, pem, (typo, "hunter2")],
        typo,
        "unknown; known behind",
    );
    let refused = with(&[https, own, pem, (password, "hunter2")]).unwrap_err();
    assert!(!refused.contains("hunter2"), "{refused}");
    let config = with(&[https, own, pem]).unwrap();
    let tls = config.access.tls.unwrap();
    assert_eq!(tls.client_auth, ClientAuth::None);
}
