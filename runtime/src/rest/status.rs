//! What state connectors and tasks are in.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};

use super::Api;
use super::connectors::kind;
use super::error::{Answer, ApiError};
use crate::state::Status;
use crate::task::LiveTask;

/// `GET /connectors/{connector}/status`
pub(super) async fn connector(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    of(&api, &name)
        .map(|status| Json(status).into_response())
        .ok_or_else(|| ApiError::not_found(format!("No status found for connector {name}")))
}

/// `GET /connectors/{connector}/tasks/{task}/status`
pub(super) async fn task(
    State(api): State<Api>,
    Path((name, task)): Path<(String, String)>,
) -> Answer {
    let missing = || ApiError::not_found(format!("No status found for task {name}-{task}"));
    let number: u32 = task.parse().map_err(|_| missing())?;
    let statuses = api.shared.statuses();
    let status = statuses.task(&name, number).ok_or_else(missing)?;
    Ok(Json(task_status(&api, &name, number, status)).into_response())
}

/// Returns a connector's status in Kafka Connect's shape.
pub(super) fn of(api: &Api, name: &str) -> Option<Value> {
    let kind = kind(api, name);
    let statuses = api.shared.statuses();
    let own = statuses.connector(name)?;
    let tasks: Vec<Value> = statuses
        .tasks(name)
        .map(|(task, status)| task_status(api, name, task, status))
        .collect();
    Some(json!({ "name": name, "connector": common(own), "tasks": tasks, "type": kind }))
}

fn common(status: &Status) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("state".into(), json!(status.state.as_str()));
    map.insert("worker_id".into(), json!(status.worker));
    if let Some(trace) = status.trace.as_ref().filter(|trace| !trace.is_empty()) {
        map.insert("trace".into(), json!(trace));
    }
    if let Some(version) = &status.version {
        map.insert("version".into(), json!(version));
    }
    map
}

fn task_status(api: &Api, name: &str, task: u32, status: &Status) -> Value {
    let mut map = common(status);
    map.insert("id".into(), json!(task));
    if let Some(live) = api.shared.live().get(&(name.to_owned(), task)) {
        map.insert("details".into(), details(live));
    }
    Value::Object(map)
}

/// Says what Kafka Connect does not: since when, how far behind, until when it waits.
fn details(live: &LiveTask) -> Value {
    let mut map = Map::new();
    map.insert("since_ms".into(), json!(live.since_ms()));
    for (name, value) in live.metrics.facts() {
        map.insert(name.into(), json!(value));
    }
    if let Some(waiting) = live.waiting() {
        map.insert("phase".into(), json!("waiting"));
        map.insert("next_retry_ms".into(), json!(waiting.next_retry_ms));
        map.insert("failed_attempts".into(), json!(waiting.attempts));
    }
    for (name, value) in live.metrics.gauges() {
        map.insert(name.into(), json!(value));
    }
    for (name, value) in live.metrics.counters() {
        map.insert(name.into(), json!(value));
    }
    Value::Object(map)
}
