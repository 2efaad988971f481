//! What a transform says when it cannot do its work.

use walbridge_connector_api::data::DataError;

/// A record that a transform cannot work on: Kafka Connect's message, and the Java class it throws.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TransformError {
    class: &'static str,
    message: String,
}

impl TransformError {
    /// Creates an error about a value that does not fit.
    pub fn data(message: impl Into<String>) -> Self {
        Self::new("org.apache.kafka.connect.errors.DataException", message)
    }

    /// Creates an error about a schema that cannot be made.
    pub fn schema(message: impl Into<String>) -> Self {
        Self::new(
            "org.apache.kafka.connect.errors.SchemaBuilderException",
            message,
        )
    }

    /// Creates an error of Kafka Connect's general kind.
    pub fn connect(message: impl Into<String>) -> Self {
        Self::new("org.apache.kafka.connect.errors.ConnectException", message)
    }

    /// Creates an error about a field or setting that does not suit the record.
    pub fn argument(message: impl Into<String>) -> Self {
        Self::new("java.lang.IllegalArgumentException", message)
    }

    /// Creates an error with the class that Java throws in its place.
    pub fn new(class: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { class, message }
    }

    /// Returns the Java class, as a dead letter's headers and Connect's logs name it.
    pub fn class(&self) -> &'static str {
        self.class
    }
}

impl From<DataError> for TransformError {
    fn from(error: DataError) -> Self {
        match error {
            DataError::DuplicateField { field } => Self::schema(format!(
                "Cannot create field because of field name duplication {field}"
            )),
            other => Self::data(other.to_string()),
        }
    }
}
