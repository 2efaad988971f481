//! How forms draw the keys that every connector has: Kafka Connect's headings, names, widths, order.

use walbridge_connector_api::{ConfigKey, Width};

/// One key: its name, heading, width, the name shown, and the place under the heading.
pub(super) type Row = (&'static str, &'static str, Width, &'static str, i32);

const COMMON: &str = "Common";
const ERRORS: &str = "Error Handling";
const EXACTLY_ONCE: &str = "Exactly Once Support";

use Width::{Long, Medium, Short};

/// The keys that Kafka Connect 4.3 lists for every connector. Clients check that there are no others.
const ROWS: [Row; 29] = [
    ("name", COMMON, Medium, "Connector name", 1),
    ("connector.class", COMMON, Long, "Connector class", 2),
    (
        "connector.plugin.version",
        COMMON,
        Medium,
        "Connector version",
        3,
    ),
    ("tasks.max", COMMON, Short, "Tasks max", 4),
    ("tasks.max.enforce", COMMON, Short, "Enforce tasks max", 5),
    ("key.converter", COMMON, Short, "Key converter class", 6),
    (
        "key.converter.plugin.version",
        COMMON,
        Short,
        "Key converter version",
        7,
    ),
    ("value.converter", COMMON, Short, "Value converter class", 8),
    (
        "value.converter.plugin.version",
        COMMON,
        Short,
        "Value converter version",
        9,
    ),
    (
        "header.converter",
        COMMON,
        Short,
        "Header converter class",
        10,
    ),
    (
        "header.converter.plugin.version",
        COMMON,
        Short,
        "Header converter version",
        11,
    ),
    ("transforms", "Transforms", Long, "Transforms", 12),
    ("predicates", "Predicates", Long, "Predicates", 13),
    ("config.action.reload", COMMON, Medium, "Reload Action", 14),
    (
        "errors.retry.timeout",
        ERRORS,
        Medium,
        "Retry Timeout for Errors",
        1,
    ),
    (
        "errors.retry.delay.max.ms",
        ERRORS,
        Medium,
        "Maximum Delay Between Retries for Errors",
        2,
    ),
    ("errors.tolerance", ERRORS, Short, "Error Tolerance", 3),
    ("errors.log.enable", ERRORS, Short, "Log Errors", 4),
    (
        "errors.log.include.messages",
        ERRORS,
        Short,
        "Log Error Details",
        5,
    ),
    ("topics", COMMON, Long, "Topics", 4),
    ("topics.regex", COMMON, Long, "Topics regex", 4),
    (
        "errors.deadletterqueue.topic.name",
        ERRORS,
        Medium,
        "Dead Letter Queue Topic Name",
        6,
    ),
    (
        "errors.deadletterqueue.topic.replication.factor",
        ERRORS,
        Medium,
        "Dead Letter Queue Topic Replication Factor",
        7,
    ),
    (
        "errors.deadletterqueue.context.headers.enable",
        ERRORS,
        Medium,
        "Enable Error Context Headers",
        8,
    ),
    (
        "topic.creation.groups",
        "Topic Creation",
        Long,
        "Topic Creation Groups",
        1,
    ),
    (
        "exactly.once.support",
        EXACTLY_ONCE,
        Short,
        "Exactly once support",
        2,
    ),
    (
        "transaction.boundary",
        EXACTLY_ONCE,
        Short,
        "Transaction Boundary",
        3,
    ),
    (
        "transaction.boundary.interval.ms",
        EXACTLY_ONCE,
        Short,
        "Transaction boundary interval",
        4,
    ),
    (
        "offsets.storage.topic",
        "offsets.topic",
        Long,
        "Offsets topic",
        1,
    ),
];

/// Returns what forms show of a key: heading, width, name and place.
pub(super) fn of(key: &ConfigKey) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.0 == key.name)
}

/// The keys of converters; those of transforms have the same names and other looks.
const OF_CONVERTERS: [Row; 6] = [
    ("schemas.enable", "Schemas", Medium, "Enable Schemas", 0),
    (
        "schemas.cache.size",
        "Schemas",
        Medium,
        "Schema Cache Size",
        1,
    ),
    ("schema.content", "Schemas", Medium, "Schema Content", 2),
    (
        "decimal.format",
        "Serialization",
        Medium,
        "Decimal Format",
        0,
    ),
    (
        "replace.null.with.default",
        "Serialization",
        Medium,
        "Replace null with default",
        1,
    ),
    ("converter.encoding", "", Medium, "Encoding", -1),
];

/// Returns what forms show of a converter's key.
pub(super) fn of_converter(key: &ConfigKey) -> Option<&'static Row> {
    OF_CONVERTERS.iter().find(|row| row.0 == key.name)
}
