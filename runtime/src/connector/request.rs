//! Reads connector configurations from JSON as Kafka Connect's clients write them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Turns a JSON object into a configuration: numbers and booleans become texts.
///
/// # Errors
/// In words, if a value is an object, a list or null.
pub fn texts(map: &Map<String, Value>) -> Result<BTreeMap<String, String>, String> {
    map.iter()
        .map(|(key, value)| match value {
            Value::String(text) => Ok((key.clone(), text.clone())),
            Value::Number(_) | Value::Bool(_) => Ok((key.clone(), value.to_string())),
            Value::Null => Err(format!("The value of {key} must not be null")),
            Value::Array(_) | Value::Object(_) => Err(format!(
                "The value of {key} must be a text, a number or a boolean"
            )),
        })
        .collect()
}

/// Reads a connector file: either a create request (`name` and `config`) or the configuration itself.
///
/// # Errors
/// In words, if it is neither.
pub fn parse_request(text: &str) -> Result<BTreeMap<String, String>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let Value::Object(map) = value else {
        return Err("must be a JSON object".into());
    };
    let Some(config) = map.get("config").and_then(Value::as_object) else {
        return texts(&map);
    };
    let mut config = texts(config)?;
    let name = map
        .get("name")
        .and_then(Value::as_str)
        .ok_or("\"name\" is missing")?;
    let own = config
        .entry("name".into())
        .or_insert_with(|| name.to_owned());
    if own != name {
        return Err(format!("name is {name} outside of config and {own} in it"));
    }
    Ok(config)
}
