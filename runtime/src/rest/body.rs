//! Request bodies: JSON, whatever the content type says.

use std::collections::BTreeMap;

use axum::body::Bytes;
use serde_json::{Map, Value};

use super::error::ApiError;
use crate::connector::{ConfigError, texts};
use crate::state::TargetState;

/// A request to create a connector.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Create {
    pub(super) name: String,
    pub(super) config: BTreeMap<String, String>,
    pub(super) initial: Option<TargetState>,
}

/// Reads a JSON object.
pub(super) fn object(body: &Bytes) -> Result<Map<String, Value>, ApiError> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| ApiError::bad_request(format!("The body is not valid JSON: {error}")))?;
    match value {
        Value::Object(map) => Ok(map),
        _ => Err(ApiError::bad_request("The body must be a JSON object")),
    }
}

/// Refuses an object with any other field than these.
pub(super) fn only(map: &Map<String, Value>, known: &[&str]) -> Result<(), ApiError> {
    match map.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(ApiError::bad_request(format!(
            "Unrecognized field \"{key}\"; known: {}",
            known.join(", ")
        ))),
        None => Ok(()),
    }
}

/// Reads a configuration.
pub(super) fn config(map: &Map<String, Value>) -> Result<BTreeMap<String, String>, ApiError> {
    texts(map).map_err(ApiError::bad_request)
}

/// Reads a request to create a connector.
pub(super) fn create(body: &Bytes) -> Result<Create, ApiError> {
    let map = object(body)?;
    only(&map, &["name", "config", "initial_state"])?;
    let name = match map.get("name") {
        None | Some(Value::Null) => String::new(),
        // What Java's String.trim takes off.
        Some(Value::String(name)) => name.trim_matches(|c: char| c <= ' ').to_owned(),
        Some(name @ (Value::Number(_) | Value::Bool(_))) => name.to_string(),
        Some(_) => return Err(ApiError::bad_request("\"name\" must be a text")),
    };
    let given = match map.get("config") {
        Some(Value::Object(given)) => given,
        _ => {
            return Err(ApiError::bad_request(
                "The body must have a \"config\" object",
            ));
        }
    };
    let mut config = config(given)?;
    let name = if name.is_empty() {
        config.get("name").cloned().unwrap_or_default()
    } else {
        name
    };
    if name.trim().is_empty() {
        let words = "Invalid value  for configuration name: String may not be empty";
        return Err(ConfigError::invalid(&[words]).into());
    }
    named(&name, &mut config)?;
    let initial = match map.get("initial_state") {
        None | Some(Value::Null) => None,
        Some(state) => Some(
            state
                .as_str()
                .and_then(TargetState::from_initial)
                .ok_or_else(|| {
                    ApiError::bad_request(format!(
                        "Invalid initial_state {state}; it must be one of RUNNING, PAUSED, STOPPED"
                    ))
                })?,
        ),
    };
    Ok(Create {
        name,
        config,
        initial,
    })
}

/// Puts the connector's name into its configuration, where it must be the same.
pub(super) fn named(name: &str, config: &mut BTreeMap<String, String>) -> Result<(), ApiError> {
    let own = config
        .entry("name".into())
        .or_insert_with(|| name.to_owned());
    if own != name {
        return Err(ApiError::bad_request(format!(
            "Connector name configuration ({own}) doesn't match connector name in the URL ({name})"
        )));
    }
    Ok(())
}
