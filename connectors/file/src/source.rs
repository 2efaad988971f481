//! The kind of connector that reads lines.

use std::sync::OnceLock;

use serde_json::{Map, Value};
use walbridge_connector_api::{
    ConfigDef, ConfigKey, Connector, ConnectorKind, ExactlyOnce, Form, Importance, Kind,
    OffsetEntry, RecordSource, Result, Settings, TaskContext,
};

use crate::source_task::FileSourceTask;

/// The member of a source partition that names the file.
pub(crate) const FILENAME: &str = "filename";
/// The member of a source offset that says how many bytes were read.
pub(crate) const POSITION: &str = "position";

/// Reads lines of a file, or of standard input, into a topic.
#[derive(Debug, Clone, Copy, Default)]
pub struct FileStreamSource;

impl Connector for FileStreamSource {
    fn class(&self) -> &'static str {
        "org.apache.kafka.connect.file.FileStreamSourceConnector"
    }

    fn task_class(&self) -> &'static str {
        "org.apache.kafka.connect.file.FileStreamSourceTask"
    }

    fn kind(&self) -> ConnectorKind {
        ConnectorKind::Source
    }

    fn form(&self) -> Form {
        Form::Records
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn config(&self) -> &ConfigDef {
        static DEF: OnceLock<ConfigDef> = OnceLock::new();
        DEF.get_or_init(|| {
            ConfigDef::new(vec![
                ConfigKey::new(
                    "file",
                    Kind::String,
                    "Source filename. If not specified, the standard input will be used",
                )
                .importance(Importance::High),
                ConfigKey::new("topic", Kind::String, "The topic to publish data to").required(),
                ConfigKey::new(
                    "batch.size",
                    Kind::Int,
                    "The maximum number of records the source task can read from the file each time \
                     it is polled",
                )
                .default("2000")
                .min(1)
                .importance(Importance::Low),
            ])
        })
    }

    fn exactly_once(&self, settings: &Settings) -> ExactlyOnce {
        // Standard input cannot be read again.
        match settings.optional("file") {
            Some(_) => ExactlyOnce::Supported,
            None => ExactlyOnce::Unsupported,
        }
    }

    fn record_source(
        &self,
        settings: &Settings,
        context: TaskContext,
    ) -> Result<Box<dyn RecordSource>> {
        Ok(Box::new(FileSourceTask::new(settings, &context)?))
    }

    fn check_offsets(&self, settings: &Settings, offsets: &[OffsetEntry]) -> Result<(), String> {
        if settings.optional("file").is_none() {
            return Err(
                "Offsets cannot be modified if the 'file' configuration is unspecified. This is because \
                 stdin is used for input and offsets are not tracked."
                    .to_owned(),
            );
        }
        offsets.iter().try_for_each(check_offset)
    }
}

fn check_offset(entry: &OffsetEntry) -> Result<(), String> {
    let Some(offset) = &entry.offset else {
        return Ok(());
    };
    position(offset)?;
    if !entry.partition.contains_key(FILENAME) {
        return Err(format!(
            "Partition objects should contain the key '{FILENAME}'"
        ));
    }
    Ok(())
}

/// Returns the position of an offset.
pub(crate) fn position(offset: &Map<String, Value>) -> Result<u64, String> {
    let Some(position) = offset.get(POSITION) else {
        return Err(format!(
            "Offset objects should either be null or contain the key '{POSITION}'"
        ));
    };
    let Some(position) = position.as_i64() else {
        return Err(format!(
            "The value for the '{POSITION}' key in the offset is expected to be a Long value"
        ));
    };
    u64::try_from(position).map_err(|_| {
        format!("The value for the '{POSITION}' key in the offset should be a non-negative value")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(partition: &Value, offset: &Value) -> Result<(), String> {
        let entry = OffsetEntry {
            partition: partition.as_object().cloned().unwrap(),
            offset: offset.as_object().cloned(),
        };
        let config = [("file".to_owned(), "/a".to_owned())].into();
        let settings = FileStreamSource.config().settings(&config);
        FileStreamSource.check_offsets(&settings, &[entry])
    }

    #[test]
    fn offsets_are_checked_as_in_connect() {
        let file = || json!({ "filename": "/a" });
        assert_eq!(check(&file(), &json!({ "position": 5 })), Ok(()));
        assert_eq!(check(&file(), &Value::Null), Ok(()));
        assert_eq!(check(&json!({ "other": 1 }), &Value::Null), Ok(()));
        for (partition, offset, word) in [
            (file(), json!({}), "contain the key 'position'"),
            (file(), json!({ "position": "5" }), "expected to be a Long"),
            (file(), json!({ "position": 1.5 }), "expected to be a Long"),
            (file(), json!({ "position": -1 }), "non-negative"),
            (
                json!({ "file": "/a" }),
                json!({ "position": 1 }),
                "the key 'filename'",
            ),
        ] {
            let message = check(&partition, &offset).unwrap_err();
            assert!(message.contains(word), "{message}");
        }
        let settings = FileStreamSource.config().settings(&Default::default());
        assert!(FileStreamSource.check_offsets(&settings, &[]).is_err());
    }
}
