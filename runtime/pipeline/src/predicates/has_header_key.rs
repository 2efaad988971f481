//! `HasHeaderKey`: records with a header of a name.

use walbridge_connector_api::data::ConnectRecord;
use walbridge_connector_api::{ConfigDef, ConfigKey, Kind};

use super::{Built, Predicate};
use crate::transforms::TransformError;
use crate::transforms::options::Options;

/// Returns the options.
pub(super) fn config() -> ConfigDef {
    ConfigDef::new(vec![
        ConfigKey::new("name", Kind::String, "The header's name.").required(),
    ])
}

/// True of records with a header of this name.
struct HasHeaderKey(String);

/// Makes the predicate.
pub(super) fn build(mut options: Options<'_>) -> Built {
    if options.text("name") == Some("") {
        options.invalid("name", "", "String must be non-empty");
    }
    let name = options.required("name").to_owned();
    options.finish()?;
    Ok(Box::new(HasHeaderKey(name)))
}

impl Predicate for HasHeaderKey {
    fn test(&self, record: &ConnectRecord) -> Result<bool, TransformError> {
        Ok(record.headers.iter().any(|header| *header.key == *self.0))
    }
}
