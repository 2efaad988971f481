//! A blocking SQL session for tests and screens.

use anyhow::{Context, Result};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::types::{FromSqlOwned, ToSql};
use tokio_postgres::{Client, NoTls, Row};

/// One connection, used from one plain thread (never inside an async runtime).
#[derive(Debug)]
pub struct Session {
    runtime: Runtime,
    client: Client,
}

impl Session {
    /// Connects to a URL such as the ones of [`crate::Postgres::url`].
    pub fn open(url: &str) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            // The task lives as long as the runtime; it ends by itself when the client is dropped,
            // and its error comes back from the next statement.
            tokio::spawn(connection);
            Ok::<_, tokio_postgres::Error>(client)
        })?;
        Ok(Self { runtime, client })
    }

    /// Runs statements separated by semicolons; they share one transaction unless they say so.
    pub fn run(&self, sql: &str) -> Result<()> {
        self.runtime
            .block_on(self.client.batch_execute(sql))
            .with_context(|| format!("running {sql}"))
    }

    /// Runs one statement with parameters and returns how many rows it touched.
    pub fn execute(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64> {
        self.runtime
            .block_on(self.client.execute(sql, values))
            .with_context(|| format!("running {sql}"))
    }

    /// Runs a query with parameters.
    pub fn query(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        self.runtime
            .block_on(self.client.query(sql, values))
            .with_context(|| format!("asking {sql}"))
    }

    /// Runs a query that yields one row and returns its first column.
    pub fn one<T: FromSqlOwned>(&self, sql: &str) -> Result<T> {
        let row = self
            .runtime
            .block_on(self.client.query_one(sql, &[]))
            .with_context(|| format!("asking {sql}"))?;
        row.try_get(0)
            .with_context(|| format!("reading the answer to {sql}"))
    }
}
