//! The sink's configuration keys, and what they say once checked.

use std::time::Duration;

use regex::Regex;
use walbridge_connector_api::{
    ConfigDef, ConfigKey, ConfigProblem, ConnectorError, Importance, Kind, Result, Settings,
};
use walbridge_postgres::connect;
use walbridge_schemas::name;
use walbridge_schemas::registry::RegistrySettings;

/// Returns all keys of the sink.
pub(crate) fn definition() -> ConfigDef {
    let mut keys = vec![
        ConfigKey::new(
            "topics",
            Kind::List,
            "Topics to read: the tables' and the transaction topic.",
        )
        .group("Topics")
        .importance(Importance::High),
        ConfigKey::new(
            "topics.regex",
            Kind::String,
            "Regular expression that all topics to read match, the transaction topic among them.",
        )
        .group("Topics")
        .importance(Importance::High),
        ConfigKey::new(
            "topic.prefix",
            Kind::String,
            "The source's topic.prefix; by default what stands before \".transaction\" in the \
             transaction topic's name.",
        )
        .group("Topics"),
        ConfigKey::new(
            "transaction.topic",
            Kind::String,
            "The topic that says where transactions begin and end; by default the one among the \
             topics that ends in \".transaction\" and holds no table's rows.",
        )
        .group("Topics"),
    ];
    keys.extend(connect::connection_keys());
    keys.extend([
        ConfigKey::new(
            "synchronous.commit",
            Kind::String,
            "PostgreSQL's synchronous_commit for the sink's transactions; by default the server's.",
        )
        .allowed(&["off", "local", "remote_write", "on", "remote_apply"])
        .group("PostgreSQL"),
        ConfigKey::new(
            "schema.registry.url",
            Kind::List,
            "URLs of the schema registry, tried in order.",
        )
        .required()
        .group("Schema registry"),
        ConfigKey::new(
            "schema.registry.basic.auth.user.info",
            Kind::Password,
            "user:password for the schema registry.",
        )
        .group("Schema registry"),
        ConfigKey::new(
            "schema.registry.ssl.ca.location",
            Kind::String,
            "PEM file with further authorities that may sign the registry's certificate.",
        )
        .group("Schema registry"),
        ConfigKey::new(
            "schema.registry.request.timeout.ms",
            Kind::Long,
            "How long one call to the schema registry may take.",
        )
        .default("10000")
        .min(1)
        .group("Schema registry")
        .importance(Importance::Low),
        ConfigKey::new(
            "link.name",
            Kind::String,
            "Name of this replication in the target's schema walbridge; by default the connector's \
             name. Two sinks into one database must differ in it.",
        )
        .group("Applying"),
        ConfigKey::new(
            "buffer.bytes",
            Kind::Long,
            "Bytes of records held at most: those waiting for their turn and those being applied.",
        )
        .default("16777216")
        .min(1 << 20)
        .group("Applying"),
        ConfigKey::new(
            "batch.max.bytes",
            Kind::Long,
            "Bytes of records that are folded into one set of statements at most.",
        )
        .default("4194304")
        .min(1 << 10)
        .group("Applying"),
        ConfigKey::new(
            "batch.max.transactions",
            Kind::Int,
            "Source transactions that are folded into one target transaction at most.",
        )
        .default("2000")
        .min(1)
        .group("Applying"),
        ConfigKey::new(
            "schema.evolution",
            Kind::String,
            "none: tables are as they are; basic: tables are created and columns added; full: \
             columns that vanish from the stream are dropped, too.",
        )
        .default("basic")
        .allowed(&["none", "basic", "full"])
        .group("Applying"),
        ConfigKey::new(
            "snapshot.target.nonempty",
            Kind::String,
            "What to do when a snapshot finds rows that this link never wrote: stop, or truncate \
             the table.",
        )
        .default("stop")
        .allowed(&["stop", "truncate"])
        .group("Applying"),
        ConfigKey::new(
            "missing.rows.grace.ms",
            Kind::Long,
            "How long rows that a transaction's END counts may fail to come before the task stops; \
             meanwhile its status says what it waits for. Longer than the mirror may be cut off.",
        )
        .default("600000")
        .min(0)
        .group("Applying")
        .importance(Importance::Low),
    ]);
    for (name, values) in [
        ("insert.mode", &["insert", "upsert", "update"][..]),
        ("primary.key.mode", &["none", "record_key", "record_value"]),
        ("delete.enabled", &["true", "false"]),
        ("truncate.enabled", &["true", "false"]),
    ] {
        keys.push(
            ConfigKey::new(
                name,
                Kind::String,
                "Taken for the JDBC sink's sake; whole transactions are applied as they were made.",
            )
            .allowed(values)
            .group("Compatibility")
            .importance(Importance::Low),
        );
    }
    ConfigDef::new(keys)
        .passing(&["consumer.override."])
        .instead_of(&OF_JDBC_SINKS)
}

const BY_KEY: &str = "leave it out, rows are found by their table's key";
const BY_NAME: &str = "leave it out, tables have the names that they have at the source";
const FOR_EVER: &str = "leave it out, what is out of reach is retried for ever";
const EVOLUTION: &str =
    "write schema.evolution, which is basic (tables are created, columns added) or none";
const POSTGRES: &str = "leave it out, the target is PostgreSQL";

/// What Debezium's and Confluent's JDBC sinks have and this one has not.
const OF_JDBC_SINKS: [(&str, &str); 21] = [
    ("connection.user", "write connection.username"),
    ("pk.mode", BY_KEY),
    ("pk.fields", BY_KEY),
    ("primary.key.fields", BY_KEY),
    ("table.name.format", BY_NAME),
    ("table.naming.strategy", BY_NAME),
    ("collection.name.format", BY_NAME),
    ("collection.naming.strategy", BY_NAME),
    ("column.naming.strategy", BY_NAME),
    ("auto.create", EVOLUTION),
    ("auto.evolve", EVOLUTION),
    ("max.retries", FOR_EVER),
    ("retry.backoff.ms", FOR_EVER),
    ("connection.attempts", FOR_EVER),
    ("connection.backoff.ms", FOR_EVER),
    ("dialect.name", POSTGRES),
    ("dialect.postgres.postgis.schema", POSTGRES),
    ("quote.identifiers", POSTGRES),
    ("quote.sql.identifiers", POSTGRES),
    (
        "batch.size",
        "write batch.max.bytes or batch.max.transactions",
    ),
    (
        "use.reduction.buffer",
        "leave it out, changes of a row are always folded",
    ),
];

/// Which topics are read.
#[derive(Debug, Clone)]
pub(crate) enum Topics {
    Listed(Vec<String>),
    Matching(Regex),
}

impl Topics {
    fn read(settings: &Settings) -> Result<Self, ConfigProblem> {
        let (list, pattern) = (settings.list("topics"), settings.optional("topics.regex"));
        match (list.is_empty(), pattern) {
            (false, None) => Ok(Self::Listed(list.into_iter().map(str::to_owned).collect())),
            (true, Some(pattern)) => Regex::new(&format!("^(?:{pattern})$"))
                .map(Self::Matching)
                .map_err(|e| ConfigProblem::invalid("topics.regex", pattern, &e.to_string())),
            _ => Err(ConfigProblem::new(
                "topics",
                "Exactly one of topics and topics.regex must be given.",
            )),
        }
    }

    pub(crate) fn contain(&self, topic: &str) -> bool {
        match self {
            Self::Listed(names) => names.iter().any(|name| name == topic),
            Self::Matching(pattern) => pattern.is_match(topic),
        }
    }
}

/// How far tables follow the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Evolution {
    None,
    Basic,
    Full,
}

/// What a topic holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Where transactions begin and end.
    Transactions,
    /// A table's rows.
    Table,
    /// One or the other: a table may be called `transaction`, and only the records tell.
    Either,
}

/// The sink's settings, checked.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) topics: Topics,
    prefix: Option<String>,
    transaction_topic: Option<String>,
    pub(crate) connection: connect::Settings,
    pub(crate) synchronous_commit: Option<String>,
    pub(crate) link: String,
    pub(crate) buffer_bytes: usize,
    pub(crate) batch_bytes: usize,
    pub(crate) batch_transactions: u64,
    pub(crate) evolution: Evolution,
    pub(crate) truncate_nonempty: bool,
    pub(crate) grace: Duration,
}

/// Checks what one key alone cannot tell.
pub(crate) fn validate(settings: &Settings) -> Vec<ConfigProblem> {
    let mut problems = Vec::new();
    match Topics::read(settings) {
        Err(problem) => problems.push(problem),
        Ok(Topics::Listed(names)) => {
            let transaction = names.iter().any(|name| name.ends_with(".transaction"));
            if settings.optional("transaction.topic").is_none() && !transaction {
                problems.push(ConfigProblem::new(
                    "topics",
                    "The transaction topic is missing: name one that ends in .transaction, or set \
                     transaction.topic.",
                ));
            }
        }
        Ok(Topics::Matching(_)) => {}
    }
    let url = settings.optional("connection.url").is_some();
    if !url && settings.optional("connection.hostname").is_none() {
        problems.push(ConfigProblem::new(
            "connection.url",
            "Missing required configuration \"connection.url\" which has no default value.",
        ));
    } else if let Err(error) = connect::Settings::from_connection(settings) {
        problems.push(ConfigProblem::new("connection.url", error.to_string()));
    }
    problems
}

impl Config {
    pub(crate) fn new(settings: &Settings, connector: &str) -> Result<Self> {
        let mut connection = connect::Settings::from_connection(settings)?;
        let link = settings
            .optional("link.name")
            .unwrap_or(connector)
            .to_owned();
        connection.application_name = format!("walbridge sink {link}");
        let bad = |problem: ConfigProblem| {
            ConnectorError::configuration("BadConfiguration", problem.message.clone())
        };
        let buffer_bytes = settings.size("buffer.bytes");
        Ok(Self {
            topics: Topics::read(settings).map_err(bad)?,
            prefix: settings.optional("topic.prefix").map(str::to_owned),
            transaction_topic: settings.optional("transaction.topic").map(str::to_owned),
            connection,
            synchronous_commit: settings.optional("synchronous.commit").map(str::to_owned),
            link,
            buffer_bytes,
            batch_bytes: settings.size("batch.max.bytes").min(buffer_bytes / 3),
            batch_transactions: settings.number("batch.max.transactions").unsigned_abs(),
            evolution: match settings
                .text("schema.evolution")
                .to_ascii_lowercase()
                .as_str()
            {
                "none" => Evolution::None,
                "full" => Evolution::Full,
                _ => Evolution::Basic,
            },
            truncate_nonempty: settings
                .text("snapshot.target.nonempty")
                .eq_ignore_ascii_case("truncate"),
            grace: settings.millis("missing.rows.grace.ms"),
        })
    }

    /// Returns what a topic holds, as far as its name tells.
    pub(crate) fn role(&self, topic: &str) -> Role {
        let transactions = match (&self.transaction_topic, &self.prefix) {
            (Some(name), _) => name == topic,
            (None, Some(prefix)) => topic.strip_prefix(prefix.as_str()) == Some(".transaction"),
            (None, None) if topic.ends_with(".transaction") => return Role::Either,
            (None, None) => false,
        };
        if transactions {
            Role::Transactions
        } else {
            Role::Table
        }
    }

    /// Returns the topic of a table that the transaction topic calls `schema.table`.
    pub(crate) fn table_topic(&self, transaction_topic: &str, collection: &str) -> String {
        let prefix = match &self.prefix {
            Some(prefix) => prefix,
            None => transaction_topic
                .rsplit_once('.')
                .map_or(transaction_topic, |(prefix, _)| prefix),
        };
        name::topic(&format!("{prefix}.{collection}"))
    }
}

/// Reads where the schema registry is.
pub(crate) fn registry(settings: &Settings) -> Result<RegistrySettings> {
    let mut registry = RegistrySettings::new(settings.text("schema.registry.url"));
    registry.timeout = settings.millis("schema.registry.request.timeout.ms");
    if let Some(both) = settings.optional("schema.registry.basic.auth.user.info") {
        let (user, password) = both.split_once(':').unwrap_or((both, ""));
        registry.basic_auth = Some((user.to_owned(), password.to_owned()));
    }
    if let Some(file) = settings.optional("schema.registry.ssl.ca.location") {
        let pem = std::fs::read_to_string(file).map_err(|error| {
            ConnectorError::configuration(
                "BadConfiguration",
                format!("schema.registry.ssl.ca.location: {file}: {error}"),
            )
        })?;
        registry.ca_pem = Some(pem);
    }
    Ok(registry)
}
