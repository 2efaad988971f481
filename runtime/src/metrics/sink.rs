//! Metrics of sinks' tasks: Kafka Connect's `sink-task-metrics`.

use walbridge_connector_api::ConnectorKind;

use super::metric::{Value, counter, gauge};
use super::task::{MEAN, MOST, TASK, TaskMetric, millis, rate, spread};
use crate::task::LiveTask;

fn sink(task: &LiveTask) -> Option<&LiveTask> {
    Some(task).filter(|task| task.kind == ConnectorKind::Sink)
}

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
