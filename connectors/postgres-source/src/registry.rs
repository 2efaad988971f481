//! The schema registry's keys, and schemas registered by subject.

use std::time::Duration;

use walbridge_connector_api::{
    ConfigKey, ConfigProblem, ConnectorError, Importance, Kind, Result, Settings,
};
use walbridge_schemas::registry::{Registry, RegistryError, RegistrySettings};

/// The keys that may give the URL; a converter's own name for it is taken too.
const URLS: [&str; 3] = [
    "schema.registry.url",
    "value.converter.schema.registry.url",
    "key.converter.schema.registry.url",
];
const LOGINS: [&str; 3] = [
    "schema.registry.basic.auth.user.info",
    "value.converter.basic.auth.user.info",
    "value.converter.schema.registry.basic.auth.user.info",
];
const AUTHORITIES: [&str; 2] = [
    "schema.registry.ssl.truststore.location",
    "value.converter.schema.registry.ssl.truststore.location",
];

/// Returns the keys.
pub(crate) fn keys() -> Vec<ConfigKey> {
    let mut keys = Vec::new();
    for (index, name) in URLS.into_iter().enumerate() {
        let key = ConfigKey::new(
            name,
            Kind::List,
            "URL of the schema registry, or several of them.",
        );
        let importance = if index == 0 {
            Importance::High
        } else {
            Importance::Low
        };
        keys.push(key.group("Schema registry").importance(importance));
    }
    for name in LOGINS {
        let key = ConfigKey::new(
            name,
            Kind::Password,
            "user:password for the schema registry.",
        );
        keys.push(key.group("Schema registry").importance(Importance::Low));
    }
    for name in AUTHORITIES {
        let key = ConfigKey::new(name, Kind::String, "PEM file with authorities to trust.");
        keys.push(key.group("Schema registry").importance(Importance::Low));
    }
    keys.push(
        ConfigKey::new(
            "schema.registry.timeout.ms",
            Kind::Long,
            "How long one call may take.",
        )
        .default("10000")
        .min(1)
        .group("Schema registry")
        .importance(Importance::Low),
    );
    keys
}

/// Checks that there is a URL.
pub(crate) fn problems(settings: &Settings) -> Vec<ConfigProblem> {
    if first(settings, &URLS).is_some() {
        return Vec::new();
    }
    vec![ConfigProblem::new(
        URLS[0],
        format!(
            "Missing required configuration \"{}\" which has no default value.",
            URLS[0]
        ),
    )]
}

fn first<'a>(settings: &'a Settings, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| settings.optional(name))
}

/// Creates the client.
pub(crate) fn open(settings: &Settings) -> Result<Registry> {
    let mut wanted = RegistrySettings::new(first(settings, &URLS).unwrap_or_default());
    if let Some((user, password)) = first(settings, &LOGINS).and_then(|text| text.split_once(':')) {
        wanted.basic_auth = Some((user.to_owned(), password.to_owned()));
    }
    if let Some(path) = first(settings, &AUTHORITIES) {
        wanted.ca_pem = Some(std::fs::read_to_string(path).map_err(|error| {
            ConnectorError::stop("TlsFailed", format!("reading {path}: {error}")).because(error)
        })?);
    }
    let timeout = settings.millis("schema.registry.timeout.ms");
    wanted.timeout = if timeout.is_zero() {
        Duration::from_secs(10)
    } else {
        timeout
    };
    Registry::new(&wanted).map_err(failed)
}

/// Registers a schema, which gives the id it has already if it is not new.
pub(crate) fn register(registry: &Registry, subject: &str, schema: &str) -> Result<u32> {
    registry.register(subject, schema).map_err(failed)
}

fn failed(error: RegistryError) -> ConnectorError {
    let text = error.to_string();
    if error.is_retriable() {
        return ConnectorError::retry("RegistryUnavailable", text).because(error);
    }
    let (name, remedy) = match &error {
        RegistryError::Rejected { .. } => (
            "SchemaRejected",
            "the table was changed in a way the subject's compatibility rule forbids: set the \
             subject's compatibility to NONE in the registry and restart the connector",
        ),
        RegistryError::Refused { .. } => {
            ("RegistryRefused", "check the registry's user and password")
        }
        _ => ("RegistryUnusable", "check schema.registry.url"),
    };
    ConnectorError::stop(name, text)
        .because(error)
        .remedy(remedy)
}
