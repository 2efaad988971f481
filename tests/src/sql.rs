//! SQL as the suites speak it: the lab's session, with the same text for the same value everywhere.

use std::ops::Deref;

use anyhow::{Context, Result};
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;
use walbridge_lab::Session;

/// What every session of the suites sets.
const SETTINGS: &str = "set timezone = 'UTC'; set datestyle = 'ISO, MDY'; \
    set intervalstyle = 'postgres'; set bytea_output = 'hex'; set extra_float_digits = 1";

/// A session whose values read the same at every site.
#[derive(Debug)]
pub struct Sql(Session);

impl Deref for Sql {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.0
    }
}

impl Sql {
    /// Connects to the database at `url`.
    ///
    /// # Errors
    /// If the server does not answer or refuses.
    pub fn connect(url: &str) -> Result<Self> {
        let session = Session::open(&format!("{url}?connect_timeout=5"))
            .with_context(|| format!("cannot connect to {}", without_secret(url)))?;
        session.run(SETTINGS)?;
        Ok(Self(session))
    }

    /// Runs a query whose first column is text and returns that column without its nulls.
    ///
    /// # Errors
    /// If the server refuses it.
    pub fn texts(&self, query: &str) -> Result<Vec<String>> {
        let rows = self.query(query, &[])?;
        let texts: Result<Vec<Option<String>>, _> = rows.iter().map(|row| row.try_get(0)).collect();
        let texts = texts.with_context(|| format!("the first column is not text in {query}"))?;
        Ok(texts.into_iter().flatten().collect())
    }

    /// Runs a query that yields one bigint.
    ///
    /// # Errors
    /// If the server refuses it, or it does not yield exactly one number.
    pub fn number(&self, query: &str) -> Result<i64> {
        self.one(query)
    }

    /// Tells whether an error means that the server or the way to it is gone.
    pub fn is_lost(error: &anyhow::Error) -> bool {
        let cause = error.downcast_ref::<Error>();
        cause.is_some_and(|cause| cause.is_closed() || cause.as_db_error().is_none())
            || Self::code(error)
                .is_some_and(|code| code.starts_with("57P") || code.starts_with("08"))
    }

    /// Returns the SQLSTATE of an error, if the server gave one.
    pub fn code(error: &anyhow::Error) -> Option<&str> {
        error
            .downcast_ref::<Error>()
            .and_then(Error::code)
            .map(SqlState::code)
    }
}

/// Leaves the password out of a URL.
fn without_secret(url: &str) -> &str {
    url.rsplit_once('@').map_or(url, |(_, rest)| rest)
}
