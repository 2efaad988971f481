//! One site: a database, a Kafka and a schema registry.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::kafka::{Kafka, KafkaPorts};
use crate::link::Route;
use crate::parts::Parts;
use crate::ports::free_port;
use crate::postgres::{self, Postgres};
use crate::registry::Registry;
use crate::server::Server;
use crate::state::Options;

/// The ports of a site.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct SitePorts {
    /// PostgreSQL.
    pub postgres: u16,
    /// Kafka for the site's own clients.
    pub kafka: u16,
    /// The schema registry for the site's own clients.
    pub registry: u16,
    /// The worker's REST API.
    pub connect: u16,
    /// Kafka as the other site reaches it: through the link.
    pub kafka_link: u16,
    /// The schema registry as the other site reaches it: through the link.
    pub registry_link: u16,
    /// The listener of Kafka behind the link.
    pub kafka_behind: u16,
    /// Kafka's controller.
    pub controller: u16,
}

impl SitePorts {
    /// Takes free ports from `base` on.
    pub fn take(base: u16) -> Result<Self> {
        Ok(Self {
            postgres: free_port(base + 1)?,
            kafka: free_port(base + 2)?,
            registry: free_port(base + 3)?,
            connect: free_port(base + 4)?,
            kafka_link: free_port(base + 5)?,
            registry_link: free_port(base + 6)?,
            kafka_behind: free_port(base + 7)?,
            controller: free_port(base + 8)?,
        })
    }

    /// Returns the ways that lead into this site from the other one.
    pub fn routes(&self) -> [Route; 2] {
        [
            Route {
                listen: self.kafka_link,
                target: self.kafka_behind,
            },
            Route {
                listen: self.registry_link,
                target: self.registry,
            },
        ]
    }
}

/// A site's servers.
#[derive(Debug)]
pub struct Site {
    name: String,
    ports: SitePorts,
    postgres: Postgres,
    kafka: Kafka,
    registry: Registry,
}

impl Site {
    /// Describes the site `name` of a lab.
    pub(crate) fn new(
        name: &str,
        ports: SitePorts,
        options: &Options,
        parts: &Parts,
    ) -> Result<Self> {
        let dir = &options.dir;
        let kafka = KafkaPorts {
            client: ports.kafka,
            link: ports.kafka_behind,
            advertised_link: ports.kafka_link,
            controller: ports.controller,
        };
        let fast = options.fast;
        Ok(Self {
            name: name.to_owned(),
            ports,
            postgres: Postgres::new(&format!("{name}-postgres"), dir, ports.postgres, parts)?,
            kafka: Kafka::new(&format!("{name}-kafka"), dir, kafka, fast, parts),
            registry: Registry::new(
                &format!("{name}-registry"),
                dir,
                ports.registry,
                ports.registry_link,
                fast,
                parts,
            )?,
        })
    }

    /// Creates the servers' folders and settings.
    pub(crate) fn create(&self, options: &Options) -> Result<()> {
        std::fs::create_dir_all(options.dir.join("data").join(self.registry.name()))?;
        std::thread::scope(|scope| {
            let kafka = scope.spawn(|| self.kafka.create(&options.kafka));
            let postgres = self.postgres.create(&options.postgres);
            match kafka.join() {
                Ok(kafka) => postgres.and(kafka),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// Returns the site's name: `east` or `west`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the database.
    pub fn postgres(&self) -> &Postgres {
        &self.postgres
    }

    /// Returns the Kafka.
    pub fn kafka(&self) -> &Kafka {
        &self.kafka
    }

    /// Returns the schema registry.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Returns the ports.
    pub fn ports(&self) -> &SitePorts {
        &self.ports
    }

    /// Returns the servers in the order they are started.
    pub fn servers(&self) -> [&Server; 3] {
        [&self.postgres, &self.kafka, &self.registry]
    }

    /// Returns the URL at which the site's worker answers.
    pub fn connect_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.connect)
    }

    /// Returns where everything is, as names and values: `EAST_PG`, `EAST_KAFKA`, …
    pub fn env(&self) -> Vec<(String, String)> {
        let pairs = [
            ("PG", self.postgres.url(postgres::DATABASE)),
            ("PG_HOST", "127.0.0.1".to_owned()),
            ("PG_PORT", self.ports.postgres.to_string()),
            ("PG_USER", postgres::USER.to_owned()),
            ("PG_PASSWORD", postgres::PASSWORD.to_owned()),
            ("PG_DATABASE", postgres::DATABASE.to_owned()),
            ("KAFKA", self.kafka.bootstrap()),
            ("KAFKA_LINK", self.kafka.link_bootstrap()),
            ("REGISTRY", self.registry.url()),
            ("REGISTRY_LINK", self.registry.link_url()),
            ("CONNECT", self.connect_url()),
            ("CONNECT_PORT", self.ports.connect.to_string()),
        ];
        let prefix = self.name.to_uppercase();
        pairs
            .into_iter()
            .map(|(name, value)| (format!("{prefix}_{name}"), value))
            .collect()
    }
}
