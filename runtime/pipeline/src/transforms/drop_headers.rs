//! `DropHeaders`: headers by their names.

use walbridge_connector_api::data::ConnectRecord;
use walbridge_connector_api::{ConfigDef, ConfigKey, Importance, Kind};

use super::kind::{Built, Plan};
use super::{Transform, TransformError};

/// Returns the options.
pub(super) fn config() -> ConfigDef {
    ConfigDef::new(vec![
        ConfigKey::new("headers", Kind::List, "The names of the headers to remove.")
            .required()
            .importance(Importance::High),
    ])
}

/// Removes headers.
struct DropHeaders(Vec<String>);

/// Makes the transform.
pub(super) fn build(plan: &Plan<'_>) -> Built {
    let mut options = plan.options(config());
    let names = options.names("headers");
    options.finish()?;
    let names = names.into_iter().map(str::to_owned).collect();
    Ok(Box::new(DropHeaders(names)))
}

impl Transform for DropHeaders {
    fn apply(&self, mut record: ConnectRecord) -> Result<Option<ConnectRecord>, TransformError> {
        record
            .headers
            .retain(|header| !self.0.iter().any(|name| **name == *header.key));
        Ok(Some(record))
    }
}
