//! A kind of connector: what the runtime can load.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{
    ConfigDef, ConfigProblem, ExactlyOnce, OffsetEntry, RecordSink, RecordSource, Result, Settings,
    SinkTask, SourceTask, StopToken, TaskMetrics,
};

/// Which way a connector moves data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnectorKind {
    /// Into Kafka.
    Source,
    /// Out of Kafka.
    Sink,
}

impl ConnectorKind {
    /// Returns `source` or `sink`, as the REST API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Sink => "sink",
        }
    }
}

/// What the tasks of a connector hand out or take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// Ready wire bytes in batches: the runtime moves them and never looks inside.
    Bytes,
    /// Records with structure: converters and transforms stand between them and Kafka.
    Records,
}

/// What a task is given when it starts.
#[derive(Debug, Clone)]
pub struct TaskContext {
    /// The connector's name.
    pub connector: String,
    /// The task's number in it.
    pub task: u32,
    /// The worker group's id, part of every transactional id.
    pub group: String,
    /// Where a source was, as last committed; empty for a sink and for a first start.
    pub offsets: Vec<OffsetEntry>,
    /// The worker's own client settings for the Kafka it writes to and reads from, by librdkafka
    /// name, for connectors that copy between clusters.
    pub kafka: BTreeMap<String, String>,
    /// What the task counts.
    pub metrics: Arc<TaskMetrics>,
    /// Set when the task is to end.
    pub stop: StopToken,
}

/// A kind of connector: its names, its configuration, and how to start its tasks.
pub trait Connector: Send + Sync {
    /// Returns the class name that `connector.class` gives.
    fn class(&self) -> &'static str;

    /// Returns the class of its tasks, as their configurations name it.
    fn task_class(&self) -> &'static str {
        self.class()
    }

    /// Returns further names it answers to.
    fn aliases(&self) -> &'static [&'static str] {
        &[]
    }

    /// Returns which way it moves data.
    fn kind(&self) -> ConnectorKind;

    /// Returns what its tasks hand out or take: says which of the functions that start them is used.
    fn form(&self) -> Form {
        Form::Bytes
    }

    /// Returns its version.
    fn version(&self) -> &'static str;

    /// Returns its configuration keys.
    fn config(&self) -> &ConfigDef;

    /// Checks what one key alone cannot tell; does no input or output.
    fn validate(&self, _settings: &Settings) -> Vec<ConfigProblem> {
        Vec::new()
    }

    /// Returns whether its sources deliver exactly once with these settings, if offsets and records are
    /// written together: asked where `exactly.once.support` is `required`.
    fn exactly_once(&self, _settings: &Settings) -> ExactlyOnce {
        ExactlyOnce::Unknown
    }

    /// Returns whether its sources of records can say themselves where transactions end
    /// ([`RecordSource::define_transactions`]): asked where `transaction.boundary` is `connector`.
    fn can_define_boundaries(&self, _settings: &Settings) -> bool {
        false
    }

    /// Returns one configuration per task, at most `max` of them.
    ///
    /// # Errors
    /// If the settings do not make sense together.
    fn tasks(&self, settings: &Settings, _max: usize) -> Result<Vec<BTreeMap<String, String>>> {
        Ok(vec![settings.raw().clone()])
    }

    /// Starts a source task.
    ///
    /// # Errors
    /// If the source cannot be reached, or its state and the stored offsets do not fit together.
    fn source(&self, _settings: &Settings, _context: TaskContext) -> Result<Box<dyn SourceTask>> {
        Err(crate::ConnectorError::configuration(
            "NotASource",
            "this connector is a sink",
        ))
    }

    /// Starts a sink task.
    ///
    /// # Errors
    /// If the target cannot be reached or refuses.
    fn sink(&self, _settings: &Settings, _context: TaskContext) -> Result<Box<dyn SinkTask>> {
        Err(crate::ConnectorError::configuration(
            "NotASink",
            "this connector is a source",
        ))
    }

    /// Starts a source task that hands out records; used if the form is [`Form::Records`].
    ///
    /// # Errors
    /// If the source cannot be reached, or its state and the stored offsets do not fit together.
    fn record_source(
        &self,
        _settings: &Settings,
        _context: TaskContext,
    ) -> Result<Box<dyn RecordSource>> {
        Err(crate::ConnectorError::stop(
            "NotARecordSource",
            "this connector hands out no records",
        ))
    }

    /// Starts a sink task that takes records; used if the form is [`Form::Records`].
    ///
    /// # Errors
    /// If the target cannot be reached or refuses.
    fn record_sink(
        &self,
        _settings: &Settings,
        _context: TaskContext,
    ) -> Result<Box<dyn RecordSink>> {
        Err(crate::ConnectorError::stop(
            "NotARecordSink",
            "this connector takes no records",
        ))
    }

    /// Checks source offsets that somebody wants to store, before they are.
    ///
    /// # Errors
    /// In words, if the connector could not start from them.
    fn check_offsets(&self, _settings: &Settings, _offsets: &[OffsetEntry]) -> Result<(), String> {
        Ok(())
    }
}
