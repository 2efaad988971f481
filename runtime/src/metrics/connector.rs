//! Metrics of connectors and of the states of tasks: Kafka Connect's `connector-metrics`, and what of
//! `connector-task-metrics` tasks have too that do not run.

use super::metric::{Metric, gauge, text};
use super::task::TASK;

/// `connector-metrics`: each metric and the attribute it shows.
pub(super) const CONNECTOR: [(Metric, Attribute); 4] = [
    (
        text(
            "kafka_connect_connector_metrics_status",
            &["connector", "status"],
            "The connector's state, in small letters",
        ),
        Attribute::Status,
    ),
    (
        text(
            "kafka_connect_connector_metrics_connector_class",
            &["connector", "connector_class"],
            "The connector's class",
        ),
        Attribute::Class,
    ),
    (
        text(
            "kafka_connect_connector_metrics_connector_type",
            &["connector", "connector_type"],
            "Source or sink",
        ),
        Attribute::Type,
    ),
    (
        text(
            "kafka_connect_connector_metrics_connector_version",
            &["connector", "connector_version"],
            "The connector's version",
        ),
        Attribute::Version,
    ),
];

/// What is told of a connector.
#[derive(Debug, Clone, Copy)]
pub(super) enum Attribute {
    Status,
    Class,
    Type,
    Version,
}

/// The state of a task.
pub(super) const STATUS: Metric = text(
    "kafka_connect_connector_task_metrics_status",
    &["connector", "task", "status"],
    "The task's state, in small letters",
);

/// The share of its time in which a task was at work.
pub(super) const RUNNING: Metric = gauge(
    "kafka_connect_connector_task_metrics_running_ratio",
    TASK,
    "The share of its time on this worker in which the task was at work, from 0 to 1",
);

/// The share of its time in which a task was paused.
pub(super) const PAUSED: Metric = gauge(
    "kafka_connect_connector_task_metrics_pause_ratio",
    TASK,
    "1 if the task is paused: a task that is resumed starts anew, and its times with it",
);
