//! The keys that a configuration has because it names transforms and predicates.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use walbridge_connector_api::{ConfigDef, ConfigKey, ConfigProblem, Importance, Kind};
use walbridge_pipeline::{predicates, transforms};

use super::describe::{importance, value_info};

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

/// The groups of the aliases in a configuration, and their keys as validate describes them.
pub(super) struct Aliases {
    pub(super) groups: Vec<String>,
    pub(super) configs: Vec<Value>,
    /// The names of the keys described.
    pub(super) names: Vec<String>,
}

/// Describes the keys of the transforms and predicates that a configuration names.
pub(super) fn describe(config: &BTreeMap<String, String>, problems: &[ConfigProblem]) -> Aliases {
    let mut found = Aliases {
        groups: Vec::new(),
        configs: Vec::new(),
        names: Vec::new(),
    };
    for sort in [Sort::Transform, Sort::Predicate] {
        let list = config.get(sort.list()).map_or("", String::as_str);
        for alias in list.split(',').map(str::trim).filter(|a| !a.is_empty()) {
            let group = sort.group(alias);
            if !found.groups.contains(&group) {
                found.alias(sort, alias, &group, config, problems);
                found.groups.push(group);
            }
        }
    }
    found
}

impl Aliases {
    fn alias(
        &mut self,
        sort: Sort,
        alias: &str,
        group: &str,
        config: &BTreeMap<String, String>,
        problems: &[ConfigProblem],
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
        self.push(&definition, config, &sort.classes(), problems);
        let own = sort.options(class.map_or("", |class| class.trim()));
        let uses = USE.iter().filter(|_| sort == Sort::Transform);
        for (order, key) in (1..).zip(own.keys.iter().chain(uses)) {
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
            self.push(&definition, config, key.allowed, problems);
        }
    }

    fn push(
        &mut self,
        definition: &Value,
        config: &BTreeMap<String, String>,
        recommended: &[&str],
        problems: &[ConfigProblem],
    ) {
        let name = definition["name"].as_str().unwrap_or_default().to_owned();
        let default = definition["default_value"].as_str();
        let value = config.get(&name).map(String::as_str).or(default);
        let errors = problems.iter().filter(|problem| problem.key == name);
        let errors: Vec<&str> = errors.map(|problem| problem.message.as_str()).collect();
        let value = value_info(&name, value, recommended, &errors);
        self.configs
            .push(json!({ "definition": definition, "value": value }));
        self.names.push(name);
    }
}
