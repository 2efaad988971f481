//! The keys that every connector has because the runtime runs it.

use std::collections::{BTreeMap, BTreeSet};

use walbridge_connector_api::{
    ConfigDef, ConfigKey, ConfigProblem, Connector, ConnectorKind, Form, Importance, Kind, Settings,
};
use walbridge_pipeline::ConverterChoices;
use walbridge_pipeline::transforms::chain;

use super::{delivery, errors, overrides, topic_groups};
use crate::config::ConnectorRules;

/// Prefixes whose keys pass to Kafka clients, converters, transforms and predicates.
const PREFIXES: [&str; 8] = [
    "producer.override.",
    "consumer.override.",
    "admin.override.",
    "key.converter.",
    "value.converter.",
    "header.converter.",
    "transforms.",
    "predicates.",
];

/// Returns all keys of a connector: the runtime's first, then its own.
pub fn definition(connector: &dyn Connector) -> ConfigDef {
    let own = connector.config();
    let mut keys = common(connector.version());
    keys.extend(match connector.kind() {
        ConnectorKind::Source => source(connector.form()),
        ConnectorKind::Sink => sink(),
    });
    // A connector that defines one of these itself knows better.
    keys.retain(|key| own.get(key.name).is_none());
    keys.extend(own.keys.iter().cloned());
    let mut def = ConfigDef::new(keys)
        .passing(&own.prefixes)
        .passing(&PREFIXES)
        .instead_of(&own.foreign);
    if connector.kind() == ConnectorKind::Source {
        def.prefixes.push(topic_groups::PREFIX);
    }
    def
}

fn common(version: &'static str) -> Vec<ConfigKey> {
    use Kind::{Boolean, Class, Int, List, String as Text};
    let converter = |name, part| ConfigKey::new(name, Class, part).importance(Importance::Low);
    let version_of = |name| {
        ConfigKey::new(
            name,
            Text,
            "Version of the plugin; there is only one of each.",
        )
        .importance(Importance::Low)
    };
    vec![
        ConfigKey::new(
            "name",
            Text,
            "Globally unique name to use for this connector.",
        )
        .required(),
        ConfigKey::new(
            "connector.class",
            Text,
            "Name or alias of the class for this connector.",
        )
        .required(),
        version_of("connector.plugin.version")
            .default(version)
            .importance(Importance::Medium),
        ConfigKey::new(
            "tasks.max",
            Int,
            "Maximum number of tasks to use for this connector.",
        )
        .default("1")
        .min(1)
        .importance(Importance::High),
        ConfigKey::new(
            "tasks.max.enforce",
            Boolean,
            "Whether a connector that makes more tasks than tasks.max fails.",
        )
        .default("true")
        .importance(Importance::Low),
        converter(
            "key.converter",
            "Converter of keys, in place of the worker's; its settings follow under key.converter. A \
             connector that writes its bytes itself accepts Avro only.",
        ),
        version_of("key.converter.plugin.version"),
        converter(
            "value.converter",
            "Converter of values, in place of the worker's; its settings follow under value.converter. \
             A connector that writes its bytes itself accepts Avro only.",
        ),
        version_of("value.converter.plugin.version"),
        converter(
            "header.converter",
            "Converter of header values, in place of the worker's; its settings follow under \
             header.converter.",
        ),
        version_of("header.converter.plugin.version"),
        ConfigKey::new(
            "config.action.reload",
            Text,
            "What to do when a config provider's value changes; only none has an effect here.",
        )
        .default("restart")
        .allowed(&["none", "restart"])
        .importance(Importance::Low),
        ConfigKey::new(
            "transforms",
            List,
            "Aliases for the transformations to be applied to records, in order.",
        )
        .default("")
        .importance(Importance::Low),
        ConfigKey::new(
            "predicates",
            List,
            "Aliases for the predicates used by transformations.",
        )
        .default("")
        .importance(Importance::Low),
    ]
    .into_iter()
    .chain(errors::common())
    .collect()
}

fn source(form: Form) -> Vec<ConfigKey> {
    use Kind::{Int, List};
    let topic = |name, doc| {
        ConfigKey::new(name, Int, doc)
            .min(-1)
            .importance(Importance::Low)
    };
    let mut keys = vec![
        ConfigKey::new(
            "topic.creation.groups",
            List,
            "Groups of topics that are created in their own way, in order: topic.creation.GROUP.include and \
             .exclude say by regular expressions which topics, .partitions, .replication.factor and any other \
             key of topics how. Topics of none are created as the group default says.",
        )
        .default("")
        .importance(Importance::Low),
        topic(
            "topic.creation.default.partitions",
            "Partitions of a created topic that no group is for; the worker's setting if unset. Required if \
             there are groups.",
        ),
        topic(
            "topic.creation.default.replication.factor",
            "Replication factor of a created topic that no group is for; the worker's setting if unset. \
             Required if there are groups.",
        ),
    ];
    keys.extend(delivery::keys(form));
    keys
}

fn sink() -> Vec<ConfigKey> {
    use Kind::{List, String as Text};
    vec![
        ConfigKey::new(
            "topics",
            List,
            "List of topics to consume, separated by commas.",
        )
        .default("")
        .importance(Importance::High),
        ConfigKey::new(
            "topics.regex",
            Text,
            "Regular expression giving topics to consume; it must match a topic's whole name.",
        )
        .default("")
        .importance(Importance::High),
    ]
    .into_iter()
    .chain(errors::dead_letters())
    .collect()
}

/// Returns the keys that a connector takes beyond those of Kafka Connect. Clients compare the list of keys
/// with the one they know, so a group of these is listed only where one of it is set.
pub fn extensions(connector: &dyn Connector) -> Vec<(&'static str, Vec<ConfigKey>)> {
    let mut groups = vec![("errors.restart.", errors::restarts())];
    if connector.kind() == ConnectorKind::Source {
        groups.push(("errors.deadletterqueue.", errors::dead_letters()));
    }
    groups
}

/// Returns all keys of a connector with this configuration.
pub(super) fn definition_for(
    connector: &dyn Connector,
    config: &BTreeMap<String, String>,
) -> ConfigDef {
    let mut def = definition(connector);
    for (prefix, keys) in extensions(connector) {
        if config.keys().any(|key| key.starts_with(prefix)) {
            let unknown: Vec<_> = keys
                .into_iter()
                .filter(|key| def.get(key.name).is_none())
                .collect();
            def.keys.extend(unknown);
        }
    }
    def
}

/// Returns whether a key is one that Kafka Connect does not list: it is described only where it is wrong.
pub(super) fn is_extension(key: &ConfigKey) -> bool {
    key.name.starts_with("topic.creation.default.")
}

/// Returns whether a key says which version of a plugin to take.
pub(super) fn is_version(name: &str) -> bool {
    name.ends_with(".plugin.version")
}

/// Checks what the runtime cannot do or what contradicts itself.
pub(super) fn problems(
    connector: &dyn Connector,
    settings: &Settings,
    rules: &ConnectorRules,
) -> Vec<ConfigProblem> {
    let mut found = Vec::new();
    let mut refuse = |key: &str, message: &str| found.push(ConfigProblem::new(key, message));
    if connector.kind() == ConnectorKind::Source {
        for problem in topic_groups::read(settings).err().unwrap_or_default() {
            refuse(&problem.key, &problem.message);
        }
    }
    delivery::check(connector, settings, rules, &mut refuse);
    overrides::check(connector, settings, rules, &mut refuse);
    for (key, value) in settings.raw().iter().filter(|(key, _)| is_version(key)) {
        let version = match key.as_str() {
            "connector.plugin.version" => connector.version(),
            _ => crate::VERSION,
        };
        if !value.is_empty() && value != version {
            let words = format!(
                "Invalid value {value} for configuration {key}: there is only {version}; leave the key out"
            );
            refuse(key, &words);
        }
    }
    transforms(connector.form(), settings, &mut refuse);
    errors::check(connector, settings, &mut refuse);
    converters(connector.form(), settings, &mut refuse);
    if connector.kind() == ConnectorKind::Sink {
        match (
            settings.optional("topics"),
            settings.optional("topics.regex"),
        ) {
            (None, None) => {
                for key in ["topics", "topics.regex"] {
                    refuse(key, "Must configure one of topics or topics.regex");
                }
            }
            (Some(_), Some(_)) => {
                for key in ["topics", "topics.regex"] {
                    let words =
                        "topics and topics.regex are mutually exclusive options, but both are set.";
                    refuse(key, words);
                }
            }
            (None, Some(pattern)) => {
                if let Err(error) = regex::Regex::new(pattern) {
                    refuse(
                        "topics.regex",
                        &format!("not a regular expression: {error}"),
                    );
                }
            }
            _ => {}
        }
    }
    found
}

/// Checks transforms and predicates, which only records pass through.
fn transforms(form: Form, settings: &Settings, refuse: &mut dyn FnMut(&str, &str)) {
    if form == Form::Records {
        for problem in chain::build(settings.raw()).err().unwrap_or_default() {
            refuse(&problem.key, &problem.message);
        }
        return;
    }
    for key in ["transforms", "predicates"] {
        if settings.optional(key).is_some() {
            refuse(
                key,
                &format!(
                    "{key} is not available for this connector: it moves keys and values as bytes and \
                     never takes them apart, and transforms need their fields. Transform the records \
                     where they are read, or give it topics whose records need no transforms"
                ),
            );
        }
    }
}

/// Checks the converters: real ones for records, only the name of Avro's where bytes are moved as they
/// are.
fn converters(form: Form, settings: &Settings, refuse: &mut dyn FnMut(&str, &str)) {
    if form == Form::Records {
        for problem in ConverterChoices::problems(settings.raw()) {
            refuse(&problem.key, &problem.message);
        }
        return;
    }
    for key in ["key.converter", "value.converter"] {
        let avro =
            |value: &str| value.rsplit('.').next() == Some("AvroConverter") || value == "avro";
        if settings.optional(key).is_some_and(|value| !avro(value)) {
            refuse(
                key,
                "only io.confluent.connect.avro.AvroConverter is available for this connector",
            );
        }
    }
}

/// The keys that are the runtime's, so that a connector's tasks need them whatever they are given.
pub(super) struct OwnKeys {
    names: BTreeSet<&'static str>,
    /// Prefixes of the runtime's keys, unless the connector has the key itself.
    extended: Vec<&'static str>,
    of_connector: BTreeSet<&'static str>,
}

impl OwnKeys {
    /// Collects what the runtime has besides a connector's own keys.
    pub(super) fn of(connector: &dyn Connector) -> Self {
        let own = connector.config().keys.iter().map(|key| key.name);
        let of_connector: BTreeSet<_> = own.collect();
        let names = definition(connector).keys.into_iter().map(|key| key.name);
        Self {
            names: names.filter(|name| !of_connector.contains(name)).collect(),
            extended: extensions(connector)
                .iter()
                .map(|(prefix, _)| *prefix)
                .collect(),
            of_connector,
        }
    }

    /// Returns whether a key is one of them.
    pub(super) fn has(&self, key: &str) -> bool {
        let starts = |prefix: &&str| key.starts_with(*prefix);
        let extension = self.extended.iter().any(starts);
        self.names.contains(key)
            || (extension && !self.of_connector.contains(key))
            || PREFIXES.iter().chain([&topic_groups::PREFIX]).any(starts)
    }
}
