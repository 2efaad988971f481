//! The mirror's configuration: MirrorMaker's keys, and those of the two registries.

use std::collections::BTreeMap;
use std::time::Duration;

use walbridge_connector_api::{
    ConfigDef, ConfigKey, ConfigProblem, ConnectorError, Importance, Kind, Result, Settings,
};
use walbridge_kafka::{ClientConfig, Role};
use walbridge_schemas::registry::{Registry, RegistrySettings};

use crate::selection::{Naming, Selection};

const IDENTITY: &str = "org.apache.kafka.connect.mirror.IdentityReplicationPolicy";
const PREFIXED: &str = "org.apache.kafka.connect.mirror.DefaultReplicationPolicy";

const NO_SYNCS: &str =
    "leave it out, positions lie beside the data and there is no topic of offset syncs";
const NO_GROUPS: &str =
    "leave it out, offsets of consumer groups are not translated in this version";

/// What MirrorMaker's source connector has and this one has not.
const OF_MIRROR_MAKER: [(&str, &str); 12] = [
    (
        "sync.topic.acls.enabled",
        "leave it out, access lists are not copied",
    ),
    (
        "sync.topic.acls.interval.seconds",
        "leave it out, access lists are not copied",
    ),
    (
        "refresh.topics.enabled",
        "leave it out, topics are always looked for",
    ),
    (
        "sync.topic.configs.interval.seconds",
        "leave it out, topics get their configuration when they are created",
    ),
    (
        "consumer.poll.timeout.ms",
        "leave it out, reading does not wait in polls",
    ),
    ("offset-syncs.topic.replication.factor", NO_SYNCS),
    ("offset-syncs.topic.location", NO_SYNCS),
    ("offset.lag.max", NO_SYNCS),
    ("emit.offset-syncs.enabled", NO_SYNCS),
    ("emit.checkpoints.enabled", NO_GROUPS),
    ("sync.group.offsets.enabled", NO_GROUPS),
    (
        "emit.heartbeats.enabled",
        "leave it out, heartbeats are a connector of their own: \
         org.apache.kafka.connect.mirror.MirrorHeartbeatConnector",
    ),
];

/// Returns what is wrong if settings were written for MirrorMaker and lean on its naming of topics.
pub(crate) fn naming_problem(settings: &Settings) -> Option<ConfigProblem> {
    let class = settings.text("connector.class");
    let of_java = class.starts_with("org.apache.kafka.connect.mirror.");
    let named = settings.raw().contains_key("replication.policy.class");
    (of_java && !named).then(|| {
        ConfigProblem::new(
            "replication.policy.class",
            "replication.policy.class must be given with this class: MirrorMaker puts the source's alias \
             before a topic's name by default \
             (org.apache.kafka.connect.mirror.DefaultReplicationPolicy), and here a topic keeps its name \
             (org.apache.kafka.connect.mirror.IdentityReplicationPolicy)",
        )
    })
}

/// Returns the configuration keys.
pub(crate) fn definition() -> ConfigDef {
    let low = Importance::Low;
    ConfigDef::new(vec![
        ConfigKey::new("source.cluster.alias", Kind::String, "The name of the cluster that is read; part of the stored positions.").required(),
        ConfigKey::new("target.cluster.alias", Kind::String, "The name of the cluster that is written, the worker's own.").default("target"),
        ConfigKey::new("source.cluster.bootstrap.servers", Kind::List, "Where the cluster that is read is. Further client settings follow under source.cluster., such as source.cluster.security.protocol.").required(),
        ConfigKey::new("topics", Kind::List, "The topics to copy: names or regular expressions, separated by commas.").default(".*"),
        ConfigKey::new("topics.exclude", Kind::List, "Topics not to copy, though topics names them. The default leaves out what workers and mirrors keep for themselves; names with two dots, as tables' topics have, are none of it.")
            .default(r"mm2.*\.internal, [^.]*\.replica, __.*, [^.]*[-._](configs?|offsets?|status|internal)"),
        ConfigKey::new("refresh.topics.interval.seconds", Kind::Int, "How often to look for new topics and partitions, and whether known topics are still the same.").default("2").min(1).importance(low),
        ConfigKey::new("target.other.writers", Kind::String, "What to do when something else writes a topic that this connector fills: stop, or ignore it. A sink behind it stops in any case when it meets what it has applied before.").default("stop").allowed(&["stop", "ignore"]).importance(low),
        ConfigKey::new("replication.policy.class", Kind::Class, "How topics are named at the target: as at the source (IdentityReplicationPolicy), or with the source's alias in front (DefaultReplicationPolicy).").default("identity")
            .allowed(&["identity", "default", IDENTITY, PREFIXED]),
        ConfigKey::new("replication.policy.separator", Kind::String, "What stands between alias and topic under DefaultReplicationPolicy.").default(".").importance(low),
        ConfigKey::new("replication.factor", Kind::Int, "The replication factor of topics that are created; -1 leaves it to the cluster.").default("-1").min(-1),
        ConfigKey::new("sync.topic.configs.enabled", Kind::Boolean, "Whether topics are created with the configuration that the source's have, and max.message.bytes is raised to the source's whenever the mirror begins to read one.").default("true").importance(low),
        ConfigKey::new("config.properties.exclude", Kind::List, "Topic configurations that are not taken over: names or regular expressions.")
            .default(r"follower\.replication\.throttled\.replicas, leader\.replication\.throttled\.replicas, message\.timestamp\.difference\.max\.ms, log\.message\.timestamp\.before\.max\.ms, log\.message\.timestamp\.after\.max\.ms, message\.timestamp\.type, unclean\.leader\.election\.enable, min\.insync\.replicas").importance(low),
        ConfigKey::new("max.batch.bytes", Kind::Int, "How many bytes are handed on at once.").default("1048576").min(1024).importance(low),
        ConfigKey::new("source.schema.registry.url", Kind::List, "The schema registry of the cluster that is read. With both registries given, schema ids are translated.").group("Registry"),
        ConfigKey::new("source.schema.registry.basic.auth.user.info", Kind::Password, "user:password for it.").group("Registry"),
        ConfigKey::new("source.schema.registry.ssl.ca.location", Kind::String, "A file with the certificate authorities that it may show, in PEM.").group("Registry").importance(low),
        ConfigKey::new("target.schema.registry.url", Kind::List, "The schema registry of the cluster that is written.").group("Registry"),
        ConfigKey::new("target.schema.registry.basic.auth.user.info", Kind::Password, "user:password for it.").group("Registry"),
        ConfigKey::new("schema.ids.topics", Kind::List, "Topics of which every key and value that begins with a zero byte carries a schema id: names or regular expressions. Of others, those do whose subject (the topic's name with -key or -value) the source's registry knows; the rest is copied as it is. Needed where subjects are named otherwise, as by RecordNameStrategy.").default("").group("Registry").importance(low),
        ConfigKey::new("target.schema.registry.ssl.ca.location", Kind::String, "A file with the certificate authorities that it may show, in PEM.").group("Registry").importance(low),
    ])
    .passing(&["source.cluster.", "target.cluster.", "source.consumer.", "consumer."])
    .instead_of(&OF_MIRROR_MAKER)
}

/// What to do about others who write what the mirror fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OtherWriters {
    /// Stop.
    Stop,
    /// Leave them alone.
    Ignore,
}

/// Checked settings.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) alias: String,
    pub(crate) target_alias: String,
    pub(crate) source: ClientConfig,
    /// Only to make sure that it is the worker's own cluster.
    pub(crate) target: Option<ClientConfig>,
    pub(crate) selection: Selection,
    pub(crate) naming: Naming,
    pub(crate) refresh: Duration,
    pub(crate) others: OtherWriters,
    pub(crate) replication_factor: Option<i32>,
    /// Which topic configurations are taken over; none at all if absent.
    pub(crate) configs: Option<Selection>,
    pub(crate) batch_bytes: usize,
    /// Topics in which schema ids are known to be.
    pub(crate) framed: Selection,
}

impl Plan {
    /// Reads the settings, or returns all that is wrong with them.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Vec<ConfigProblem>> {
        let mut problems = Vec::new();
        let alias = settings.text("source.cluster.alias").to_owned();
        let target_alias = settings.text("target.cluster.alias");
        if alias == target_alias {
            let why = "must differ from source.cluster.alias";
            problems.push(ConfigProblem::invalid(
                "target.cluster.alias",
                target_alias,
                why,
            ));
        }
        let source = clients(settings, "source.cluster.", Role::Common, &mut problems);
        let mut reading = source.native().clone();
        for prefix in ["consumer.", "source.consumer."] {
            reading.extend(
                clients(settings, prefix, Role::Consumer, &mut problems)
                    .native()
                    .clone(),
            );
        }
        let target = clients(settings, "target.cluster.", Role::Common, &mut problems);
        let mut select = |include: &[&str], exclude: &str| {
            let made = Selection::new(include, &settings.list(exclude));
            made.map_err(|more| problems.extend(more)).ok()
        };
        let selection = select(&settings.list("topics"), "topics.exclude");
        let configs = select(&[".*"], "config.properties.exclude");
        let framed = Selection::new(&settings.list("schema.ids.topics"), &[]);
        let framed = framed.map_err(|more| problems.extend(more)).ok();
        for key in ["source.schema.registry.url", "target.schema.registry.url"] {
            let other = key
                .replace("source", "?")
                .replace("target", "source")
                .replace('?', "target");
            if settings.optional(key).is_some() && settings.optional(&other).is_none() {
                let why =
                    format!("must be set too, since {key} is: ids need both to be translated");
                problems.push(ConfigProblem::new(other, why));
            }
        }
        let separator = settings.text("replication.policy.separator");
        let naming = match settings.text("replication.policy.class") {
            "default" | PREFIXED => Naming::Prefixed {
                source: format!("{alias}{separator}"),
                target: format!("{target_alias}{separator}"),
            },
            _ => Naming::Identity {
                source: format!("{alias}{separator}"),
                target: format!("{target_alias}{separator}"),
            },
        };
        let (Some(selection), Some(configs), Some(framed), true) =
            (selection, configs, framed, problems.is_empty())
        else {
            return Err(problems);
        };
        let refresh = settings.number("refresh.topics.interval.seconds");
        Ok(Self {
            alias,
            target_alias: target_alias.to_owned(),
            source: ClientConfig::from_native(reading),
            target: Some(target).filter(|target| !target.servers().is_empty()),
            selection,
            naming,
            refresh: Duration::from_secs(refresh.max(1).cast_unsigned()),
            others: match settings.text("target.other.writers") {
                "ignore" => OtherWriters::Ignore,
                _ => OtherWriters::Stop,
            },
            replication_factor: i32::try_from(settings.number("replication.factor"))
                .ok()
                .filter(|factor| *factor > 0),
            configs: Some(configs).filter(|_| settings.flag("sync.topic.configs.enabled")),
            batch_bytes: settings.size("max.batch.bytes"),
            framed,
        })
    }
}

fn clients(
    settings: &Settings,
    prefix: &str,
    role: Role,
    problems: &mut Vec<ConfigProblem>,
) -> ClientConfig {
    let mut values: BTreeMap<String, String> = settings.under(prefix);
    values.remove("alias");
    match ClientConfig::from_java(role, &values) {
        Ok(config) => config,
        Err(more) => {
            let named =
                |p: ConfigProblem| ConfigProblem::new(format!("{prefix}{}", p.key), p.message);
            problems.extend(more.into_iter().map(named));
            ClientConfig::default()
        }
    }
}

/// Makes the client of the `source` or the `target` registry, if there is one.
pub(crate) fn registry(settings: &Settings, site: &str) -> Result<Option<Registry>> {
    let key = |name: &str| format!("{site}.schema.registry.{name}");
    let Some(urls) = settings.optional(&key("url")) else {
        return Ok(None);
    };
    let mut wanted = RegistrySettings::new(urls);
    if let Some(login) = settings.optional(&key("basic.auth.user.info")) {
        let (user, password) = login.split_once(':').ok_or_else(|| {
            let text = format!("{} must be user:password", key("basic.auth.user.info"));
            ConnectorError::configuration("InvalidConfig", text)
        })?;
        wanted.basic_auth = Some((user.to_owned(), password.to_owned()));
    }
    if let Some(file) = settings.optional(&key("ssl.ca.location")) {
        let pem = std::fs::read_to_string(file).map_err(|error| {
            let text = format!("{}: {file} cannot be read", key("ssl.ca.location"));
            ConnectorError::configuration("InvalidConfig", text).because(error)
        })?;
        wanted.ca_pem = Some(pem);
    }
    let made = Registry::new(&wanted);
    made.map(Some)
        .map_err(|e| ConnectorError::configuration("InvalidConfig", e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(pairs: &[(&str, &str)]) -> Result<Plan, Vec<ConfigProblem>> {
        let mut values: BTreeMap<String, String> = BTreeMap::new();
        values.insert("source.cluster.alias".into(), "east".into());
        values.insert("source.cluster.bootstrap.servers".into(), "e:9092".into());
        values.extend(
            pairs
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned())),
        );
        let definition = definition();
        assert_eq!(definition.check(&values), []);
        Plan::new(&definition.settings(&values))
    }

    #[test]
    fn reads_a_plain_configuration() {
        let plan = plan(&[
            ("topics", "east\\..*"),
            ("source.consumer.fetch.max.wait.ms", "20"),
        ])
        .unwrap();
        assert_eq!(plan.source.servers(), "e:9092");
        assert_eq!(plan.source.get("fetch.wait.max.ms"), Some("20"));
        assert_eq!(plan.naming.at_target("east.t"), "east.t");
        assert_eq!(plan.refresh, Duration::from_secs(2));
        assert!(plan.selection.takes("east.public.t") && !plan.selection.takes("other"));
        assert!(plan.target.is_none());
    }

    #[test]
    fn the_default_leaves_a_workers_own_topics_alone() {
        let plan = plan(&[]).unwrap();
        for own in [
            "walbridge-offsets",
            "connect-configs",
            "east.status",
            "__consumer_offsets",
            "mm2-offset-syncs.b.internal",
        ] {
            assert!(!plan.selection.takes(own), "{own}");
        }
        for table in [
            "orders.statuses",
            "east.public.order_status",
            "east.public.offsets",
            "east.public.connect-configs",
            "east.public.internal",
            "east.public.a.replica",
        ] {
            assert!(plan.selection.takes(table), "{table}");
        }
    }

    #[test]
    fn a_file_that_is_missing_is_a_wrong_configuration() {
        let given = [
            ("source.schema.registry.url", "https://e"),
            ("source.schema.registry.ssl.ca.location", "/nowhere/ca.pem"),
        ];
        let values = given.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let settings = definition().settings(&values.into());
        let error = registry(&settings, "source").unwrap_err();
        assert!(error.is_configuration() && error.to_string().contains("/nowhere/ca.pem"));
    }

    #[test]
    fn reports_everything_that_is_wrong() {
        let problems = plan(&[
            ("target.cluster.alias", "east"),
            ("source.cluster.lingr.ms", "1"),
            ("topics", "("),
            ("source.schema.registry.url", "http://e"),
        ])
        .unwrap_err();
        let keys: Vec<_> = problems.iter().map(|p| p.key.as_str()).collect();
        let expected = [
            "target.cluster.alias",
            "source.cluster.lingr.ms",
            "topics",
            "target.schema.registry.url",
        ];
        assert_eq!(keys, expected);
    }
}
