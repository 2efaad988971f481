//! `TimestampRouter`: another topic by the record's timestamp.

use walbridge_connector_api::data::ConnectRecord;
use walbridge_connector_api::{ConfigDef, ConfigKey, Importance, Kind};

use super::dates::Pattern;
use super::kind::{Built, Plan};
use super::{Transform, TransformError};

/// Returns the options.
pub(super) fn config() -> ConfigDef {
    let key = |name, doc| ConfigKey::new(name, Kind::String, doc).importance(Importance::High);
    ConfigDef::new(vec![
        key(
            "topic.format",
            "The new topic, with ${topic} for the old one and ${timestamp}.",
        )
        .default("${topic}-${timestamp}"),
        key(
            "timestamp.format",
            "How the timestamp is written, as Java's SimpleDateFormat has it; UTC.",
        )
        .default("yyyyMMdd"),
    ])
}

/// Gives records another topic by their timestamps.
struct TimestampRouter {
    topic: String,
    pattern: Pattern,
}

/// Makes the transform.
pub(super) fn build(plan: &Plan<'_>) -> Built {
    let mut options = plan.options(config());
    let topic = options.required("topic.format").to_owned();
    let text = options.required("timestamp.format");
    let pattern = Pattern::new(text);
    if let Err(why) = &pattern {
        options.invalid("timestamp.format", text, why);
    }
    options.finish()?;
    match pattern {
        Ok(pattern) => Ok(Box::new(TimestampRouter { topic, pattern })),
        Err(_) => Err(Vec::new()),
    }
}

impl Transform for TimestampRouter {
    fn apply(&self, mut record: ConnectRecord) -> Result<Option<ConnectRecord>, TransformError> {
        let Some(millis) = record.timestamp else {
            return Err(TransformError::data(format!(
                "Timestamp missing on record: topic {}",
                record.topic
            )));
        };
        let topic = self.topic.replace("${topic}", &record.topic);
        let topic = topic.replace("${timestamp}", &self.pattern.format(millis));
        record.topic = topic.into();
        Ok(Some(record))
    }
}
