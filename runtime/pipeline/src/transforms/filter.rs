//! `Filter`: drops every record it sees; a predicate says which ones.

use walbridge_connector_api::ConfigDef;
use walbridge_connector_api::data::ConnectRecord;

use super::kind::{Built, Plan};
use super::{Transform, TransformError};

/// Returns the options: none.
pub(super) fn config() -> ConfigDef {
    ConfigDef::default()
}

/// Drops records.
struct Filter;

/// Makes the transform.
#[allow(clippy::unnecessary_wraps)]
pub(super) fn build(_: &Plan<'_>) -> Built {
    Ok(Box::new(Filter))
}

impl Transform for Filter {
    fn apply(&self, _: ConnectRecord) -> Result<Option<ConnectRecord>, TransformError> {
        Ok(None)
    }
}
