//! The error every connector answers with, and what the runtime does about it.

use std::error::Error as StdError;
use std::fmt;

use crate::data::DataError;

/// Shorthand for results of connector code.
pub type Result<T, E = ConnectorError> = std::result::Result<T, E>;

/// Says what the runtime does with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Disposition {
    /// Something is out of reach: the task waits and starts again from its stored position, for ever.
    Retry,
    /// The task lost its place in what it was doing: it starts again at once from its stored position.
    Rewind,
    /// Going on would lose, double or tear data, or cannot succeed: the task fails and stays failed.
    Stop,
}

/// Says what has to change before the same can succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mends {
    /// Something outside of the connector, or nobody knows.
    Elsewhere,
    /// The configuration.
    Configuration,
}

/// An error with a name, what is wrong and where, what to do about it, and what the runtime must do.
#[derive(Debug)]
pub struct ConnectorError {
    name: &'static str,
    disposition: Disposition,
    mends: Mends,
    message: String,
    remedy: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl ConnectorError {
    /// Creates an error after which the task waits and tries again.
    pub fn retry(name: &'static str, message: impl Into<String>) -> Self {
        Self::new(Disposition::Retry, name, message)
    }

    /// Creates an error after which the task starts again from its stored position.
    pub fn rewind(name: &'static str, message: impl Into<String>) -> Self {
        Self::new(Disposition::Rewind, name, message)
    }

    /// Creates an error after which the task stays failed until a person acts.
    pub fn stop(name: &'static str, message: impl Into<String>) -> Self {
        Self::new(Disposition::Stop, name, message)
    }

    /// Creates an error after which the task stays failed until its configuration has changed: it is
    /// never tried again by itself.
    pub fn configuration(name: &'static str, message: impl Into<String>) -> Self {
        Self {
            mends: Mends::Configuration,
            ..Self::stop(name, message)
        }
    }

    /// Creates an error with this disposition.
    pub fn new(disposition: Disposition, name: &'static str, message: impl Into<String>) -> Self {
        Self {
            name,
            disposition,
            mends: Mends::Elsewhere,
            message: message.into(),
            remedy: None,
            source: None,
        }
    }

    /// Adds what a person should do.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Adds the error that caused this one.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(cause.into());
        self
    }

    /// Returns the error's name, such as `SlotMissing`: stable, for people and alerts to match on.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns what the runtime must do.
    pub fn disposition(&self) -> Disposition {
        self.disposition
    }

    /// Returns whether the configuration must change before the task can succeed.
    pub fn is_configuration(&self) -> bool {
        self.mends == Mends::Configuration
    }

    /// Returns what is wrong and where, without the name.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns what a person should do, if the error says so.
    pub fn advice(&self) -> Option<&str> {
        self.remedy.as_deref()
    }

    /// Returns the whole story on one line each: name and message, the chain of causes, the remedy.
    pub fn trace(&self) -> String {
        use fmt::Write as _;
        let mut text = format!("{}: {}", self.name, self.message);
        let mut cause = self.source.as_deref().map(|e| e as &dyn StdError);
        while let Some(error) = cause {
            let _ = write!(text, "\nCaused by: {error}");
            cause = error.source();
        }
        if let Some(remedy) = &self.remedy {
            let _ = write!(text, "\nWhat to do: {remedy}");
        }
        text
    }
}

/// Data that does not fit stops a task: it would not fit the next time either.
impl From<DataError> for ConnectorError {
    fn from(error: DataError) -> Self {
        Self::stop("WrongData", "a value or a schema is not as it must be").because(error)
    }
}

impl fmt::Display for ConnectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.message)?;
        if let Some(remedy) = &self.remedy {
            write!(f, "; {remedy}")?;
        }
        Ok(())
    }
}

impl StdError for ConnectorError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_deref()
            .map(|e| e as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_names_cause_and_remedy() {
        let error = ConnectorError::stop("SlotMissing", "slot \"a\" does not exist")
            .because(std::io::Error::other("gone"))
            .remedy("take a new snapshot");
        assert_eq!(
            error.trace(),
            "SlotMissing: slot \"a\" does not exist\nCaused by: gone\nWhat to do: take a new snapshot"
        );
        assert_eq!(error.disposition(), Disposition::Stop);
    }
}
