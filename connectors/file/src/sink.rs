//! The kind of connector that writes lines.

use std::sync::OnceLock;

use walbridge_connector_api::{
    ConfigDef, ConfigKey, Connector, ConnectorKind, Form, Importance, Kind, RecordSink, Result,
    Settings, TaskContext,
};

use crate::sink_task::FileSinkTask;

/// Writes each record's value as a line to a file, or to standard output.
#[derive(Debug, Clone, Copy, Default)]
pub struct FileStreamSink;

impl Connector for FileStreamSink {
    fn class(&self) -> &'static str {
        "org.apache.kafka.connect.file.FileStreamSinkConnector"
    }

    fn task_class(&self) -> &'static str {
        "org.apache.kafka.connect.file.FileStreamSinkTask"
    }

    fn kind(&self) -> ConnectorKind {
        ConnectorKind::Sink
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
                    "Destination filename. If not specified, the standard output will be used",
                )
                .importance(Importance::High),
            ])
        })
    }

    fn record_sink(&self, settings: &Settings, _: TaskContext) -> Result<Box<dyn RecordSink>> {
        Ok(Box::new(FileSinkTask::open(settings.optional("file"))?))
    }
}
