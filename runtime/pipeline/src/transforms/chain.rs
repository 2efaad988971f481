//! The transforms of a connector in their order, each behind its predicate.

use std::collections::{BTreeMap, BTreeSet};

use walbridge_connector_api::data::ConnectRecord;
use walbridge_connector_api::{ConfigProblem, ConnectorError};

use super::{Transform, TransformError, kind};
use crate::predicates::{self, Predicate};

/// One transform of a chain.
struct Stage {
    alias: String,
    class: &'static str,
    transform: Box<dyn Transform>,
    predicate: Option<Box<dyn Predicate>>,
    /// Whether it works on the records that the predicate is not true of.
    negate: bool,
}

/// The transforms of a connector. An empty one hands records on as they are.
#[derive(Default)]
pub struct Chain(Vec<Stage>);

/// A record that a transform of the chain could not work on.
#[derive(Debug, thiserror::Error)]
#[error("transform \"{alias}\" ({class}) cannot take the record: {cause}")]
pub struct ChainError {
    /// The transform's name in the connector's settings.
    pub alias: String,
    /// The transform's Java class.
    pub class: &'static str,
    /// What it said.
    #[source]
    pub cause: TransformError,
}

impl ChainError {
    /// Turns it into a task's error; `place` says which record it is about.
    pub fn at(self, place: &str) -> ConnectorError {
        ConnectorError::stop("TransformFailed", format!("cannot transform {place}"))
            .remedy(
                "change the transform's settings, or let a predicate keep such records from it; records \
                 that cannot be mended can be put aside with errors.tolerance=all and \
                 errors.deadletterqueue.topic.name",
            )
            .because(self)
    }
}

impl Chain {
    /// Returns whether records pass it unchanged.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes a record through all transforms; `None` if one drops it.
    ///
    /// # Errors
    /// If a transform cannot work on it; which one is named.
    pub fn apply(&self, record: ConnectRecord) -> Result<Option<ConnectRecord>, ChainError> {
        let mut record = record;
        for stage in &self.0 {
            let failed = |cause| ChainError {
                alias: stage.alias.clone(),
                class: stage.class,
                cause,
            };
            if let Some(predicate) = &stage.predicate
                && predicate.test(&record).map_err(failed)? == stage.negate
            {
                continue;
            }
            match stage.transform.apply(record).map_err(failed)? {
                Some(changed) => record = changed,
                None => return Ok(None),
            }
        }
        Ok(Some(record))
    }
}

/// Makes the chain that a connector's settings ask for.
///
/// # Errors
/// Every setting under `transforms` and `predicates` that cannot be used, by its key.
pub fn build(settings: &BTreeMap<String, String>) -> Result<Chain, Vec<ConfigProblem>> {
    let mut problems = Vec::new();
    let transforms = aliases(settings, "transforms", &mut problems);
    let predicates = aliases(settings, "predicates", &mut problems);
    for alias in &predicates {
        // Each use makes its own; this one is for what is wrong with it, used or not.
        if let Err(found) = predicate(settings, alias) {
            problems.extend(found);
        }
    }
    let predicates: BTreeSet<&str> = predicates.iter().map(String::as_str).collect();
    let mut stages = Vec::new();
    for alias in &transforms {
        match stage(settings, alias, &predicates) {
            Ok(stage) => stages.push(stage),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() {
        Ok(Chain(stages))
    } else {
        Err(problems)
    }
}

/// Reads a list of names that must not be there twice.
fn aliases(
    settings: &BTreeMap<String, String>,
    key: &str,
    problems: &mut Vec<ConfigProblem>,
) -> Vec<String> {
    let text = settings.get(key).map_or("", |text| text.trim());
    let mut names: Vec<String> = Vec::new();
    let mut seen = BTreeSet::new();
    let (mut empty, mut twice) = (false, false);
    for name in text.split(',').map(str::trim).filter(|_| !text.is_empty()) {
        if name.is_empty() {
            empty = true;
        } else if seen.insert(name) {
            names.push(name.to_owned());
        } else {
            twice = true;
        }
    }
    // Once for the whole list, as Kafka Connect does: it is quoted in full.
    if empty {
        let words = format!("Configuration '{key}' values must not be empty.");
        problems.push(ConfigProblem::new(key, words));
    }
    if twice {
        let why = "Duplicate alias provided.";
        problems.push(ConfigProblem::invalid(key, text, why));
    }
    names
}

fn under(settings: &BTreeMap<String, String>, prefix: &str) -> BTreeMap<String, String> {
    let range = settings.range(prefix.to_owned()..);
    range
        .map_while(|(key, value)| Some((key.strip_prefix(prefix)?.to_owned(), value.clone())))
        .collect()
}

fn stage(
    settings: &BTreeMap<String, String>,
    alias: &str,
    known: &BTreeSet<&str>,
) -> Result<Stage, Vec<ConfigProblem>> {
    let prefix = format!("transforms.{alias}.");
    let mut problems = Vec::new();
    let values = under(settings, &prefix);
    let negate_key = format!("{prefix}negate");
    let negate = match values
        .get("negate")
        .map(|text| text.trim().to_ascii_lowercase())
    {
        None => false,
        Some(text) if text == "true" || text == "false" => text == "true",
        Some(text) => {
            let why = "Expected value to be either true or false";
            problems.push(ConfigProblem::invalid(&negate_key, &text, why));
            false
        }
    };
    let key = format!("{prefix}predicate");
    let name = values
        .get("predicate")
        .map(String::as_str)
        .filter(|n| !n.is_empty());
    let predicate = match name {
        None if values.contains_key("negate") => {
            problems.push(ConfigProblem::new(
                &negate_key,
                format!(
                    "Config '{negate_key}' was provided but there is no config '{key}' defining a \
                     predicate to be negated."
                ),
            ));
            None
        }
        None => None,
        Some(name) if known.contains(name) => predicate(settings, name).ok(),
        Some(name) => {
            let why = format!("Predicate \"{name}\" is not in the list of predicates");
            problems.push(ConfigProblem::invalid(&key, name, &why));
            None
        }
    };
    let class = values.get("type").map(|name| name.trim());
    let built = match class.and_then(|class| Some((kind::find(class)?, class))) {
        Some((kind, _)) => kind.build(&values, &prefix).map(|made| (kind.class, made)),
        None => {
            let all = kind::KINDS.iter().map(|kind| kind.class);
            Err(vec![unknown(
                &format!("{prefix}type"),
                class,
                "transform",
                all,
            )])
        }
    };
    match built {
        Ok((class, transform)) if problems.is_empty() => Ok(Stage {
            alias: alias.to_owned(),
            class,
            transform,
            predicate,
            negate,
        }),
        Ok(_) => Err(problems),
        Err(found) => {
            problems.extend(found);
            Err(problems)
        }
    }
}

fn predicate(
    settings: &BTreeMap<String, String>,
    alias: &str,
) -> Result<Box<dyn Predicate>, Vec<ConfigProblem>> {
    let prefix = format!("predicates.{alias}.");
    let values = under(settings, &prefix);
    let class = values.get("type").map(|name| name.trim());
    match class.and_then(predicates::find) {
        Some(kind) => kind.build(&values, &prefix),
        None => {
            let all = predicates::KINDS.iter().map(|kind| kind.class);
            Err(vec![unknown(
                &format!("{prefix}type"),
                class,
                "predicate",
                all,
            )])
        }
    }
}

/// Says that a type is missing or not known, and what there is.
fn unknown<'a>(
    key: &str,
    class: Option<&str>,
    what: &str,
    all: impl Iterator<Item = &'a str>,
) -> ConfigProblem {
    match class {
        None => ConfigProblem::new(
            key,
            format!("Missing required configuration \"{key}\" which has no default value."),
        ),
        Some(class) => {
            let all: Vec<&str> = all.collect();
            let all = all.join(", ");
            let why = format!("Class {class} could not be found. As a {what} there are {all}");
            ConfigProblem::invalid(key, class, &why)
        }
    }
}
