//! Which converters a connector uses, from the worker's settings and its own.

use std::collections::BTreeMap;

use walbridge_connector_api::{ConfigProblem, ConnectorError};

use crate::converters::{Converter, ConverterKind, Role};

/// A converter that was chosen, with its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConverterChoice {
    kind: ConverterKind,
    values: BTreeMap<String, String>,
}

/// The converters of keys, values and headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConverterChoices {
    key: ConverterChoice,
    value: ConverterChoice,
    header: ConverterChoice,
}

impl Default for ConverterChoices {
    /// JSON with schemas for keys and values, and Kafka Connect's header converter.
    fn default() -> Self {
        let choice = |kind| ConverterChoice {
            kind,
            values: BTreeMap::new(),
        };
        Self {
            key: choice(ConverterKind::Json),
            value: choice(ConverterKind::Json),
            header: choice(ConverterKind::Simple),
        }
    }
}

impl ConverterChoices {
    /// Lays the converters that `values` name over these.
    ///
    /// As in Kafka Connect, a converter that is named brings all its settings along: those of the one
    /// it takes the place of do not count any more.
    #[must_use]
    pub fn with(&self, values: &BTreeMap<String, String>) -> Self {
        let choose = |role: Role, below: &ConverterChoice| {
            named(role, values)
                .and_then(ConverterKind::find)
                .map_or_else(
                    || below.clone(),
                    |kind| ConverterChoice {
                        kind,
                        values: settings_of(role, values),
                    },
                )
        };
        Self {
            key: choose(Role::Key, &self.key),
            value: choose(Role::Value, &self.value),
            header: choose(Role::Header, &self.header),
        }
    }

    /// Returns the kind of converter of one part of a record.
    pub fn kind(&self, role: Role) -> ConverterKind {
        match role {
            Role::Key => self.key.kind,
            Role::Value => self.value.kind,
            Role::Header => self.header.kind,
        }
    }

    /// Returns what is wrong with the converters that `values` name, by key.
    pub fn problems(values: &BTreeMap<String, String>) -> Vec<ConfigProblem> {
        let mut found = Vec::new();
        for role in [Role::Key, Role::Value, Role::Header] {
            let Some(name) = named(role, values) else {
                continue;
            };
            match ConverterKind::find(name).filter(|kind| kind.serves(role)) {
                None => found.push(ConfigProblem::invalid(
                    role.key(),
                    name,
                    &format!("Class {name} could not be found; there are {}", known(role)),
                )),
                Some(kind) => {
                    let own = kind.problems(&settings_of(role, values));
                    found.extend(own.into_iter().map(|problem| {
                        let key = format!("{}{}", role.prefix(), problem.key);
                        ConfigProblem::new(key, problem.message)
                    }));
                }
            }
        }
        found
    }

    fn choice(&self, role: Role) -> &ConverterChoice {
        match role {
            Role::Key => &self.key,
            Role::Value => &self.value,
            Role::Header => &self.header,
        }
    }

    /// Returns the Java class of the converter of one part of a record.
    pub(crate) fn class(&self, role: Role) -> &'static str {
        self.choice(role).kind.class()
    }

    /// Creates the converter of one part of a record.
    ///
    /// # Errors
    /// If its settings cannot be used.
    pub(crate) fn create(&self, role: Role) -> Result<Box<dyn Converter>, ConnectorError> {
        let choice = self.choice(role);
        choice.kind.create(role, &choice.values).map_err(|problem| {
            let key = format!("{}{}", role.prefix(), problem.key);
            ConnectorError::configuration(
                "InvalidConfiguration",
                format!("{key}: {}", problem.message),
            )
        })
    }
}

fn named(role: Role, values: &BTreeMap<String, String>) -> Option<&str> {
    let name = values.get(role.key())?.trim();
    (!name.is_empty()).then_some(name)
}

fn settings_of(role: Role, values: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let own = values.iter().filter_map(|(key, value)| {
        let name = key.strip_prefix(role.prefix())?;
        // Which version it is to be is for the runtime to check: there is one.
        if name == "plugin.version" {
            return None;
        }
        Some((name.to_owned(), value.clone()))
    });
    own.collect()
}

fn known(role: Role) -> String {
    let kinds = ConverterKind::ALL.into_iter();
    let names: Vec<_> = kinds
        .filter(|kind| kind.serves(role))
        .map(ConverterKind::class)
        .collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let own = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        own.collect()
    }

    #[test]
    fn a_named_converter_leaves_the_settings_below_behind() {
        let worker = ConverterChoices::default().with(&values(&[
            ("value.converter", "json"),
            ("value.converter.schemas.enable", "false"),
        ]));
        let same = worker.with(&values(&[("value.converter.schemas.enable", "true")]));
        assert_eq!(same, worker);
        let other = worker.with(&values(&[("value.converter", "JsonConverter")]));
        assert_eq!(other, ConverterChoices::default());
    }

    #[test]
    fn problems_name_their_keys() {
        let found = ConverterChoices::problems(&values(&[
            ("key.converter", "org.example.Nope"),
            (
                "value.converter",
                "org.apache.kafka.connect.json.JsonConverter",
            ),
            ("value.converter.schemas.enabled", "false"),
            ("value.converter.decimal.format", "ROMAN"),
            ("value.converter.converter.encoding", "UTF-8"),
            ("header.converter", "String"),
            ("header.converter.converter.encoding", "EBCDIC"),
        ]));
        let keys: Vec<_> = found.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(
            keys,
            [
                "key.converter",
                "value.converter.decimal.format",
                "value.converter.schemas.enabled",
                "header.converter.converter.encoding",
            ]
        );
    }

    #[test]
    fn every_converter_has_its_three_names() {
        for (name, kind) in [
            (
                "org.apache.kafka.connect.converters.LongConverter",
                ConverterKind::Long,
            ),
            ("LongConverter", ConverterKind::Long),
            ("long", ConverterKind::Long),
            ("SimpleHeader", ConverterKind::Simple),
        ] {
            assert_eq!(ConverterKind::find(name), Some(kind), "{name}");
        }
        assert_eq!(ConverterKind::find("Converter"), None);
        assert!(!ConverterKind::Simple.serves(Role::Key));
    }
}
