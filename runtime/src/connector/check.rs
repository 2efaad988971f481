//! Checks a connector's configuration and makes it ready to run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use walbridge_connector_api::{
    ConfigDef, ConfigProblem, Connector, ConnectorError, Form, Settings,
};

use super::cover::Cover;
use super::framework;
use crate::catalog::Catalog;
use crate::config::ConnectorRules;
use crate::secrets::{MASK, Resolver, is_secret};

/// What a check found: the connector, all its keys, and every problem.
pub struct Checked {
    /// The connector that the class names.
    pub connector: Arc<dyn Connector>,
    /// All its keys, the runtime's among them.
    pub def: ConfigDef,
    /// Every problem; empty if the configuration is good.
    pub problems: Vec<ConfigProblem>,
}

/// Why a configuration could not even be checked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// There is no `connector.class`.
    #[error("Connector config contains no connector type")]
    NoClass,
    /// No connector has that class; holds Kafka Connect's words.
    #[error("{0}")]
    UnknownClass(String),
    /// Values are wrong; holds Kafka Connect's words for all of them.
    #[error("{0}")]
    Invalid(String),
}

impl Checked {
    /// Returns the problems in the words of Kafka Connect's answer to a write.
    ///
    /// # Errors
    /// If there is any problem.
    pub fn accept(self) -> Result<(Arc<dyn Connector>, ConfigDef), ConfigError> {
        if self.problems.is_empty() {
            return Ok((self.connector, self.def));
        }
        let messages = self.problems.iter().map(|p| p.message.as_str());
        Err(ConfigError::invalid(&messages.collect::<Vec<_>>()))
    }
}

impl ConfigError {
    /// Creates the error of a configuration with these mistakes, in Kafka Connect's words.
    pub fn invalid(messages: &[&str]) -> Self {
        Self::Invalid(format!(
            "Connector configuration is invalid and contains the following {} error(s):\n{}\n\
             You can also find the above list of errors at the endpoint \
             `/connector-plugins/{{connectorType}}/config/validate`",
            messages.len(),
            messages.join("\n")
        ))
    }
}

/// Checks a configuration as written, with its placeholders resolved for the checks only.
///
/// # Errors
/// If there is no such connector.
pub fn check(
    catalog: &Catalog,
    resolver: &Resolver,
    config: &BTreeMap<String, String>,
) -> Result<Checked, ConfigError> {
    check_for(catalog, resolver, config, &ConnectorRules::default())
}

/// Checks a configuration as [`check`] does, for a worker that allows this.
///
/// # Errors
/// If there is no such connector.
pub fn check_for(
    catalog: &Catalog,
    resolver: &Resolver,
    config: &BTreeMap<String, String>,
    rules: &ConnectorRules,
) -> Result<Checked, ConfigError> {
    let class = config.get("connector.class").ok_or(ConfigError::NoClass)?;
    let connector = catalog
        .find(class)
        .ok_or_else(|| ConfigError::UnknownClass(catalog.unknown(class)))?;
    let def = framework::definition_for(connector.as_ref(), config);
    let mut problems = Vec::new();
    let mut resolved = config.clone();
    for (key, value) in config {
        match resolver.resolve(value) {
            Ok(value) => drop(resolved.insert(key.clone(), value)),
            Err(error) => problems.push(ConfigProblem::invalid(key, value, &error.to_string())),
        }
        if value == MASK && is_secret(Some(&def), key) {
            problems.push(ConfigProblem::invalid(
                key,
                MASK,
                "the mask stands for a stored secret, but none is stored",
            ));
        }
    }
    let unresolved: BTreeSet<_> = problems.iter().map(|p| p.key.clone()).collect();
    problems.extend(name_problem(config));
    let settings = def.settings(&resolved);
    let mut found = def.check(&resolved);
    // Every mistake at once; a key that is wrong by itself is not judged in its context too.
    for further in [
        framework::problems(connector.as_ref(), &settings, rules),
        connector.validate(&settings),
    ] {
        let known: BTreeSet<_> = found.iter().map(|problem| problem.key.clone()).collect();
        let further = further.into_iter();
        found.extend(further.filter(|problem| !known.contains(&problem.key)));
    }
    let found = found
        .into_iter()
        .filter(|problem| !unresolved.contains(&problem.key));
    let cover = Cover::new(config, &resolved);
    problems.extend(found.map(|problem| named(cover.over(problem))));
    problems.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(Checked {
        connector: Arc::clone(connector),
        def,
        problems,
    })
}

/// How Kafka Connect's messages begin that name no key; clients know them word by word.
const WITHOUT_KEY: [&str; 4] = [
    "This worker does not have exactly-once source support enabled.",
    "The connector does not support ",
    "The connector does not implement ",
    "The '",
];

/// Puts the key before a message that does not name it: the answer to a write has messages alone.
fn named(mut problem: ConfigProblem) -> ConfigProblem {
    let message = &problem.message;
    let known = WITHOUT_KEY.iter().any(|words| message.starts_with(words));
    if !known && !message.contains(&problem.key) {
        problem.message = format!("{}: {message}", problem.key);
    }
    problem
}

fn name_problem(config: &BTreeMap<String, String>) -> Option<ConfigProblem> {
    let name = config.get("name")?;
    let why = if name
        .chars()
        .any(|c| c.is_control() || matches!(c, '/' | '\\' | '%' | '{' | '}'))
    {
        "a name must not hold control characters or any of / \\ % { }"
    } else if name.trim() != name || name.is_empty() {
        "a name must not be empty, nor begin or end with a space"
    } else if name == "." || name == ".." {
        "clients take this name out of a path"
    } else {
        return None;
    };
    // Control characters are shown as escapes, everything else as it is.
    let shown: String = name
        .chars()
        .map(|c| match c {
            c if c.is_control() => c.escape_default().to_string(),
            c => c.to_string(),
        })
        .collect();
    Some(ConfigProblem::invalid("name", &shown, why))
}

/// A configuration that is ready to run.
pub struct Loaded {
    /// The connector.
    pub connector: Arc<dyn Connector>,
    /// Its settings, placeholders resolved.
    pub settings: Settings,
}

/// Resolves and loads a connector's configuration and makes the configurations of its tasks.
///
/// Where a task's value equals a resolved one, the placeholder goes back in: secrets do not get into
/// the config topic.
///
/// # Errors
/// If the class is unknown, a placeholder cannot be resolved, or the connector refuses.
pub fn load(
    catalog: &Catalog,
    resolver: &Resolver,
    config: &BTreeMap<String, String>,
    rules: &ConnectorRules,
) -> Result<(Loaded, Vec<BTreeMap<String, String>>), ConnectorError> {
    let refuse =
        |e: ConfigError| ConnectorError::configuration("InvalidConfiguration", e.to_string());
    check_for(catalog, resolver, config, rules)
        .and_then(Checked::accept)
        .map_err(refuse)?;
    let loaded = load_task(catalog, resolver, config)?;
    let max = loaded.settings.size("tasks.max").max(1);
    let mut tasks = loaded.connector.tasks(&loaded.settings, max)?;
    if tasks.len() > max {
        return Err(ConnectorError::stop(
            "TooManyTasks",
            format!(
                "the connector made {} tasks, and tasks.max is {max}",
                tasks.len()
            ),
        ));
    }
    let resolved = loaded.settings.raw();
    let own = framework::OwnKeys::of(loaded.connector.as_ref());
    for task in &mut tasks {
        for (key, value) in task.iter_mut() {
            if let (Some(raw), Some(plain)) = (config.get(key), resolved.get(key))
                && plain == value
            {
                value.clone_from(raw);
            }
        }
        if loaded.connector.form() == Form::Records {
            // Converters and clients are the connector's, not the task's: they follow it.
            for (key, value) in config.iter().filter(|(key, _)| own.has(key)) {
                task.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        task.insert("task.class".into(), loaded.connector.task_class().into());
    }
    Ok((loaded, tasks))
}

/// Resolves a task's configuration and fills in the defaults.
///
/// The connector's configuration has been checked; its tasks may have keys of their own beside it.
///
/// # Errors
/// If the class is unknown or a placeholder cannot be resolved.
pub fn load_task(
    catalog: &Catalog,
    resolver: &Resolver,
    config: &BTreeMap<String, String>,
) -> Result<Loaded, ConnectorError> {
    let refuse = |message: String| ConnectorError::configuration("InvalidConfiguration", message);
    let class = config
        .get("connector.class")
        .map(String::as_str)
        .unwrap_or_default();
    let connector = catalog
        .find(class)
        .ok_or_else(|| refuse(catalog.unknown(class)))?;
    let resolved = resolver.resolve_all(config).map_err(|errors| {
        let texts: Vec<_> = errors
            .iter()
            .map(|(key, error)| format!("{key}: {error}"))
            .collect();
        refuse(texts.join("; "))
    })?;
    let def = framework::definition_for(connector.as_ref(), &resolved);
    let settings = def.settings(&resolved);
    Ok(Loaded {
        connector: Arc::clone(connector),
        settings,
    })
}
