//! Reading a transform's options the way Kafka Connect does, with every problem by key.

use std::collections::BTreeMap;

use walbridge_connector_api::{ConfigDef, ConfigProblem, Kind};

/// The options of one transform or predicate, and what is wrong with them.
pub(crate) struct Options<'a> {
    def: ConfigDef,
    values: &'a BTreeMap<String, String>,
    /// What stands before a key in the connector's settings, such as `transforms.route.`.
    prefix: &'a str,
    problems: Vec<ConfigProblem>,
}

impl<'a> Options<'a> {
    /// Checks that the required options are there and that all are of their type.
    pub(crate) fn new(
        def: ConfigDef,
        values: &'a BTreeMap<String, String>,
        prefix: &'a str,
    ) -> Self {
        let mut options = Self {
            def,
            values,
            prefix,
            problems: Vec::new(),
        };
        for key in options.def.keys.clone() {
            let full = format!("{prefix}{}", key.name);
            match values.get(key.name) {
                None if key.required => options.problem(
                    key.name,
                    format!(
                        "Missing required configuration \"{full}\" which has no default value."
                    ),
                ),
                None => {}
                Some(value) => {
                    if let Some(why) = wrong_type(key.kind, value) {
                        options.problem(
                            key.name,
                            format!("Invalid value {value} for configuration {full}: {why}"),
                        );
                    }
                }
            }
        }
        options
    }

    /// Returns the text of an option or its default.
    pub(crate) fn text(&self, key: &str) -> Option<&'a str> {
        let given = self.values.get(key).map(|value| value.trim());
        given.or_else(|| self.def.get(key)?.default)
    }

    /// Returns the text of an option; empty if it is not there, which [`Options::new`] has reported.
    pub(crate) fn required(&self, key: &str) -> &'a str {
        self.text(key).unwrap_or_default()
    }

    /// Returns whether an option is `true`.
    pub(crate) fn flag(&self, key: &str) -> bool {
        self.required(key).trim().eq_ignore_ascii_case("true")
    }

    /// Returns a whole number.
    pub(crate) fn number(&self, key: &str) -> Option<i32> {
        self.text(key)?.trim().parse().ok()
    }

    /// Returns the parts of a list: no text is no part, and nothing between two commas is an empty one.
    pub(crate) fn list(&self, key: &str) -> Vec<&'a str> {
        match self.required(key).trim() {
            "" => Vec::new(),
            text => text.split(',').map(str::trim).collect(),
        }
    }

    /// Returns a list that must have parts, none of them empty; a part that comes again is left out.
    pub(crate) fn names(&mut self, key: &str) -> Vec<&'a str> {
        let all = self.list(key);
        if self.text(key).is_some() && all.is_empty() {
            self.problem(
                key,
                format!(
                    "Configuration '{key}' must not be empty. Valid values include: any non-empty value"
                ),
            );
        } else if all.contains(&"") {
            self.problem(
                key,
                format!("Configuration '{key}' values must not be empty."),
            );
        }
        let mut names = Vec::new();
        for name in all {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Returns one of these values as they are written here.
    pub(crate) fn choice(&mut self, key: &str, allowed: &'static [&'static str]) -> &'static str {
        let given = self.text(key);
        if let Some(found) = allowed.iter().find(|one| Some(**one) == given) {
            return found;
        }
        if let Some(given) = given {
            let all = allowed.join(", ");
            self.invalid(key, given, &format!("String must be one of: {all}"));
        }
        ""
    }

    /// Reports a value that cannot be used.
    pub(crate) fn invalid(&mut self, key: &str, value: &str, why: &str) {
        self.problems.push(ConfigProblem {
            key: key.to_owned(),
            message: format!("Invalid value {value} for configuration {key}: {why}"),
        });
    }

    /// Reports a problem in its own words.
    pub(crate) fn problem(&mut self, key: &str, message: impl Into<String>) {
        self.problems.push(ConfigProblem {
            key: key.to_owned(),
            message: message.into(),
        });
    }

    /// Returns every problem, with the keys as the connector's settings have them.
    pub(crate) fn finish(self) -> Result<(), Vec<ConfigProblem>> {
        if self.problems.is_empty() {
            return Ok(());
        }
        let prefix = self.prefix;
        let problems = self.problems.into_iter().map(|mut problem| {
            problem.key.insert_str(0, prefix);
            problem
        });
        Err(problems.collect())
    }
}

fn wrong_type(kind: Kind, value: &str) -> Option<&'static str> {
    let text = value.trim();
    match kind {
        Kind::Boolean if !["true", "false"].contains(&text.to_ascii_lowercase().as_str()) => {
            Some("Expected value to be either true or false")
        }
        Kind::Int if text.parse::<i32>().is_err() => Some("Not a number of type INT"),
        _ => None,
    }
}
