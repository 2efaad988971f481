//! Log lines on standard error, and the levels that hold, which people change while the worker runs.

mod lines;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, reload};

use self::lines::Lines;
pub(crate) use self::lines::name_worker;

/// The logger above all others, by Kafka Connect's name.
const ROOT: &str = "root";

/// The loggers that there are before anybody names one.
const KNOWN: [&str; 6] = [
    "kafka",
    "walbridge",
    "walbridge_kafka",
    "walbridge_mirror",
    "walbridge_postgres_sink",
    "walbridge_postgres_source",
];

/// Who changed what is logged whatever the level; only a directive of its own takes it away.
const AUDIT: &str = "walbridge::audit=info";

/// The target of the spans that say for whom a line is written.
pub(crate) const NAMES: &str = "walbridge::names";

/// Starts logging, as text or JSON, with a level or directives such as `info,walbridge=debug`.
///
/// # Errors
/// In words, if the directives make no sense.
pub fn start(level: &str, json: bool) -> Result<(), String> {
    let filter = EnvFilter::try_new(format!("{},{level}", always()))
        .map_err(|error| format!("log.level: {error}"))?;
    let (filter, handle) = reload::Layer::new(filter);
    tracing_subscriber::registry()
        .with(filter)
        .with(Lines::new(json))
        .try_init()
        .map_err(|error| error.to_string())?;
    let mut levels = loggers().lock();
    level.clone_into(&mut levels.base);
    levels.apply = Some(Box::new(move |directives| {
        let filter = EnvFilter::try_new(directives).map_err(|error| error.to_string())?;
        handle.reload(filter).map_err(|error| error.to_string())
    }));
    Ok(())
}

/// Returns the directives that hold whatever level is set.
fn always() -> String {
    format!("{AUDIT},{NAMES}=error")
}

/// Returns the process's loggers.
pub(crate) fn loggers() -> &'static Loggers {
    static LOGGERS: OnceLock<Loggers> = OnceLock::new();
    LOGGERS.get_or_init(Loggers::default)
}

/// Returns the level of this name, in any case of letters; Kafka Connect's.
pub(crate) fn level(name: &str) -> Option<&'static str> {
    [
        "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF", "ALL",
    ]
    .into_iter()
    .find(|level| level.eq_ignore_ascii_case(name))
}

/// A logger: its level, and when that was set, ms since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Logger {
    pub(crate) level: &'static str,
    pub(crate) modified: Option<u64>,
}

/// The levels that hold.
#[derive(Default)]
pub(crate) struct Loggers {
    levels: Mutex<Levels>,
}

type Apply = Box<dyn Fn(&str) -> Result<(), String> + Send>;

#[derive(Default)]
struct Levels {
    /// What the worker's configuration says.
    base: String,
    /// What was set since.
    set: BTreeMap<String, (&'static str, u64)>,
    apply: Option<Apply>,
}

impl Loggers {
    fn lock(&self) -> MutexGuard<'_, Levels> {
        self.levels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns all loggers by name.
    pub(crate) fn all(&self) -> BTreeMap<String, Logger> {
        let levels = self.lock();
        let names = levels.names();
        names
            .into_iter()
            .map(|name| {
                let logger = levels.logger(&name);
                (name, logger)
            })
            .collect()
    }

    /// Sets the level of a logger and of those below it; returns the names whose level is another now.
    ///
    /// # Errors
    /// In words, if the name cannot be one of a logger.
    pub(crate) fn set(&self, name: &str, level: &'static str) -> Result<Vec<String>, String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(u64::MAX);
        let mut levels = self.lock();
        let mut names = levels.names();
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
        let below = |other: &String| name == ROOT || other.starts_with(name);
        let mut changed: Vec<_> = names.into_iter().filter(below).collect();
        changed.retain(|name| levels.logger(name).level != level || !levels.set.contains_key(name));
        let before = levels.set.clone();
        for name in &changed {
            levels.set.insert(name.clone(), (level, now));
        }
        if let Err(error) = levels.reload() {
            levels.set = before;
            return Err(error);
        }
        changed.sort();
        Ok(changed)
    }
}

impl Levels {
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = KNOWN.map(str::to_owned).into();
        names.push(ROOT.to_owned());
        names.extend(self.set.keys().cloned());
        names.extend(self.directives().map(|(name, _)| name.to_owned()));
        names.sort();
        names.dedup();
        names
    }

    /// Returns the plain directives of the configuration; those with spans or fields only hold.
    fn directives(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.base.split(',').filter_map(|directive| {
            let (name, text) = match directive.split_once('=') {
                Some((name, text)) => (name.trim(), text.trim()),
                None => (ROOT, directive.trim()),
            };
            let plain = !name.is_empty() && !name.contains(['[', '{']);
            Some((name, level(text).filter(|_| plain)?))
        })
    }

    fn logger(&self, name: &str) -> Logger {
        if let Some((level, modified)) = self.set.get(name) {
            let modified = Some(*modified);
            return Logger { level, modified };
        }
        let above = |other: &str| other == ROOT || name.starts_with(other);
        let set = (self.set.iter()).map(|(name, (level, _))| (name.as_str(), *level));
        let holds = self
            .directives()
            .chain(set)
            .filter(|(other, _)| above(other))
            .max_by_key(|(other, _)| if *other == ROOT { 0 } else { other.len() });
        Logger {
            level: holds.map_or("ERROR", |(_, level)| level),
            modified: None,
        }
    }

    /// Lets what was set hold.
    fn reload(&self) -> Result<(), String> {
        let mut all = format!("{},{}", always(), self.base);
        for (name, (level, _)) in &self.set {
            let level = match *level {
                "FATAL" => "error".to_owned(),
                "ALL" => "trace".to_owned(),
                level => level.to_lowercase(),
            };
            let _ = match name.as_str() {
                ROOT => write!(all, ",{level}"),
                name => write!(all, ",{name}={level}"),
            };
        }
        match &self.apply {
            Some(apply) => apply(&all),
            None => EnvFilter::try_new(&all)
                .map(drop)
                .map_err(|error| error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loggers(base: &str) -> Loggers {
        let loggers = Loggers::default();
        base.clone_into(&mut loggers.lock().base);
        loggers
    }

    #[test]
    fn levels_are_inherited_and_set_with_all_below() {
        let loggers = loggers("info,kafka=warn");
        let at = |name: &str| loggers.all()[name].level;
        assert_eq!(
            (at("root"), at("kafka"), at("walbridge")),
            ("INFO", "WARN", "INFO")
        );
        let changed = loggers.set("walbridge", "DEBUG").unwrap();
        assert_eq!(changed.len(), 5, "{changed:?}");
        assert_eq!((at("walbridge_kafka"), at("kafka")), ("DEBUG", "WARN"));
        assert_eq!(
            loggers.set("walbridge", "DEBUG").unwrap(),
            Vec::<String>::new()
        );
        let changed = loggers.set("root", "ERROR").unwrap();
        assert!(changed.contains(&"kafka".to_owned()) && changed.contains(&"root".to_owned()));
        assert_eq!((at("kafka"), at("walbridge_kafka")), ("ERROR", "ERROR"));
        assert!(loggers.all()["root"].modified.is_some());
        loggers.set("org.example.Other", "TRACE").unwrap();
        assert_eq!(at("org.example.Other"), "TRACE");
    }

    #[test]
    fn a_name_that_is_none_changes_nothing() {
        let loggers = loggers("info");
        assert!(loggers.set("a=b,c[", "DEBUG").is_err());
        assert_eq!(loggers.all()["root"].level, "INFO");
        assert!(!loggers.all().contains_key("a=b,c["));
    }
}
