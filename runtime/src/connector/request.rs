//! Reads connector configurations from JSON as Kafka Connect's clients write them.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// The members of a JSON object, each as it was written: a number that is read loses digits.
pub type Members<'a> = BTreeMap<String, &'a RawValue>;

/// Reads a JSON object, whose members stay as they are.
///
/// # Errors
/// If it is not valid JSON, or no object ([`serde_json::Error::is_data`]).
pub fn members(json: &[u8]) -> serde_json::Result<Members<'_>> {
    serde_json::from_slice(json)
}

/// What a setting may be in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scalar {
    /// Nothing.
    Null,
    /// A text.
    Text(String),
    /// A number or a boolean, as it was written.
    Plain(String),
}

impl Scalar {
    /// Reads a member; `None` if it is a list or an object.
    pub(crate) fn of(member: &RawValue) -> Option<Self> {
        let written = member.get();
        Some(match written.as_bytes().first()? {
            b'{' | b'[' => return None,
            b'n' => Self::Null,
            b'"' => Self::Text(serde_json::from_str(written).ok()?),
            _ => Self::Plain(written.to_owned()),
        })
    }
}

/// Turns a JSON object into a configuration: numbers and booleans become texts, letter by letter, as in
/// Kafka Connect.
///
/// # Errors
/// In words, if a value is an object, a list or null.
pub fn texts(members: &Members<'_>) -> Result<BTreeMap<String, String>, String> {
    let text = |(key, member): (&String, &&RawValue)| match Scalar::of(member) {
        Some(Scalar::Text(text) | Scalar::Plain(text)) => Ok((key.clone(), text)),
        Some(Scalar::Null) => Err(format!("The value of {key} must not be null")),
        None => Err(format!(
            "The value of {key} must be a text, a number or a boolean"
        )),
    };
    members.iter().map(text).collect()
}

/// Reads a connector file: either a create request (`name` and `config`) or the configuration itself.
///
/// # Errors
/// In words, if it is neither.
pub fn parse_request(text: &str) -> Result<BTreeMap<String, String>, String> {
    let all = members(text.as_bytes()).map_err(|error| {
        if error.is_data() {
            "must be a JSON object".to_owned()
        } else {
            error.to_string()
        }
    })?;
    let config = all.get("config").map(|config| config.get());
    let Some(config) = config.filter(|config| config.starts_with('{')) else {
        return texts(&all);
    };
    let config = members(config.as_bytes()).map_err(|error| error.to_string())?;
    let mut config = texts(&config)?;
    let Some(Scalar::Text(name)) = all.get("name").and_then(|name| Scalar::of(name)) else {
        return Err("\"name\" is missing".into());
    };
    let own = config
        .entry("name".into())
        .or_insert_with(|| name.to_owned());
    if *own != name {
        return Err(format!("name is {name} outside of config and {own} in it"));
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stays_as_it_was_written() {
        let json = r#"{"a": 1.10, "b":1e5, "c" : 123456789012345678901, "d":1e400,"e":-0.0,
            "f": true, "g": "\u0031.10", "a": 1.50}"#;
        let config = texts(&members(json.as_bytes()).unwrap()).unwrap();
        let found: Vec<_> = config.iter().map(|(k, v)| (&**k, &**v)).collect();
        assert_eq!(
            found,
            [
                ("a", "1.50"),
                ("b", "1e5"),
                ("c", "123456789012345678901"),
                ("d", "1e400"),
                ("e", "-0.0"),
                ("f", "true"),
                ("g", "1.10"),
            ]
        );
        let file = r#"{ "name": "x", "config": { "max": 1.10 } }"#;
        assert_eq!(parse_request(file).unwrap()["max"], "1.10");
        for bad in [
            "[1]",
            "1",
            "{\"a\":01}",
            "{\"a\":1.}",
            "{\"a\":[1]}",
            "{\"a\":null}",
        ] {
            assert!(parse_request(bad).is_err(), "{bad}");
        }
    }
}
