//! The keys that a configuration has because it names transforms and predicates.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use walbridge_connector_api::{ConfigDef, ConfigKey, Form, Importance, Kind};
use walbridge_pipeline::converters::{ConverterKind, Role};
use walbridge_pipeline::{predicates, transforms};

use super::appearance;
use super::describe::{Found, importance, key_info, value_info};

/// What an alias stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Transform,
    Predicate,
}

impl Sort {
    /// Returns the key that lists the aliases.
    fn list(self) -> &'static str {
        match self {
            Self::Transform => "transforms",
            Self::Predicate => "predicates",
        }
    }

    fn group(self, alias: &str) -> String {
        match self {
            Self::Transform => format!("Transforms: {alias}"),
            Self::Predicate => format!("Predicates: {alias}"),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Transform => "transformation",
            Self::Predicate => "predicate",
        }
    }

    fn classes(self) -> Vec<&'static str> {
        match self {
            Self::Transform => transforms::KINDS.iter().map(|kind| kind.class).collect(),
            Self::Predicate => predicates::KINDS.iter().map(|kind| kind.class).collect(),
        }
    }

    /// Returns whether there is such a class.
    fn knows(self, class: Option<&String>) -> bool {
        let class = class.map_or("", |class| class.trim());
        match self {
            Self::Transform => transforms::find(class).is_some(),
            Self::Predicate => predicates::find(class).is_some(),
        }
    }

    /// Returns the options of a class; none if there is no such class.
    fn options(self, class: &str) -> ConfigDef {
        let found = match self {
            Self::Transform => transforms::find(class).map(transforms::TransformKind::config),
            Self::Predicate => predicates::find(class).map(predicates::PredicateKind::config),
        };
        found.unwrap_or_default()
    }
}

/// The keys of the transforms, which every one of them has besides its own.
const USE: [ConfigKey; 2] = [
    ConfigKey::new(
        "negate",
        Kind::Boolean,
        "Whether the configured predicate should be negated.",
    )
    .default("false"),
    ConfigKey::new(
        "predicate",
        Kind::String,
        "The alias of a predicate used to determine whether to apply this transformation.",
    ),
];

/// Keys that are there because of what a configuration names, as validate describes them.
#[derive(Default)]
pub(super) struct Aliases {
    pub(super) configs: Vec<Value>,
    /// The names of the keys described.
    pub(super) names: BTreeSet<String>,
}

/// Describes the keys of the transforms, predicates and converters that a configuration names.
pub(super) fn describe(
    form: Form,
    config: &BTreeMap<String, String>,
    found: &Found<'_>,
) -> Aliases {
    let mut all = Aliases::default();
    let mut groups = BTreeSet::new();
    for sort in [Sort::Transform, Sort::Predicate] {
        let list = config.get(sort.list()).map_or("", String::as_str);
        for alias in list.split(',').map(str::trim).filter(|a| !a.is_empty()) {
            let group = sort.group(alias);
            if groups.insert(group.clone()) {
                all.alias(sort, alias, &group, config, found);
            }
        }
    }
    for role in [Role::Key, Role::Value, Role::Header] {
        let named = config.get(role.key()).map(|name| name.trim());
        if form == Form::Records
            && let Some(kind) = named.and_then(ConverterKind::find)
        {
            all.converter(role, kind, config, found);
        }
    }
    all
}

impl Aliases {
    fn alias(
        &mut self,
        sort: Sort,
        alias: &str,
        group: &str,
        config: &BTreeMap<String, String>,
        found: &Found<'_>,
    ) {
        let prefix = format!("{}.{alias}.", sort.list());
        let word = sort.word();
        let shown = word[..1].to_ascii_uppercase() + &word[1..];
        let class = config.get(&format!("{prefix}type"));
        let definition = json!({
            "name": format!("{prefix}type"),
            "type": "CLASS",
            "required": true,
            "default_value": null,
            "importance": importance(Importance::High),
            "documentation": format!("Class for the '{alias}' {word}."),
            "group": group,
            "width": "LONG",
            "display_name": format!("{shown} type for {alias}"),
            "dependents": [],
            "order_in_group": 0,
        });
        self.push(&definition, config, &sort.classes(), found);
        let own = sort.options(class.map_or("", |class| class.trim()));
        let version = sort.knows(class).then_some(crate::VERSION);
        let definition = json!({
            "name": format!("{prefix}plugin.version"),
            "type": "STRING",
            "required": false,
            "default_value": version,
            "importance": importance(Importance::High),
            "documentation": format!("Version of the '{alias}' {word}; there is only one of each."),
            "group": group,
            "width": "LONG",
            "display_name": format!("{shown} version for {alias}"),
            "dependents": [],
            "order_in_group": 1,
        });
        let versions: Vec<_> = version.into_iter().collect();
        self.push(&definition, config, &versions, found);
        let uses = USE
            .iter()
            .filter(|_| sort == Sort::Transform && sort.knows(class));
        for (order, key) in (2..).zip(own.keys.iter().chain(uses)) {
            let definition = json!({
                "name": format!("{prefix}{}", key.name),
                "type": key.kind.as_str(),
                "required": key.required && key.default.is_none(),
                "default_value": key.default,
                "importance": importance(key.importance),
                "documentation": key.doc,
                "group": group,
                "width": "NONE",
                "display_name": key.name,
                "dependents": [],
                "order_in_group": order,
            });
            self.push(&definition, config, key.allowed, found);
        }
    }

    fn converter(
        &mut self,
        role: Role,
        kind: ConverterKind,
        config: &BTreeMap<String, String>,
        found: &Found<'_>,
    ) {
        for key in &kind.config().keys {
            let mut definition = key_info(key, appearance::of_converter(key));
            definition["name"] = json!(format!("{}{}", role.prefix(), key.name));
            self.push(&definition, config, key.allowed, found);
        }
    }

    fn push(
        &mut self,
        definition: &Value,
        config: &BTreeMap<String, String>,
        recommended: &[&str],
        found: &Found<'_>,
    ) {
        let name = definition["name"].as_str().unwrap_or_default().to_owned();
        let default = definition["default_value"].as_str();
        let value = config.get(&name).map(String::as_str).or(default);
        let value = value_info(&name, value, recommended, found.errors(&name));
        self.configs
            .push(json!({ "definition": definition, "value": value }));
        self.names.insert(name);
    }
}
