//! What is not compared, and why.
//!
//! | Left out | Why |
//! |---|---|
//! | host and port of the worker, folder, the side's name | each side has its own |
//! | versions, commits | each side has its own |
//! | columns in messages about malformed JSON | they depend on the length of the side's name |
//! | `last_modified` | a moment |
//! | what is in `details` of a task and in `group` of `/health` | figures |
//! | `trace` | a stack in one, causes and a remedy in the other |
//! | `documentation` | each side explains keys in its own words |
//! | loggers but `root` and those of `org.example` | each side has its own |
//! | order of verbs in `Allow` and in the answer to `OPTIONS` | it means nothing |
//! | order of names of connectors and of recommended values | it means nothing |
//! | 500 and 409 by which Connect asks to be asked again during a rebalance (`side.rs` does) | they come by chance |
//! | order of keys in lists of plugins and of configuration keys | clients look them up by name |

use serde_json::{Map, Value};

/// Brings an answer's JSON into the form that is compared.
pub(crate) fn body(value: Value) -> Value {
    match value {
        Value::Object(map) if map.contains_key("root") => {
            let kept = map
                .into_iter()
                .filter(|(k, _)| k == "root" || k.starts_with("org.example"));
            Value::Object(kept.map(|(k, v)| (k, body(v))).collect())
        }
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(k, v)| (k.clone(), field(&k, v)))
                .collect(),
        ),
        Value::Array(mut items) if items.iter().all(Value::is_string) => {
            items.sort_by_key(Value::to_string);
            Value::Array(items)
        }
        Value::Array(items) => list(items),
        other => other,
    }
}

/// Takes the columns out of Java's messages about JSON.
pub(crate) fn columns(text: &str) -> String {
    let mut parts = text.split("column: ");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str("column: ");
        plain.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    plain
}

/// Returns the verbs of an `Allow` in one order.
pub(crate) fn verbs(text: &str) -> String {
    let mut verbs: Vec<&str> = text.split(',').map(str::trim).collect();
    verbs.sort_unstable();
    verbs.join(",")
}

fn field(name: &str, value: Value) -> Value {
    match (name, &value) {
        ("version" | "commit" | "trace" | "documentation", Value::String(_)) => {
            format!("<{name}>").into()
        }
        ("last_modified", Value::Number(_)) => "<time>".into(),
        ("details" | "group", Value::Object(_)) => format!("<{name}>").into(),
        ("groups" | "errors", Value::Array(_)) => value,
        _ => body(value),
    }
}

/// Turns a list of things with names into an object of them.
fn list(items: Vec<Value>) -> Value {
    let names: Option<Vec<String>> = items.iter().map(name).collect();
    match names {
        Some(names) if !names.is_empty() => {
            let named = names.into_iter().zip(items.into_iter().map(body));
            let own = |(name, value): (String, Value)| {
                let of_version = name.ends_with("plugin.version");
                let value = if of_version { versions(value) } else { value };
                (name, value)
            };
            Value::Object(named.map(own).collect::<Map<_, _>>())
        }
        _ => Value::Array(items.into_iter().map(body).collect()),
    }
}

/// Takes the versions out of what is said of a key that holds one.
fn versions(value: Value) -> Value {
    let version = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    match value {
        Value::String(text) if version(&text) => "<version>".into(),
        Value::Array(items) => items.into_iter().map(versions).collect(),
        Value::Object(map) => map.into_iter().map(|(k, v)| (k, versions(v))).collect(),
        other => other,
    }
}

fn name(item: &Value) -> Option<String> {
    let text = |pointer: &str| item.pointer(pointer).and_then(Value::as_str);
    if let (Some(class), Some(kind)) = (text("/class"), text("/type")) {
        return Some(format!("{kind} {class}"));
    }
    if let Some(number) = item.get("id").and_then(Value::as_u64) {
        return Some(number.to_string());
    }
    let name = text("/value/name").or_else(|| text("/name"))?;
    Some(name.to_owned())
}
