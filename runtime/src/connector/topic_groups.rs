//! How topics of a source are created: groups of settings, chosen by the topic's name.

use std::collections::BTreeSet;

use walbridge_connector_api::{ConfigProblem, Settings};
use walbridge_pipeline::NamePattern;

/// The key that lists the groups.
const GROUPS: &str = "topic.creation.groups";
/// What the keys of all groups begin with.
pub(super) const PREFIX: &str = "topic.creation.";
/// The group for topics that no other is for.
const DEFAULT: &str = "default";

/// Settings for topics of certain names.
#[derive(Debug)]
pub(crate) struct TopicGroup {
    pub(crate) name: String,
    include: Option<NamePattern>,
    exclude: Option<NamePattern>,
    /// How many partitions; `None` if it does not say.
    pub(crate) partitions: Option<i32>,
    /// The replication factor; `None` if it does not say.
    pub(crate) replication_factor: Option<i32>,
    /// Configuration of the topics.
    pub(crate) config: Vec<(String, String)>,
}

impl TopicGroup {
    /// Returns whether a topic is created as this group says.
    ///
    /// # Errors
    /// If a pattern is too hard for this name.
    pub(crate) fn is_for(&self, topic: &str) -> Result<bool, String> {
        if self.name == DEFAULT {
            return Ok(true);
        }
        let matches = |pattern: &Option<NamePattern>| {
            pattern
                .as_ref()
                .map_or(Ok(false), |pattern| pattern.matches(topic))
        };
        Ok(matches(&self.include)? && !matches(&self.exclude)?)
    }
}

/// Returns the names of the groups in order, `default` not among them.
fn names(settings: &Settings) -> Vec<&str> {
    let mut seen = BTreeSet::from([DEFAULT]);
    let names = settings.list(GROUPS).into_iter();
    names.filter(|name| seen.insert(name)).collect()
}

/// Reads the groups, `default` last.
///
/// # Errors
/// Everything that is wrong, each with its key.
pub(crate) fn read(settings: &Settings) -> Result<Vec<TopicGroup>, Vec<ConfigProblem>> {
    let mut problems = Vec::new();
    let names = names(settings);
    let known: BTreeSet<&str> = names.iter().copied().chain([DEFAULT]).collect();
    for key in settings.raw().keys().filter(|key| *key != GROUPS) {
        let Some(own) = key.strip_prefix(PREFIX) else {
            continue;
        };
        // A group's name may have dots in it; each dot may be its end.
        let mut ends = own.match_indices('.').map(|(at, _)| at);
        if !ends.any(|at| at + 1 < own.len() && known.contains(&own[..at])) {
            problems.push(ConfigProblem::new(
                key,
                format!("Unknown configuration \"{key}\": {GROUPS} lists no such group"),
            ));
        }
    }
    if !names.is_empty() {
        for own in ["replication.factor", "partitions"] {
            let key = format!("{PREFIX}{DEFAULT}.{own}");
            if !settings.raw().contains_key(&key) {
                let message =
                    format!("Missing required configuration \"{key}\" which has no default value.");
                problems.push(ConfigProblem::new(key, message));
            }
        }
    }
    let groups = names
        .iter()
        .chain([&DEFAULT])
        .map(|name| group(name, settings, &mut problems))
        .collect();
    if problems.is_empty() {
        Ok(groups)
    } else {
        Err(problems)
    }
}

fn group(name: &str, settings: &Settings, problems: &mut Vec<ConfigProblem>) -> TopicGroup {
    let prefix = format!("{PREFIX}{name}.");
    let mut group = TopicGroup {
        name: name.to_owned(),
        include: None,
        exclude: None,
        partitions: None,
        replication_factor: None,
        config: Vec::new(),
    };
    for (own, value) in settings.under(&prefix) {
        let key = format!("{prefix}{own}");
        let wrong = |why: &str| ConfigProblem::invalid(&key, &value, why);
        match own.as_str() {
            // Of the group default they mean nothing, as in Kafka Connect.
            "include" | "exclude" => match pattern(&value) {
                Ok(pattern) if own == "include" => group.include = pattern,
                Ok(pattern) => group.exclude = pattern,
                Err(why) => problems.push(wrong(&why)),
            },
            "partitions" | "replication.factor" => match value.trim().parse::<i32>() {
                Ok(number) if number == -1 || number >= 1 => {
                    if own == "partitions" {
                        group.partitions = Some(number);
                    } else {
                        group.replication_factor = Some(number);
                    }
                }
                Ok(_) => problems.push(wrong("Value must be -1 or at least 1")),
                Err(_) => problems.push(wrong("Not a number of type INT")),
            },
            _ => group.config.push((own, value)),
        }
    }
    group
}

/// Makes one pattern of a list.
fn pattern(list: &str) -> Result<Option<NamePattern>, String> {
    let parts: Vec<&str> = list
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    if parts.is_empty() {
        return Ok(None);
    }
    NamePattern::new(&parts.join("|")).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use walbridge_connector_api::ConfigDef;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        let values = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        ConfigDef::default().settings(&values)
    }

    #[test]
    fn the_first_group_that_matches_counts_and_default_is_last() {
        let groups = read(&settings(&[
            (GROUPS, "logs, default, all"),
            ("topic.creation.default.partitions", "-1"),
            ("topic.creation.default.replication.factor", "1"),
            ("topic.creation.logs.include", "log\\..*,trace"),
            ("topic.creation.logs.exclude", ".*\\.kept"),
            ("topic.creation.logs.retention.ms", "1000"),
            ("topic.creation.all.include", "[a-z.]+"),
            ("topic.creation.all.partitions", "3"),
        ]))
        .unwrap();
        let of = |topic: &str| {
            let found = groups.iter().find(|group| group.is_for(topic).unwrap());
            found.unwrap().name.as_str()
        };
        assert_eq!(of("log.a"), "logs");
        assert_eq!(of("trace"), "logs");
        // A whole name, and exclusion comes first.
        assert_eq!(of("log.a.kept"), "all");
        assert_eq!(of("traces"), "all");
        assert_eq!(of("7"), "default");
        assert_eq!(groups[0].config, [("retention.ms".into(), "1000".into())]);
        assert_eq!(groups[1].partitions, Some(3));
        assert_eq!(groups[2].partitions, Some(-1));
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let problems = read(&settings(&[
            (GROUPS, "a"),
            ("topic.creation.a.include", "("),
            ("topic.creation.a.partitions", "0"),
            ("topic.creation.b.partitions", "1"),
            ("topic.creation.default.partitions", "many"),
        ]))
        .unwrap_err();
        let mut keys: Vec<_> = problems.iter().map(|p| p.key.as_str()).collect();
        keys.sort_unstable();
        assert_eq!(
            keys,
            [
                "topic.creation.a.include",
                "topic.creation.a.partitions",
                "topic.creation.b.partitions",
                "topic.creation.default.partitions",
                "topic.creation.default.replication.factor",
            ]
        );
        // Without groups half of default will do.
        assert!(read(&settings(&[("topic.creation.default.partitions", "2")])).is_ok());
    }
}
