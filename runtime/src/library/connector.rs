//! A connector of a library as the runtime sees any connector.

use std::collections::BTreeMap;

use walbridge_connector_api::{
    ConfigDef, ConfigProblem, Connector, ConnectorError, ConnectorKind, ExactlyOnce, Form,
    OffsetEntry, RecordSink, RecordSource, Result, Settings, SinkTask, SourceTask, TaskContext,
};
use walbridge_plugin::codec::{Delivery, Described, Start, Wire, bytes_of, forever, whole};
use walbridge_plugin::operation;

use super::raw::{Failed, Library};
use super::sink::{PluginRecordSink, PluginSink};
use super::source::{PluginRecordSource, PluginSource};
use super::task::{PluginTask, malformed, panicked};

/// A connector whose code is in a library.
pub(super) struct PluginConnector {
    library: &'static Library,
    index: u32,
    class: &'static str,
    task_class: &'static str,
    aliases: &'static [&'static str],
    kind: ConnectorKind,
    form: Form,
    version: &'static str,
    config: ConfigDef,
}

impl PluginConnector {
    /// Takes what the library says of the connector with this index; its texts are kept.
    pub(super) fn new(library: &'static Library, index: u32, described: Described) -> Self {
        let aliases: Vec<_> = described
            .aliases
            .iter()
            .map(|alias| forever(alias))
            .collect();
        Self {
            library,
            index,
            class: forever(&described.class),
            task_class: forever(&described.task_class),
            aliases: Box::leak(aliases.into_boxed_slice()),
            kind: described.kind,
            form: described.form,
            version: forever(&described.version),
            config: described.config,
        }
    }

    fn ask<T: Wire>(&self, operation: u32, input: &[u8]) -> Result<T> {
        match self.library.ask(self.index, operation, input) {
            Ok(answer) => {
                whole(&answer).map_err(|error| malformed(self.library, &error.to_string()))
            }
            Err(failed) => Err(self.error(failed)),
        }
    }

    fn delivery(&self, settings: &Settings) -> Delivery {
        let answer = self.ask(operation::DELIVERY, &bytes_of(settings));
        answer.unwrap_or_else(|error| {
            tracing::error!(class = self.class, error = %error.trace(), "the library does not say how it delivers");
            Delivery {
                exactly_once: ExactlyOnce::Unknown,
                defines_transactions: false,
            }
        })
    }

    fn error(&self, failed: Failed) -> ConnectorError {
        match failed {
            Failed::Connector(answer) => whole::<ConnectorError>(&answer)
                .unwrap_or_else(|error| malformed(self.library, &error.to_string())),
            Failed::Panicked(text) => panicked(self.library, &text),
            Failed::Malformed(text) => malformed(self.library, &text),
        }
    }

    /// Starts a task; returns it with how long it waits for records, in milliseconds.
    fn start(&self, settings: &Settings, context: TaskContext) -> Result<(PluginTask, u64)> {
        let mut input = bytes_of(settings);
        let tolerance = settings.text("errors.tolerance");
        Start {
            connector: context.connector,
            task: context.task,
            group: context.group,
            offsets: context.offsets,
            kafka: context.kafka,
            tolerant: tolerance.eq_ignore_ascii_case("all"),
        }
        .write(&mut input);
        let started = self
            .library
            .start(self.index, operation::START, &input, context.stop);
        let (task, answer) = started.map_err(|failed| self.error(failed))?;
        let patience =
            whole(&answer).map_err(|error| malformed(self.library, &error.to_string()))?;
        Ok((PluginTask::new(task, context.metrics), patience))
    }
}

impl Connector for PluginConnector {
    fn class(&self) -> &'static str {
        self.class
    }

    fn task_class(&self) -> &'static str {
        self.task_class
    }

    fn aliases(&self) -> &'static [&'static str] {
        self.aliases
    }

    fn kind(&self) -> ConnectorKind {
        self.kind
    }

    fn form(&self) -> Form {
        self.form
    }

    fn version(&self) -> &'static str {
        self.version
    }

    fn config(&self) -> &ConfigDef {
        &self.config
    }

    fn validate(&self, settings: &Settings) -> Vec<ConfigProblem> {
        let found = self.ask(operation::VALIDATE, &bytes_of(settings));
        found.unwrap_or_else(|error| vec![ConfigProblem::new("connector.class", error.to_string())])
    }

    fn exactly_once(&self, settings: &Settings) -> ExactlyOnce {
        self.delivery(settings).exactly_once
    }

    fn can_define_boundaries(&self, settings: &Settings) -> bool {
        self.delivery(settings).defines_transactions
    }

    fn tasks(&self, settings: &Settings, max: usize) -> Result<Vec<BTreeMap<String, String>>> {
        let mut input = bytes_of(settings);
        (max as u64).write(&mut input);
        self.ask(operation::TASKS, &input)
    }

    fn source(&self, settings: &Settings, context: TaskContext) -> Result<Box<dyn SourceTask>> {
        let (task, _) = self.start(settings, context)?;
        Ok(Box::new(PluginSource::new(task)))
    }

    fn sink(&self, settings: &Settings, context: TaskContext) -> Result<Box<dyn SinkTask>> {
        let (task, patience) = self.start(settings, context)?;
        Ok(Box::new(PluginSink::new(task, patience)))
    }

    fn record_source(
        &self,
        settings: &Settings,
        context: TaskContext,
    ) -> Result<Box<dyn RecordSource>> {
        let (task, _) = self.start(settings, context)?;
        Ok(Box::new(PluginRecordSource::new(task)))
    }

    fn record_sink(
        &self,
        settings: &Settings,
        context: TaskContext,
    ) -> Result<Box<dyn RecordSink>> {
        let (task, _) = self.start(settings, context)?;
        Ok(Box::new(PluginRecordSink::new(task)))
    }

    fn check_offsets(&self, settings: &Settings, offsets: &[OffsetEntry]) -> Result<(), String> {
        let mut input = bytes_of(settings);
        offsets.to_vec().write(&mut input);
        match self.ask::<Option<String>>(operation::CHECK_OFFSETS, &input) {
            Ok(None) => Ok(()),
            Ok(Some(refusal)) => Err(refusal),
            Err(error) => Err(error.to_string()),
        }
    }
}
