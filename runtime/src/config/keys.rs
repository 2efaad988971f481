//! Every key of the worker file, in one table that feeds validation and documentation.

use walbridge_connector_api::{ConfigDef, ConfigKey, Importance, Kind};

use super::access::HTTPS_PREFIX;
use Kind::{Boolean, Class, Int, List, Long, String as Text};

/// Prefixes under which client settings for Kafka pass through, by their Java names.
pub(super) const CLIENT_PREFIXES: [&str; 3] = ["security.", "sasl.", "ssl."];

/// Prefixes for settings of one kind of client only.
pub(super) const ROLE_PREFIXES: [&str; 3] = ["producer.", "consumer.", "admin."];

/// Prefixes for settings of the converters that connectors without their own use.
pub(super) const CONVERTER_PREFIXES: [&str; 3] =
    ["key.converter.", "value.converter.", "header.converter."];

/// Returns the definition of every key that a worker file may hold.
pub fn worker_keys() -> ConfigDef {
    let mut keys = group_keys();
    keys.extend(storage_keys());
    keys.extend(rest_keys());
    keys.extend(converter_keys());
    keys.extend(plugin_keys());
    keys.extend(task_keys());
    keys.extend(log_keys());
    ConfigDef::new(keys)
        .passing(&[HTTPS_PREFIX])
        .passing(&CLIENT_PREFIXES)
        .passing(&ROLE_PREFIXES)
        .passing(&CONVERTER_PREFIXES)
}

fn group_keys() -> Vec<ConfigKey> {
    vec![
        ConfigKey::new(
            "group.id",
            Text,
            "Names the worker group; also the first part of every transactional id, so two groups \
             on one Kafka must not share it.",
        )
        .required()
        .group("Group"),
        ConfigKey::new(
            "bootstrap.servers",
            List,
            "host:port pairs of the Kafka that this worker writes to and keeps its state in.",
        )
        .required()
        .group("Group"),
        ConfigKey::new(
            "session.timeout.ms",
            Long,
            "How long a worker may not be heard of before the others take its tasks; the same for all \
             workers of a group.",
        )
        .default("8000")
        .min(1000)
        .group("Group"),
        ConfigKey::new(
            "heartbeat.interval.ms",
            Long,
            "How often a worker tells the group that it is there; at most a third of session.timeout.ms.",
        )
        .default("1000")
        .min(50)
        .group("Group"),
    ]
}

fn storage_keys() -> Vec<ConfigKey> {
    const GROUP: &str = "State in Kafka";
    let topic = |name, doc| ConfigKey::new(name, Text, doc).required().group(GROUP);
    let factor = |name| {
        ConfigKey::new(
            name,
            Int,
            "Replication factor if the topic has to be created; -1 takes the broker's default.",
        )
        .default("3")
        .min(-1)
        .group(GROUP)
    };
    let partitions = |name, default| {
        ConfigKey::new(name, Int, "Partitions if the topic has to be created.")
            .default(default)
            .min(1)
            .group(GROUP)
    };
    vec![
        topic(
            "config.storage.topic",
            "Compacted topic of the connectors' configurations.",
        ),
        factor("config.storage.replication.factor"),
        topic(
            "offset.storage.topic",
            "Compacted topic of the sources' positions.",
        ),
        factor("offset.storage.replication.factor"),
        partitions("offset.storage.partitions", "25"),
        topic(
            "status.storage.topic",
            "Compacted topic of connector and task states.",
        ),
        factor("status.storage.replication.factor"),
        ConfigKey::new(
            "group.storage.topic",
            Text,
            "Compacted topic through which the workers of the group share their tasks; the config topic's \
             name and \"-group\" if unset. Created like the config topic.",
        )
        .group(GROUP),
        partitions("status.storage.partitions", "5"),
    ]
}

fn rest_keys() -> Vec<ConfigKey> {
    const GROUP: &str = "REST";
    vec![
        ConfigKey::new(
            "listeners",
            List,
            "Where the REST API listens, as http://host:port or https://host:port; an empty host means \
             every interface. What is not loopback needs rest.authentication.",
        )
        .default("http://127.0.0.1:8083")
        .group(GROUP),
        ConfigKey::new(
            "rest.advertised.host.name",
            Text,
            "Host that other workers and people reach this worker under; the listener's host if unset, and \
             this machine's name if that is every interface.",
        )
        .group(GROUP),
        ConfigKey::new(
            "rest.advertised.port",
            Int,
            "Port that goes with rest.advertised.host.name; the listener's port if unset.",
        )
        .min(1)
        .group(GROUP),
        ConfigKey::new(
            "rest.request.timeout.ms",
            Long,
            "How long a request may take before it is answered with status 500; what has not begun by then \
             is not done any more.",
        )
        .default("90000")
        .min(1000)
        .group(GROUP),
        ConfigKey::new(
            "rest.authentication",
            List,
            "What lets a request in, any one of: basic (name and password), bearer (a token), mtls (a \
             client certificate); insecure lets everybody in over the network. For all listeners.",
        )
        .default("")
        .group(GROUP),
        ConfigKey::new(
            "rest.users.file",
            Text,
            "File with a line per user: name, read-only or admin, and a hash as `walbridge password` \
             prints it, or certificate. With mtls alone it may be left out: every certificate is admin.",
        )
        .group(GROUP),
        ConfigKey::new(
            "rest.open.paths",
            List,
            "What may be read without saying who one is: any of /, /health, /metrics, /openapi.json. \
             /health then tells nothing of connectors.",
        )
        .default("/health")
        .group(GROUP),
        ConfigKey::new(
            "ssl.client.auth",
            Text,
            "Whether clients of an https listener show a certificate.",
        )
        .default("none")
        .allowed(&["none", "requested", "required"])
        .group(GROUP),
    ]
}

fn converter_keys() -> Vec<ConfigKey> {
    let key = |name, doc, default| {
        ConfigKey::new(name, Class, doc)
            .default(default)
            .group("Converters")
    };
    vec![
        key(
            "key.converter",
            "Converter of keys for connectors that hand out or take records and name none; its \
             settings follow under key.converter.",
            "org.apache.kafka.connect.json.JsonConverter",
        ),
        key(
            "value.converter",
            "The same for values.",
            "org.apache.kafka.connect.json.JsonConverter",
        ),
        key(
            "header.converter",
            "The same for header values.",
            "org.apache.kafka.connect.storage.SimpleHeaderConverter",
        ),
    ]
}

fn plugin_keys() -> Vec<ConfigKey> {
    vec![
        ConfigKey::new(
            "plugin.path",
            List,
            "Libraries with further connectors, and folders of them; a folder's folders are looked at too. \
             They run inside the worker, so whoever may write there may do what the worker may.",
        )
        .default("")
        .group("Plugins"),
    ]
}

fn task_keys() -> Vec<ConfigKey> {
    const GROUP: &str = "Tasks";
    let key = |name, kind, doc, default| {
        ConfigKey::new(name, kind, doc)
            .default(default)
            .group(GROUP)
            .importance(Importance::Low)
    };
    vec![
        key(
            "task.shutdown.graceful.timeout.ms",
            Long,
            "How long all tasks together may take to end; what is left then is cut off, and nothing is lost.",
            "4000",
        )
        .min(0),
        key(
            "offset.flush.interval.ms",
            Long,
            "How often a sink of records is flushed and its offsets are committed, and those of a source that \
             delivers at least once; what is not committed is delivered again after a crash.",
            "60000",
        )
        .min(1),
        key(
            "topic.tracking.enable",
            Boolean,
            "Whether the topics that each connector uses are noted, for GET /connectors/{name}/topics.",
            "true",
        ),
        key(
            "topic.tracking.allow.reset",
            Boolean,
            "Whether what was noted may be forgotten, by PUT /connectors/{name}/topics/reset.",
            "true",
        ),
        key(
            "exactly.once.source.support",
            Text,
            "How sources of records deliver: enabled is exactly once; disabled (Kafka Connect's default) and \
             preparing are at least once. Sources of bytes (PostgreSQL, mirror) are always exactly once.",
            "enabled",
        )
        .allowed(&["disabled", "preparing", "enabled"]),
        key(
            "connector.client.config.override.policy",
            Class,
            "Which client settings connectors may set by producer.override., consumer.override. and \
             admin.override.: All, None, Principal (sasl.jaas.config, sasl.mechanism, security.protocol), or \
             Allowlist.",
            "All",
        ),
        key(
            "connector.client.config.override.allowlist",
            List,
            "The client settings, by Java name, that the policy Allowlist lets connectors set.",
            "",
        ),
        key("topic.creation.enable", Boolean, "Whether source topics may be created.", "true"),
        key(
            "topic.creation.default.partitions",
            Int,
            "Partitions of a created topic; -1 takes the broker's default. A connector may set its own.",
            "-1",
        )
        .min(-1),
        key(
            "topic.creation.default.replication.factor",
            Int,
            "Replication factor of a created topic; -1 takes the broker's default. A connector may set its own.",
            "-1",
        )
        .min(-1),
        key(
            "transaction.max.bytes",
            Long,
            "Ends a Kafka transaction of a source at the first boundary after so many bytes.",
            "16777216",
        )
        .min(1024),
        key(
            "transaction.max.ms",
            Long,
            "Ends a Kafka transaction of a source at the first boundary after so many milliseconds; \
             with nothing more to read it ends at once.",
            "250",
        )
        .min(1),
        key(
            "transaction.timeout.ms",
            Long,
            "How long one Kafka transaction may stay open, so how long the largest source \
             transaction may take; the brokers' transaction.max.timeout.ms must allow it.",
            "900000",
        )
        .min(1000),
        key(
            "errors.restart.backoff.ms",
            Long,
            "First pause before a task starts again after something was out of reach; it doubles each time.",
            "250",
        )
        .min(1),
        key(
            "errors.restart.backoff.max.ms",
            Long,
            "Longest pause before a task starts again.",
            "10000",
        )
        .min(1),
        key(
            "task.stuck.after.ms",
            Long,
            "A running task that has work and has not moved for so long is called stuck in /health, \
             in its status and in the metrics.",
            "60000",
        )
        .min(1000),
        key(
            "task.lag.unknown.after.ms",
            Long,
            "A task's lag is called unknown if the far end has not said for so long how far it is.",
            "15000",
        )
        .min(1000),
    ]
}

fn log_keys() -> Vec<ConfigKey> {
    vec![
        ConfigKey::new("log.format", Text, "How log lines look.")
            .default("text")
            .allowed(&["text", "json"])
            .group("Log"),
        ConfigKey::new(
            "log.level",
            Text,
            "Level, or directives such as info,walbridge=debug.",
        )
        .default("info")
        .group("Log"),
    ]
}
