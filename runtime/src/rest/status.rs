//! What state connectors and tasks are in.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};

use super::Api;
use super::connectors::kind;
use super::error::{Answer, ApiError};
use crate::group::TaskId;
use crate::lags::Lags;
use crate::state::{RunState, Status, TargetState};

/// `GET /connectors/{connector}/status`
pub(super) async fn connector(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    of(&api, &Lags::now(&api.shared), &name)
        .map(|status| Json(status).into_response())
        .ok_or_else(|| ApiError::not_found(format!("No status found for connector {name}")))
}

/// `GET /connectors/{connector}/tasks/{task}/status`
pub(super) async fn task(
    State(api): State<Api>,
    Path((name, task)): Path<(String, String)>,
) -> Answer {
    let missing = || ApiError::not_found(format!("No status found for task {name}-{task}"));
    let number = number(&task)?.ok_or_else(missing)?;
    let status = api.shared.statuses().task(&name, number).cloned();
    if status.is_none() && number >= count(&api, &name) {
        return Err(missing());
    }
    let lags = Lags::now(&api.shared);
    let status = task_status(&api, &lags, &(name, number), status.as_ref());
    Ok(Json(status).into_response())
}

/// Reads a task's number from a path, `None` if no task can have it; with anything but a number the path
/// is none.
pub(super) fn number(task: &str) -> Result<Option<u32>, ApiError> {
    match task.parse::<i32>() {
        Ok(number) => Ok(u32::try_from(number).ok()),
        Err(_) => Err(ApiError::not_found("HTTP 404 Not Found")),
    }
}

/// Returns a connector's status in Kafka Connect's shape.
pub(super) fn of(api: &Api, lags: &Lags<'_>, name: &str) -> Option<Value> {
    // Before the statuses are locked: who notes a topic locks the configurations first.
    let (kind, count) = (kind(api, name), count(api, name));
    let statuses = api.shared.statuses();
    let known = api.shared.configs().get(name).is_some();
    let fresh = Status {
        state: RunState::Unassigned,
        trace: None,
        worker: String::new(),
        generation: 0,
        version: None,
    };
    // It is there as soon as its configuration is, even where its leader has not been heard of it.
    let own = statuses.connector(name).or(known.then_some(&fresh))?;
    let mut numbers: BTreeSet<u32> = statuses.tasks(name).map(|(task, _)| task).collect();
    numbers.extend(0..count);
    let tasks: Vec<Value> = numbers
        .into_iter()
        .map(|task| {
            let id = (name.to_owned(), task);
            task_status(api, lags, &id, statuses.task(name, task))
        })
        .collect();
    Some(json!({ "name": name, "connector": common(own), "tasks": tasks, "type": kind }))
}

/// Returns how many tasks the connector is to have now.
fn count(api: &Api, name: &str) -> u32 {
    let configs = api.shared.configs();
    let entry = configs
        .get(name)
        .filter(|entry| entry.target != TargetState::Stopped);
    let tasks = entry
        .and_then(|entry| entry.tasks.as_ref())
        .map_or(0, Vec::len);
    u32::try_from(tasks).unwrap_or(u32::MAX)
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

fn task_status(api: &Api, lags: &Lags<'_>, id: &TaskId, status: Option<&Status>) -> Value {
    let owner = api.shared.member.owner(id);
    let status = match status {
        Some(status)
            if !matches!(status.state, RunState::Running | RunState::Failed)
                || owner.as_ref() == Some(&status.worker) =>
        {
            status.clone()
        }
        // It has no worker, or one that has not said anything of it yet.
        _ => Status {
            state: RunState::Unassigned,
            trace: None,
            worker: owner.unwrap_or_default(),
            generation: 0,
            version: status.and_then(|status| status.version.clone()),
        },
    };
    let mut map = common(&status);
    map.insert("id".into(), json!(id.1));
    if let Some(details) = lags.details(id, &status.worker, status.state) {
        map.insert("details".into(), details);
    }
    Value::Object(map)
}
