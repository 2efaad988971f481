//! Takes resolved values out of messages again: a placeholder's value is never shown.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, MatchKind};
use walbridge_connector_api::ConfigProblem;

/// Shorter values are looked for only in messages about their own keys: they are in half of all words.
const LONG: usize = 4;

/// The values behind the placeholders of a configuration, and what was written in their place.
pub(super) struct Cover<'a> {
    by_key: BTreeMap<&'a str, (&'a str, &'a str)>,
    /// Finds all long values in one pass, however many there are; `None` if they are too long for that.
    finder: Option<AhoCorasick>,
    /// The long values, and what was written in their place.
    long: Vec<&'a str>,
    written: Vec<&'a str>,
}

impl<'a> Cover<'a> {
    /// Collects what differs between a configuration and what became of it.
    pub(super) fn new(
        config: &'a BTreeMap<String, String>,
        resolved: &'a BTreeMap<String, String>,
    ) -> Self {
        let by_key: BTreeMap<&str, (&str, &str)> = resolved
            .iter()
            .filter_map(|(key, value)| {
                let raw = config.get(key)?;
                let hidden = raw != value && !value.is_empty();
                hidden.then_some((key.as_str(), (value.as_str(), raw.as_str())))
            })
            .collect();
        let long = by_key.values().filter(|(value, _)| value.len() >= LONG);
        let (long, written): (Vec<&str>, Vec<&str>) = long.copied().unzip();
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&long);
        Self {
            by_key,
            finder: finder.ok(),
            long,
            written,
        }
    }

    /// Covers the values in a problem's message.
    pub(super) fn over(&self, mut problem: ConfigProblem) -> ConfigProblem {
        if let Some((value, raw)) = self.by_key.get(problem.key.as_str()) {
            problem.message = problem.message.replace(value, raw);
        }
        if self.long.is_empty() {
            return problem;
        }
        problem.message = match &self.finder {
            Some(finder) => finder.replace_all(&problem.message, &self.written),
            None => {
                let pairs = self.long.iter().zip(&self.written);
                pairs.fold(problem.message, |text, (value, raw)| {
                    text.replace(value, raw)
                })
            }
        };
        problem
    }
}
