//! A connector's keys and values as REST describes them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use walbridge_connector_api::{ConfigDef, ConfigKey, ConfigProblem, Importance, Kind, Width};

use super::aliases;
use crate::plugins::{self, PluginKind};
use crate::secrets::{has_placeholder, is_secret};

/// Describes every key: the answer of `GET /connector-plugins/{p}/config`.
pub fn key_infos(def: &ConfigDef) -> Vec<Value> {
    let mut order = BTreeMap::new();
    def.keys
        .iter()
        .map(|key| {
            let place = order.entry(key.group).and_modify(|n| *n += 1).or_insert(1);
            key_info(key, *place)
        })
        .collect()
}

fn key_info(key: &ConfigKey, order: i32) -> Value {
    json!({
        "name": key.name,
        "type": key.kind.as_str(),
        "required": key.required && key.default.is_none(),
        "default_value": key.default,
        "importance": importance(key.importance),
        "documentation": key.doc,
        "group": key.group,
        "width": match key.width {
            Width::Short => "SHORT",
            Width::Medium => "MEDIUM",
            Width::Long => "LONG",
        },
        "display_name": key.name,
        "dependents": [],
        "order_in_group": order,
    })
}

pub(super) fn importance(importance: Importance) -> &'static str {
    match importance {
        Importance::High => "HIGH",
        Importance::Medium => "MEDIUM",
        Importance::Low => "LOW",
    }
}

/// Describes every key with its value and its problems: the answer of validate.
pub fn config_infos(
    class: &str,
    def: &ConfigDef,
    config: &BTreeMap<String, String>,
    problems: &[ConfigProblem],
) -> Value {
    let errors = |name: &str| -> Vec<&str> {
        problems
            .iter()
            .filter(|p| p.key == name)
            .map(|p| p.message.as_str())
            .collect()
    };
    let mut configs: Vec<Value> = def
        .keys
        .iter()
        .zip(key_infos(def))
        .map(|(key, info)| {
            let given = config.get(key.name).map(String::as_str).or(key.default);
            let hide = key.kind == Kind::Password
                && given.is_some_and(|value| !value.is_empty() && !has_placeholder(value));
            let value = if hide { Some("[hidden]") } else { given };
            let recommended = recommended(key);
            json!({ "definition": info, "value": value_info(key.name, value, &recommended, &errors(key.name)) })
        })
        .collect();
    let mut aliases = aliases::describe(config, problems);
    configs.append(&mut aliases.configs);
    let described = |name: &String| def.get(name).is_some() || aliases.names.contains(name);
    // Whatever else is wrong, also a key that is missing: a count without its message helps nobody.
    let wrong: BTreeSet<&String> = problems.iter().map(|problem| &problem.key).collect();
    for name in wrong.into_iter().filter(|name| !described(name)) {
        let hide = is_secret(Some(def), name);
        let shown = config.get(name).map(String::as_str);
        let shown = shown.map(|value| if hide { "[hidden]" } else { value });
        configs.push(json!({
            "definition": null,
            "value": value_info(name, shown, &[], &errors(name)),
        }));
    }
    let mut groups: Vec<&str> = Vec::new();
    let of_aliases = aliases.groups.iter().map(String::as_str);
    for group in def.keys.iter().map(|key| key.group).chain(of_aliases) {
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    json!({
        "name": class,
        "error_count": problems.len(),
        "groups": groups,
        "configs": configs,
    })
}

/// Returns the values that a form should offer.
fn recommended(key: &ConfigKey) -> Vec<&'static str> {
    let kind = match key.name {
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
