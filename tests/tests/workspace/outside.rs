//! Licences, bans and sources of everything that comes from outside, by the rules of `deny.toml`.
//!
//! cargo-deny reads the same file and looks deeper (advisories); this needs nothing installed.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::expression::is_met;
use crate::metadata;

#[derive(Deserialize)]
struct Rules {
    licenses: Licences,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
struct Licences {
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: Vec<String>,
}

fn rules() -> Rules {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../deny.toml");
    toml::from_str(&std::fs::read_to_string(path).expect(path)).expect(path)
}

#[test]
fn every_licence_is_allowed() {
    let allowed = rules().licenses.allow;
    let wrong: Vec<String> = metadata()
        .packages
        .iter()
        .filter(|package| {
            let licence = package.license.as_deref().unwrap_or_default();
            !is_met(licence, &|name| allowed.contains(name))
        })
        .map(|package| {
            format!(
                "{} {}: {:?}",
                package.name, package.version, package.license
            )
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "licences that deny.toml does not allow:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn no_banned_crate_came_in() {
    let banned = rules().bans.deny;
    let metadata = metadata();
    let mut wrong = Vec::new();
    for package in &metadata.packages {
        for ban in banned
            .iter()
            .filter(|ban| ban.name == package.name.as_str())
        {
            wrong.push(format!(
                "{} {}: {}",
                package.name, package.version, ban.reason
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "crates that deny.toml bans:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn everything_comes_from_the_public_registry() {
    let allowed = rules().sources.allow_registry;
    let wrong: Vec<String> = metadata()
        .packages
        .iter()
        .filter_map(|package| package.source.as_ref().map(|source| (package, source)))
        .filter(|(_, source)| {
            let registry = source.repr.strip_prefix("registry+");
            !registry.is_some_and(|registry| allowed.iter().any(|url| url == registry))
        })
        .map(|(package, source)| format!("{} {} from {source}", package.name, package.version))
        .collect();
    assert!(
        wrong.is_empty(),
        "sources that deny.toml does not allow:\n{}",
        wrong.join("\n")
    );
}
