//! Settings of a Kafka client, by librdkafka's names.

use std::collections::BTreeMap;
use std::fmt;

use walbridge_connector_api::ConfigProblem;

use crate::error::{ErrorKind, KafkaError};
use crate::java;
use crate::raw::Handle;

/// What a client is for; settings of the other kinds are not its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Only how to reach the cluster.
    Common,
    /// Writing too.
    Producer,
    /// Reading too.
    Consumer,
}

/// Settings of a Kafka client, by librdkafka's names; secrets are never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ClientConfig {
    values: BTreeMap<String, String>,
}

impl ClientConfig {
    /// Creates settings that know only where the cluster is.
    pub fn new(bootstrap_servers: impl Into<String>) -> Self {
        Self::default().with("bootstrap.servers", bootstrap_servers)
    }

    /// Takes settings that already have librdkafka's names.
    pub fn from_native(values: BTreeMap<String, String>) -> Self {
        Self { values }
    }

    /// Translates settings from the Java clients' names; those of no meaning here are refused.
    ///
    /// # Errors
    /// Every setting that is unknown or cannot be translated, each with its reason.
    pub fn from_java(
        role: Role,
        values: &BTreeMap<String, String>,
    ) -> Result<Self, Vec<ConfigProblem>> {
        java::translate(role, values).map(|values| Self { values })
    }

    /// Checks each value by itself, as librdkafka does when a client is made.
    ///
    /// # Errors
    /// The first that it does not take, by librdkafka's name.
    pub fn check(&self) -> Result<(), KafkaError> {
        for (name, value) in &self.values {
            Handle::check(name, value)?;
            // librdkafka takes the digits in front and drops the rest: 1e5 would be 1.
            let digits = value.trim_start_matches(['+', '-']);
            let cut = digits.starts_with(|c: char| c.is_ascii_digit())
                && value.parse::<i64>().is_err()
                && Handle::check(name, "no number").is_err();
            if cut {
                return Err(KafkaError::new(ErrorKind::Config, "not a whole number"));
            }
        }
        Ok(())
    }

    /// Sets a value by librdkafka's name.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.values.insert(name.to_owned(), value.into());
        self
    }

    /// Sets a value by librdkafka's name unless it is set already.
    #[must_use]
    pub fn or(mut self, name: &str, value: &str) -> Self {
        self.values
            .entry(name.to_owned())
            .or_insert_with(|| value.to_owned());
        self
    }

    /// Returns a value by librdkafka's name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Returns the addresses of the cluster, for messages.
    pub fn servers(&self) -> &str {
        self.get("bootstrap.servers").unwrap_or_default()
    }

    /// Returns all values by librdkafka's names.
    pub fn native(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// Returns only what says how to reach the cluster, without what belongs to one role.
    #[must_use]
    pub fn common(&self) -> Self {
        let values = self.values.iter().filter(|(name, _)| !java::has_role(name));
        Self {
            values: values.map(|(n, v)| (n.clone(), v.clone())).collect(),
        }
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |name: &str| {
            let secret = ["password", "pem", "secret", "jaas"]
                .iter()
                .any(|s| name.contains(s));
            !secret
        };
        let mut map = f.debug_map();
        for (name, value) in &self.values {
            map.entry(
                name,
                &if shown(name) {
                    value.as_str()
                } else {
                    "[hidden]"
                },
            );
        }
        map.finish()
    }
}
