//! `InsertHeader`: a fixed header on every record.

use walbridge_connector_api::data::{ConnectHeader, ConnectRecord};
use walbridge_connector_api::{ConfigDef, ConfigKey, Importance, Kind};

use super::kind::{Built, Plan};
use super::{Transform, TransformError, literal};

/// Returns the options.
pub(super) fn config() -> ConfigDef {
    let key = |name, doc| {
        ConfigKey::new(name, Kind::String, doc)
            .required()
            .importance(Importance::High)
    };
    ConfigDef::new(vec![
        key("header", "The header's name."),
        key(
            "value.literal",
            "The header's value: its type is what the text looks like.",
        ),
    ])
}

/// Adds a header.
struct InsertHeader(ConnectHeader);

/// Makes the transform.
pub(super) fn build(plan: &Plan<'_>) -> Built {
    let mut options = plan.options(config());
    let text = options.required("value.literal");
    let value = literal::parse(text).unwrap_or_else(|why| {
        options.invalid("value.literal", text, &why);
        walbridge_connector_api::data::SchemaAndValue::NULL
    });
    let header = ConnectHeader::new(options.required("header"), value);
    options.finish()?;
    Ok(Box::new(InsertHeader(header)))
}

impl Transform for InsertHeader {
    fn apply(&self, mut record: ConnectRecord) -> Result<Option<ConnectRecord>, TransformError> {
        record.headers.push(self.0.clone());
        Ok(Some(record))
    }
}
