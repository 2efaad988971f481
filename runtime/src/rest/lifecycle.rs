//! Pausing, resuming, stopping and restarting. Bodies are ignored: clients send all kinds.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;

use super::error::{Answer, ApiError};
use super::{Api, query, status};
use crate::herder::Command;
use crate::state::TargetState;

async fn target(api: &Api, name: String, target: TargetState, done: StatusCode) -> Answer {
    api.herder
        .ask(|reply| Command::Target(name, target, reply))
        .await?;
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
    api.herder
        .ask(|reply| Command::Restart {
            name: asked,
            tasks,
            only_failed,
            reply,
        })
        .await?;
    if !tasks && !only_failed {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let status = status::of(&api, &name)
        .ok_or_else(|| ApiError::not_found(format!("Status for connector {name} not found")))?;
    Ok((StatusCode::ACCEPTED, Json(status)).into_response())
}

/// `POST /connectors/{connector}/tasks/{task}/restart`
pub(super) async fn restart_task(
    State(api): State<Api>,
    Path((name, task)): Path<(String, String)>,
) -> Answer {
    let number = task
        .parse()
        .map_err(|_| ApiError::not_found(format!("Unknown task: {name}-{task}")))?;
    api.herder
        .ask(|reply| Command::RestartTask(name, number, reply))
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
