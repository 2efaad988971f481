//! Replaying a sink's dead letters.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::json;
use tokio::sync::oneshot;
use walbridge_connector_api::{ConnectorKind, StopToken};

use super::error::{Answer, ApiError};
use super::guard::Changed;
use super::{Api, query};
use crate::connector::load_task;
use crate::replay;

/// How many records are replayed if nobody says how many.
const MAX: u64 = 10_000;

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(80);

/// `POST /connectors/{connector}/dead-letters/replay`
pub(super) async fn replay(
    State(api): State<Api>,
    Path(name): Path<String>,
    RawQuery(given): RawQuery,
) -> Answer {
    let max =
        match query::text(given.as_deref(), "max") {
            None => MAX,
            Some(text) => text.parse().ok().filter(|max| *max > 0).ok_or_else(|| {
                ApiError::bad_request(format!("max={text} is not a number above 0"))
            })?,
        };
    let config = api.shared.configs().get(&name).map(|e| e.config.clone());
    let config =
        config.ok_or_else(|| ApiError::not_found(format!("Connector {name} not found")))?;
    let loaded = load_task(&api.shared.catalog, &api.shared.resolver, &config);
    let loaded = loaded.map_err(|error| ApiError::bad_request(error.to_string()))?;
    if loaded.connector.kind() == ConnectorKind::Source {
        return Err(ApiError::bad_request(
            "The dead letters of a source were never in a topic: mend what they name and let the source read \
             them again, by altering its offsets",
        ));
    }
    let topic = loaded
        .settings
        .optional("errors.deadletterqueue.topic.name");
    let topic = topic.map(|topic| topic.trim().to_owned()).ok_or_else(|| {
        ApiError::bad_request(format!(
            "Connector {name} has no errors.deadletterqueue.topic.name"
        ))
    })?;

    let (reply, answer) = oneshot::channel();
    let stop = StopToken::new();
    let (shared, token) = (Arc::clone(&api.shared), stop.clone());
    let (connector, from) = (name.clone(), topic.clone());
    // A thread of its own: Kafka's clients block, and a worker that ends does not wait for it.
    std::thread::Builder::new()
        .name("replay".into())
        .spawn(move || {
            let settings = &loaded.settings;
            let done = replay::replay(&shared.config, settings, &connector, &from, max, &token);
            // Whoever asked may have gone away.
            let _ = reply.send(done);
        })
        .map_err(|error| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let answered = tokio::time::timeout(PATIENCE, answer).await;
    stop.stop();
    let done = match answered {
        Ok(Ok(Ok(done))) => done,
        Ok(Ok(Err(error))) => return Err(refusal(&error)),
        _ => {
            return Err(ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "Kafka did not answer in time. What was replayed is noted, so the call can be repeated.",
            ));
        }
    };
    let words = format!("replayed {} dead letters of {topic}", done.replayed);
    let body = json!({
        "topic": topic,
        "replayed": done.replayed,
        "without_origin": done.without_origin,
        "of_others": done.of_others,
        "expired": done.expired,
        "remaining": done.remaining,
    });
    let mut response = Json(body).into_response();
    response.extensions_mut().insert(Changed(words));
    Ok(response)
}

fn refusal(error: &walbridge_connector_api::ConnectorError) -> ApiError {
    let status = match error.name() {
        "Fenced" | "TopicDeleted" => StatusCode::CONFLICT,
        "Unreachable" | "Stopped" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    ApiError::new(status, error.to_string())
}
