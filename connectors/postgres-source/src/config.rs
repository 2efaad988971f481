//! The connector's configuration: Debezium's names where Debezium has one.

use std::time::Duration;

use walbridge_connector_api::{
    ConfigDef, ConfigKey, ConfigProblem, ConnectorError, Importance, Kind, Result, Settings,
};
use walbridge_postgres::connect;

use crate::filter::Filter;
use crate::identity::{self, Autoset};

/// How the initial state gets into the topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SnapshotMode {
    /// All rows once, then the stream.
    Initial,
    /// Only the stream.
    NoData,
}

/// Who creates the publication, and what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Autocreate {
    /// All tables of the database.
    AllTables,
    /// The tables that the lists capture.
    Filtered,
    /// Nobody: it must exist.
    Disabled,
    /// An empty one is created, for somebody else to fill.
    NoTables,
}

/// What a running connector needs to know.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) database: connect::Settings,
    pub(crate) server: String,
    pub(crate) topic_delimiter: String,
    pub(crate) transaction_topic: String,
    pub(crate) slot: String,
    pub(crate) publication: String,
    pub(crate) autocreate: Autocreate,
    pub(crate) via_partition_root: bool,
    pub(crate) identities: Autoset,
    pub(crate) filter: Filter,
    pub(crate) snapshot: SnapshotMode,
    pub(crate) snapshot_threads: usize,
    pub(crate) tombstones: bool,
    pub(crate) skipped: Skipped,
    pub(crate) placeholder: String,
    pub(crate) heartbeat: Duration,
    pub(crate) heartbeat_prefix: String,
    pub(crate) status_interval: Duration,
    pub(crate) batch_bytes: usize,
    pub(crate) queue_bytes: usize,
    pub(crate) binary: bool,
}

/// The operations that are not to be emitted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Skipped {
    pub(crate) create: bool,
    pub(crate) update: bool,
    pub(crate) delete: bool,
    pub(crate) truncate: bool,
}

/// Returns the definition of all keys.
pub(crate) fn definition() -> ConfigDef {
    use Importance::{High, Low};
    use Kind::{Boolean, Int, List, Long, String};
    let key = ConfigKey::new;
    let mut keys = connect::database_keys();
    keys.extend([
        key("topic.prefix", String, "First part of the names of all topics; names this server.")
            .required()
            .group("Topics"),
        key("topic.delimiter", String, "What stands between the parts of a topic's name.")
            .default(".")
            .group("Topics")
            .importance(Low),
        key("topic.transaction", String, "Last part of the transaction topic's name.")
            .default("transaction")
            .group("Topics")
            .importance(Low),
        key("topic.heartbeat.prefix", String, "First part of the heartbeat topic's name.")
            .default("__debezium-heartbeat")
            .group("Topics")
            .importance(Low),
        key("plugin.name", String, "The server's output plugin.")
            .default("pgoutput")
            .allowed(&["pgoutput"])
            .group("Replication")
            .importance(Low),
        key("slot.name", String, "Name of the replication slot; created at the first start.")
            .default("walbridge")
            .group("Replication")
            .importance(High),
        key("publication.name", String, "Name of the publication that selects the tables.")
            .default("walbridge_publication")
            .group("Replication")
            .importance(High),
        key(
            "publication.autocreate.mode",
            String,
            "What the publication is created with; by default filtered if a list includes something, \
             otherwise all_tables.",
        )
        .allowed(&["all_tables", "filtered", "disabled", "no_tables"])
        .group("Replication"),
        key(
            "publish.via.partition.root",
            Boolean,
            "Whether changes of partitions come as changes of the partitioned table.",
        )
        .default("false")
        .group("Replication"),
        key(
            identity::AUTOSET,
            List,
            "Replica identities that tables get at the start, before they are published: schema.table:FULL, \
             :DEFAULT, :NOTHING or :INDEX name, the table being a regular expression.",
        )
        .default("")
        .group("Replication"),
        key("replication.binary", Boolean, "Whether values are asked for in binary form.")
            .default("true")
            .group("Replication")
            .importance(Low),
        key("status.update.interval.ms", Long, "How often the server hears from us at least.")
            .default("10000")
            .min(100)
            .group("Replication")
            .importance(Low),
        key("schema.include.list", List, "Expressions for schemas to capture.").group("Tables"),
        key("schema.exclude.list", List, "Expressions for schemas to leave out.").group("Tables"),
        key("table.include.list", List, "Expressions for schema.table to capture.")
            .group("Tables")
            .importance(High),
        key("table.exclude.list", List, "Expressions for schema.table to leave out.")
            .group("Tables"),
        key("snapshot.mode", String, "Whether existing rows are read first (initial) or not (no_data).")
            .default("initial")
            .allowed(&["initial", "no_data"])
            .group("Snapshot"),
        key("snapshot.max.threads", Int, "How many tables the snapshot reads at once.")
            .default("2")
            .min(1)
            .group("Snapshot"),
        key("tombstones.on.delete", Boolean, "Whether a delete is followed by a tombstone.")
            .default("true")
            .group("Events"),
        key("skipped.operations", List, "Operations to leave out: c, u, d, t, or none.")
            .default("none")
            .group("Events"),
        key(
            "unavailable.value.placeholder",
            String,
            "What stands for a large value that an update left as it was.",
        )
        .default("__debezium_unavailable_value")
        .group("Events"),
        key("heartbeat.interval.ms", Long, "How often a heartbeat record is written; 0 for never.")
            .default("0")
            .min(0)
            .group("Events"),
        key("max.batch.bytes", Int, "How many bytes one batch holds.")
            .default("1048576")
            .min(16_384)
            .group("Limits")
            .importance(Low),
        key("max.queue.size.in.bytes", Long, "How many bytes wait between reading and writing.")
            .default("8388608")
            .min(65_536)
            .group("Limits")
            .importance(Low),
    ]);
    keys.extend(crate::registry::keys());
    ConfigDef::new(keys).instead_of(&OF_DEBEZIUM)
}

/// What Debezium's connector has, or had, and this one has not.
const OF_DEBEZIUM: [(&str, &str); 7] = [
    ("database.server.name", "write topic.prefix"),
    ("table.whitelist", "write table.include.list"),
    ("table.blacklist", "write table.exclude.list"),
    ("schema.whitelist", "write schema.include.list"),
    ("schema.blacklist", "write schema.exclude.list"),
    (
        "slot.drop.on.stop",
        "leave it out, the slot stays; drop it by hand when the connector is not to come back",
    ),
    (
        "event.processing.failure.handling.mode",
        "leave it out, a change that cannot be handled stops the connector",
    ),
];

/// Checks what one key alone cannot tell.
pub(crate) fn problems(settings: &Settings) -> Vec<ConfigProblem> {
    let mut problems = Vec::new();
    if let Err((key, value, why)) = Filter::new(settings) {
        problems.push(ConfigProblem::invalid(key, &value, &why));
    }
    if let Err((value, why)) = Autoset::new(settings) {
        problems.push(ConfigProblem::invalid(identity::AUTOSET, &value, &why));
    }
    if let Err(value) = skipped(settings) {
        problems.push(ConfigProblem::invalid(
            "skipped.operations",
            &value,
            "String must be one of: c, u, d, t, none",
        ));
    }
    let slot = settings.text("slot.name");
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if slot.is_empty() || slot.len() > 63 || !slot.chars().all(legal) {
        problems.push(ConfigProblem::invalid(
            "slot.name",
            slot,
            "a slot's name has 1 to 63 lower-case letters, digits and underscores",
        ));
    }
    for (include, exclude) in [
        ("schema.include.list", "schema.exclude.list"),
        ("table.include.list", "table.exclude.list"),
    ] {
        if settings.optional(include).is_some() && settings.optional(exclude).is_some() {
            problems.push(ConfigProblem::new(
                exclude,
                format!("\"{exclude}\" is already specified with \"{include}\"; use one of them"),
            ));
        }
    }
    problems.extend(crate::registry::problems(settings));
    problems
}

fn skipped(settings: &Settings) -> std::result::Result<Skipped, std::string::String> {
    let mut skipped = Skipped::default();
    for operation in settings.list("skipped.operations") {
        match operation {
            "c" => skipped.create = true,
            "u" => skipped.update = true,
            "d" => skipped.delete = true,
            "t" => skipped.truncate = true,
            "none" => {}
            other => return Err(other.to_owned()),
        }
    }
    Ok(skipped)
}

impl Options {
    pub(crate) fn read(settings: &Settings) -> Result<Self> {
        if let Some(problem) = problems(settings).into_iter().next() {
            return Err(ConnectorError::configuration(
                "BadConfiguration",
                problem.message,
            ));
        }
        let filter = Filter::new(settings).map_err(|(key, value, why)| {
            ConnectorError::configuration("BadConfiguration", format!("{key}: {value}: {why}"))
        })?;
        let autocreate = match settings.text("publication.autocreate.mode") {
            "all_tables" => Autocreate::AllTables,
            "filtered" => Autocreate::Filtered,
            "disabled" => Autocreate::Disabled,
            "no_tables" => Autocreate::NoTables,
            _ if filter.includes() => Autocreate::Filtered,
            _ => Autocreate::AllTables,
        };
        Ok(Self {
            database: connect::Settings::from_database(settings)?,
            server: settings.text("topic.prefix").to_owned(),
            topic_delimiter: settings.text("topic.delimiter").to_owned(),
            transaction_topic: settings.text("topic.transaction").to_owned(),
            slot: settings.text("slot.name").to_owned(),
            publication: settings.text("publication.name").to_owned(),
            autocreate,
            via_partition_root: settings.flag("publish.via.partition.root"),
            identities: Autoset::new(settings).unwrap_or_default(),
            filter,
            snapshot: match settings.text("snapshot.mode") {
                "no_data" => SnapshotMode::NoData,
                _ => SnapshotMode::Initial,
            },
            snapshot_threads: settings.size("snapshot.max.threads").max(1),
            tombstones: settings.flag("tombstones.on.delete"),
            skipped: skipped(settings).unwrap_or_default(),
            placeholder: settings.text("unavailable.value.placeholder").to_owned(),
            heartbeat: settings.millis("heartbeat.interval.ms"),
            heartbeat_prefix: settings.text("topic.heartbeat.prefix").to_owned(),
            status_interval: settings.millis("status.update.interval.ms"),
            batch_bytes: settings.size("max.batch.bytes"),
            queue_bytes: settings.size("max.queue.size.in.bytes"),
            binary: settings.flag("replication.binary"),
        })
    }
}
