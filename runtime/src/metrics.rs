//! What Prometheus reads: Kafka Connect's names where there are such, and walbridge's own.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use walbridge_connector_api::{ConnectorKind, TaskMetrics};

use crate::state::RunState;
use crate::task::{COUNTERS as ERRORS, LiveTask};
use crate::worker::Shared;

/// A metric of every task: its name, its help text, and which counter of the task it shows.
type TaskCounter = (&'static str, &'static str, fn(&TaskMetrics) -> u64);

/// Counters by Kafka Connect's names, for sources and sinks.
const SOURCE: [TaskCounter; 1] = [(
    "kafka_connect_source_task_metrics_source_record_write",
    "Records written to Kafka by this task",
    |m| m.rows.load(Ordering::Relaxed),
)];

const SINK: [TaskCounter; 1] = [(
    "kafka_connect_sink_task_metrics_sink_record_send",
    "Records put to the target by this task",
    |m| m.rows.load(Ordering::Relaxed),
)];

/// Counters by walbridge's names.
const COUNTERS: [TaskCounter; 4] = [
    ("walbridge_task_rows", "Row changes or records", |m| {
        m.rows.load(Ordering::Relaxed)
    }),
    ("walbridge_task_bytes", "Bytes of keys and values", |m| {
        m.bytes.load(Ordering::Relaxed)
    }),
    (
        "walbridge_task_batches",
        "Transactions at the receiving end",
        |m| m.batches.load(Ordering::Relaxed),
    ),
    ("walbridge_task_transactions", "Source transactions", |m| {
        m.transactions.load(Ordering::Relaxed)
    }),
];

/// Help texts of the gauges that tasks set, by the field's name.
fn gauge_help(name: &str) -> &'static str {
    match name {
        "lag_bytes" => "Bytes between the newest known position and the task's",
        "lag_transactions" => "Source transactions (mirror: records) known but not yet done",
        "lag_ms" => "Age of the oldest change not yet done, in milliseconds",
        "retained_wal_bytes" => "Write-ahead log that the server keeps because of the slot",
        "safe_wal_bytes" => "How much more write-ahead log may be kept before the slot is lost",
        "sequence" => "Number of the last source transaction done since the snapshot",
        "position" => "Position in the write-ahead log up to which all is done",
        "last_progress_ms" => "When the task last made progress or found nothing to do",
        "buffered_bytes" => "Bytes in the task's own buffers",
        _ => "A gauge of the task",
    }
}

/// Writes all metrics as OpenMetrics text.
pub(crate) fn render(shared: &Arc<Shared>) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Tasks(Arc::clone(shared))));
    let mut out = String::new();
    text::encode(&mut out, &registry)?;
    Ok(out)
}

/// Reads the tasks' own atomics at the moment of asking.
struct Tasks(Arc<Shared>);

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tasks")
    }
}

type Labels = Vec<(&'static str, String)>;

fn labels(connector: &str, task: u32) -> Labels {
    vec![
        ("connector", connector.to_owned()),
        ("task", task.to_string()),
    ]
}

/// Writes one metric with a value for each set of labels.
fn family<M: EncodeMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    kind: MetricType,
    values: impl IntoIterator<Item = (Labels, M)>,
) -> fmt::Result {
    let mut values = values.into_iter().peekable();
    if values.peek().is_none() {
        return Ok(());
    }
    let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
    for (labels, value) in values {
        if labels.is_empty() {
            // A metric without labels has no braces, which some readers insist on.
            return value.encode(metric);
        }
        value.encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}

impl Collector for Tasks {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let live: Vec<Arc<LiveTask>> = self.0.live().values().map(Arc::clone).collect();
        let encoder = &mut encoder;
        self.worker(encoder)?;
        self.states(encoder)?;
        for (kind, counters) in [
            (ConnectorKind::Source, &SOURCE),
            (ConnectorKind::Sink, &SINK),
        ] {
            for counter in counters {
                counted(
                    encoder,
                    counter,
                    live.iter().filter(|task| task.kind == kind),
                )?;
            }
        }
        for counter in &COUNTERS {
            counted(encoder, counter, live.iter())?;
        }
        errors(encoder, &live)?;
        gauges(encoder, &live)
    }
}

fn counted<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help, value): &TaskCounter,
    tasks: impl Iterator<Item = &'a Arc<LiveTask>>,
) -> fmt::Result {
    let values = tasks.map(|task| {
        (
            labels(&task.connector, task.task),
            ConstCounter::new(value(&task.metrics)),
        )
    });
    family(encoder, name, help, MetricType::Counter, values)
}

/// Errors of records. As Kafka Connect's names end, they cannot be counters here, which end in `_total`.
fn errors(encoder: &mut DescriptorEncoder<'_>, live: &[Arc<LiveTask>]) -> fmt::Result {
    for (name, help, value) in &ERRORS {
        let values = live.iter().map(|task| {
            let value = i64::try_from(value(&task.errors)).unwrap_or(i64::MAX);
            (labels(&task.connector, task.task), ConstGauge::new(value))
        });
        let full = format!(
            "kafka_connect_task_error_metrics_{}",
            name.replace('-', "_")
        );
        family(encoder, &full, help, MetricType::Gauge, values)?;
    }
    Ok(())
}

fn gauges(encoder: &mut DescriptorEncoder<'_>, live: &[Arc<LiveTask>]) -> fmt::Result {
    let mut all: std::collections::BTreeMap<&str, Vec<(Labels, ConstGauge<i64>)>> =
        std::collections::BTreeMap::new();
    for task in live {
        for (name, value) in task.metrics.gauges() {
            let entry = (labels(&task.connector, task.task), ConstGauge::new(value));
            all.entry(name).or_default().push(entry);
        }
    }
    for (name, values) in all {
        let full = format!("walbridge_task_{name}");
        family(encoder, &full, gauge_help(name), MetricType::Gauge, values)?;
    }
    let waiting = live.iter().map(|task| {
        let waits = i64::from(task.waiting().is_some());
        (labels(&task.connector, task.task), ConstGauge::new(waits))
    });
    let stuck = live.iter().map(|task| {
        let stands = i64::from(task.stuck_since().is_some());
        (labels(&task.connector, task.task), ConstGauge::new(stands))
    });
    let help = "1 while the task stands still though it has work";
    family(
        encoder,
        "walbridge_task_stuck",
        help,
        MetricType::Gauge,
        stuck,
    )?;
    let help = "1 while the task waits for something out of reach";
    family(
        encoder,
        "walbridge_task_waiting",
        help,
        MetricType::Gauge,
        waiting,
    )
}

impl Tasks {
    fn worker(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let connectors = self.0.configs().iter().count();
        let tasks = self.0.live().len();
        for (name, help, value) in [
            (
                "kafka_connect_connect_worker_metrics_connector_count",
                "Connectors",
                connectors,
            ),
            (
                "kafka_connect_connect_worker_metrics_task_count",
                "Tasks on this worker",
                tasks,
            ),
        ] {
            let value = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            family(
                encoder,
                name,
                help,
                MetricType::Gauge,
                [(Labels::new(), value)],
            )?;
        }
        Ok(())
    }

    /// One series per task with its state as a label, as the usual exporter rules write it.
    fn states(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let statuses = self.0.statuses();
        let mut all = Vec::new();
        let mut failed = Vec::new();
        for name in statuses.names() {
            for (task, status) in statuses.tasks(&name) {
                let mut labels = labels(&name, task);
                let is_failed = i64::from(status.state == RunState::Failed);
                failed.push((labels.clone(), ConstGauge::new(is_failed)));
                labels.push(("status", status.state.as_str().to_lowercase()));
                all.push((labels, ConstGauge::new(1_i64)));
            }
        }
        let name = "kafka_connect_connector_task_metrics_status";
        family(
            encoder,
            name,
            "The state of the task",
            MetricType::Gauge,
            all,
        )?;
        let help = "1 if the task has failed and a person must act";
        family(
            encoder,
            "walbridge_task_failed",
            help,
            MetricType::Gauge,
            failed,
        )
    }
}
