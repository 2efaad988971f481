//! Connectors: list, create, read, configure, delete.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::at::At;
use super::error::{Answer, ApiError};
use super::guard::Changed;
use super::{Api, body, query, status};
use crate::connector::{self, ConfigError};
use crate::herder::Order;
use crate::lags::Lags;
use crate::secrets::{masked, restore};
use crate::state::TargetState;
use walbridge_connector_api::ConfigDef;

/// `GET /connectors`
pub(super) async fn list(State(api): State<Api>, RawQuery(query): RawQuery) -> Answer {
    let names: Vec<String> = {
        let configs = api.shared.configs();
        configs.iter().map(|(name, _)| name.to_owned()).collect()
    };
    let expand = query::all(query.as_deref(), "expand");
    if expand.is_empty() {
        return Ok(Json(names).into_response());
    }
    let lags = Lags::now(&api.shared);
    let mut all = Map::new();
    for name in names {
        let mut one = Map::new();
        if expand.iter().any(|what| what == "info")
            && let Some(info) = info(&api, &name)
        {
            one.insert("info".into(), info);
        }
        if expand.iter().any(|what| what == "status")
            && let Some(status) = status::of(&api, &lags, &name)
        {
            one.insert("status".into(), status);
        }
        all.insert(name, Value::Object(one));
    }
    Ok(Json(all).into_response())
}

/// `POST /connectors`
pub(super) async fn create(State(api): State<Api>, at: At, body: Bytes) -> Answer {
    let body::Create {
        name,
        config,
        initial,
    } = body::create(&body)?;
    put(&api, &at, name, config, initial, true).await
}

/// `GET /connectors/{connector}`
pub(super) async fn show(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    info(&api, &name)
        .map(|info| Json(info).into_response())
        .ok_or_else(|| missing(&name))
}

/// `GET /connectors/{connector}/config`
pub(super) async fn config(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    shown_config(&api, &name)
        .map(|c| Json(c).into_response())
        .ok_or_else(|| missing(&name))
}

/// `PUT /connectors/{connector}/config`
pub(super) async fn put_config(
    State(api): State<Api>,
    Path(name): Path<String>,
    at: At,
    body: Bytes,
) -> Answer {
    let mut config = body::config(&body::members(&body)?)?;
    body::named(&name, &mut config)?;
    put(&api, &at, name, config, None, false).await
}

/// `PATCH /connectors/{connector}/config`
pub(super) async fn patch_config(
    State(api): State<Api>,
    Path(name): Path<String>,
    at: At,
    body: Bytes,
) -> Answer {
    let mut patch = body::members(&body)?;
    let mut config = {
        let configs = api.shared.configs();
        configs
            .get(&name)
            .map(|entry| entry.config.clone())
            .ok_or_else(|| missing(&name))?
    };
    let is_null = |member: &RawValue| member.get() == "null";
    if patch.get("name").is_some_and(|name| is_null(name)) {
        let words = "Missing required configuration \"name\" which has no default value.";
        return Err(ConfigError::invalid(&[words]).into());
    }
    patch.retain(|key, value| {
        let remove = is_null(value);
        if remove {
            config.remove(key);
        }
        !remove
    });
    config.extend(body::config(&patch)?);
    body::named(&name, &mut config)?;
    put(&api, &at, name, config, None, false).await
}

/// `DELETE /connectors/{connector}`
pub(super) async fn delete(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    api.herder.ask(Order::Delete(name.clone())).await?;
    api.shared.forget_topics(&name);
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET /connectors/{connector}/tasks`
pub(super) async fn tasks(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    let tasks: Vec<Value> = task_configs(&api, &name)?
        .into_iter()
        .enumerate()
        .map(|(n, config)| json!({ "id": { "connector": name, "task": n }, "config": config }))
        .collect();
    Ok(Json(tasks).into_response())
}

/// `GET /connectors/{connector}/tasks-config`
pub(super) async fn tasks_config(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    let tasks: Map<String, Value> = task_configs(&api, &name)?
        .into_iter()
        .enumerate()
        .map(|(n, config)| (format!("{name}-{n}"), json!(config)))
        .collect();
    Ok(Json(tasks).into_response())
}

/// Returns the configurations of a connector's tasks as they may be shown.
fn task_configs(api: &Api, name: &str) -> Result<Vec<BTreeMap<String, String>>, ApiError> {
    let entry = {
        let configs = api.shared.configs();
        configs.get(name).cloned().ok_or_else(|| missing(name))?
    };
    let def = definition(api, &entry.config);
    let tasks = entry.tasks.unwrap_or_default();
    Ok(tasks
        .iter()
        .map(|config| masked(def.as_ref(), config))
        .collect())
}

async fn put(
    api: &Api,
    at: &At,
    name: String,
    config: BTreeMap<String, String>,
    initial: Option<TargetState>,
    create: bool,
) -> Answer {
    let put = name.clone();
    let (config, changed) = api
        .apart(move |api| accepted(api, &put, config, create))
        .await?;
    let put = name.clone();
    let created = api
        .herder
        .ask(Order::Put {
            name: put,
            config,
            initial,
            create,
        })
        .await?;
    let info = info(api, &name).ok_or_else(|| missing(&name))?;
    let mut answer = if created {
        (StatusCode::CREATED, at.location(&name), Json(info)).into_response()
    } else {
        Json(info).into_response()
    };
    answer.extensions_mut().insert(changed);
    Ok(answer)
}

/// Checks a configuration that is to be written; returns it with its secrets, and what it changes.
fn accepted(
    api: &Api,
    name: &str,
    config: BTreeMap<String, String>,
    create: bool,
) -> Result<(BTreeMap<String, String>, Changed), ApiError> {
    let (config, changed) = {
        let configs = api.shared.configs();
        let stored = configs.get(name).filter(|_| !create);
        let stored = stored.map(|entry| &entry.config);
        let config = restore(definition(api, &config).as_ref(), config, stored);
        let changed = changed(name, stored, &config);
        (config, changed)
    };
    let shared = &api.shared;
    connector::check_for(
        &shared.catalog,
        &shared.resolver,
        &config,
        &shared.config.rules,
    )?
    .accept()?;
    Ok((config, changed))
}

/// Says for the log what a write does: the connector, and the keys whose values differ.
fn changed(
    name: &str,
    stored: Option<&BTreeMap<String, String>>,
    config: &BTreeMap<String, String>,
) -> Changed {
    let Some(stored) = stored else {
        return Changed(format!("created {name}"));
    };
    let keys: BTreeSet<&String> = stored.keys().chain(config.keys()).collect();
    let keys: Vec<&str> = keys
        .into_iter()
        .filter(|key| stored.get(*key) != config.get(*key))
        .map(String::as_str)
        .collect();
    Changed(match &keys[..] {
        [] => format!("nothing of {name}"),
        keys => format!("{} of {name}", keys.join(", ")),
    })
}

fn missing(name: &str) -> ApiError {
    ApiError::not_found(format!("Connector {name} not found"))
}

/// Returns the keys of the connector that a configuration is for.
pub(super) fn definition(api: &Api, config: &BTreeMap<String, String>) -> Option<ConfigDef> {
    let found = api.shared.catalog.find(config.get("connector.class")?)?;
    Some(connector::definition(found.as_ref()))
}

fn shown_config(api: &Api, name: &str) -> Option<BTreeMap<String, String>> {
    let configs = api.shared.configs();
    let entry = configs.get(name)?;
    Some(masked(
        definition(api, &entry.config).as_ref(),
        &entry.config,
    ))
}

/// Returns which way a connector moves data, in the API's words.
pub(super) fn kind(api: &Api, name: &str) -> &'static str {
    let configs = api.shared.configs();
    configs
        .get(name)
        .and_then(|entry| {
            api.shared
                .catalog
                .find(entry.config.get("connector.class")?)
        })
        .map_or("unknown", |connector| connector.kind().as_str())
}

fn info(api: &Api, name: &str) -> Option<Value> {
    let config = shown_config(api, name)?;
    let count = api
        .shared
        .configs()
        .get(name)?
        .tasks
        .as_ref()
        .map_or(0, Vec::len);
    let tasks: Vec<Value> = (0..count)
        .map(|task| json!({ "connector": name, "task": task }))
        .collect();
    Some(json!({ "name": name, "config": config, "tasks": tasks, "type": kind(api, name) }))
}
