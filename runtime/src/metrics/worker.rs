//! Metrics of the worker: Kafka Connect's `connect-worker-metrics` and `connect-worker-rebalance-metrics`.

use std::collections::BTreeMap;

use super::metric::{Metric, Value, counter, gauge, text};
use super::task::{MEAN, MOST, spread};
use crate::group::State;
use crate::herder::Startups;
use crate::state::{RunState, Statuses};
use crate::worker::Shared;

/// A metric of the worker, and how it is read.
pub(super) type WorkerMetric = (Metric, fn(&Shared) -> Option<Value>);

const NONE: &[&str] = &[];
const CONNECTOR: &[&str] = &["connector"];

fn share(some: u64, all: u64) -> Value {
    Value::Real(if all > 0 {
        some as f64 / all as f64
    } else {
        0.0
    })
}

fn attempts(startups: &Startups) -> u64 {
    startups.good() + startups.bad()
}

/// `connect-worker-metrics` without labels.
pub(super) const WORKER: [WorkerMetric; 12] = [
    (
        gauge(
            "kafka_connect_connect_worker_metrics_connector_count",
            NONE,
            "Connectors of the group",
        ),
        |w| Some(Value::Count(w.configs().iter().count() as u64)),
    ),
    (
        gauge(
            "kafka_connect_connect_worker_metrics_task_count",
            NONE,
            "Tasks on this worker",
        ),
        |w| Some(Value::Count(w.live().len() as u64)),
    ),
    (
        counter(
            "kafka_connect_connect_worker_metrics_connector_startup_attempts",
            NONE,
            "How often this worker, as the leader, tried to make a connector's tasks",
        ),
        |w| Some(Value::Count(attempts(&w.counts.connectors))),
    ),
    (
        counter(
            "kafka_connect_connect_worker_metrics_connector_startup_success",
            NONE,
            "How often it made them",
        ),
        |w| Some(Value::Count(w.counts.connectors.good())),
    ),
    (
        counter(
            "kafka_connect_connect_worker_metrics_connector_startup_failure",
            NONE,
            "How often it could not",
        ),
        |w| Some(Value::Count(w.counts.connectors.bad())),
    ),
    (
        gauge(
            "kafka_connect_connect_worker_metrics_connector_startup_success_percentage",
            NONE,
            "The share of those attempts that succeeded, from 0 to 1",
        ),
        |w| {
            Some(share(
                w.counts.connectors.good(),
                attempts(&w.counts.connectors),
            ))
        },
    ),
    (
        gauge(
            "kafka_connect_connect_worker_metrics_connector_startup_failure_percentage",
            NONE,
            "The share of those attempts that failed, from 0 to 1",
        ),
        |w| {
            Some(share(
                w.counts.connectors.bad(),
                attempts(&w.counts.connectors),
            ))
        },
    ),
    (
        counter(
            "kafka_connect_connect_worker_metrics_task_startup_attempts",
            NONE,
            "Starts of tasks here whose outcome is known",
        ),
        |w| Some(Value::Count(attempts(&w.counts.tasks))),
    ),
    (
        counter(
            "kafka_connect_connect_worker_metrics_task_startup_success",
            NONE,
            "Starts of tasks after which the task ran",
        ),
        |w| Some(Value::Count(w.counts.tasks.good())),
    ),
    (
        counter(
            "kafka_connect_connect_worker_metrics_task_startup_failure",
            NONE,
            "Starts of tasks that failed before the task ran",
        ),
        |w| Some(Value::Count(w.counts.tasks.bad())),
    ),
    (
        gauge(
            "kafka_connect_connect_worker_metrics_task_startup_success_percentage",
            NONE,
            "The share of starts of tasks that succeeded, from 0 to 1",
        ),
        |w| Some(share(w.counts.tasks.good(), attempts(&w.counts.tasks))),
    ),
    (
        gauge(
            "kafka_connect_connect_worker_metrics_task_startup_failure_percentage",
            NONE,
            "The share of starts of tasks that failed, from 0 to 1",
        ),
        |w| Some(share(w.counts.tasks.bad(), attempts(&w.counts.tasks))),
    ),
];

/// `connect-worker-rebalance-metrics`.
pub(super) const REBALANCE: [WorkerMetric; 8] = [
    (
        text(
            "kafka_connect_connect_worker_rebalance_metrics_connect_protocol",
            &["connect_protocol"],
            "How the group shares its tasks: always walbridge, over a topic",
        ),
        |_| Some(Value::Text("walbridge".into())),
    ),
    (
        text(
            "kafka_connect_connect_worker_rebalance_metrics_leader_name",
            &["leader_name"],
            "The worker that leads the group; absent while there is none",
        ),
        |w| w.member.leader().map(Value::Text),
    ),
    (
        gauge(
            "kafka_connect_connect_worker_rebalance_metrics_epoch",
            NONE,
            "The number of the newest assignment, which statuses call generation",
        ),
        |w| Some(Value::Count(w.member.generation())),
    ),
    (
        counter(
            "kafka_connect_connect_worker_rebalance_metrics_completed_rebalances",
            NONE,
            "Assignments that this worker has carried out",
        ),
        |w| Some(Value::Count(w.counts.rebalances.get())),
    ),
    (
        gauge(
            "kafka_connect_connect_worker_rebalance_metrics_rebalancing",
            NONE,
            "1 while this worker carries out an assignment, or is out of its group",
        ),
        |w| {
            let out = w.member.state() != State::In;
            Some(Value::flag(w.counts.is_rebalancing() || out))
        },
    ),
    (
        gauge(
            "kafka_connect_connect_worker_rebalance_metrics_rebalance_avg_time_ms",
            NONE,
            "How long this worker took to carry out an assignment, on average",
        ),
        |w| Some(spread(&w.counts.rebalance_ms, MEAN)),
    ),
    (
        gauge(
            "kafka_connect_connect_worker_rebalance_metrics_rebalance_max_time_ms",
            NONE,
            "How long this worker took to carry out an assignment, at most",
        ),
        |w| Some(spread(&w.counts.rebalance_ms, MOST)),
    ),
    (
        gauge(
            "kafka_connect_connect_worker_rebalance_metrics_time_since_last_rebalance_ms",
            NONE,
            "How long ago this worker carried out the last assignment; absent before the first",
        ),
        |w| {
            let since = w.counts.since_rebalance()?.as_millis();
            Some(Value::Count(u64::try_from(since).unwrap_or(u64::MAX)))
        },
    ),
];

/// `connect-worker-metrics` of each connector: the states it counts, none for all.
pub(super) const BY_CONNECTOR: [(Metric, Option<RunState>); 6] = [
    (
        gauge(
            "kafka_connect_connect_worker_metrics_connector_total_task_count",
            CONNECTOR,
            "Tasks of the connector on this worker",
        ),
        None,
    ),
    (
        gauge(
            "kafka_connect_connect_worker_metrics_connector_running_task_count",
            CONNECTOR,
            "Those that run",
        ),
        Some(RunState::Running),
    ),
    (
        gauge(
            "kafka_connect_connect_worker_metrics_connector_paused_task_count",
            CONNECTOR,
            "Those that are paused",
        ),
        Some(RunState::Paused),
    ),
    (
        gauge(
            "kafka_connect_connect_worker_metrics_connector_failed_task_count",
            CONNECTOR,
            "Those that have failed",
        ),
        Some(RunState::Failed),
    ),
    (
        gauge(
            "kafka_connect_connect_worker_metrics_connector_unassigned_task_count",
            CONNECTOR,
            "Those on their way",
        ),
        Some(RunState::Unassigned),
    ),
    (
        gauge(
            "kafka_connect_connect_worker_metrics_connector_restarting_task_count",
            CONNECTOR,
            "Those that are about to start anew",
        ),
        Some(RunState::Restarting),
    ),
];

/// The states of this worker's tasks, by connector.
pub(super) fn states(statuses: &Statuses, me: &str) -> BTreeMap<String, Vec<(u32, RunState)>> {
    let mut all = BTreeMap::new();
    for name in statuses.names() {
        let own = statuses.tasks(&name).filter(|(_, s)| s.worker == me);
        let own: Vec<_> = own.map(|(task, status)| (task, status.state)).collect();
        if !own.is_empty() {
            all.insert(name, own);
        }
    }
    all
}
