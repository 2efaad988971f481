//! Arrows point downward: schemas, api ← connectors ← runtime ← tests.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Package};

use crate::metadata;

/// A crate of the workspace with what it may use.
struct Rule {
    name: &'static str,
    /// Crates of the workspace that it may use.
    may: &'static [&'static str],
    /// Crates from outside that it may not name.
    never: &'static [&'static str],
}

const KAFKA_CLIENT: &[&str] = &["rdkafka", "rdkafka-sys"];

const RULES: &[Rule] = &[
    // The event model knows no Kafka client and no database.
    Rule {
        name: "walbridge-schemas",
        may: &[],
        never: &[
            "rdkafka",
            "rdkafka-sys",
            "tokio-postgres",
            "postgres-protocol",
            "axum",
        ],
    },
    // What connectors are written against: neither Kafka nor any database.
    Rule {
        name: "walbridge-connector-api",
        may: &[],
        never: &[
            "rdkafka",
            "rdkafka-sys",
            "tokio-postgres",
            "postgres-protocol",
            "axum",
            "apache-avro",
        ],
    },
    // Runs connectors without Kafka.
    Rule {
        name: "walbridge-connector-testkit",
        may: &["walbridge-connector-api"],
        never: KAFKA_CLIENT,
    },
    // What a library and a worker have in common: it is compiled into both.
    Rule {
        name: "walbridge-plugin",
        may: &["walbridge-connector-api"],
        never: &["rdkafka", "rdkafka-sys", "tokio", "libloading", "axum"],
    },
    // As anybody's: it has nothing but what is for everybody.
    Rule {
        name: "walbridge-example",
        may: &["walbridge-connector-api", "walbridge-plugin"],
        never: KAFKA_CLIENT,
    },
    Rule {
        name: "walbridge-postgres",
        may: &["walbridge-connector-api", "walbridge-schemas"],
        never: KAFKA_CLIENT,
    },
    Rule {
        name: "walbridge-postgres-source",
        may: &[
            "walbridge-connector-api",
            "walbridge-postgres",
            "walbridge-schemas",
        ],
        never: KAFKA_CLIENT,
    },
    Rule {
        name: "walbridge-postgres-sink",
        may: &[
            "walbridge-connector-api",
            "walbridge-postgres",
            "walbridge-schemas",
        ],
        never: KAFKA_CLIENT,
    },
    // The one connector whose database is Kafka.
    Rule {
        name: "walbridge-mirror",
        may: &[
            "walbridge-connector-api",
            "walbridge-kafka",
            "walbridge-schemas",
        ],
        never: &["tokio-postgres", "postgres-protocol"],
    },
    Rule {
        name: "walbridge-file",
        may: &["walbridge-connector-api"],
        never: KAFKA_CLIENT,
    },
    // Converters read and write Avro, so that the runtime itself need not.
    Rule {
        name: "walbridge-pipeline",
        may: &["walbridge-connector-api", "walbridge-schemas"],
        never: &[
            "rdkafka",
            "rdkafka-sys",
            "tokio-postgres",
            "postgres-protocol",
            "axum",
        ],
    },
    Rule {
        name: "walbridge-kafka",
        may: &["walbridge-connector-api"],
        never: &["apache-avro", "tokio-postgres", "postgres-protocol"],
    },
    // It moves bytes and never reads them: no Avro, no database.
    Rule {
        name: "walbridge",
        may: &[
            "walbridge-connector-api",
            "walbridge-file",
            "walbridge-kafka",
            "walbridge-mirror",
            "walbridge-pipeline",
            "walbridge-plugin",
            "walbridge-postgres-sink",
            "walbridge-postgres-source",
        ],
        never: &[
            "apache-avro",
            "schema_registry_converter",
            "tokio-postgres",
            "postgres-protocol",
        ],
    },
    // It drives walbridge from outside, as a person would.
    Rule {
        name: "walbridge-lab",
        may: &[],
        never: KAFKA_CLIENT,
    },
    // It feeds readers with anything, so it lies above them all.
    Rule {
        name: "walbridge-fuzz",
        may: &[
            "walbridge",
            "walbridge-connector-api",
            "walbridge-pipeline",
            "walbridge-postgres-source",
            "walbridge-schemas",
        ],
        never: KAFKA_CLIENT,
    },
];

/// May use everything, and is used by nobody.
const TOP: &str = "walbridge-tests";

fn uses<'a>(package: &'a Package, kinds: &[DependencyKind]) -> BTreeSet<&'a str> {
    let of_kind = package
        .dependencies
        .iter()
        .filter(|dependency| kinds.contains(&dependency.kind));
    of_kind.map(|dependency| dependency.name.as_str()).collect()
}

#[test]
fn no_arrow_points_upward() {
    let metadata = metadata();
    let rules: BTreeMap<&str, &Rule> = RULES.iter().map(|rule| (rule.name, rule)).collect();
    let members: BTreeSet<&str> = metadata
        .workspace_packages()
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let mut wrong = Vec::new();
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        if name == TOP {
            continue;
        }
        let Some(rule) = rules.get(name) else {
            wrong.push(format!("{name} is new: say here what it may use"));
            continue;
        };
        for used in uses(package, &[DependencyKind::Normal, DependencyKind::Build]) {
            if members.contains(used) && !rule.may.contains(&used) {
                wrong.push(format!("{name} may not use {used}"));
            }
            if rule.never.contains(&used) {
                wrong.push(format!("{name} may not use {used}"));
            }
        }
        if uses(package, &[DependencyKind::Development]).contains(TOP) {
            wrong.push(format!("{name} may not use {TOP}, not even in its tests"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_is_about_a_crate_that_exists() {
    let metadata = metadata();
    let members: BTreeSet<&str> = metadata
        .workspace_packages()
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    for rule in RULES {
        assert!(members.contains(rule.name), "{} is gone", rule.name);
        for used in rule.may {
            assert!(members.contains(used), "{used} is gone");
        }
    }
}
