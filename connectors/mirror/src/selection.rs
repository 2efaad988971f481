//! Which topics are mirrored, and under which names.

use regex::Regex;
use walbridge_connector_api::ConfigProblem;

use crate::heartbeat::TOPIC as HEARTBEATS;

/// Says whether a topic is mirrored.
#[derive(Debug)]
pub(crate) struct Selection {
    include: Vec<Regex>,
    exclude: Vec<Regex>,
}

impl Selection {
    pub(crate) fn new(include: &[&str], exclude: &[&str]) -> Result<Self, Vec<ConfigProblem>> {
        let mut problems = Vec::new();
        let mut compile = |key: &str, patterns: &[&str]| -> Vec<Regex> {
            let mut all = Vec::with_capacity(patterns.len());
            for pattern in patterns {
                // As in Java, a pattern stands for the whole name.
                match Regex::new(&format!("^(?:{pattern})$")) {
                    Ok(regex) => all.push(regex),
                    Err(error) => {
                        let why = format!("not a regular expression: {error}");
                        problems.push(ConfigProblem::invalid(key, pattern, &why));
                    }
                }
            }
            all
        };
        let include = compile("topics", include);
        let exclude = compile("topics.exclude", exclude);
        if problems.is_empty() {
            Ok(Self { include, exclude })
        } else {
            Err(problems)
        }
    }

    /// Returns whether a topic is asked for and left out all the same.
    pub(crate) fn leaves_out(&self, topic: &str) -> bool {
        let any = |patterns: &[Regex]| patterns.iter().any(|pattern| pattern.is_match(topic));
        any(&self.include) && any(&self.exclude)
    }

    pub(crate) fn takes(&self, topic: &str) -> bool {
        let any = |patterns: &[Regex]| patterns.iter().any(|pattern| pattern.is_match(topic));
        any(&self.include) && !any(&self.exclude)
    }
}

/// How a topic is called at the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Naming {
    /// As at the source; heartbeats alone, of which every cluster has its own, get the prefix.
    Identity { source: String, target: String },
    /// With this in front, such as `east.`; topics that came from the target are left alone.
    Prefixed { source: String, target: String },
}

impl Naming {
    pub(crate) fn at_target(&self, topic: &str) -> String {
        match self {
            Self::Identity { source, .. } if topic == HEARTBEATS => format!("{source}{topic}"),
            Self::Identity { .. } => topic.to_owned(),
            Self::Prefixed { source, .. } => format!("{source}{topic}"),
        }
    }

    /// Returns whether a topic at the source is itself a copy from the target, which would go round.
    pub(crate) fn is_echo(&self, topic: &str) -> bool {
        match self {
            Self::Identity { target, .. } => {
                topic.strip_prefix(target.as_str()) == Some(HEARTBEATS)
            }
            Self::Prefixed { target, .. } => topic.starts_with(target.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_whole_names() {
        let selection = Selection::new(&["east\\..*", "orders"], &[".*\\.tmp"]).unwrap();
        assert!(selection.takes("east.public.t") && selection.takes("orders"));
        assert!(!selection.takes("orders2") && !selection.takes("far-east.x"));
        assert!(!selection.takes("east.public.tmp"));
    }

    #[test]
    fn reports_every_bad_pattern() {
        let problems = Selection::new(&["(", "a"], &["["]).unwrap_err();
        let keys: Vec<_> = problems.iter().map(|p| p.key.as_str()).collect();
        assert_eq!(keys, ["topics", "topics.exclude"]);
    }

    #[test]
    fn a_prefix_keeps_copies_from_going_round() {
        let naming = Naming::Prefixed {
            source: "east.".into(),
            target: "west.".into(),
        };
        assert_eq!(naming.at_target("t"), "east.t");
        assert!(naming.is_echo("west.t") && !naming.is_echo("t"));
    }

    #[test]
    fn heartbeats_of_two_clusters_do_not_run_into_one_another() {
        let naming = Naming::Identity {
            source: "east.".into(),
            target: "west.".into(),
        };
        assert_eq!(naming.at_target("heartbeats"), "east.heartbeats");
        assert_eq!(
            naming.at_target("east.public.heartbeats"),
            "east.public.heartbeats"
        );
        assert!(naming.is_echo("west.heartbeats") && !naming.is_echo("west.orders"));
        assert!(!naming.is_echo("heartbeats") && !naming.is_echo("north.heartbeats"));
    }
}
