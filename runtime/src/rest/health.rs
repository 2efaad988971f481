//! The worker itself: who it is, how it is, what it counts.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::Api;
use super::error::{Answer, ApiError};
use crate::state::RunState;
use crate::worker::Startup;
use crate::{CONNECT_VERSION, VERSION, metrics};

/// `GET /`
pub(super) async fn root(State(api): State<Api>) -> Answer {
    Ok(Json(json!({
        "version": CONNECT_VERSION,
        "commit": format!("walbridge-{VERSION}"),
        "kafka_cluster_id": api.shared.stores.cluster_id(),
    }))
    .into_response())
}

/// `GET /health`
pub(super) async fn health(State(api): State<Api>) -> Answer {
    let startup = api.shared.startup().clone();
    let answer = match startup {
        Startup::Starting(stage) => {
            let message = format!("Worker is still starting up: it is {stage}.");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                json!({ "status": "starting", "message": message }),
            )
        }
        Startup::Ready => {
            let message = "Worker has completed startup and is ready to handle requests.";
            let body = json!({
                "status": "healthy",
                "message": message,
                "failed": failed(&api),
                "waiting": waiting(&api),
            });
            (StatusCode::OK, body)
        }
    };
    Ok((answer.0, Json(answer.1)).into_response())
}

fn failed(api: &Api) -> Vec<Value> {
    let statuses = api.shared.statuses();
    let first_line = |trace: &Option<String>| {
        trace
            .as_deref()
            .and_then(|trace| trace.lines().next())
            .unwrap_or_default()
            .to_owned()
    };
    let mut all = Vec::new();
    for name in statuses.names() {
        if let Some(own) = statuses
            .connector(&name)
            .filter(|s| s.state == RunState::Failed)
        {
            all.push(json!({ "connector": name, "error": first_line(&own.trace) }));
        }
        for (task, status) in statuses
            .tasks(&name)
            .filter(|(_, s)| s.state == RunState::Failed)
        {
            let error = first_line(&status.trace);
            all.push(json!({ "connector": name, "task": task, "error": error }));
        }
    }
    all
}

fn waiting(api: &Api) -> Vec<Value> {
    let live = api.shared.live();
    live.values()
        .filter_map(|task| {
            let waiting = task.waiting()?;
            Some(json!({
                "connector": task.connector,
                "task": task.task,
                "error": waiting.trace.lines().next().unwrap_or_default(),
                "next_retry_ms": waiting.next_retry_ms,
            }))
        })
        .collect()
}

/// `GET /metrics`
pub(super) async fn metrics(State(api): State<Api>) -> Answer {
    let text = metrics::render(&api.shared)
        .map_err(|error| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(CONTENT_TYPE, kind)], text).into_response())
}
