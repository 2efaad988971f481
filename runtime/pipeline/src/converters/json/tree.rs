//! JSON text taken apart with its numbers as they are written: a decimal must not pass through a float.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::ConvertError;

/// How deep arrays and objects may lie in one another: hostile text must not exhaust the stack.
const DEPTH: usize = 500;

/// A piece of JSON.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Null,
    Boolean(bool),
    /// A number as it is written.
    Number(String),
    String(String),
    Array(Vec<Json>),
    /// Members in order; of two with one name the later counts.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a whole text.
    pub(super) fn parse(text: &str) -> Result<Self, ConvertError> {
        Self::within(text.trim(), DEPTH).map_err(|error| broken(&error))
    }

    fn within(text: &str, depth: usize) -> Result<Self, serde_json::Error> {
        use serde::de::Error;
        let Some(deeper) = depth.checked_sub(1) else {
            return Err(serde_json::Error::custom("it is nested too deeply"));
        };
        Ok(match text.as_bytes().first() {
            Some(b'{') => {
                let members: Members<'_> = serde_json::from_str(text)?;
                let mut all: Vec<(String, Json)> = Vec::with_capacity(members.0.len());
                for (name, raw) in members.0 {
                    let value = Self::within(raw.get(), deeper)?;
                    match all.iter_mut().find(|(known, _)| *known == name) {
                        Some(known) => known.1 = value,
                        None => all.push((name, value)),
                    }
                }
                Self::Object(all)
            }
            Some(b'[') => {
                let elements: Vec<&RawValue> = serde_json::from_str(text)?;
                let elements = elements.into_iter();
                Self::Array(
                    elements
                        .map(|raw| Self::within(raw.get(), deeper))
                        .collect::<Result<_, _>>()?,
                )
            }
            Some(b'"') => Self::String(serde_json::from_str(text)?),
            _ => match serde_json::from_str::<&RawValue>(text)?.get() {
                "null" => Self::Null,
                "true" => Self::Boolean(true),
                "false" => Self::Boolean(false),
                number => Self::Number(number.to_owned()),
            },
        })
    }

    /// Returns a member of an object.
    pub(super) fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Self::Object(members) => members.iter().find(|(n, _)| n == name).map(|(_, v)| v),
            _ => None,
        }
    }

    /// Returns a text.
    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns what kind of JSON it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

fn broken(error: &serde_json::Error) -> ConvertError {
    ConvertError::data(format!("this is no JSON: {error}"))
}

/// The members of an object, not yet taken apart.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Members<'de>, M::Error> {
                let mut all = Vec::new();
                while let Some(member) = map.next_entry()? {
                    all.push(member);
                }
                Ok(Members(all))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// Returns the members of an object, not yet taken apart; `None` if it is none.
pub(super) fn parts(text: &str) -> Result<Option<Vec<(String, &RawValue)>>, ConvertError> {
    if !text.trim_start().starts_with('{') {
        Json::parse(text)?;
        return Ok(None);
    }
    let members: Members<'_> = serde_json::from_str(text).map_err(|error| broken(&error))?;
    Ok(Some(members.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_stay_as_written() {
        let Json::Object(members) =
            Json::parse("{\"a\":1.10, \"a\":[12345678901234567890.0]}").unwrap()
        else {
            panic!("no object")
        };
        let number = Json::Number("12345678901234567890.0".into());
        assert_eq!(members, [("a".to_owned(), Json::Array(vec![number]))]);
    }

    #[test]
    fn depth_is_bounded() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert!(Json::parse(&deep).is_err());
    }

    proptest! {
        #[test]
        fn any_text_ends_without_panic(text: String) {
            let _ = Json::parse(&text);
        }
    }
}
