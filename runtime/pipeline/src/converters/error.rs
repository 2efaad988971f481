//! Why a value could not be converted.

use walbridge_connector_api::ConnectorError;
use walbridge_connector_api::data::DataError;
use walbridge_schemas::AvroError;
use walbridge_schemas::registry::RegistryError;

/// What went wrong between a value and its bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// The value or the bytes are not what the converter handles.
    #[error("{0}")]
    Data(String),
    /// The value does not fit its schema.
    #[error(transparent)]
    Model(#[from] DataError),
    /// The bytes are not Avro of the schema they name.
    #[error(transparent)]
    Avro(#[from] AvroError),
    /// The schema registry did not help.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl ConvertError {
    pub(crate) fn data(message: impl Into<String>) -> Self {
        Self::Data(message.into())
    }

    /// Returns whether the same may succeed later: the registry is out of reach.
    pub fn is_retriable(&self) -> bool {
        matches!(self, Self::Registry(error) if error.is_retriable())
    }

    /// Returns the Java class that a dead letter's headers and Connect's logs name.
    pub fn class(&self) -> &'static str {
        if self.is_retriable() {
            "org.apache.kafka.connect.errors.RetriableException"
        } else {
            "org.apache.kafka.connect.errors.DataException"
        }
    }

    /// Turns it into a task's error; `what` and `place` say what was converted and where it stands.
    ///
    /// A registry out of reach is waited for; anything else stops the task, so that no record is lost.
    pub fn at(self, what: &str, place: &str) -> ConnectorError {
        let message = format!("cannot convert the {what} of {place}");
        if self.is_retriable() {
            return ConnectorError::retry("RegistryUnavailable", message).because(self);
        }
        ConnectorError::stop("ConversionFailed", message)
            .because(self)
            .remedy(format!(
                "check that {what}.converter is the one this data is written for; records that cannot be \
                 mended can be put aside with errors.tolerance=all and \
                 errors.deadletterqueue.topic.name"
            ))
    }
}
