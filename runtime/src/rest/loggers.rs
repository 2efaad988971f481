//! What is logged: looking at levels and changing them.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};

use super::error::{Answer, ApiError};
use super::{Api, body, query};
use crate::herder::Order;
use crate::logging::{self, Logger, loggers};

fn shown(logger: Logger) -> Value {
    json!({ "level": logger.level, "last_modified": logger.modified })
}

/// `GET /admin/loggers`
pub(super) async fn list() -> Answer {
    let all: Map<String, Value> = loggers()
        .all()
        .into_iter()
        .map(|(name, logger)| (name, shown(logger)))
        .collect();
    Ok(Json(all).into_response())
}

/// `GET /admin/loggers/{logger}`
pub(super) async fn show(Path(name): Path<String>) -> Answer {
    let found = loggers().all().get(&name).copied();
    let logger = found.ok_or_else(|| ApiError::not_found(format!("Logger {name} not found.")))?;
    Ok(Json(shown(logger)).into_response())
}

/// `PUT /admin/loggers/{logger}`
///
/// With `scope=cluster` the level goes through the config topic, as Connect's does, to every worker
/// of the group that runs now.
pub(super) async fn set(
    State(api): State<Api>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    bytes: Bytes,
) -> Answer {
    let map = body::object(&bytes)?;
    let wanted = match map.get("level") {
        Some(Value::String(wanted)) => wanted.clone(),
        None | Some(Value::Null) => {
            let words = "Desired 'level' parameter was not specified in request.";
            return Err(ApiError::bad_request(words));
        }
        Some(other) => other.to_string(),
    };
    let level = logging::level(&wanted)
        .ok_or_else(|| ApiError::not_found(format!("invalid log level '{wanted}'.")))?;
    let scope = query::all(query.as_deref(), "scope");
    let cluster = (scope.first()).is_some_and(|scope| scope.eq_ignore_ascii_case("cluster"));
    if !cluster {
        let changed = loggers().set(&name, level).map_err(ApiError::bad_request)?;
        tracing::info!(logger = name, level, "log level set");
        return Ok(Json(changed).into_response());
    }
    api.herder
        .ask(Order::LogLevel(name, level.to_owned()))
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
