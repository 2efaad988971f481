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

    /// Turns it into a task's error; `what` and `place` say what was converted and where it stands.
    ///
    /// A registry out of reach is waited for; anything else stops the task, so that no record is lost.
    pub fn at(self, what: &str, place: &str) -> ConnectorError {
        let message = format!("cannot convert the {what} of {place}");
        let waits = matches!(&self, Self::Registry(error) if error.is_retriable());
        if waits {
            return ConnectorError::retry("RegistryUnavailable", message).because(self);
        }
        ConnectorError::stop("ConversionFailed", message)
            .because(self)
            .remedy(format!(
                "check that {what}.converter is the one this data is written for"
            ))
    }
}
