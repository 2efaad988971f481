//! Which tables are captured: include and exclude lists of regular expressions.

use regex::{Regex, RegexBuilder};
use walbridge_connector_api::Settings;

/// The keys of the lists; schemas come before tables.
pub(crate) const LISTS: [&str; 4] = [
    "schema.include.list",
    "schema.exclude.list",
    "table.include.list",
    "table.exclude.list",
];

/// Schemas that are never captured: the system's own and our bookkeeping on a standby.
const NEVER: &[&str] = &["pg_catalog", "information_schema", "walbridge"];

/// Decides by name; expressions match the whole of `schema` or `schema.table`, in any case.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    schemas: Lists,
    tables: Lists,
}

#[derive(Debug, Default)]
struct Lists {
    include: Vec<Regex>,
    exclude: Vec<Regex>,
}

impl Lists {
    fn allow(&self, name: &str) -> bool {
        let any = |list: &[Regex]| list.iter().any(|regex| regex.is_match(name));
        (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }
}

impl Filter {
    /// Reads the lists.
    ///
    /// # Errors
    /// The key, the expression that cannot be used, and why.
    pub(crate) fn new(settings: &Settings) -> Result<Self, (&'static str, String, String)> {
        let [schema_include, schema_exclude, table_include, table_exclude] = LISTS;
        Ok(Self {
            schemas: Lists {
                include: expressions(settings, schema_include)?,
                exclude: expressions(settings, schema_exclude)?,
            },
            tables: Lists {
                include: expressions(settings, table_include)?,
                exclude: expressions(settings, table_exclude)?,
            },
        })
    }

    /// Returns whether the table is captured.
    pub(crate) fn captures(&self, schema: &str, table: &str) -> bool {
        if NEVER.contains(&schema)
            || schema.starts_with("pg_temp_")
            || schema.starts_with("pg_toast")
        {
            return false;
        }
        self.schemas.allow(schema) && self.tables.allow(&format!("{schema}.{table}"))
    }

    /// Returns whether some list says what is wanted, rather than what is not.
    pub(crate) fn includes(&self) -> bool {
        !self.schemas.include.is_empty() || !self.tables.include.is_empty()
    }
}

fn expressions(
    settings: &Settings,
    key: &'static str,
) -> Result<Vec<Regex>, (&'static str, String, String)> {
    split(settings.text(key))
        .into_iter()
        .map(|text| {
            RegexBuilder::new(&format!("^(?:{text})$"))
                .case_insensitive(true)
                .build()
                .map_err(|error| (key, text, error.to_string().replace('\n', " ")))
        })
        .collect()
}

/// Splits a list at its commas; `\,` and commas inside braces belong to an expression.
pub(crate) fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut braces = 0usize;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(',') => push(&mut parts, ','),
                next => {
                    push(&mut parts, '\\');
                    next.into_iter().for_each(|c| push(&mut parts, c));
                }
            },
            ',' if braces == 0 => parts.push(String::new()),
            _ => {
                braces = match c {
                    '{' => braces + 1,
                    '}' => braces.saturating_sub(1),
                    _ => braces,
                };
                push(&mut parts, c);
            }
        }
    }
    parts
        .iter()
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect()
}

fn push(parts: &mut [String], c: char) {
    if let Some(last) = parts.last_mut() {
        last.push(c);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use walbridge_connector_api::ConfigDef;

    use super::*;

    fn filter(pairs: &[(&str, &str)]) -> Filter {
        let values: BTreeMap<_, _> = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        Filter::new(&ConfigDef::default().settings(&values)).unwrap()
    }

    #[test]
    fn whole_names_in_any_case() {
        let f = filter(&[("table.include.list", r"public\.orders_\d{1,2}, public.T")]);
        assert!(f.captures("public", "orders_12") && f.captures("public", "t"));
        assert!(!f.captures("public", "orders_123") && !f.captures("public", "tt"));
        assert!(f.includes());
    }

    #[test]
    fn exclusion_wins_and_bookkeeping_is_never_captured() {
        let f = filter(&[
            ("schema.include.list", "a,b"),
            ("table.exclude.list", "a.x"),
        ]);
        assert!(f.captures("a", "y") && f.captures("b", "x"));
        assert!(!f.captures("a", "x") && !f.captures("c", "y"));
        let all = filter(&[]);
        assert!(!all.includes() && all.captures("public", "t"));
        assert!(!all.captures("walbridge", "position") && !all.captures("pg_catalog", "pg_class"));
    }

    #[test]
    fn what_is_no_expression_is_named() {
        let values = BTreeMap::from([("table.include.list".to_owned(), "(".to_owned())]);
        let error = Filter::new(&ConfigDef::default().settings(&values)).unwrap_err();
        assert_eq!((error.0, error.1.as_str()), ("table.include.list", "("));
    }
}
