//! The sink as the runtime loads it.

use walbridge_connector_api::{
    ConfigDef, ConfigProblem, Connector, ConnectorError, ConnectorKind, Result, Settings, SinkTask,
    TaskContext,
};
use walbridge_schemas::registry::Registry;

use crate::config::{self, Config};
use crate::schema::Schemas;
use crate::task::PostgresSinkTask;

/// The connector that keeps a PostgreSQL database in step with a source's topics.
#[derive(Debug)]
pub struct PostgresSink {
    definition: ConfigDef,
}

impl Default for PostgresSink {
    fn default() -> Self {
        Self::new()
    }
}

impl PostgresSink {
    /// Creates the connector.
    pub fn new() -> Self {
        Self {
            definition: config::definition(),
        }
    }

    /// Starts a task that takes schemas from `schemas` instead of a registry.
    ///
    /// # Errors
    /// If the settings do not make sense together.
    pub fn task(
        settings: &Settings,
        context: TaskContext,
        schemas: Box<dyn Schemas>,
    ) -> Result<Box<dyn SinkTask>> {
        let config = Config::new(settings, &context.connector)?;
        Ok(Box::new(PostgresSinkTask::new(config, context, schemas)))
    }
}

impl Connector for PostgresSink {
    fn class(&self) -> &'static str {
        "io.walbridge.PostgresSinkConnector"
    }

    fn aliases(&self) -> &'static [&'static str] {
        &[
            "PostgresSinkConnector",
            "PostgresSink",
            "io.debezium.connector.jdbc.JdbcSinkConnector",
            "io.confluent.connect.jdbc.JdbcSinkConnector",
        ]
    }

    fn kind(&self) -> ConnectorKind {
        ConnectorKind::Sink
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn config(&self) -> &ConfigDef {
        &self.definition
    }

    fn validate(&self, settings: &Settings) -> Vec<ConfigProblem> {
        config::validate(settings)
    }

    fn sink(&self, settings: &Settings, context: TaskContext) -> Result<Box<dyn SinkTask>> {
        let registry = Registry::new(&config::registry(settings)?)
            .map_err(|e| ConnectorError::configuration("BadConfiguration", e.to_string()))?;
        Self::task(settings, context, Box::new(registry))
    }
}
