//! Configuration keys: one table per connector feeds parsing, validation, REST and documentation.

mod near;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

/// The type of a key's value, by Kafka Connect's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    String,
    /// A 16-bit number.
    Short,
    /// A 32-bit number.
    Int,
    /// A 64-bit number.
    Long,
    /// A floating point number.
    Double,
    /// `true` or `false`.
    Boolean,
    /// Texts separated by commas.
    List,
    /// A class name.
    Class,
    /// A text that is never shown.
    Password,
}

impl Kind {
    /// Returns Kafka Connect's name of the type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "STRING",
            Self::Short => "SHORT",
            Self::Int => "INT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::Boolean => "BOOLEAN",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        }
    }

    fn check(self, value: &str) -> Result<(), String> {
        let text = value.trim();
        let ok = match self {
            Self::Short => text.parse::<i16>().is_ok(),
            Self::Int => text.parse::<i32>().is_ok(),
            Self::Long => text.parse::<i64>().is_ok(),
            Self::Double => text.parse::<f64>().is_ok(),
            Self::Boolean => {
                text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")
            }
            _ => true,
        };
        match (ok, self) {
            (true, _) => Ok(()),
            (false, Self::Boolean) => Err("Expected value to be either true or false".into()),
            (false, kind) => Err(format!("Not a number of type {}", kind.as_str())),
        }
    }
}

/// How much a key matters, by Kafka Connect's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Importance {
    /// Most people must set it.
    High,
    /// Many people set it.
    Medium,
    /// Few people set it.
    Low,
}

/// How wide a form should draw a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// As the form likes.
    None,
    /// A few characters.
    Short,
    /// A word or two.
    Medium,
    /// A line.
    Long,
}

/// One configuration key.
#[derive(Debug, Clone)]
pub struct ConfigKey {
    /// The key's name.
    pub name: &'static str,
    /// The type of its value.
    pub kind: Kind,
    /// The value it has when it is not given.
    pub default: Option<&'static str>,
    /// Whether it must be given.
    pub required: bool,
    /// The only values allowed; empty allows any.
    pub allowed: &'static [&'static str],
    /// The smallest number allowed.
    pub min: Option<i64>,
    /// How much it matters.
    pub importance: Importance,
    /// What it is for, in a sentence or two.
    pub doc: &'static str,
    /// The heading it stands under; empty if under none.
    pub group: &'static str,
    /// How wide a form should draw it.
    pub width: Width,
}

impl ConfigKey {
    /// Creates an optional key without a default.
    pub const fn new(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            name,
            kind,
            default: None,
            required: false,
            allowed: &[],
            min: None,
            importance: Importance::Medium,
            doc,
            group: "",
            width: Width::None,
        }
    }

    /// Makes the key one that must be given.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self.importance = Importance::High;
        self
    }

    /// Gives the key a default.
    #[must_use]
    pub const fn default(mut self, value: &'static str) -> Self {
        self.default = Some(value);
        self
    }

    /// Allows only these values.
    #[must_use]
    pub const fn allowed(mut self, values: &'static [&'static str]) -> Self {
        self.allowed = values;
        self
    }

    /// Allows only numbers of at least `min`.
    #[must_use]
    pub const fn min(mut self, min: i64) -> Self {
        self.min = Some(min);
        self
    }

    /// Puts the key under a heading.
    #[must_use]
    pub const fn group(mut self, group: &'static str) -> Self {
        self.group = group;
        self
    }

    /// Says how much the key matters.
    #[must_use]
    pub const fn importance(mut self, importance: Importance) -> Self {
        self.importance = importance;
        self
    }
}

/// A value that cannot be used: which key, what it was, and why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The key.
    pub key: String,
    /// What is wrong, as Kafka Connect words it.
    pub message: String,
}

impl ConfigProblem {
    /// Creates a problem with this key.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            message: message.into(),
        }
    }

    /// Creates a problem with the value that this key was given.
    pub fn invalid(key: &str, value: &str, why: &str) -> Self {
        Self::new(
            key,
            format!("Invalid value {value} for configuration {key}: {why}"),
        )
    }
}

/// All keys of a connector, and the prefixes under which it takes further ones.
#[derive(Debug, Clone, Default)]
pub struct ConfigDef {
    /// The keys.
    pub keys: Vec<ConfigKey>,
    /// Prefixes such as `source.cluster.` whose keys are passed on and not checked here.
    pub prefixes: Vec<&'static str>,
    /// Keys of other programs' connectors that go by the same class, and what to do instead.
    pub foreign: Vec<(&'static str, &'static str)>,
}

impl ConfigDef {
    /// Creates a definition of these keys.
    pub fn new(keys: Vec<ConfigKey>) -> Self {
        Self {
            keys,
            prefixes: Vec::new(),
            foreign: Vec::new(),
        }
    }

    /// Takes any key that starts with one of these prefixes.
    #[must_use]
    pub fn passing(mut self, prefixes: &[&'static str]) -> Self {
        self.prefixes.extend_from_slice(prefixes);
        self
    }

    /// Says for keys that other programs' connectors have, and this one has not, what to do instead.
    #[must_use]
    pub fn instead_of(mut self, keys: &[(&'static str, &'static str)]) -> Self {
        self.foreign.extend_from_slice(keys);
        self
    }

    /// Returns the key with this name.
    pub fn get(&self, name: &str) -> Option<&ConfigKey> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// Checks every value and returns every problem; unknown keys are problems too.
    pub fn check(&self, values: &BTreeMap<String, String>) -> Vec<ConfigProblem> {
        let mut problems = Vec::new();
        for key in &self.keys {
            match values.get(key.name) {
                Some(value) => problems.extend(check_value(key, value)),
                None if key.required && key.default.is_none() => {
                    let name = key.name;
                    problems.push(ConfigProblem::new(
                        name,
                        format!(
                            "Missing required configuration \"{name}\" which has no default value."
                        ),
                    ));
                }
                None => {}
            }
        }
        for name in values.keys() {
            let known =
                self.get(name).is_some() || self.prefixes.iter().any(|p| name.starts_with(p));
            if !known {
                problems.push(ConfigProblem::new(name, self.unknown(name)));
            }
        }
        problems
    }

    /// Returns the key that a name that is none was most likely meant to be.
    pub fn nearest(&self, name: &str) -> Option<&'static str> {
        near::nearest(name, self.keys.iter().map(|key| key.name))
    }

    /// Says that there is no such key, and what to do instead.
    pub fn unknown(&self, name: &str) -> String {
        if let Some((_, instead)) = self.foreign.iter().find(|(key, _)| *key == name) {
            return format!("Unknown configuration \"{name}\": {instead}");
        }
        match self.nearest(name) {
            Some(near) => {
                format!("Unknown configuration \"{name}\"; did you mean \"{near}\"?")
            }
            None => format!("Unknown configuration \"{name}\""),
        }
    }

    /// Returns the values with the defaults filled in; call [`check`](Self::check) first.
    pub fn settings(&self, values: &BTreeMap<String, String>) -> Settings {
        let mut all = values.clone();
        for key in &self.keys {
            if let (false, Some(default)) = (all.contains_key(key.name), key.default) {
                all.insert(key.name.to_owned(), default.to_owned());
            }
        }
        Settings {
            all,
            raw: values.clone(),
        }
    }
}

fn check_value(key: &ConfigKey, value: &str) -> Option<ConfigProblem> {
    let problem = |why: &str| {
        let shown = if key.kind == Kind::Password {
            "[hidden]"
        } else {
            value
        };
        Some(ConfigProblem::invalid(key.name, shown, why))
    };
    if let Err(why) = key.kind.check(value) {
        return problem(&why);
    }
    if !key.allowed.is_empty() && !key.allowed.iter().any(|a| a.eq_ignore_ascii_case(value)) {
        return problem(&format!(
            "String must be one of: {}",
            key.allowed.join(", ")
        ));
    }
    if key.required && value.trim().is_empty() {
        return problem("String must be non-empty");
    }
    if let (Some(min), Ok(number)) = (key.min, value.trim().parse::<i64>())
        && number < min
    {
        return problem(&format!("Value must be at least {min}"));
    }
    None
}

/// Checked values with defaults: what a connector reads its settings from.
#[derive(Clone)]
pub struct Settings {
    all: BTreeMap<String, String>,
    raw: BTreeMap<String, String>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values may be secrets: only the names are shown.
        f.debug_set().entries(self.all.keys()).finish()
    }
}

impl Settings {
    /// Creates settings of values with their defaults and of the values as they were given.
    ///
    /// [`ConfigDef::settings`] is what makes them from a configuration; this is for who carries them
    /// from one place to another.
    pub fn new(all: BTreeMap<String, String>, raw: BTreeMap<String, String>) -> Self {
        Self { all, raw }
    }

    /// Returns the values with their defaults.
    pub fn all(&self) -> &BTreeMap<String, String> {
        &self.all
    }

    /// Returns the values as they were given, without defaults.
    pub fn raw(&self) -> &BTreeMap<String, String> {
        &self.raw
    }

    /// Returns the text of a key; empty when it has neither value nor default.
    pub fn text(&self, key: &str) -> &str {
        self.all.get(key).map_or("", String::as_str)
    }

    /// Returns the text of a key, or `None` when it is absent or empty.
    pub fn optional(&self, key: &str) -> Option<&str> {
        self.all
            .get(key)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Returns the number of a key; 0 when it has neither value nor default.
    pub fn number(&self, key: &str) -> i64 {
        self.text(key).trim().parse().unwrap_or_default()
    }

    /// Returns the number of a key as a count or size; negative numbers become 0.
    pub fn size(&self, key: &str) -> usize {
        usize::try_from(self.number(key)).unwrap_or_default()
    }

    /// Returns the milliseconds of a key as a duration.
    pub fn millis(&self, key: &str) -> Duration {
        Duration::from_millis(u64::try_from(self.number(key)).unwrap_or_default())
    }

    /// Returns whether a key is `true`.
    pub fn flag(&self, key: &str) -> bool {
        self.text(key).trim().eq_ignore_ascii_case("true")
    }

    /// Returns the parts of a comma-separated key.
    pub fn list(&self, key: &str) -> Vec<&str> {
        self.text(key)
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .collect()
    }

    /// Returns the keys under a prefix, with the prefix taken off.
    pub fn under(&self, prefix: &str) -> BTreeMap<String, String> {
        // Only what lies there is looked at: some ask for one prefix after the other.
        let from = (Bound::Included(prefix), Bound::Unbounded);
        self.all
            .range::<str, _>(from)
            .map_while(|(key, value)| Some((key.strip_prefix(prefix)?.to_owned(), value.clone())))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn def() -> ConfigDef {
        ConfigDef::new(vec![
            ConfigKey::new("topic.prefix", Kind::String, "").required(),
            ConfigKey::new("max.batch.size", Kind::Int, "")
                .default("2048")
                .min(1),
            ConfigKey::new("password", Kind::Password, "").allowed(&["x"]),
        ])
        .passing(&["driver."])
    }

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn all_problems_at_once_and_no_secret_in_them() {
        let given = values(&[
            ("max.batch.size", "dog"),
            ("topic.prefx", "a"),
            ("driver.x", "y"),
            ("password", "hunter2"),
        ]);
        let problems = def().check(&given);
        let texts: Vec<_> = problems.iter().map(|p| p.message.as_str()).collect();
        assert_eq!(
            texts,
            [
                "Missing required configuration \"topic.prefix\" which has no default value.",
                "Invalid value dog for configuration max.batch.size: Not a number of type INT",
                "Invalid value [hidden] for configuration password: String must be one of: x",
                "Unknown configuration \"topic.prefx\"; did you mean \"topic.prefix\"?",
            ]
        );
    }

    #[test]
    fn defaults_fill_settings_but_not_raw() {
        let settings = def().settings(&values(&[("topic.prefix", "east")]));
        assert_eq!(settings.number("max.batch.size"), 2048);
        assert!(!settings.raw().contains_key("max.batch.size"));
        assert_eq!(settings.optional("password"), None);
    }
}
