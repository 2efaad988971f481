//! A blocking SQL session.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Row};

/// What every session of the suites sets, so that the same value has the same text everywhere.
const SETTINGS: &str = "set timezone = 'UTC'; set datestyle = 'ISO, MDY'; \
    set intervalstyle = 'postgres'; set bytea_output = 'hex'; set extra_float_digits = 1";

/// One session on a runtime of its own: its socket is served whenever a call waits for an answer.
pub struct Sql {
    client: Client,
    runtime: Runtime,
}

impl std::fmt::Debug for Sql {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sql").finish_non_exhaustive()
    }
}

impl Sql {
    /// Connects to the server that `conninfo` (a URL or `key=value` words) names.
    ///
    /// # Errors
    /// If the server does not answer or refuses.
    pub fn connect(conninfo: &str) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let mut config: tokio_postgres::Config = conninfo.parse()?;
        config.connect_timeout(Duration::from_secs(5));
        let client = runtime.block_on(async {
            let (client, connection) = config.connect(NoTls).await?;
            tokio::spawn(connection);
            client.batch_execute(SETTINGS).await?;
            Ok::<_, tokio_postgres::Error>(client)
        });
        let client =
            client.with_context(|| format!("cannot connect to {}", without_secret(conninfo)))?;
        Ok(Self { client, runtime })
    }

    /// Runs statements that return nothing.
    ///
    /// # Errors
    /// If the server refuses one of them.
    pub fn run(&self, statements: &str) -> Result<()> {
        self.runtime
            .block_on(self.client.batch_execute(statements))
            .map_err(|error| explain(error, statements))
    }

    /// Runs one statement and returns how many rows it touched.
    ///
    /// # Errors
    /// If the server refuses it.
    pub fn execute(&self, statement: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64> {
        self.runtime
            .block_on(self.client.execute(statement, values))
            .map_err(|error| explain(error, statement))
    }

    /// Runs one query and returns its rows.
    ///
    /// # Errors
    /// If the server refuses it.
    pub fn query(&self, query: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        self.runtime
            .block_on(self.client.query(query, values))
            .map_err(|error| explain(error, query))
    }

    /// Runs a query that yields one row.
    ///
    /// # Errors
    /// If the server refuses it, or it yields none or several.
    pub fn row(&self, query: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Row> {
        self.runtime
            .block_on(self.client.query_one(query, values))
            .map_err(|error| explain(error, query))
    }

    /// Runs a query whose first column is text and returns that column.
    ///
    /// # Errors
    /// If the server refuses it.
    pub fn texts(&self, query: &str) -> Result<Vec<Option<String>>> {
        let rows = self.query(query, &[])?;
        rows.iter()
            .map(|row| row.try_get(0).context("the first column is not text"))
            .collect()
    }

    /// Runs a query that yields one text.
    ///
    /// # Errors
    /// If the server refuses it, or it does not yield exactly one row.
    pub fn text(&self, query: &str) -> Result<String> {
        let row = self.row(query, &[])?;
        let value: Option<String> = row.try_get(0).context("the first column is not text")?;
        Ok(value.unwrap_or_default())
    }

    /// Runs a query that yields one bigint.
    ///
    /// # Errors
    /// If the server refuses it, or it does not yield exactly one row with a number.
    pub fn number(&self, query: &str) -> Result<i64> {
        self.row(query, &[])?
            .try_get(0)
            .context("the first column is not a bigint")
    }

    /// Returns whether the session is gone.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Tells whether an error of this module means that the server or the way to it is gone.
    pub fn is_lost(error: &anyhow::Error) -> bool {
        let cause = error.downcast_ref::<tokio_postgres::Error>();
        cause.is_some_and(|error| error.is_closed() || error.as_db_error().is_none())
            || Self::code(error)
                .is_some_and(|code| code.starts_with("57P") || code.starts_with("08"))
    }

    /// Returns the SQLSTATE of an error of this module, if the server gave one.
    pub fn code(error: &anyhow::Error) -> Option<&str> {
        error
            .downcast_ref::<tokio_postgres::Error>()
            .and_then(tokio_postgres::Error::code)
            .map(tokio_postgres::error::SqlState::code)
    }
}

/// Adds the server's own words and the statement to an error.
fn explain(error: tokio_postgres::Error, statement: &str) -> anyhow::Error {
    let said = error
        .as_db_error()
        .map_or_else(String::new, |db| format!("{}: ", db.message()));
    let head: String = statement.chars().take(200).collect();
    anyhow::Error::new(error).context(format!("{said}in {head}"))
}

/// Leaves the password out of a connection text.
fn without_secret(conninfo: &str) -> String {
    let words: Vec<_> = conninfo
        .split(' ')
        .filter(|word| !word.starts_with("password"))
        .collect();
    words.join(" ")
}
