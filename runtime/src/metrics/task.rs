//! Metrics of tasks: Kafka Connect's `connector-task-metrics`, `source-task-metrics`,
//! `sink-task-metrics` and `task-error-metrics`.

use walbridge_connector_api::{ConnectorKind, Seen, Spread, Total};

use super::metric::{Metric, Value, counter, gauge, text};
use crate::task::{COUNTERS as ERRORS, LiveTask};

/// The labels of a task.
pub(super) const TASK: &[&str] = &["connector", "task"];

/// A metric of a task, and how it is read; `None` if the task has nothing of the kind.
pub(super) type TaskMetric = (Metric, fn(&LiveTask) -> Option<Value>);

fn rate(task: &LiveTask, total: &Total) -> Value {
    Value::Real(total.recent() as f64 / task.counts.window_seconds())
}

/// Returns one figure of a spread of microseconds, in milliseconds.
fn millis(spread: &Spread, figure: fn(&Seen) -> f64) -> Value {
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

fn source(task: &LiveTask) -> Option<&LiveTask> {
    Some(task).filter(|task| task.kind == ConnectorKind::Source)
}

fn sink(task: &LiveTask) -> Option<&LiveTask> {
    Some(task).filter(|task| task.kind == ConnectorKind::Sink)
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

/// `source-task-metrics`.
pub(super) const SOURCE: [TaskMetric; 12] = [
    (
        counter(
            "kafka_connect_source_task_metrics_source_record_poll",
            TASK,
            "Records that the connector has handed out, before transforms",
        ),
        |t| source(t).map(|t| Value::Count(t.counts.polled.get())),
    ),
    (
        gauge(
            "kafka_connect_source_task_metrics_source_record_poll_rate",
            TASK,
            "Records a second that the connector hands out, before transforms",
        ),
        |t| source(t).map(|t| rate(t, &t.counts.polled)),
    ),
    (
        counter(
            "kafka_connect_source_task_metrics_source_record_write",
            TASK,
            "Records in Kafka, in transactions that have committed",
        ),
        |t| source(t).map(|t| Value::Count(t.counts.written.get())),
    ),
    (
        gauge(
            "kafka_connect_source_task_metrics_source_record_write_rate",
            TASK,
            "Records a second that come into Kafka, in transactions that have committed",
        ),
        |t| source(t).map(|t| rate(t, &t.counts.written)),
    ),
    (
        gauge(
            "kafka_connect_source_task_metrics_poll_batch_avg_time_ms",
            TASK,
            "What a poll that returned records took on average, waiting for them included",
        ),
        |t| source(t).map(|t| millis(&t.counts.poll_us, MEAN)),
    ),
    (
        gauge(
            "kafka_connect_source_task_metrics_poll_batch_max_time_ms",
            TASK,
            "What the longest poll that returned records took, waiting for them included",
        ),
        |t| source(t).map(|t| millis(&t.counts.poll_us, MOST)),
    ),
    (
        gauge(
            "kafka_connect_source_task_metrics_source_record_active_count",
            TASK,
            "Records in the Kafka transaction that is open",
        ),
        |t| source(t).map(|t| Value::Whole(t.counts.active.get().unwrap_or(0))),
    ),
    (
        gauge(
            "kafka_connect_source_task_metrics_source_record_active_count_avg",
            TASK,
            "Records in the open Kafka transaction, on average over its batches",
        ),
        |t| source(t).map(|t| spread(&t.counts.actives, MEAN)),
    ),
    (
        gauge(
            "kafka_connect_source_task_metrics_source_record_active_count_max",
            TASK,
            "Most records in an open Kafka transaction",
        ),
        |t| source(t).map(|t| spread(&t.counts.actives, MOST)),
    ),
    (
        gauge(
            "kafka_connect_source_task_metrics_transaction_size_min",
            TASK,
            "Records in the smallest Kafka transaction",
        ),
        |t| source(t).map(|t| spread(&t.counts.transaction, LEAST)),
    ),
    (
        gauge(
            "kafka_connect_source_task_metrics_transaction_size_avg",
            TASK,
            "Records in a Kafka transaction, on average",
        ),
        |t| source(t).map(|t| spread(&t.counts.transaction, MEAN)),
    ),
    (
        gauge(
            "kafka_connect_source_task_metrics_transaction_size_max",
            TASK,
            "Records in the largest Kafka transaction",
        ),
        |t| source(t).map(|t| spread(&t.counts.transaction, MOST)),
    ),
];

/// `sink-task-metrics`.
pub(super) const SINK: [TaskMetric; 13] = [
    (
        counter(
            "kafka_connect_sink_task_metrics_sink_record_read",
            TASK,
            "Records read from Kafka, before transforms",
        ),
        |t| sink(t).map(|t| Value::Count(t.counts.read.get())),
    ),
    (
        gauge(
            "kafka_connect_sink_task_metrics_sink_record_read_rate",
            TASK,
            "Records a second read from Kafka, before transforms",
        ),
        |t| sink(t).map(|t| rate(t, &t.counts.read)),
    ),
    (
        counter(
            "kafka_connect_sink_task_metrics_sink_record_send",
            TASK,
            "Records given to the connector, after transforms",
        ),
        |t| sink(t).map(|t| Value::Count(t.counts.sent.get())),
    ),
    (
        gauge(
            "kafka_connect_sink_task_metrics_sink_record_send_rate",
            TASK,
            "Records a second given to the connector, after transforms",
        ),
        |t| sink(t).map(|t| rate(t, &t.counts.sent)),
    ),
    (
        gauge(
            "kafka_connect_sink_task_metrics_partition_count",
            TASK,
            "Partitions that the task reads",
        ),
        |t| sink(t).map(|t| Value::Whole(t.counts.partitions.get().unwrap_or(0))),
    ),
    (
        gauge(
            "kafka_connect_sink_task_metrics_offset_commit_seq_no",
            TASK,
            "The number of the last offset commit",
        ),
        |t| {
            let all = |t: &LiveTask| t.counts.commits.get() + t.counts.failed_commits.get();
            sink(t).map(|t| Value::Count(all(t)))
        },
    ),
    (
        counter(
            "kafka_connect_sink_task_metrics_offset_commit_completion",
            TASK,
            "Offset commits that succeeded",
        ),
        |t| sink(t).map(|t| Value::Count(t.counts.commits.get())),
    ),
    (
        gauge(
            "kafka_connect_sink_task_metrics_offset_commit_completion_rate",
            TASK,
            "Offset commits a second that succeed",
        ),
        |t| sink(t).map(|t| rate(t, &t.counts.commits)),
    ),
    (
        gauge(
            "kafka_connect_sink_task_metrics_put_batch_avg_time_ms",
            TASK,
            "What the connector took for a batch, on average",
        ),
        |t| sink(t).map(|t| millis(&t.counts.put_us, MEAN)),
    ),
    (
        gauge(
            "kafka_connect_sink_task_metrics_put_batch_max_time_ms",
            TASK,
            "What the connector took for the slowest batch",
        ),
        |t| sink(t).map(|t| millis(&t.counts.put_us, MOST)),
    ),
    (
        gauge(
            "kafka_connect_sink_task_metrics_sink_record_active_count",
            TASK,
            "Records that were read and are not applied or flushed yet, by their offsets",
        ),
        |t| sink(t).map(|t| Value::Whole(t.counts.active.get().unwrap_or(0))),
    ),
    (
        gauge(
            "kafka_connect_sink_task_metrics_sink_record_active_count_avg",
            TASK,
            "Records that were read and are not applied yet, on average over seconds",
        ),
        |t| sink(t).map(|t| spread(&t.counts.actives, MEAN)),
    ),
    (
        gauge(
            "kafka_connect_sink_task_metrics_sink_record_active_count_max",
            TASK,
            "Most records that were read and not applied",
        ),
        |t| sink(t).map(|t| spread(&t.counts.actives, MOST)),
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
