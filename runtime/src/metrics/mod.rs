//! What Prometheus reads: Kafka Connect's names where there are such, and walbridge's own.
//!
//! Kafka Connect's metric `NAME` of the group `GROUP` is `kafka_connect_GROUP_NAME`, hyphens turned into
//! underscores, as the usual rules of the JMX exporter have it; an attribute that is a text stands in a
//! label of its own name, and the value is 1. OpenMetrics has counters end in `_total`: one of Kafka
//! Connect's that counts and does not end so is a gauge here.
//!
//! Each file has the metrics of one subject, as tables of what they are called and how they are read.
//! Everything is read at the moment of asking from atomics that tasks add to once per batch; rates,
//! means and extremes are of the last half minute to a minute, and not a number if nothing was in it.

mod connector;
mod lag;
mod metric;
mod mirror;
mod own;
mod sink;
mod source;
mod task;
mod worker;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::registry::Registry;
use walbridge_connector_api::ConnectorKind;

use self::connector::Attribute;
use self::lag::Shown;
pub use self::metric::{Kind, Metric};
use self::metric::{Labels, Value, family};
use crate::lags::Lags;
use crate::state::RunState;
use crate::task::LiveTask;
use crate::worker::Shared;

/// Writes all metrics as OpenMetrics text.
pub(crate) fn render(shared: &Arc<Shared>) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Everything(Arc::clone(shared))));
    let mut out = String::new();
    text::encode(&mut out, &registry)?;
    Ok(out)
}

/// Returns all metrics there are, by subject, for their description.
pub fn all() -> Vec<(&'static str, Vec<Metric>)> {
    let of_tasks = |tables: &[task::TaskMetric]| tables.iter().map(|(m, _)| *m).collect::<Vec<_>>();
    let mut common = vec![connector::STATUS, connector::RUNNING, connector::PAUSED];
    common.extend(of_tasks(&task::COMMON));
    common.extend(task::CLASSES.iter().map(|(metric, _)| *metric));
    let mut worker: Vec<_> = worker::WORKER.iter().map(|(metric, _)| *metric).collect();
    worker.extend(worker::BY_CONNECTOR.iter().map(|(metric, _)| *metric));
    let rebalance = worker::REBALANCE.iter().map(|(metric, _)| *metric);
    let connector = connector::CONNECTOR.iter().map(|(metric, _)| *metric);
    let mirror = mirror::MIRROR.iter().map(|(metric, _)| *metric);
    let mut own: Vec<_> = lag::LAG.iter().map(|(metric, _)| *metric).collect();
    own.extend(of_tasks(&own::OWN));
    own.push(own::FAILED);
    vec![
        ("connect-worker-metrics", worker),
        ("connect-worker-rebalance-metrics", rebalance.collect()),
        ("connector-metrics", connector.collect()),
        ("connector-task-metrics", common),
        ("source-task-metrics", of_tasks(&source::SOURCE)),
        ("sink-task-metrics", of_tasks(&sink::SINK)),
        ("task-error-metrics", task::TASK_ERRORS.to_vec()),
        ("MirrorSourceConnector", mirror.collect()),
        ("walbridge", own),
    ]
}

/// Reads the worker at the moment of asking.
struct Everything(Arc<Shared>);

impl fmt::Debug for Everything {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Everything")
    }
}

fn of(connector: &str, task: u32) -> Labels {
    vec![connector.to_owned(), task.to_string()]
}

impl Collector for Everything {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let live: Vec<Arc<LiveTask>> = self.0.live().values().map(Arc::clone).collect();
        let encoder = &mut encoder;
        for (metric, read) in worker::WORKER.iter().chain(&worker::REBALANCE) {
            let value = read(&self.0).map(|value| (Labels::new(), value));
            family(encoder, metric, value)?;
        }
        self.states(encoder, &live)?;
        self.connectors(encoder)?;
        tasks(encoder, &live)?;
        self.lags(encoder, &live)
    }
}

fn tasks(encoder: &mut DescriptorEncoder<'_>, live: &[Arc<LiveTask>]) -> fmt::Result {
    let tables = task::COMMON.iter().chain(&source::SOURCE);
    for (metric, read) in tables.chain(&sink::SINK).chain(&own::OWN) {
        let all = live.iter().filter_map(|task| {
            let value = read(task)?;
            Some((of(&task.connector, task.task), value))
        });
        family(encoder, metric, all)?;
    }
    for (metric, attribute) in &task::CLASSES {
        let all = live.iter().filter_map(|task| {
            let class = task.classes.get(attribute)?.clone();
            Some((of(&task.connector, task.task), Value::Text(class)))
        });
        family(encoder, metric, all)?;
    }
    for (at, metric) in task::TASK_ERRORS.iter().enumerate() {
        let all = live.iter().filter_map(|task| {
            let value = task::errors(at, task)?;
            Some((of(&task.connector, task.task), value))
        });
        family(encoder, metric, all)?;
    }
    Ok(())
}

fn mirrors<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    tasks: impl Iterator<Item = &'a Shown>,
) -> fmt::Result {
    let all: Vec<_> = tasks
        .flat_map(|shown| {
            let (task, unknown) = (&shown.task, shown.is_unknown());
            let window = task.counts.window_seconds();
            let all = task.metrics.partitions().into_iter();
            all.map(move |partition| (partition, window, unknown))
        })
        .collect();
    for (metric, read) in &mirror::MIRROR {
        let all = all.iter().filter_map(|(partition, window, unknown)| {
            let (of, mut value) = (&partition.of, read(partition, *window)?);
            if *unknown && metric.name == mirror::LAG {
                value = Value::Real(f64::NAN);
            }
            let number = of.partition.to_string();
            let labels = vec![
                of.source.clone(),
                of.target.clone(),
                of.topic.clone(),
                number,
            ];
            Some((labels, value))
        });
        family(encoder, metric, all)?;
    }
    Ok(())
}

impl Everything {
    /// The states of this worker's tasks, paused and failed ones included.
    fn states(&self, encoder: &mut DescriptorEncoder<'_>, live: &[Arc<LiveTask>]) -> fmt::Result {
        let states = worker::states(&self.0.statuses(), self.0.worker_id());
        for (metric, wanted) in &worker::BY_CONNECTOR {
            let all = states.iter().map(|(name, tasks)| {
                let counted = |(_, state): &&(u32, RunState)| wanted.is_none_or(|w| w == *state);
                let count = tasks.iter().filter(counted).count() as u64;
                (vec![name.clone()], Value::Count(count))
            });
            family(encoder, metric, all)?;
        }
        let each: Vec<(&String, u32, RunState)> = states
            .iter()
            .flat_map(|(name, tasks)| tasks.iter().map(move |(task, state)| (name, *task, *state)))
            .collect();
        let all = each.iter().map(|(name, task, state)| {
            let state = state.as_str().to_lowercase();
            (of(name, *task), Value::Text(state))
        });
        family(encoder, &connector::STATUS, all)?;
        let all = each.iter().map(|(name, task, state)| {
            let paused = *state == RunState::Paused;
            (of(name, *task), Value::flag(paused))
        });
        family(encoder, &connector::PAUSED, all)?;
        let all = each.iter().map(|(name, task, state)| {
            let is = |live: &&Arc<LiveTask>| live.connector == **name && live.task == *task;
            let running = match live.iter().find(is) {
                Some(live) if *state != RunState::Failed => live.counts.running_ratio(),
                _ => 0.0,
            };
            (of(name, *task), Value::Real(running))
        });
        family(encoder, &connector::RUNNING, all)?;
        let all = each.iter().map(|(name, task, state)| {
            let failed = *state == RunState::Failed;
            (of(name, *task), Value::flag(failed))
        });
        family(encoder, &own::FAILED, all)
    }

    /// How far this worker's tasks are behind, at work or not, and what is copied by those at work.
    fn lags(&self, encoder: &mut DescriptorEncoder<'_>, live: &[Arc<LiveTask>]) -> fmt::Result {
        let resting: Vec<Arc<LiveTask>> = self.0.resting().values().map(Arc::clone).collect();
        let lags = Lags::now(&self.0);
        let shown = |tasks: &[Arc<LiveTask>]| {
            let each = tasks.iter().map(|task| {
                let (id, lag) = (of(&task.connector, task.task), lags.of_own(task));
                (
                    id,
                    Shown {
                        task: Arc::clone(task),
                        lag,
                    },
                )
            });
            each.collect::<BTreeMap<Labels, Shown>>()
        };
        let mut all = shown(&resting);
        let live = shown(live);
        mirrors(encoder, live.values())?;
        // One that has ended in this moment stands among those at work, too.
        all.extend(live);
        for (metric, read) in &lag::LAG {
            let all = all
                .iter()
                .filter_map(|(id, shown)| Some((id.clone(), read(shown)?)));
            family(encoder, metric, all)?;
        }
        Ok(())
    }

    /// The connectors whose tasks this worker has made.
    fn connectors(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (configs, statuses) = (self.0.configs(), self.0.statuses());
        let own: Vec<_> = configs
            .iter()
            .filter_map(|(name, entry)| {
                let status = statuses.connector(name)?;
                let class = entry.config.get("connector.class")?;
                let found = self.0.catalog.find(class);
                (status.worker == self.0.worker_id()).then_some((name, status, class, found))
            })
            .collect();
        for (metric, attribute) in &connector::CONNECTOR {
            let all = own.iter().filter_map(|(name, status, class, found)| {
                let text = match (attribute, found) {
                    (Attribute::Status, _) => status.state.as_str().to_lowercase(),
                    (Attribute::Class, Some(found)) => found.class().to_owned(),
                    (Attribute::Class, None) => (*class).clone(),
                    (Attribute::Type, Some(found)) => match found.kind() {
                        ConnectorKind::Source => "source".to_owned(),
                        ConnectorKind::Sink => "sink".to_owned(),
                    },
                    (Attribute::Version, Some(found)) => found.version().to_owned(),
                    (_, None) => return None,
                };
                Some((vec![(*name).to_owned()], Value::Text(text)))
            });
            family(encoder, metric, all)?;
        }
        Ok(())
    }
}
