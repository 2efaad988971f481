//! Request bodies: JSON, whatever the content type says.

use std::collections::BTreeMap;

use axum::body::Bytes;
use serde_json::{Map, Value};

use super::error::ApiError;
use crate::connector::{self, ConfigError, Members, Scalar, texts};
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

/// Reads a JSON object, whose members stay as they were written.
pub(super) fn members(body: &Bytes) -> Result<Members<'_>, ApiError> {
    connector::members(body).map_err(|error| {
        ApiError::bad_request(if error.is_data() {
            "The body must be a JSON object".to_owned()
        } else {
            format!("The body is not valid JSON: {error}")
        })
    })
}

/// Refuses an object with any other field than these.
pub(super) fn only<'a>(
    fields: impl IntoIterator<Item = &'a String>,
    known: &[&str],
) -> Result<(), ApiError> {
    let mut fields = fields.into_iter();
    match fields.find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(ApiError::bad_request(format!(
            "Unrecognized field \"{key}\"; known: {}",
            known.join(", ")
        ))),
        None => Ok(()),
    }
}

/// Reads a configuration.
pub(super) fn config(members: &Members<'_>) -> Result<BTreeMap<String, String>, ApiError> {
    texts(members).map_err(ApiError::bad_request)
}

/// Reads a request to create a connector.
pub(super) fn create(body: &Bytes) -> Result<Create, ApiError> {
    let all = members(body)?;
    only(all.keys(), &["name", "config", "initial_state"])?;
    let name = match all.get("name").map(|name| Scalar::of(name)) {
        None | Some(Some(Scalar::Null)) => String::new(),
        // What Java's String.trim takes off.
        Some(Some(Scalar::Text(name))) => name.trim_matches(|c: char| c <= ' ').to_owned(),
        Some(Some(Scalar::Plain(name))) => name,
        Some(None) => return Err(ApiError::bad_request("\"name\" must be a text")),
    };
    let given = all.get("config").map(|given| given.get().as_bytes());
    let given = given.and_then(|given| connector::members(given).ok());
    let given =
        given.ok_or_else(|| ApiError::bad_request("The body must have a \"config\" object"))?;
    let mut config = config(&given)?;
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
    let initial = match all
        .get("initial_state")
        .map(|state| (state, Scalar::of(state)))
    {
        None | Some((_, Some(Scalar::Null))) => None,
        Some((written, state)) => {
            let known = match state {
                Some(Scalar::Text(state)) => TargetState::from_initial(&state),
                _ => None,
            };
            let unknown = || {
                ApiError::bad_request(format!(
                    "Invalid initial_state {written}; it must be one of RUNNING, PAUSED, STOPPED"
                ))
            };
            Some(known.ok_or_else(unknown)?)
        }
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
