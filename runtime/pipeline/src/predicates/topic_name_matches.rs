//! `TopicNameMatches`: records of topics that match a regular expression.

use walbridge_connector_api::data::ConnectRecord;
use walbridge_connector_api::{ConfigDef, ConfigKey, Importance, Kind};

use super::{Built, Predicate};
use crate::transforms::TransformError;
use crate::transforms::options::Options;
use crate::transforms::regex::JavaRegex;

/// Returns the options.
pub(super) fn config() -> ConfigDef {
    ConfigDef::new(vec![
        ConfigKey::new(
            "pattern",
            Kind::String,
            "The regular expression that the whole topic must match.",
        )
        .required()
        .importance(Importance::Medium),
    ])
}

/// True of records whose topic matches.
struct TopicNameMatches(JavaRegex);

/// Makes the predicate.
pub(super) fn build(mut options: Options<'_>) -> Built {
    let pattern = options.required("pattern");
    if options.text("pattern") == Some("") {
        options.invalid("pattern", "", "String must be non-empty");
    }
    let regex = JavaRegex::new(pattern);
    if let Err(why) = &regex {
        options.invalid("pattern", pattern, &format!("Invalid regex: {why}"));
    }
    options.finish()?;
    match regex {
        Ok(regex) => Ok(Box::new(TopicNameMatches(regex))),
        Err(_) => Err(Vec::new()),
    }
}

impl Predicate for TopicNameMatches {
    fn test(&self, record: &ConnectRecord) -> Result<bool, TransformError> {
        self.0.matches(&record.topic)
    }
}
