//! The connectors this binary holds: the only file that names them.

use std::sync::Arc;

use walbridge_connector_api::Connector;
use walbridge_file::{FileStreamSink, FileStreamSource};
use walbridge_mirror::MirrorConnector;
use walbridge_postgres_sink::PostgresSink;
use walbridge_postgres_source::PostgresSource;

/// The kinds of connectors that can be created.
#[derive(Clone, Default)]
pub struct Catalog {
    connectors: Vec<Arc<dyn Connector>>,
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set()
            .entries(self.connectors.iter().map(|c| c.class()))
            .finish()
    }
}

impl Catalog {
    /// Returns the catalog of the connectors compiled in.
    pub fn built_in() -> Self {
        Self::new(vec![
            Arc::new(PostgresSource),
            Arc::new(PostgresSink::new()),
            Arc::new(MirrorConnector),
            Arc::new(FileStreamSource),
            Arc::new(FileStreamSink),
        ])
    }

    /// Creates a catalog of these connectors.
    pub fn new(connectors: Vec<Arc<dyn Connector>>) -> Self {
        Self { connectors }
    }

    /// Returns all connectors.
    pub fn all(&self) -> &[Arc<dyn Connector>] {
        &self.connectors
    }

    /// Finds a connector by its class, its simple name, that name without `Connector`, or an alias.
    pub fn find(&self, class: &str) -> Option<&Arc<dyn Connector>> {
        let class = class.trim();
        self.connectors.iter().find(|connector| {
            let mut names = connector
                .aliases()
                .iter()
                .copied()
                .chain([connector.class()]);
            names.any(|name| {
                let simple = name.rsplit('.').next().unwrap_or(name);
                class == name
                    || class == simple
                    || simple
                        .strip_suffix("Connector")
                        .is_some_and(|short| short == class)
            })
        })
    }

    /// Returns Kafka Connect's words for a class that is not there.
    pub fn unknown(&self, class: &str) -> String {
        let known: Vec<_> = self.connectors.iter().map(|c| c.class()).collect();
        format!(
            "Failed to find any class that implements Connector and which name matches {class}, \
             available connectors are: {}",
            known.join(", ")
        )
    }
}
