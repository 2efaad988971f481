//! The files in `configs/`: they load, and their reference says what the worker checks.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use walbridge::catalog::Catalog;
use walbridge::config::{WorkerConfig, worker_keys};
use walbridge::connector;
use walbridge::plugins;
use walbridge::secrets::Resolver;
use walbridge_connector_api::ConfigDef;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs")
}

/// The environment that `./lab env` gives, with values that fit anywhere.
fn environment() -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    for site in ["EAST", "WEST"] {
        for (name, value) in [
            ("KAFKA", "127.0.0.1:9092"),
            ("KAFKA_LINK", "127.0.0.1:9093"),
            ("CONNECT_PORT", "8083"),
            ("PG_HOST", "127.0.0.1"),
            ("PG_PORT", "5432"),
            ("PG_DATABASE", "lab"),
            ("PG_USER", "lab"),
            ("PG_PASSWORD", "lab"),
            ("REGISTRY", "http://127.0.0.1:8081"),
            ("REGISTRY_LINK", "http://127.0.0.1:8082"),
        ] {
            env.insert(format!("{site}_{name}"), value.to_owned());
        }
    }
    env
}

fn files(extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for site in ["east", "west"] {
        for entry in std::fs::read_dir(folder().join(site)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ext| ext == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty());
    found
}

#[test]
fn worker_files_load() {
    for file in files("toml") {
        let config = WorkerConfig::load(&file, &environment()).unwrap_or_else(|e| panic!("{e}"));
        assert!(config.group.starts_with("walbridge-"));
    }
}

#[test]
fn connector_files_are_good() {
    let env = environment();
    let resolver = Resolver::with_env(move |name| env.get(name).cloned());
    let catalog = Catalog::built_in();
    let mut names = BTreeSet::new();
    for file in files("json") {
        let shown = file.display();
        let text = std::fs::read_to_string(&file).unwrap();
        let config = connector::parse_request(&text).unwrap_or_else(|e| panic!("{shown}: {e}"));
        assert!(
            names.insert(config["name"].clone()),
            "{shown}: the name is taken"
        );
        let checked = connector::check(&catalog, &resolver, &config)
            .unwrap_or_else(|e| panic!("{shown}: {e}"));
        assert_eq!(checked.problems, [], "{shown}");
    }
}

#[test]
fn the_reference_is_what_the_worker_checks() {
    let readme = folder().join("README.md");
    let text = std::fs::read_to_string(&readme).unwrap();
    let (before, rest) = text.split_once("<!-- keys -->\n").unwrap();
    let (now, after) = rest.split_once("<!-- /keys -->").unwrap();
    let wanted = reference();
    if std::env::var_os("WALBRIDGE_TEST_UPDATE").is_some() {
        let whole = format!("{before}<!-- keys -->\n{wanted}<!-- /keys -->{after}");
        std::fs::write(&readme, whole).unwrap();
        return;
    }
    assert!(
        now == wanted,
        "configs/README.md does not say what the definitions say; run \
         WALBRIDGE_TEST_UPDATE=1 cargo test -p walbridge --test configs"
    );
}

fn reference() -> String {
    let mut out = String::new();
    table(&mut out, "Worker", &worker_keys());
    for connector in Catalog::built_in().all() {
        let title = connector.class().rsplit('.').next().unwrap_or_default();
        table(&mut out, title, &connector::definition(connector.as_ref()));
    }
    let catalog = Catalog::built_in();
    let extensions = connector::extensions(catalog.all()[0].as_ref());
    let keys = extensions
        .into_iter()
        .find(|(prefix, _)| *prefix == "errors.restart.")
        .map(|(_, keys)| keys)
        .unwrap();
    out.push_str(
        "\nAny connector takes these too. Kafka Connect does not have them, so they are listed by REST only \
         for a configuration that sets one.\n",
    );
    table(&mut out, "Restarts of failed tasks", &ConfigDef::new(keys));
    out.push_str(
        "\nWhat a connector of records (FileStream) may name, with keys that follow a prefix: `key.converter.`, \
         `value.converter.` and `header.converter.` for converters, `transforms.<alias>.` and \
         `predicates.<alias>.` for the others.\n",
    );
    let mut seen = BTreeSet::new();
    for plugin in plugins::built_in() {
        let title = plugin.class.rsplit('.').next().unwrap_or_default();
        let title = title.split('$').next().unwrap_or_default();
        if !plugin.keys.keys.is_empty() && seen.insert(title) {
            table(&mut out, title, &plugin.keys);
        }
    }
    out
}

fn table(out: &mut String, title: &str, def: &ConfigDef) {
    let _ = write!(
        out,
        "\n### {title}\n\n| Key | Type | Default | Meaning |\n|---|---|---|---|\n"
    );
    for key in &def.keys {
        let default = match (key.default, key.required) {
            (Some(""), _) | (None, false) => String::new(),
            (Some(value), _) => format!("`{}`", value.replace('|', "\\|")),
            (None, true) => "must be given".into(),
        };
        let mut doc = key.doc.replace('|', "\\|");
        if !key.allowed.is_empty() {
            doc = format!("{doc} One of: {}.", key.allowed.join(", "));
        }
        let kind = key.kind.as_str().to_lowercase();
        let _ = writeln!(out, "| `{}` | {kind} | {default} | {doc} |", key.name);
    }
    if !def.prefixes.is_empty() {
        let all: Vec<_> = def
            .prefixes
            .iter()
            .map(|prefix| format!("`{prefix}…`"))
            .collect();
        let _ = writeln!(out, "\nPassed on: {}.", all.join(", "));
    }
    out.push('\n');
}

/// How many keys of one kind make minutes of whatever is not linear.
const MANY: usize = 20_000;

/// Checks and describes a configuration, and returns how many problems it has.
fn problems(resolver: &Resolver, class: &str, keys: &[(String, String)]) -> usize {
    let mut config: BTreeMap<String, String> = keys.iter().cloned().collect();
    config.insert("connector.class".into(), class.into());
    config.insert("name".into(), "large".into());
    let checked = connector::check(&Catalog::built_in(), resolver, &config).unwrap();
    let worker = walbridge_pipeline::ConverterChoices::default();
    let infos = connector::config_infos(class, &checked, &config, &worker);
    let described = infos["configs"].as_array().unwrap().iter();
    let told: usize = described
        .map(|key| key["value"]["errors"].as_array().unwrap().len())
        .sum();
    assert_eq!(infos["error_count"], told, "a count without its message");
    assert_eq!(checked.problems.len(), told);
    told
}

fn many(key: impl Fn(usize) -> (String, String)) -> Vec<(String, String)> {
    (0..MANY).map(key).collect()
}

#[test]
fn a_configuration_of_any_size_is_checked_key_by_key() {
    let resolver =
        Resolver::with_env(|name| name.strip_prefix("V_").map(|n| format!("value-{n}-")));
    let file = "FileStreamSource";
    for prefix in [
        "nothing.",
        "producer.override.x",
        "topic.creation.x",
        "value.converter.schemas.enabl",
    ] {
        let keys = many(|n| (format!("{prefix}{n}"), "1".into()));
        let mut keys = keys;
        let converter = "org.apache.kafka.connect.json.JsonConverter";
        keys.push(("value.converter".into(), converter.into()));
        let found = problems(&resolver, file, &keys);
        assert!(found > 100, "{prefix}: {found}");
    }
    // Every key is wrong, and every value is a secret that must not be in any message.
    let secrets = many(|n| (format!("secret{n}"), format!("${{env:V_{n}}}")));
    assert!(problems(&resolver, file, &secrets) >= MANY);
    let missing = many(|n| (format!("topic.creation.a{n}.b"), format!("${{env:W_{n}}}")));
    assert!(problems(&resolver, file, &missing) >= MANY);
    let cluster = many(|n| (format!("source.cluster.x{n}"), "1".into()));
    assert!(problems(&resolver, "MirrorSourceConnector", &cluster) >= MANY);
}

#[test]
fn lists_of_any_length_are_checked_name_by_name() {
    let resolver = Resolver::new();
    let names = |prefix: &str| -> String {
        let all: Vec<_> = (0..MANY).map(|n| format!("{prefix}{n}")).collect();
        all.join(",")
    };
    let mut keys = many(|n| (format!("topic.creation.g{n}.include"), "(".into()));
    keys.push(("topic.creation.groups".into(), names("g")));
    assert!(problems(&resolver, "FileStreamSource", &keys) >= MANY);
    let mut keys = many(|n| (format!("transforms.t{n}.predicate"), format!("p{n}")));
    keys.push(("transforms".into(), names("t")));
    keys.push(("predicates".into(), names("p")));
    assert!(problems(&resolver, "FileStreamSource", &keys) >= 2 * MANY);
    let again = vec!["same"; MANY].join(",");
    let keys = [("transforms".into(), again)];
    // The whole list is quoted, so it is quoted once.
    assert!(problems(&resolver, "FileStreamSource", &keys) < 20);
}

#[test]
fn every_refusal_names_its_key() {
    let resolver = Resolver::new();
    let wrong = [
        ("producer.override.acks", "1"),
        ("producer.override.enable.idempotence", "false"),
        ("producer.override.ssl.truststore.location", "/a.jks"),
        ("producer.override.no.such", "1"),
        ("consumer.override.isolation.level", "read_uncommitted"),
        ("topics.regex", "("),
        ("value.converter", "org.example.Nope"),
        ("connection.url", "nonsense"),
        ("table.include.list", "("),
        ("source.cluster.acks", "1"),
        ("transforms", "a,a"),
        ("errors.tolerance", "perhaps"),
        ("tasks.max", "dog"),
    ];
    for connector in Catalog::built_in().all() {
        for (key, value) in wrong {
            let config = [
                ("connector.class", connector.class()),
                ("name", "n"),
                (key, value),
            ];
            let config = config.map(|(key, value)| (key.to_owned(), value.to_owned()));
            let checked =
                connector::check(&Catalog::built_in(), &resolver, &config.into()).unwrap();
            for problem in &checked.problems {
                let named = problem.message.contains(&problem.key);
                assert!(named, "{}: {problem:?}", connector.class());
                assert!(!problem.message.contains("exactly-once"), "{problem:?}");
            }
        }
    }
}
