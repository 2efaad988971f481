//! The checked configuration of a worker.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use walbridge_connector_api::Settings;
use walbridge_kafka::Role;
use walbridge_pipeline::ConverterChoices;

use super::access::{self, RestAccess};
use super::keys::{CLIENT_PREFIXES, ROLE_PREFIXES, worker_keys};
use super::raw::{self, Raw};
use super::rules::{ConnectorRules, OverridePolicy};
use super::{Listener, Origin, Problem, Problems};
use crate::secrets::Resolver;

/// A topic that holds the worker's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageTopic {
    /// The topic's name.
    pub name: String,
    /// Partitions if it has to be created.
    pub partitions: i32,
    /// Replication factor if it has to be created; -1 takes the broker's default.
    pub replication_factor: i32,
}

/// What bounds the tasks.
#[derive(Debug, Clone)]
pub struct TaskLimits {
    /// How long tasks may take to end.
    pub shutdown: Duration,
    /// Bytes after which a Kafka transaction ends at the next boundary.
    pub transaction_bytes: usize,
    /// Time after which a Kafka transaction ends at the next boundary.
    pub transaction_time: Duration,
    /// How long the brokers keep a transaction open.
    pub transaction_timeout: Duration,
    /// How often a sink of records is flushed and its offsets are committed.
    pub flush_interval: Duration,
    /// First pause before a task starts again.
    pub backoff: Duration,
    /// Longest pause before a task starts again.
    pub backoff_max: Duration,
    /// How long a task that has work may stand still before it is called stuck.
    pub stuck_after: Duration,
    /// How long a lag that nobody measures counts as known.
    pub lag_unknown_after: Duration,
    /// Whether topics may be created.
    pub create_topics: bool,
    /// Partitions of a created topic; -1 for the broker's default.
    pub topic_partitions: i32,
    /// Replication factor of a created topic; -1 for the broker's default.
    pub topic_replication_factor: i32,
}

/// Whether the topics that connectors use are noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicTracking {
    /// Whether they are noted at all.
    pub enabled: bool,
    /// Whether what was noted may be forgotten on request.
    pub resettable: bool,
}

/// Client settings for Kafka by their Java names; values are never shown.
#[derive(Debug, Clone, Default)]
pub struct ClientSettings(BTreeMap<String, SecretString>);

impl ClientSettings {
    /// Returns the plain values, to hand to a Kafka client.
    pub fn expose(&self) -> BTreeMap<String, String> {
        self.0
            .iter()
            .map(|(k, v)| (k.clone(), v.expose_secret().to_owned()))
            .collect()
    }
}

/// The checked configuration of a worker.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// The worker group's id.
    pub group: String,
    /// Where connector configurations are.
    pub config_topic: StorageTopic,
    /// Where source positions are.
    pub offset_topic: StorageTopic,
    /// Where connector and task states are.
    pub status_topic: StorageTopic,
    /// Where the workers of the group share their tasks.
    pub group_topic: StorageTopic,
    /// How long a worker may not be heard of.
    pub session: Duration,
    /// How often a worker says that it is there.
    pub heartbeat: Duration,
    /// Where REST listens.
    pub listeners: Vec<Listener>,
    /// Who may use REST.
    pub access: RestAccess,
    /// How long a REST request may take.
    pub request_timeout: Duration,
    /// The host this worker is known under, if not the listener's.
    pub advertised_host: Option<String>,
    /// The port this worker is known under, if not the listener's.
    pub advertised_port: Option<u16>,
    /// What bounds the tasks.
    pub limits: TaskLimits,
    /// What connectors may do.
    pub rules: ConnectorRules,
    /// The converters of connectors that name none.
    pub converters: ConverterChoices,
    /// Libraries with further connectors, and folders of them.
    pub plugin_path: Vec<PathBuf>,
    /// Whether the topics that connectors use are noted.
    pub topic_tracking: TopicTracking,
    /// Whether log lines are JSON.
    pub json_logs: bool,
    /// The log's level or directives.
    pub log_level: String,
    clients: ClientSettings,
    roles: BTreeMap<&'static str, ClientSettings>,
}

impl WorkerConfig {
    /// Reads and checks a worker file with the environment laid over it.
    ///
    /// # Errors
    /// Every mistake at once, each with its file or variable and its key.
    pub fn load(path: &Path, env: &BTreeMap<String, String>) -> Result<Self, Problems> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Problems(vec![Problem {
                origin: Origin::File(shown.clone()),
                key: String::new(),
                message: format!("cannot be read: {error}"),
            }])
        })?;
        Self::parse(&text, &shown, env)
    }

    /// Checks the text of a worker file, which is called `file` in what is said of it.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(text: &str, file: &str, env: &BTreeMap<String, String>) -> Result<Self, Problems> {
        let raw = raw::read(text, file, env)?;
        let vars = env.clone();
        let resolver = Resolver::with_env(move |name| vars.get(name).cloned());
        check(&raw, &resolver, file)
    }

    /// Returns the names of the topics that hold the worker's state.
    pub fn own_topics(&self) -> Vec<String> {
        [
            &self.config_topic,
            &self.offset_topic,
            &self.status_topic,
            &self.group_topic,
        ]
        .map(|topic| topic.name.clone())
        .into()
    }

    /// Returns the settings of one kind of client: `producer`, `consumer` or `admin`.
    pub fn client(&self, role: &str) -> ClientSettings {
        let mut all = self.clients.clone();
        if let Some(own) = self.roles.get(role) {
            all.0.extend(own.0.clone());
        }
        all
    }
}

/// Returns what `plugin.path` says in a worker file, whatever else is wrong with it.
pub fn plugin_path(path: &Path, env: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let vars = env.clone();
    let resolver = Resolver::with_env(move |name| vars.get(name).cloned());
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let raw = raw::read(&text, &path.display().to_string(), env).unwrap_or_default();
    let Some((value, _)) = raw.get("plugin.path") else {
        return Vec::new();
    };
    let value = resolver.resolve(value).unwrap_or_default();
    let parts = value
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    parts.map(PathBuf::from).collect()
}

fn check(raw: &Raw, resolver: &Resolver, file: &str) -> Result<WorkerConfig, Problems> {
    let file = Origin::File(file.to_owned());
    let origin = |key: &str| {
        raw.get(key)
            .map_or_else(|| file.clone(), |(_, origin)| origin.clone())
    };
    let mut problems = Vec::new();
    let mut problem = |key: &str, message: String| {
        problems.push(Problem {
            origin: origin(key),
            key: key.to_owned(),
            message,
        });
    };
    let mut values = BTreeMap::new();
    for (key, (value, _)) in raw {
        match resolver.resolve(value) {
            Ok(value) => drop(values.insert(key.clone(), value)),
            Err(error) => {
                // Stands in for the value, so that the key does not count as missing too.
                values.insert(key.clone(), String::new());
                problem(key, error.to_string());
            }
        }
    }
    let def = worker_keys();
    for found in def.check(&values) {
        let unresolved = raw.get(&found.key).is_some_and(|(v, _)| !v.is_empty())
            && values.get(&found.key).is_some_and(String::is_empty);
        if !unresolved {
            problem(&found.key, found.message);
        }
    }
    let settings = def.settings(&values);
    let mut listeners = Vec::new();
    for text in settings.list("listeners") {
        match Listener::parse(text) {
            Ok(listener) => listeners.push(listener),
            Err(message) => problem("listeners", message),
        }
    }
    for (a, b) in [
        ("config.storage.topic", "offset.storage.topic"),
        ("config.storage.topic", "status.storage.topic"),
        ("offset.storage.topic", "status.storage.topic"),
        ("config.storage.topic", "group.storage.topic"),
        ("offset.storage.topic", "group.storage.topic"),
        ("status.storage.topic", "group.storage.topic"),
    ] {
        if let (Some(one), Some(two)) = (settings.optional(a), settings.optional(b))
            && one == two
        {
            problem(b, format!("must name another topic than {a}"));
        }
    }
    let policy = settings.text("connector.client.config.override.policy");
    if OverridePolicy::find(policy, &[]).is_none() {
        let known = "there are All, None, Principal and Allowlist";
        let key = "connector.client.config.override.policy";
        problem(
            key,
            format!("Invalid value {policy} for configuration {key}: {known}"),
        );
    }
    for found in ConverterChoices::problems(&values) {
        problem(&found.key, found.message);
    }
    let (session, heartbeat) = ("session.timeout.ms", "heartbeat.interval.ms");
    if settings.millis(heartbeat) * 3 > settings.millis(session) {
        problem(heartbeat, format!("must be at most a third of {session}"));
    }
    for (key, message) in client_problems(&values) {
        problem(&key, message);
    }
    let access = access::read(&settings, &listeners, &mut problem);
    if problems.is_empty() {
        Ok(valid(&settings, listeners, access))
    } else {
        Err(Problems(problems))
    }
}

/// Returns which kind of client a prefix such as `producer.` is for.
fn role_of(prefix: &str) -> Role {
    match prefix {
        "producer." => Role::Producer,
        "consumer." => Role::Consumer,
        _ => Role::Common,
    }
}

/// Tells whether a key is for the Kafka clients; one of `ssl.` is for the listeners alone.
fn is_client_key(key: &str) -> bool {
    key != "ssl.client.auth" && CLIENT_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

/// Asks the Kafka layer which pass-through keys it does not know.
fn client_problems(values: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let is_client = is_client_key;
    let of_all = values.iter().filter(|(key, _)| is_client(key));
    let of_all: BTreeMap<_, _> = of_all.map(|(k, v)| (k.clone(), v.clone())).collect();
    let mut found = BTreeMap::new();
    for prefix in ROLE_PREFIXES {
        let own = values.iter();
        let own: BTreeMap<_, _> = own
            .filter_map(|(key, value)| Some((key.strip_prefix(prefix)?.to_owned(), value.clone())))
            .collect();
        let mut beside = of_all.clone();
        beside.extend(own.clone());
        let wrong = crate::clients::check_java(role_of(prefix), &beside).into_iter();
        let wrong = wrong.filter(|(name, _)| own.contains_key(name));
        found.extend(wrong.map(|(name, message)| (format!("{prefix}{name}"), message)));
    }
    // A key with the prefix of a role is that role's alone.
    let of_role = |key: &str| ROLE_PREFIXES.iter().any(|prefix| key.starts_with(prefix));
    let wrong = crate::clients::check_java(Role::Common, &of_all).into_iter();
    found.extend(wrong.filter(|(key, _)| !of_role(key)));
    found.into_iter().collect()
}

fn valid(settings: &Settings, listeners: Vec<Listener>, access: RestAccess) -> WorkerConfig {
    let number = |key: &str| i32::try_from(settings.number(key)).unwrap_or(i32::MAX);
    let topic = |kind: &str, partitions: i32| StorageTopic {
        name: settings.text(&format!("{kind}.storage.topic")).to_owned(),
        partitions,
        replication_factor: number(&format!("{kind}.storage.replication.factor")),
    };
    let secret = |map: BTreeMap<String, String>| {
        ClientSettings(
            map.into_iter()
                .map(|(k, v)| (k, SecretString::from(v)))
                .collect(),
        )
    };
    let mut clients: BTreeMap<String, String> = settings
        .raw()
        .iter()
        .filter(|(key, _)| is_client_key(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    clients.insert(
        "bootstrap.servers".into(),
        settings.text("bootstrap.servers").to_owned(),
    );
    let config_topic = topic("config", 1);
    let group_topic = StorageTopic {
        name: settings
            .optional("group.storage.topic")
            .map_or_else(|| format!("{}-group", config_topic.name), str::to_owned),
        ..config_topic.clone()
    };
    WorkerConfig {
        group_topic,
        session: settings.millis("session.timeout.ms"),
        heartbeat: settings.millis("heartbeat.interval.ms"),
        group: settings.text("group.id").to_owned(),
        config_topic,
        offset_topic: topic("offset", number("offset.storage.partitions")),
        status_topic: topic("status", number("status.storage.partitions")),
        listeners,
        access,
        advertised_host: settings
            .optional("rest.advertised.host.name")
            .map(str::to_owned),
        request_timeout: settings.millis("rest.request.timeout.ms"),
        advertised_port: settings
            .optional("rest.advertised.port")
            .and_then(|text| text.trim().parse().ok()),
        limits: TaskLimits {
            shutdown: settings.millis("task.shutdown.graceful.timeout.ms"),
            transaction_bytes: settings.size("transaction.max.bytes"),
            transaction_time: settings.millis("transaction.max.ms"),
            transaction_timeout: settings.millis("transaction.timeout.ms"),
            flush_interval: settings.millis("offset.flush.interval.ms"),
            backoff: settings.millis("errors.restart.backoff.ms"),
            backoff_max: settings.millis("errors.restart.backoff.max.ms"),
            stuck_after: settings.millis("task.stuck.after.ms"),
            lag_unknown_after: settings.millis("task.lag.unknown.after.ms"),
            create_topics: settings.flag("topic.creation.enable"),
            topic_partitions: number("topic.creation.default.partitions"),
            topic_replication_factor: number("topic.creation.default.replication.factor"),
        },
        rules: ConnectorRules::new(settings),
        converters: ConverterChoices::default().with(settings.raw()),
        plugin_path: settings
            .list("plugin.path")
            .iter()
            .map(PathBuf::from)
            .collect(),
        topic_tracking: TopicTracking {
            enabled: settings.flag("topic.tracking.enable"),
            resettable: settings.flag("topic.tracking.allow.reset"),
        },
        json_logs: settings.text("log.format").eq_ignore_ascii_case("json"),
        log_level: settings.text("log.level").to_owned(),
        clients: secret(clients),
        roles: ROLE_PREFIXES
            .iter()
            .map(|prefix| (prefix.trim_end_matches('.'), secret(settings.under(prefix))))
            .collect(),
    }
}
