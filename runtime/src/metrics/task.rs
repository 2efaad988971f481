//! Metrics of all tasks: Kafka Connect's `connector-task-metrics` and `task-error-metrics`.

use walbridge_connector_api::{Seen, Spread, Total};

use super::metric::{Metric, Value, gauge, text};
use crate::task::{COUNTERS as ERRORS, LiveTask};

/// The labels of a task.
pub(super) const TASK: &[&str] = &["connector", "task"];

/// A metric of a task, and how it is read; `None` if the task has nothing of the kind.
pub(super) type TaskMetric = (Metric, fn(&LiveTask) -> Option<Value>);

pub(super) fn rate(task: &LiveTask, total: &Total) -> Value {
    Value::Real(total.recent() as f64 / task.counts.window_seconds())
}

/// Returns one figure of a spread of microseconds, in milliseconds.
pub(super) fn millis(spread: &Spread, figure: fn(&Seen) -> f64) -> Value {
    let figure = spread.seen().map_or(f64::NAN, |seen| figure(&seen));
    Value::Real(figure / 1000.0)
}

/// Returns one figure of a spread.
pub(super) fn spread(spread: &Spread, figure: fn(&Seen) -> f64) -> Value {
    Value::Real(spread.seen().map_or(f64::NAN, |seen| figure(&seen)))
}

pub(super) const LEAST: fn(&Seen) -> f64 = |seen| seen.least as f64;
pub(super) const MEAN: fn(&Seen) -> f64 = |seen| seen.mean;
pub(super) const MOST: fn(&Seen) -> f64 = |seen| seen.most as f64;

/// Returns the share of some among some and others, in the window; 0 if there were none, as in Kafka
/// Connect.
fn share(some: &Total, others: &Total) -> Value {
    let (some, others) = (some.recent() as f64, others.recent() as f64);
    let all = some + others;
    Value::Real(if all > 0.0 { some / all } else { 0.0 })
}

/// `connector-task-metrics`, but for `status` and the ratios, which paused tasks have too.
pub(super) const COMMON: [TaskMetric; 6] = [
    (
        gauge(
            "kafka_connect_connector_task_metrics_batch_size_avg",
            TASK,
            "Records in a batch that the task processed, on average",
        ),
        |t| Some(spread(&t.counts.batch, MEAN)),
    ),
    (
        gauge(
            "kafka_connect_connector_task_metrics_batch_size_max",
            TASK,
            "Records in the largest batch that the task processed",
        ),
        |t| Some(spread(&t.counts.batch, MOST)),
    ),
    (
        gauge(
            "kafka_connect_connector_task_metrics_offset_commit_avg_time_ms",
            TASK,
            "What an offset commit took on average; of a source, the commit of a Kafka transaction",
        ),
        |t| Some(millis(&t.counts.commit_us, MEAN)),
    ),
    (
        gauge(
            "kafka_connect_connector_task_metrics_offset_commit_max_time_ms",
            TASK,
            "What the longest offset commit took; of a source, the commit of a Kafka transaction",
        ),
        |t| Some(millis(&t.counts.commit_us, MOST)),
    ),
    (
        gauge(
            "kafka_connect_connector_task_metrics_offset_commit_success_percentage",
            TASK,
            "The share of offset commits that succeeded, from 0 to 1",
        ),
        |t| Some(share(&t.counts.commits, &t.counts.failed_commits)),
    ),
    (
        gauge(
            "kafka_connect_connector_task_metrics_offset_commit_failure_percentage",
            TASK,
            "The share of offset commits that failed, from 0 to 1",
        ),
        |t| Some(share(&t.counts.failed_commits, &t.counts.commits)),
    ),
];

/// The names of a task's classes, of `connector-task-metrics` too.
pub(super) const CLASSES: [(Metric, &str); 11] = [
    (
        text(
            "kafka_connect_connector_task_metrics_connector_class",
            &["connector", "task", "connector_class"],
            "The connector's class",
        ),
        "connector-class",
    ),
    (
        text(
            "kafka_connect_connector_task_metrics_connector_type",
            &["connector", "task", "connector_type"],
            "Source or sink",
        ),
        "connector-type",
    ),
    (
        text(
            "kafka_connect_connector_task_metrics_connector_version",
            &["connector", "task", "connector_version"],
            "The connector's version",
        ),
        "connector-version",
    ),
    (
        text(
            "kafka_connect_connector_task_metrics_task_class",
            &["connector", "task", "task_class"],
            "The task's class",
        ),
        "task-class",
    ),
    (
        text(
            "kafka_connect_connector_task_metrics_task_version",
            &["connector", "task", "task_version"],
            "The task's version",
        ),
        "task-version",
    ),
    (
        text(
            "kafka_connect_connector_task_metrics_key_converter_class",
            &["connector", "task", "key_converter_class"],
            "The class of the keys' converter; absent where a connector moves bytes",
        ),
        "key-converter-class",
    ),
    (
        text(
            "kafka_connect_connector_task_metrics_key_converter_version",
            &["connector", "task", "key_converter_version"],
            "The version of the keys' converter",
        ),
        "key-converter-version",
    ),
    (
        text(
            "kafka_connect_connector_task_metrics_value_converter_class",
            &["connector", "task", "value_converter_class"],
            "The class of the values' converter; absent where a connector moves bytes",
        ),
        "value-converter-class",
    ),
    (
        text(
            "kafka_connect_connector_task_metrics_value_converter_version",
            &["connector", "task", "value_converter_version"],
            "The version of the values' converter",
        ),
        "value-converter-version",
    ),
    (
        text(
            "kafka_connect_connector_task_metrics_header_converter_class",
            &["connector", "task", "header_converter_class"],
            "The class of the headers' converter; absent where a connector moves bytes",
        ),
        "header-converter-class",
    ),
    (
        text(
            "kafka_connect_connector_task_metrics_header_converter_version",
            &["connector", "task", "header_converter_version"],
            "The version of the headers' converter",
        ),
        "header-converter-version",
    ),
];

/// `task-error-metrics`. As Kafka Connect's names end, they cannot be counters here, which end in `_total`.
pub(super) const TASK_ERRORS: [Metric; 8] = {
    const GROUP: [&str; 8] = [
        "kafka_connect_task_error_metrics_total_record_failures",
        "kafka_connect_task_error_metrics_total_record_errors",
        "kafka_connect_task_error_metrics_total_records_skipped",
        "kafka_connect_task_error_metrics_total_retries",
        "kafka_connect_task_error_metrics_total_errors_logged",
        "kafka_connect_task_error_metrics_deadletterqueue_produce_requests",
        "kafka_connect_task_error_metrics_deadletterqueue_produce_failures",
        "kafka_connect_task_error_metrics_last_error_timestamp",
    ];
    let mut all = [gauge("", TASK, ""); 8];
    let mut at = 0;
    while at < 8 {
        all[at] = gauge(GROUP[at], TASK, ERRORS[at].1);
        at += 1;
    }
    all
};

/// Returns a task's count of one kind of errors of records.
pub(super) fn errors(at: usize, task: &LiveTask) -> Option<Value> {
    let (_, _, read) = ERRORS.get(at)?;
    Some(Value::Count(read(&task.errors)))
}
