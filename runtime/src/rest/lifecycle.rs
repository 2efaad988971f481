//! Pausing, resuming, stopping and restarting. Bodies are ignored: clients send all kinds.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::Value;

use super::error::{Answer, ApiError};
use super::{Api, query, status};
use crate::herder::Order;
use crate::lags::Lags;
use crate::state::{RunState, TargetState};

async fn target(api: &Api, name: String, target: TargetState, done: StatusCode) -> Answer {
    api.herder.ask(Order::Target(name, target)).await?;
    Ok(done.into_response())
}

/// `PUT /connectors/{connector}/pause`
pub(super) async fn pause(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    target(&api, name, TargetState::Paused, StatusCode::ACCEPTED).await
}

/// `PUT /connectors/{connector}/resume`
pub(super) async fn resume(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    target(&api, name, TargetState::Started, StatusCode::ACCEPTED).await
}

/// `PUT /connectors/{connector}/stop`
pub(super) async fn stop(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    target(&api, name, TargetState::Stopped, StatusCode::NO_CONTENT).await
}

/// `POST /connectors/{connector}/restart`
pub(super) async fn restart(
    State(api): State<Api>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let tasks = query::flag(query.as_deref(), "includeTasks");
    let only_failed = query::flag(query.as_deref(), "onlyFailed");
    let asked = name.clone();
    // The answer is the plan: some of it is done before anybody could look.
    let planned = status::of(&api, &Lags::now(&api.shared), &name)
        .map(|status| plan(status, tasks, only_failed));
    api.herder
        .ask(Order::Restart {
            name: asked,
            tasks,
            only_failed,
        })
        .await?;
    if !tasks && !only_failed {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let status = planned
        .ok_or_else(|| ApiError::not_found(format!("Status for connector {name} not found")))?;
    Ok((StatusCode::ACCEPTED, Json(status)).into_response())
}

/// Marks in a status what is to restart.
fn plan(mut status: Value, tasks: bool, only_failed: bool) -> Value {
    let mark = |part: &mut Value| {
        let failed = part["state"] == RunState::Failed.as_str();
        if let Some(part) = part.as_object_mut().filter(|_| failed || !only_failed) {
            part.insert("state".into(), RunState::Restarting.as_str().into());
            part.remove("trace");
        }
    };
    mark(&mut status["connector"]);
    let all = status["tasks"].as_array_mut().filter(|_| tasks);
    all.into_iter().flatten().for_each(mark);
    status
}

/// `POST /connectors/{connector}/tasks/{task}/restart`
pub(super) async fn restart_task(
    State(api): State<Api>,
    Path((name, task)): Path<(String, String)>,
) -> Answer {
    let unknown = || ApiError::not_found(format!("Unknown task: {name}-{task}"));
    let number = status::number(&task)?.ok_or_else(unknown)?;
    api.herder.ask(Order::RestartTask(name, number)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
