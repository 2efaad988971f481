//! The kind of connector that the runtime knows.

use std::sync::OnceLock;

use walbridge_connector_api::{
    ConfigDef, ConfigProblem, Connector, ConnectorKind, ExactlyOnce, Result, Settings, SourceTask,
    TaskContext,
};

use crate::config;
use crate::task::Task;

/// Reads a PostgreSQL database's changes into Kafka.
#[derive(Debug, Clone, Copy, Default)]
pub struct PostgresSource;

impl Connector for PostgresSource {
    fn class(&self) -> &'static str {
        "io.walbridge.PostgresSourceConnector"
    }

    fn aliases(&self) -> &'static [&'static str] {
        &[
            "PostgresSource",
            "PostgresSourceConnector",
            "PostgresConnector",
            "io.debezium.connector.postgresql.PostgresConnector",
        ]
    }

    fn kind(&self) -> ConnectorKind {
        ConnectorKind::Source
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn config(&self) -> &ConfigDef {
        static DEFINITION: OnceLock<ConfigDef> = OnceLock::new();
        DEFINITION.get_or_init(config::definition)
    }

    fn validate(&self, settings: &Settings) -> Vec<ConfigProblem> {
        config::problems(settings)
    }

    fn exactly_once(&self, _settings: &Settings) -> ExactlyOnce {
        ExactlyOnce::Supported
    }

    fn source(&self, settings: &Settings, context: TaskContext) -> Result<Box<dyn SourceTask>> {
        Ok(Box::new(Task::start(settings, &context)?))
    }
}
