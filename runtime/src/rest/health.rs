//! The worker itself: who it is, how it is, what it counts.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::error::{Answer, ApiError};
use super::guard::Trusted;
use super::{Api, degraded};
use crate::group;
use crate::lags::Lags;
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
pub(super) async fn health(
    State(api): State<Api>,
    Extension(trusted): Extension<Trusted>,
) -> Answer {
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
            let reasons = degraded::reasons(&api);
            let (status, mut body) = match api.shared.member.is_in() {
                true => (StatusCode::OK, well(&reasons)),
                false => {
                    let state = api.shared.member.state();
                    (StatusCode::SERVICE_UNAVAILABLE, outside(state))
                }
            };
            if trusted.0 {
                let (waiting, stuck) = held_up(&api);
                body["group"] = api.shared.member.describe();
                body["failed"] = json!(failed(&api));
                body["waiting"] = json!(waiting);
                body["stuck"] = json!(stuck);
                body["degraded"] = json!(reasons);
            }
            (status, body)
        }
    };
    Ok((answer.0, Json(answer.1)).into_response())
}

/// Says that the worker is outside of its group: it runs no tasks, and can change nothing.
fn outside(state: group::State) -> Value {
    let message = match state {
        group::State::Superseded => {
            "Worker is not a member of its group: another worker has the same address. Give each its own \
             rest.advertised.host.name or rest.advertised.port."
        }
        _ => {
            "Worker is not a member of its group: Kafka has not confirmed for a session that it is there, so \
             it runs no tasks and changes nothing."
        }
    };
    json!({ "status": "unhealthy", "message": message })
}

/// Says whether all is well: a worker that serves while something is behind must not be started anew for it.
fn well(reasons: &[Value]) -> Value {
    if reasons.is_empty() {
        let message = "Worker has completed startup and is ready to handle requests.";
        return json!({ "status": "healthy", "message": message });
    }
    let message =
        "Worker is ready to handle requests, but not all connectors of its group are well.";
    json!({ "status": "degraded", "message": message })
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

/// Returns the tasks that wait for something out of reach, and those that stand still without a word.
fn held_up(api: &Api) -> (Vec<Value>, Vec<Value>) {
    let names = api.shared.statuses().names();
    let lags = Lags::now(&api.shared);
    let (mut waiting, mut stuck) = (Vec::new(), Vec::new());
    for name in names {
        let status = super::status::of(api, &lags, &name).unwrap_or_default();
        let tasks = status["tasks"].as_array();
        for task in tasks.into_iter().flatten() {
            let (details, trace) = (&task["details"], task["trace"].as_str());
            if details["phase"] == "waiting" {
                waiting.push(json!({
                    "connector": name,
                    "task": task["id"],
                    "error": trace.and_then(|trace| trace.lines().next()).unwrap_or_default(),
                    "next_retry_ms": details["next_retry_ms"],
                }));
            }
            if details["stuck_since_ms"].is_u64() {
                stuck.push(json!({
                    "connector": name,
                    "task": task["id"],
                    "error": "the task has work and does not move; its status and its worker's log may \
                              tell why, and a restart may help",
                    "stuck_since_ms": details["stuck_since_ms"],
                }));
            }
        }
    }
    (waiting, stuck)
}

/// `GET /metrics`
pub(super) async fn metrics(State(api): State<Api>) -> Answer {
    let text = metrics::render(&api.shared)
        .map_err(|error| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(CONTENT_TYPE, kind)], text).into_response())
}
