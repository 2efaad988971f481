//! What connectors there are, and what their configurations may hold.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::error::{Answer, ApiError};
use super::{Api, body};
use crate::connector::{self, ConfigError, config_infos, key_infos};

/// `GET /connector-plugins`
pub(super) async fn list(State(api): State<Api>) -> Answer {
    let all: Vec<Value> = api
        .shared
        .catalog
        .all()
        .iter()
        .map(|connector| {
            json!({
                "class": connector.class(),
                "type": connector.kind().as_str(),
                "version": connector.version(),
            })
        })
        .collect();
    Ok(Json(all).into_response())
}

/// `GET /connector-plugins/{plugin}/config`
pub(super) async fn keys(State(api): State<Api>, Path(plugin): Path<String>) -> Answer {
    let found = api.shared.catalog.find(&plugin);
    let found = found.ok_or_else(|| ApiError::not_found(format!("Unknown plugin {plugin}.")))?;
    Ok(Json(key_infos(&connector::definition(found.as_ref()))).into_response())
}

/// `PUT /connector-plugins/{plugin}/config/validate`
pub(super) async fn validate(
    State(api): State<Api>,
    Path(plugin): Path<String>,
    bytes: Bytes,
) -> Answer {
    let config = body::config(&body::object(&bytes)?)?;
    let class = config.get("connector.class").ok_or(ConfigError::NoClass)?;
    let catalog = &api.shared.catalog;
    let (asked, given) = (catalog.find(&plugin), catalog.find(class));
    if let (Some(asked), Some(given)) = (asked, given)
        && asked.class() != given.class()
    {
        return Err(ApiError::bad_request(format!(
            "Included connector type {class} does not match request type {plugin}"
        )));
    }
    if asked.is_none() {
        return Err(ApiError::bad_request(catalog.unknown(&plugin)));
    }
    let checked = connector::check(catalog, &api.shared.resolver, &config)?;
    let class = checked.connector.class();
    Ok(Json(config_infos(
        class,
        &checked.def,
        &config,
        &checked.problems,
    ))
    .into_response())
}
