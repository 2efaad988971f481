//! Where a connector is, and putting it elsewhere.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};
use walbridge_connector_api::{SourceOffset, SourcePartition};

use super::connectors::kind;
use super::error::{Answer, ApiError};
use super::{Api, body};
use crate::herder::{OffsetChange, Order, group_of};
use crate::offset_store::StoredOffsets;

/// `GET /connectors/{connector}/offsets`
pub(super) async fn show(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    if api.shared.configs().get(&name).is_none() {
        return Err(ApiError::not_found(format!("Connector {name} not found")));
    }
    let offsets = if kind(&api, &name) == "sink" {
        sink(&api, &name).await?
    } else {
        source(&api, &name).await?
    };
    Ok(Json(json!({ "offsets": offsets })).into_response())
}

async fn source(api: &Api, name: &str) -> Result<Vec<Value>, ApiError> {
    let (shared, asked) = (Arc::clone(&api.shared), name.to_owned());
    let read = tokio::task::spawn_blocking(move || {
        StoredOffsets::read(&shared, &asked).map(|stored| stored.entries(&shared))
    });
    let failed = |error: String| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error);
    let all = read.await.map_err(|error| failed(error.to_string()))?;
    let all = all.map_err(|error| failed(error.trace()))?;
    Ok(all
        .iter()
        .map(|e| json!({ "partition": e.partition, "offset": e.offset }))
        .collect())
}

async fn sink(api: &Api, name: &str) -> Result<Vec<Value>, ApiError> {
    let (shared, asked) = (Arc::clone(&api.shared), name.to_owned());
    let committed = tokio::task::spawn_blocking(move || {
        let group = group_of(&shared, &asked)?;
        group.map(|group| group.committed()).transpose()
    });
    let failed = |error: tokio::task::JoinError| {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    };
    let all: Vec<_> = match committed.await.map_err(failed)?? {
        Some(committed) => committed,
        None => applied(api, name),
    };
    let all = all.into_iter().map(|(topic, partition, offset)| {
        json!({
            "partition": { "kafka_topic": topic, "kafka_partition": partition },
            "offset": { "kafka_offset": offset },
        })
    });
    Ok(all.collect())
}

/// Returns how far a sink is that keeps its position in the target.
fn applied(api: &Api, name: &str) -> Vec<(String, i32, i64)> {
    let live = api.shared.live();
    let tasks = live.values().filter(|task| task.connector == name);
    let here = tasks.flat_map(|task| task.applied());
    let here = here.map(|(at, offset)| (at.topic.to_string(), at.partition, offset));
    let elsewhere = api.shared.member.applied(name);
    here.chain(elsewhere).collect()
}

/// `PATCH /connectors/{connector}/offsets`
pub(super) async fn alter(
    State(api): State<Api>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Answer {
    let entries = entries(&body::object(&bytes)?)?;
    let change = OffsetChange::Alter(entries);
    api.herder.ask(Order::Offsets(name, change)).await?;
    let words = "The offsets for this connector have been altered successfully";
    Ok(Json(json!({ "message": words })).into_response())
}

/// `DELETE /connectors/{connector}/offsets`
pub(super) async fn reset(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    let order = Order::Offsets(name, OffsetChange::Reset);
    api.herder.ask(order).await?;
    let words = "The offsets for this connector have been reset successfully";
    Ok(Json(json!({ "message": words })).into_response())
}

fn entries(
    map: &Map<String, Value>,
) -> Result<Vec<(SourcePartition, Option<SourceOffset>)>, ApiError> {
    body::only(map.keys(), &["offsets"])?;
    let given = map
        .get("offsets")
        .and_then(Value::as_array)
        .filter(|all| !all.is_empty());
    let given = given.ok_or_else(|| {
        ApiError::bad_request(
            "Partitions / offsets need to be provided for an alter offsets request",
        )
    })?;
    given
        .iter()
        .map(|entry| {
            if let Some(entry) = entry.as_object() {
                body::only(entry.keys(), &["partition", "offset"])?;
            }
            let partition = entry.get("partition").and_then(Value::as_object);
            let partition = partition
                .filter(|partition| !partition.is_empty())
                .ok_or_else(|| ApiError::bad_request("Partition objects cannot be null"))?;
            let offset = match entry.get("offset") {
                None | Some(Value::Null) => None,
                Some(Value::Object(offset)) => Some(offset.clone()),
                Some(_) => {
                    return Err(ApiError::bad_request("An offset must be an object or null"));
                }
            };
            Ok((partition.clone(), offset))
        })
        .collect()
}
