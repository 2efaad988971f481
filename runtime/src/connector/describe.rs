//! A connector's keys and values as REST describes them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use walbridge_connector_api::{ConfigDef, ConfigKey, ConfigProblem, Form, Importance, Kind, Width};
use walbridge_pipeline::ConverterChoices;
use walbridge_pipeline::converters::{ConverterKind, Role};

use super::appearance::Row;
use super::check::Checked;
use super::{aliases, appearance, framework};
use crate::plugins::{self, PluginKind};
use crate::secrets::{has_placeholder, is_secret};

/// Describes every key: the answer of `GET /connector-plugins/{p}/config`.
pub fn key_infos(def: &ConfigDef, kind: PluginKind) -> Vec<Value> {
    let looks = match kind {
        PluginKind::Source | PluginKind::Sink => appearance::of,
        PluginKind::Converter | PluginKind::HeaderConverter => appearance::of_converter,
        PluginKind::Transformation | PluginKind::Predicate => |_: &ConfigKey| None,
    };
    let keys = listed(def).into_iter();
    keys.map(|key| key_info(key, looks(key))).collect()
}

/// Returns the keys that are listed whether they are set or not: the connector's own, and of the
/// runtime's those that Kafka Connect has too.
fn listed(def: &ConfigDef) -> Vec<&ConfigKey> {
    let keys = def.keys.iter();
    keys.filter(|key| !framework::is_extension(key)).collect()
}

/// Describes a key as it looks by itself, or as Kafka Connect has it look.
pub(super) fn key_info(key: &ConfigKey, row: Option<&Row>) -> Value {
    let group = row.map_or(key.group, |row| row.1);
    json!({
        "name": key.name,
        "type": key.kind.as_str(),
        "required": key.required && key.default.is_none(),
        "default_value": key.default,
        "importance": importance(key.importance),
        "documentation": key.doc,
        "group": (!group.is_empty()).then_some(group),
        "width": match row.map_or(key.width, |row| row.2) {
            Width::None => "NONE",
            Width::Short => "SHORT",
            Width::Medium => "MEDIUM",
            Width::Long => "LONG",
        },
        "display_name": row.map_or(key.name, |row| row.3),
        "dependents": [],
        "order_in_group": row.map_or(-1, |row| row.4),
    })
}

pub(super) fn importance(importance: Importance) -> &'static str {
    match importance {
        Importance::High => "HIGH",
        Importance::Medium => "MEDIUM",
        Importance::Low => "LOW",
    }
}

/// Describes every key with its value and its problems: the answer of validate. What the connector does
/// not name itself is the worker's.
pub fn config_infos(
    class: &str,
    checked: &Checked,
    config: &BTreeMap<String, String>,
    worker: &ConverterChoices,
) -> Value {
    let Checked { def, problems, .. } = checked;
    let found = Found::new(problems);
    let defaults = match checked.connector.form() {
        Form::Records => converter_defaults(config, worker),
        Form::Bytes => BTreeMap::new(),
    };
    let set =
        |key: &&ConfigKey| !framework::is_extension(key) || !found.errors(key.name).is_empty();
    let mut configs: Vec<Value> = Vec::new();
    for key in def.keys.iter().filter(set) {
        let mut info = key_info(key, appearance::of(key));
        let default = defaults.get(key.name).copied().or(key.default);
        info["default_value"] = json!(default);
        let given = config.get(key.name).map(String::as_str).or(default);
        let value = shown(key, given);
        let recommended = match default {
            None if framework::is_version(key.name) => Vec::new(),
            _ => recommended(key, checked),
        };
        let errors = found.errors(key.name);
        let mut value = value_info(key.name, value.as_deref(), &recommended, errors);
        // Nobody can choose a version of a class that is not there.
        value["visible"] = json!(!framework::is_version(key.name) || !recommended.is_empty());
        configs.push(json!({ "definition": info, "value": value }));
    }
    let mut aliases = aliases::describe(checked.connector.form(), config, &found);
    configs.append(&mut aliases.configs);
    let described = |name: &str| def.get(name).is_some() || aliases.names.contains(name);
    // Whatever else is wrong, also a key that is missing: a count without its message helps nobody.
    let wrong = found.0.iter();
    for (name, errors) in wrong.filter(|(name, _)| !described(name)) {
        let hide = is_secret(Some(def), name);
        let shown = config.get(*name).map(String::as_str);
        let shown = shown.map(|value| if hide { "[hidden]" } else { value });
        configs.push(json!({
            "definition": null,
            "value": value_info(name, shown, &[], errors),
        }));
    }
    let mut seen = BTreeSet::new();
    let groups = configs
        .iter()
        .filter_map(|config| config["definition"]["group"].as_str());
    let groups: Vec<&str> = groups.filter(|group| seen.insert(*group)).collect();
    json!({
        "name": class,
        "error_count": problems.len(),
        "groups": groups,
        "configs": configs,
    })
}

/// What was found wrong, by key: there may be as many problems as keys.
pub(super) struct Found<'a>(BTreeMap<&'a str, Vec<&'a str>>);

impl<'a> Found<'a> {
    fn new(problems: &'a [ConfigProblem]) -> Self {
        let mut by_key: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for problem in problems {
            let own = by_key.entry(problem.key.as_str()).or_default();
            own.push(problem.message.as_str());
        }
        Self(by_key)
    }

    /// Returns what is wrong with a key.
    pub(super) fn errors(&self, key: &str) -> &[&'a str] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }
}

/// Returns a value as it may be shown: secrets hidden, lists without spaces.
fn shown(key: &ConfigKey, given: Option<&str>) -> Option<String> {
    let given = given?;
    Some(match key.kind {
        Kind::Password if !given.is_empty() && !has_placeholder(given) => "[hidden]".to_owned(),
        Kind::List => {
            let parts: Vec<&str> = given.split(',').map(str::trim).collect();
            parts.join(",")
        }
        _ => given.to_owned(),
    })
}

/// Returns which converters a connector of records has if it names none, and the versions of those it
/// has.
fn converter_defaults(
    config: &BTreeMap<String, String>,
    worker: &ConverterChoices,
) -> BTreeMap<&'static str, &'static str> {
    let versions = [
        "key.converter.plugin.version",
        "value.converter.plugin.version",
        "header.converter.plugin.version",
    ];
    let roles = [Role::Key, Role::Value, Role::Header];
    let mut defaults = BTreeMap::new();
    for (role, version) in roles.into_iter().zip(versions) {
        defaults.insert(role.key(), worker.kind(role).class());
        let named = config.get(role.key());
        if named.is_none_or(|name| ConverterKind::find(name.trim()).is_some()) {
            defaults.insert(version, crate::VERSION);
        }
    }
    defaults
}

/// Returns the values that a form should offer.
fn recommended(key: &ConfigKey, checked: &Checked) -> Vec<&'static str> {
    let kind = match key.name {
        "connector.plugin.version" => return vec![checked.connector.version()],
        name if framework::is_version(name) => return vec![crate::VERSION],
        "key.converter" | "value.converter" => PluginKind::Converter,
        "header.converter" => PluginKind::HeaderConverter,
        _ => return key.allowed.to_vec(),
    };
    let all = plugins::built_in().into_iter();
    all.filter(|plugin| plugin.kind == kind)
        .map(|plugin| plugin.class)
        .collect()
}

pub(super) fn value_info(
    name: &str,
    value: Option<&str>,
    recommended: &[&str],
    errors: &[&str],
) -> Value {
    json!({
        "name": name,
        "value": value,
        "recommended_values": recommended,
        "errors": errors,
        "visible": true,
    })
}
