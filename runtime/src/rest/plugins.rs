//! What plugins there are, and what their configurations may hold.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::connectors::definition;
use super::error::{Answer, ApiError};
use super::{Api, body, query};
use crate::connector::{self, ConfigError, config_infos, key_infos};
use crate::plugins;
use crate::secrets::restore;

/// `GET /connector-plugins`
pub(super) async fn list(State(api): State<Api>, RawQuery(query): RawQuery) -> Answer {
    let everything = !query::all(query.as_deref(), "connectorsOnly").is_empty()
        && !query::flag(query.as_deref(), "connectorsOnly");
    let all: Vec<Value> = plugins::all(&api.shared.catalog)
        .into_iter()
        .filter(|plugin| everything || plugin.kind.is_connector())
        .map(|plugin| {
            json!({
                "class": plugin.class,
                "type": plugin.kind.as_str(),
                "version": plugin.version,
                "location": plugin.location,
            })
        })
        .collect();
    Ok(Json(all).into_response())
}

/// `GET /connector-plugins/{plugin}/config`
pub(super) async fn keys(
    State(api): State<Api>,
    Path(plugin): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let found = plugins::find(&api.shared.catalog, &plugin);
    let found = found.ok_or_else(|| ApiError::not_found(format!("Unknown plugin {plugin}.")))?;
    let wanted = query::all(query.as_deref(), "version");
    if let Some(wanted) = wanted.first()
        && wanted != "latest"
        && wanted != found.version
    {
        return Err(ApiError::bad_request(format!(
            "Plugin {} not found that matches the version {wanted}, available versions: [{}]",
            found.class, found.version
        )));
    }
    Ok(Json(key_infos(&found.keys, found.kind)).into_response())
}

/// `PUT /connector-plugins/{plugin}/config/validate`
pub(super) async fn validate(
    State(api): State<Api>,
    Path(plugin): Path<String>,
    bytes: Bytes,
) -> Answer {
    let infos = api.apart(move |api| validated(api, &plugin, &bytes)).await;
    Ok(Json(infos?).into_response())
}

/// Checks the configuration that a body holds, and describes it with what is wrong.
fn validated(api: &Api, plugin: &str, bytes: &Bytes) -> Result<Value, ApiError> {
    let config = body::config(&body::members(bytes)?)?;
    let class = config.get("connector.class").ok_or(ConfigError::NoClass)?;
    let catalog = &api.shared.catalog;
    let (asked, given) = (catalog.find(plugin), catalog.find(class));
    let same = asked.map(|asked| asked.class()) == given.map(|given| given.class());
    if given.is_some() && !same {
        return Err(ApiError::bad_request(format!(
            "Included connector type {class} does not match request type {plugin}"
        )));
    }
    if asked.is_none() {
        return Err(ApiError::bad_request(catalog.unknown(plugin)));
    }
    let class = class.clone();
    let config = {
        // A mask that would keep a secret when written is as good as the secret.
        let configs = api.shared.configs();
        let stored = config.get("name").and_then(|name| configs.get(name));
        restore(
            definition(api, &config).as_ref(),
            config,
            stored.map(|entry| &entry.config),
        )
    };
    let worker = &api.shared.config;
    let checked = connector::check_for(catalog, &api.shared.resolver, &config, &worker.rules)?;
    let worker = &worker.converters;
    Ok(config_infos(&class, &checked, &config, worker))
}
