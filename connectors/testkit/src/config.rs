//! Configurations as validate checks them, and what a task is started with.

use std::collections::BTreeMap;
use std::sync::Arc;

use walbridge_connector_api::{
    ConfigProblem, Connector, ConnectorError, OffsetEntry, Result, Settings, StopToken,
    TaskContext, TaskMetrics,
};

pub(crate) fn values(config: &[(&str, &str)]) -> BTreeMap<String, String> {
    let own = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
    config.iter().map(own).collect()
}

/// Returns every problem that validate would report with the connector's own keys.
///
/// Keys of the runtime (`name`, `tasks.max`, `topics`, converters and the like) are not the connector's:
/// leave them out. A key that is wrong by itself is not judged in its context too.
pub fn problems(connector: &dyn Connector, config: &[(&str, &str)]) -> Vec<ConfigProblem> {
    let values = values(config);
    let mut found = connector.config().check(&values);
    let further = connector.validate(&connector.config().settings(&values));
    let further: Vec<_> = further
        .into_iter()
        .filter(|problem| found.iter().all(|known| known.key != problem.key))
        .collect();
    found.extend(further);
    found
}

/// Checks a configuration and returns the settings of its first task.
pub(crate) fn settings(connector: &dyn Connector, config: &[(&str, &str)]) -> Result<Settings> {
    let found = problems(connector, config);
    if !found.is_empty() {
        let texts: Vec<_> = found.into_iter().map(|problem| problem.message).collect();
        return Err(ConnectorError::configuration(
            "InvalidConfiguration",
            texts.join("\n"),
        ));
    }
    let def = connector.config();
    let mut tasks = connector.tasks(&def.settings(&values(config)), 1)?;
    match (tasks.pop(), tasks.is_empty()) {
        (Some(task), true) => Ok(def.settings(&task)),
        (None, _) => Err(ConnectorError::stop(
            "NoTasks",
            "with this configuration the connector has no tasks",
        )),
        _ => Err(ConnectorError::stop(
            "TooManyTasks",
            "the connector made more tasks than the one it was allowed",
        )),
    }
}

pub(crate) fn context(
    offsets: &[OffsetEntry],
    metrics: &Arc<TaskMetrics>,
    stop: &StopToken,
) -> TaskContext {
    TaskContext {
        connector: "test".into(),
        task: 0,
        group: "testkit".into(),
        offsets: offsets.to_vec(),
        kafka: BTreeMap::new(),
        metrics: Arc::clone(metrics),
        stop: stop.clone(),
    }
}
