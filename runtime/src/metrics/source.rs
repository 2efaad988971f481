//! Metrics of sources' tasks: Kafka Connect's `source-task-metrics`.

use walbridge_connector_api::ConnectorKind;

use super::metric::{Value, counter, gauge};
use super::task::{LEAST, MEAN, MOST, TASK, TaskMetric, millis, rate, spread};
use crate::task::LiveTask;

fn source(task: &LiveTask) -> Option<&LiveTask> {
    Some(task).filter(|task| task.kind == ConnectorKind::Source)
}

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
