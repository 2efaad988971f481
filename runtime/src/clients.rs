//! Kafka client settings from the worker's and a connector's configuration.

use std::collections::BTreeMap;

use walbridge_connector_api::{ConnectorError, Settings};
use walbridge_kafka::{ClientConfig, Role};

use crate::config::WorkerConfig;
use crate::connector::overrides;

/// Says what is wrong with the settings of a kind of client, by their Java names.
///
/// They are read together, once: a store's location means nothing without its type.
pub(crate) fn check_java(
    role: Role,
    values: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let problems = ClientConfig::from_java(role, values)
        .err()
        .unwrap_or_default();
    let problems = problems.into_iter();
    let mut wrong: BTreeMap<_, _> = problems.map(|p| (p.key, p.message)).collect();
    for (name, value) in values {
        if wrong.contains_key(name) {
            continue;
        }
        // What stands for itself is checked by itself.
        let own = BTreeMap::from([(name.clone(), value.clone())]);
        if let Ok(native) = ClientConfig::from_java(role, &own)
            && let Err(why) = native.check()
        {
            let words = format!("Invalid value for configuration {name}: {why}");
            wrong.insert(name.clone(), words);
        }
    }
    wrong
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
        ConnectorError::configuration("InvalidClientConfig", texts.join("; "))
    })
}

/// Returns the worker's settings of a kind of client, by Java name, with the connector's over them.
fn laid_over(config: &WorkerConfig, settings: &Settings, role: &str) -> BTreeMap<String, String> {
    let mut java = config.client(role).expose();
    java.extend(overrides(settings, role));
    java
}

/// Returns the worker's settings for administration and for its own topics.
pub(crate) fn admin(config: &WorkerConfig) -> Result<ClientConfig, ConnectorError> {
    translate(Role::Common, &config.client("admin").expose())
}

/// Returns a connector's settings for administration: its topics, and the topic of its own offsets.
pub(crate) fn admin_of(
    config: &WorkerConfig,
    settings: &Settings,
    client: &str,
) -> Result<ClientConfig, ConnectorError> {
    let java = laid_over(config, settings, "admin");
    let id = format!("connector-adminclient-{client}");
    Ok(translate(Role::Common, &java)?.or("client.id", &id))
}

/// Returns the settings of a connector's producer outside of transactions.
pub(crate) fn plain_producer(
    config: &WorkerConfig,
    settings: &Settings,
    client: &str,
) -> Result<ClientConfig, ConnectorError> {
    let mut java = laid_over(config, settings, "producer");
    java.remove("transaction.timeout.ms");
    let id = format!("connector-producer-{client}");
    Ok(translate(Role::Producer, &java)?.or("client.id", &id))
}

/// Returns the settings of a connector's producer.
pub(crate) fn producer(
    config: &WorkerConfig,
    settings: &Settings,
    client: &str,
) -> Result<ClientConfig, ConnectorError> {
    let java = laid_over(config, settings, "producer");
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
    let java = laid_over(config, settings, "producer");
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
    let java = laid_over(config, settings, "consumer");
    Ok(translate(Role::Consumer, &java)?
        .or("client.id", &format!("connector-consumer-{client}"))
        .or("group.id", &format!("connect-{connector}")))
}

/// Returns how to reach the worker's Kafka, by librdkafka's names, for connectors with clients of
/// their own.
pub(crate) fn reach(
    config: &WorkerConfig,
    settings: &Settings,
    client: &str,
) -> Result<BTreeMap<String, String>, ConnectorError> {
    Ok(admin_of(config, settings, client)?
        .common()
        .native()
        .clone())
}
