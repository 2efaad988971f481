//! Defaults, file and environment laid over one another, each value with its origin.

use std::collections::BTreeMap;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::problem::{Origin, Problem, Problems};

/// Environment variables with the prefix that are not configuration keys.
const NOT_KEYS: [&str; 4] = [
    "WALBRIDGE_BIN",
    "WALBRIDGE_CRASH",
    "WALBRIDGE_LAB",
    "WALBRIDGE_TEST",
];

const PREFIX: &str = "WALBRIDGE_";

/// Values as texts under dotted keys, unchecked.
pub(super) type Raw = BTreeMap<String, (String, Origin)>;

/// The environment as a figment provider: `WALBRIDGE_GROUP_ID` is `group.id`, values stay texts.
///
/// figment's own provider would turn a group named `1e5` into a number.
struct Environment<'a>(&'a BTreeMap<String, String>);

impl Provider for Environment<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named("environment")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let values = self.0.iter().filter_map(|(name, value)| {
            let key = name.strip_prefix(PREFIX)?;
            let skip = NOT_KEYS.iter().any(|other| name.starts_with(other));
            (!skip).then(|| {
                (
                    key.to_lowercase().replace('_', "."),
                    Value::from(value.as_str()),
                )
            })
        });
        Ok(Profile::Default.collect(values.collect()))
    }
}

/// Reads the text of the file `shown` and lays the environment over it.
pub(super) fn read(
    text: &str,
    shown: &str,
    env: &BTreeMap<String, String>,
) -> Result<Raw, Problems> {
    let whole = |message: String| {
        Problems(vec![Problem {
            origin: Origin::File(shown.to_owned()),
            key: String::new(),
            message,
        }])
    };
    let mut raw = Raw::new();
    let file = Figment::from(Toml::string(text));
    let from_file = collect(&file).map_err(|e| whole(not_toml(&e)))?;
    for (key, value) in from_file {
        raw.insert(key, (value, Origin::File(shown.to_owned())));
    }
    let from_env = collect(&Figment::from(Environment(env))).map_err(|e| whole(e.to_string()))?;
    for (key, value) in from_env {
        let name = format!("{PREFIX}{}", key.to_uppercase().replace('.', "_"));
        raw.insert(key, (value, Origin::Environment(name)));
    }
    Ok(raw)
}

/// Says what is wrong with a file's form. TOML takes `a.b = …` beside `a = …` for one thing that is a table
/// and a text at once, which many keys of Kafka Connect look like.
fn not_toml(error: &figment::Error) -> String {
    let text = error.to_string();
    if text.contains("dotted key") || text.contains("duplicate key") {
        return format!(
            "{}; put keys in quotes: \"value.converter.schemas.enable\" = …",
            text.trim_end()
        );
    }
    text
}

fn collect(figment: &Figment) -> Result<Vec<(String, String)>, Box<figment::Error>> {
    let mut found = Vec::new();
    for dict in figment.data()?.into_values() {
        flatten("", dict, &mut found);
    }
    Ok(found)
}

/// Turns nested tables into dotted keys: `group.id = …` and `"group.id" = …` are the same.
fn flatten(prefix: &str, dict: Dict, found: &mut Vec<(String, String)>) {
    for (name, value) in dict {
        let key = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}.{name}")
        };
        match value {
            Value::Dict(_, inner) => flatten(&key, inner, found),
            Value::Array(_, parts) => {
                let texts: Vec<String> = parts.iter().map(text).collect();
                found.push((key, texts.join(",")));
            }
            single => found.push((key, text(&single))),
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(_, text) => text.clone(),
        Value::Char(_, c) => c.to_string(),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Num(_, num) => num
            .to_i128()
            .map(|n| n.to_string())
            .or_else(|| num.to_f64().map(|n| n.to_string()))
            .unwrap_or_default(),
        _ => String::new(),
    }
}
