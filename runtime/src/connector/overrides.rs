//! Client settings that a connector lays over the worker's.

use std::collections::BTreeMap;

use walbridge_connector_api::{Connector, ConnectorKind, Settings};
use walbridge_kafka::Role;

use crate::config::ConnectorRules;

/// Returns the client settings that a connector lays over the worker's, by Java name.
pub(crate) fn overrides(settings: &Settings, role: &str) -> BTreeMap<String, String> {
    settings.under(&format!("{role}.override."))
}

/// Checks the settings against the worker's policy, the clients' names, and what is promised.
pub(super) fn check(
    connector: &dyn Connector,
    settings: &Settings,
    rules: &ConnectorRules,
    refuse: &mut dyn FnMut(&str, &str),
) {
    for (prefix, role) in [
        ("producer", Role::Producer),
        ("consumer", Role::Consumer),
        ("admin", Role::Common),
    ] {
        let own = overrides(settings, prefix);
        let wrong = crate::clients::check_java(role, &own);
        for name in own.keys() {
            let key = format!("{prefix}.override.{name}");
            if !rules.overrides.allows(name) {
                // Kafka Connect's words.
                let policy = rules.overrides.name();
                refuse(
                    &key,
                    &format!(
                        "The '{policy}' policy does not allow '{name}' to be overridden in the connector \
                         configuration."
                    ),
                );
            } else if let Some(message) = wrong.get(name) {
                refuse(&key, message);
            } else if name == "bootstrap.servers"
                && role != Role::Consumer
                && connector.kind() == ConnectorKind::Source
            {
                refuse(
                    &key,
                    &format!(
                        "{key} cannot be set: a source's offsets are written in the transactions of its \
                         records, and they are kept in the worker's Kafka"
                    ),
                );
            }
        }
    }
}
