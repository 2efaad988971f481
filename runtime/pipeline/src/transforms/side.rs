//! Which half of a record a transform works on.

use walbridge_connector_api::data::{ConnectRecord, SchemaAndValue};

/// The half of a record that a transform's `$Key` or `$Value` variant works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The key.
    Key,
    /// The value.
    Value,
}

impl Side {
    /// Returns the half.
    pub(crate) fn of(self, record: &ConnectRecord) -> &SchemaAndValue {
        match self {
            Self::Key => &record.key,
            Self::Value => &record.value,
        }
    }

    fn of_mut(self, record: &mut ConnectRecord) -> &mut SchemaAndValue {
        match self {
            Self::Key => &mut record.key,
            Self::Value => &mut record.value,
        }
    }

    /// Takes the half out and leaves nothing in its place.
    pub(crate) fn take(self, record: &mut ConnectRecord) -> SchemaAndValue {
        std::mem::take(self.of_mut(record))
    }

    /// Puts the half in.
    pub(crate) fn put(self, record: &mut ConnectRecord, half: SchemaAndValue) {
        *self.of_mut(record) = half;
    }
}
