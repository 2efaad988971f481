//! The steps of a record's way, and what a step says that cannot be done.

use walbridge_connector_api::ConnectorError;

use crate::converters::ConvertError;
use crate::transforms::ChainError;

/// A step of a record's way between a connector and Kafka, by Kafka Connect's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// A transform works on the record.
    Transformation,
    /// The key is converted.
    KeyConverter,
    /// The value is converted.
    ValueConverter,
    /// A header's value is converted.
    HeaderConverter,
    /// The sink takes the record.
    TaskPut,
}

impl Stage {
    /// Returns the name in logs and in the headers of dead letters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transformation => "TRANSFORMATION",
            Self::KeyConverter => "KEY_CONVERTER",
            Self::ValueConverter => "VALUE_CONVERTER",
            Self::HeaderConverter => "HEADER_CONVERTER",
            Self::TaskPut => "TASK_PUT",
        }
    }
}

/// A record that one step could not be done for.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub struct StageError {
    stage: Stage,
    class: &'static str,
    /// The header's name, if it is about one.
    header: Option<String>,
    #[source]
    cause: Box<Cause>,
}

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error(transparent)]
    Transform(ChainError),
    #[error(transparent)]
    Convert(ConvertError),
}

impl StageError {
    pub(crate) fn convert(stage: Stage, class: &'static str, cause: ConvertError) -> Self {
        Self {
            stage,
            class,
            header: None,
            cause: Box::new(Cause::Convert(cause)),
        }
    }

    pub(crate) fn in_header(mut self, name: &str) -> Self {
        self.header = Some(name.to_owned());
        self
    }

    /// Returns the step.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Returns the Java class of the transform or converter.
    pub fn class(&self) -> &'static str {
        self.class
    }

    /// Returns the Java class of the exception that Kafka Connect has in its place.
    pub fn exception(&self) -> &'static str {
        match &*self.cause {
            Cause::Transform(error) => error.cause.class(),
            Cause::Convert(error) => error.class(),
        }
    }

    /// Returns what the transform or converter said.
    pub fn message(&self) -> String {
        match &*self.cause {
            Cause::Transform(error) => error.cause.to_string(),
            Cause::Convert(error) => error.to_string(),
        }
    }

    /// Returns whether the same record may pass later: what the step needs is out of reach.
    pub fn is_retriable(&self) -> bool {
        matches!(&*self.cause, Cause::Convert(error) if error.is_retriable())
    }

    /// Turns it into a task's error; `place` says which record it is about.
    pub fn at(self, place: &str) -> ConnectorError {
        let place = match &self.header {
            None => place.to_owned(),
            Some(name) => format!("{place}, header \"{name}\""),
        };
        let what = match self.stage {
            Stage::KeyConverter => "key",
            Stage::HeaderConverter => "header",
            _ => "value",
        };
        match *self.cause {
            Cause::Transform(error) => error.at(&place),
            Cause::Convert(error) => error.at(what, &place),
        }
    }
}

impl From<ChainError> for StageError {
    fn from(error: ChainError) -> Self {
        Self {
            stage: Stage::Transformation,
            class: error.class,
            header: None,
            cause: Box::new(Cause::Transform(error)),
        }
    }
}
