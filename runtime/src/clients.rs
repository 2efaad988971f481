//! Kafka client settings from the worker's and a connector's configuration.

use std::collections::BTreeMap;

use walbridge_connector_api::{ConnectorError, Settings};
use walbridge_kafka::{ClientConfig, Role};

use crate::config::WorkerConfig;
use crate::connector::overrides;

/// Says what is wrong with one client setting by its Java name, `beside` being what is set together
/// with it: a store's location means nothing without its type.
pub(crate) fn check_java(
    name: &str,
    value: &str,
    beside: &BTreeMap<String, String>,
) -> Result<(), String> {
    let mut all = beside.clone();
    all.insert(name.to_owned(), value.to_owned());
    let about = |role| {
        let problems = ClientConfig::from_java(role, &all).err()?;
        let own = problems.into_iter().find(|problem| problem.key == name);
        own.map(|problem| problem.message)
    };
    // A setting that one kind of client knows is a setting.
    match (about(Role::Producer), about(Role::Consumer)) {
        (Some(message), Some(_)) => Err(message),
        _ => Ok(()),
    }
}

fn translate(
    role: Role,
    values: &BTreeMap<String, String>,
) -> Result<ClientConfig, ConnectorError> {
    ClientConfig::from_java(role, values).map_err(|problems| {
        let texts: Vec<_> = problems
            .iter()
            .map(|p| format!("{}: {}", p.key, p.message))
            .collect();
        ConnectorError::stop("InvalidClientConfig", texts.join("; "))
    })
}

/// Returns the worker's settings for administration and for its own topics.
pub(crate) fn admin(config: &WorkerConfig) -> Result<ClientConfig, ConnectorError> {
    translate(Role::Common, &config.client("admin").expose())
}

/// Returns the settings of a connector's producer.
pub(crate) fn producer(
    config: &WorkerConfig,
    settings: &Settings,
    client: &str,
) -> Result<ClientConfig, ConnectorError> {
    let mut java = config.client("producer").expose();
    java.extend(overrides(settings, "producer"));
    let timeout = config.limits.transaction_timeout.as_millis().to_string();
    Ok(translate(Role::Producer, &java)?
        .or("client.id", &format!("connector-producer-{client}"))
        .or("transaction.timeout.ms", &timeout))
}

/// Returns the settings of the producer of a sink's dead letters.
pub(crate) fn dead_letters(
    config: &WorkerConfig,
    settings: &Settings,
    client: &str,
) -> Result<ClientConfig, ConnectorError> {
    let mut java = config.client("producer").expose();
    java.extend(overrides(settings, "producer"));
    let id = format!("connector-dlq-producer-{client}");
    Ok(translate(Role::Producer, &java)?.or("client.id", &id))
}

/// Returns the settings of a connector's consumer.
pub(crate) fn consumer(
    config: &WorkerConfig,
    settings: &Settings,
    connector: &str,
    client: &str,
) -> Result<ClientConfig, ConnectorError> {
    let mut java = config.client("consumer").expose();
    java.extend(overrides(settings, "consumer"));
    Ok(translate(Role::Consumer, &java)?
        .or("client.id", &format!("connector-consumer-{client}"))
        .or("group.id", &format!("connect-{connector}")))
}

/// Returns how to reach the worker's Kafka, by librdkafka's names, for connectors with clients of
/// their own.
pub(crate) fn reach(config: &WorkerConfig) -> Result<BTreeMap<String, String>, ConnectorError> {
    Ok(admin(config)?.common().native().clone())
}
