//! `RecordIsTombstone`: records without a value.

use walbridge_connector_api::ConfigDef;
use walbridge_connector_api::data::ConnectRecord;

use super::{Built, Predicate};
use crate::transforms::TransformError;
use crate::transforms::options::Options;

/// Returns the options: none.
pub(super) fn config() -> ConfigDef {
    ConfigDef::default()
}

/// True of records whose value is null.
struct RecordIsTombstone;

/// Makes the predicate.
pub(super) fn build(options: Options<'_>) -> Built {
    options.finish()?;
    Ok(Box::new(RecordIsTombstone))
}

impl Predicate for RecordIsTombstone {
    fn test(&self, record: &ConnectRecord) -> Result<bool, TransformError> {
        Ok(record.value.is_null())
    }
}
