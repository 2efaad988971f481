//! `ExtractField`: one field in the place of the whole half.

use walbridge_connector_api::data::ConnectRecord;
use walbridge_connector_api::{ConfigDef, ConfigKey, Kind};

use super::kind::{Built, Plan, REPLACE_NULL};
use super::path::{FieldPath, SYNTAX};
use super::{Side, Transform, TransformError};

/// Returns the options.
pub(super) fn config() -> ConfigDef {
    ConfigDef::new(vec![
        ConfigKey::new("field", Kind::String, "The field to take out.").required(),
        REPLACE_NULL,
        SYNTAX,
    ])
}

/// Puts one field in the place of the whole half.
struct ExtractField {
    side: Side,
    path: FieldPath,
    defaults: bool,
}

/// Makes the transform.
pub(super) fn build(plan: &Plan<'_>) -> Built {
    let mut options = plan.options(config());
    let path = FieldPath::read(&mut options, "field");
    let defaults = options.flag("replace.null.with.default");
    options.finish()?;
    Ok(Box::new(ExtractField {
        side: plan.side,
        path,
        defaults,
    }))
}

impl Transform for ExtractField {
    fn apply(&self, mut record: ConnectRecord) -> Result<Option<ConnectRecord>, TransformError> {
        let half = self.side.take(&mut record);
        let half = self.path.extract(half, self.defaults, "field extraction")?;
        self.side.put(&mut record, half);
        Ok(Some(record))
    }
}
