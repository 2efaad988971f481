//! The connector as the runtime sees it.

use std::sync::{Arc, LazyLock};

use walbridge_connector_api::{
    ConfigDef, ConfigProblem, Connector, ConnectorError, ConnectorKind, ExactlyOnce, OffsetEntry,
    Result, Settings, SourceTask, TaskContext,
};
use walbridge_kafka::{Admin, ClientConfig};

use crate::check;
use crate::position;
use crate::schema_ids::SchemaIds;
use crate::scout::Scout;
use crate::settings::{Plan, definition, naming_problem, registry};
use crate::task::MirrorTask;

/// Copies topics from another cluster into the worker's own.
///
/// One task does it all: one consumer reads as fast as the network gives, and one transaction at a time
/// is what keeps the copy exactly once.
#[derive(Debug, Default)]
pub struct MirrorConnector;

impl Connector for MirrorConnector {
    fn class(&self) -> &'static str {
        "io.walbridge.MirrorConnector"
    }

    fn aliases(&self) -> &'static [&'static str] {
        &[
            "Mirror",
            "MirrorSource",
            "org.apache.kafka.connect.mirror.MirrorSourceConnector",
        ]
    }

    fn kind(&self) -> ConnectorKind {
        ConnectorKind::Source
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn config(&self) -> &ConfigDef {
        static DEFINITION: LazyLock<ConfigDef> = LazyLock::new(definition);
        &DEFINITION
    }

    fn validate(&self, settings: &Settings) -> Vec<ConfigProblem> {
        let mut found = Plan::new(settings).err().unwrap_or_default();
        found.extend(naming_problem(settings));
        found
    }

    fn exactly_once(&self, _settings: &Settings) -> ExactlyOnce {
        ExactlyOnce::Supported
    }

    fn check_offsets(&self, _: &Settings, offsets: &[OffsetEntry]) -> Result<(), String> {
        offsets.iter().try_for_each(check::position)
    }

    fn source(&self, settings: &Settings, context: TaskContext) -> Result<Box<dyn SourceTask>> {
        let plan = Arc::new(Plan::new(settings).map_err(|problems| {
            let all: Vec<_> = problems
                .iter()
                .map(|p| format!("{}: {}", p.key, p.message))
                .collect();
            ConnectorError::configuration("InvalidConfig", all.join("; "))
        })?);
        let source = Admin::new(&plan.source)?;
        let target = Admin::new(&ClientConfig::from_native(context.kafka.clone()))?;
        let registries = registry(settings, "source")?.zip(registry(settings, "target")?);
        let ids =
            registries.map(|(source, target)| SchemaIds::new(source, target, Arc::clone(&plan)));
        let stored = position::parse_all(&plan.alias, &context.offsets);
        let scout = Scout::new(
            Arc::clone(&plan),
            source,
            target,
            stored,
            Arc::clone(&context.metrics),
            context.stop.clone(),
        );
        Ok(Box::new(MirrorTask::new(plan, context, ids, scout)?))
    }
}
