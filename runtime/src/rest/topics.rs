//! Which topics a connector has used.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::json;

use super::Api;
use super::error::{Answer, ApiError};

fn enabled(api: &Api) -> Result<(), ApiError> {
    if api.shared.config.topic_tracking.enabled {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::FORBIDDEN,
        "Topic tracking is disabled.",
    ))
}

/// `GET /connectors/{connector}/topics`
pub(super) async fn list(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    enabled(&api)?;
    let topics: Vec<String> = {
        let statuses = api.shared.statuses();
        statuses.topics.of(&name).map(str::to_owned).collect()
    };
    // Kafka Connect answers so for a connector that does not exist, too.
    Ok(Json(json!({ name: { "topics": topics } })).into_response())
}

/// `PUT /connectors/{connector}/topics/reset`
pub(super) async fn reset(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    enabled(&api)?;
    if !api.shared.config.topic_tracking.resettable {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "Topic tracking reset is disabled.",
        ));
    }
    api.shared.forget_topics(&name);
    Ok(StatusCode::ACCEPTED.into_response())
}
