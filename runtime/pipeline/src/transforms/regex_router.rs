//! `RegexRouter`: another topic by a regular expression.

use walbridge_connector_api::data::ConnectRecord;
use walbridge_connector_api::{ConfigDef, ConfigKey, Importance, Kind};

use super::kind::{Built, Plan};
use super::options::Options;
use super::regex::{JavaRegex, Replacement};
use super::{Transform, TransformError};

/// Returns the options.
pub(super) fn config() -> ConfigDef {
    let key = |name, doc| {
        ConfigKey::new(name, Kind::String, doc)
            .required()
            .importance(Importance::High)
    };
    ConfigDef::new(vec![
        key(
            "regex",
            "The regular expression that the whole topic must match.",
        ),
        key(
            "replacement",
            "The new topic, with $1 or ${name} for a group.",
        ),
    ])
}

/// Gives records another topic.
#[derive(Debug)]
pub(super) struct RegexRouter {
    regex: JavaRegex,
    replacement: Replacement,
}

/// Makes the transform.
pub(super) fn build(plan: &Plan<'_>) -> Built {
    let mut options = plan.options(config());
    let router = RegexRouter::read(&mut options, "regex", "replacement", "Invalid regex: ");
    options.finish()?;
    match router {
        Some(router) => Ok(Box::new(router)),
        None => Err(Vec::new()),
    }
}

impl RegexRouter {
    /// Reads the two options; `None` if they cannot be used, which is reported.
    pub(super) fn read(
        options: &mut Options<'_>,
        regex_key: &str,
        replacement_key: &str,
        invalid: &str,
    ) -> Option<Self> {
        let pattern = options.text(regex_key)?;
        let text = options.text(replacement_key)?;
        let regex = match JavaRegex::new(pattern) {
            Ok(regex) => regex,
            Err(why) => {
                options.invalid(regex_key, pattern, &format!("{invalid}{why}"));
                return None;
            }
        };
        match Replacement::new(text, &regex) {
            Ok(replacement) => Some(Self { regex, replacement }),
            Err(why) => {
                options.invalid(replacement_key, text, &why);
                None
            }
        }
    }

    /// Gives the record another topic, if its own matches.
    pub(super) fn route(&self, mut record: ConnectRecord) -> Result<ConnectRecord, TransformError> {
        if self.regex.matches(&record.topic)? {
            record.topic = self
                .regex
                .replace_first(&record.topic, &self.replacement)?
                .into();
        }
        Ok(record)
    }
}

impl Transform for RegexRouter {
    fn apply(&self, record: ConnectRecord) -> Result<Option<ConnectRecord>, TransformError> {
        self.route(record).map(Some)
    }
}
