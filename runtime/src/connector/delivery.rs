//! How often a source's records get into Kafka, where its transactions end and where its offsets are.

use std::time::Duration;

use walbridge_connector_api::{
    ConfigKey, Connector, ConnectorKind, ExactlyOnce, Form, Importance, Kind, Settings,
};

use crate::config::{ConnectorRules, SourceSupport};

/// The key that says whether a source must deliver exactly once.
const SUPPORT: &str = "exactly.once.support";
/// The key that says where transactions end.
const BOUNDARY: &str = "transaction.boundary";
/// The key that says after how long transactions end.
const INTERVAL: &str = "transaction.boundary.interval.ms";
/// The key by which a connector changes how long the brokers keep a transaction open.
const TIMEOUT: &str = "producer.override.transaction.timeout.ms";
/// The key that names a topic for a source's own offsets.
pub(crate) const OFFSETS_TOPIC: &str = "offsets.storage.topic";

/// Where the Kafka transactions of a source end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Boundary {
    /// Where a batch says that one may, soon after there is nothing more to read.
    Batch,
    /// At the end of a poll, so long after the beginning.
    Interval(Duration),
    /// Where the source says that one does.
    Defined,
}

/// Returns the keys of a source about delivery.
pub(super) fn keys(form: Form) -> Vec<ConfigKey> {
    use Kind::{Long, String as Text};
    let boundary = match form {
        Form::Bytes => "connector",
        Form::Records => "poll",
    };
    vec![
        ConfigKey::new(
            SUPPORT,
            Text,
            "Whether the connector must deliver exactly once: required refuses a configuration that does not, \
             requested takes what worker and connector can do, disabled (not Kafka Connect's) delivers at \
             least once whatever they can. A source of bytes knows no disabled.",
        )
        .default("requested")
        .allowed(&["requested", "required", "disabled"]),
        ConfigKey::new(
            BOUNDARY,
            Text,
            "Where Kafka transactions end: with what a poll returns (poll; several polls may share one while \
             much comes), after a time (interval), or where the connector says (connector), which is the only \
             one for a source of bytes.",
        )
        .default(boundary)
        .allowed(&["connector", "poll", "interval"]),
        ConfigKey::new(
            INTERVAL,
            Long,
            "How long a transaction lasts with transaction.boundary=interval, in milliseconds; the worker's \
             offset.flush.interval.ms if unset.",
        )
        .min(1)
        .importance(Importance::Low),
        ConfigKey::new(
            OFFSETS_TOPIC,
            Text,
            "Compacted topic for this connector's offsets, which go into the worker's topic as well; it is \
             created if it does not exist. Unset keeps them in the worker's topic alone.",
        )
        .importance(Importance::Low),
    ]
}

/// Returns whether a source's records and offsets are written in transactions.
pub(crate) fn is_exactly_once(
    connector: &dyn Connector,
    settings: &Settings,
    rules: &ConnectorRules,
) -> bool {
    let wanted = !settings.text(SUPPORT).eq_ignore_ascii_case("disabled");
    connector.form() == Form::Bytes || (wanted && rules.sources == SourceSupport::Enabled)
}

/// Returns where a source's transactions end; `flush` is the worker's `offset.flush.interval.ms`.
pub(crate) fn boundary(form: Form, settings: &Settings, flush: Duration) -> Boundary {
    let name = settings.text(BOUNDARY);
    if form == Form::Bytes || name.eq_ignore_ascii_case("poll") {
        Boundary::Batch
    } else if name.eq_ignore_ascii_case("connector") {
        Boundary::Defined
    } else {
        let own = settings.optional(INTERVAL);
        Boundary::Interval(own.map_or(flush, |_| settings.millis(INTERVAL)))
    }
}

/// Checks what is asked of a source's delivery against what connector and worker can do.
pub(super) fn check(
    connector: &dyn Connector,
    settings: &Settings,
    rules: &ConnectorRules,
    refuse: &mut dyn FnMut(&str, &str),
) {
    if connector.kind() == ConnectorKind::Sink {
        return;
    }
    let is = |key: &str, value: &str| settings.text(key).eq_ignore_ascii_case(value);
    if is(SUPPORT, "required") {
        required(connector, settings, rules, refuse);
    }
    if connector.form() == Form::Bytes {
        of_bytes(settings, refuse);
    } else {
        if is(BOUNDARY, "connector") && !connector.can_define_boundaries(settings) {
            // Kafka Connect's words.
            refuse(
                BOUNDARY,
                "The connector does not support connector-defined transaction boundaries with the given \
                 configuration. Please reconfigure it to use a different transaction boundary definition.",
            );
        }
        let own = settings.optional(TIMEOUT);
        let limit = own.map_or(rules.transaction_timeout, |_| settings.millis(TIMEOUT));
        if is(BOUNDARY, "interval") && settings.millis(INTERVAL) >= limit {
            let limit = limit.as_millis();
            refuse(
                INTERVAL,
                &format!(
                    "{INTERVAL} must be less than transaction.timeout.ms ({limit}): the brokers would abort \
                     each transaction before it ends"
                ),
            );
        }
    }
    if let Some(topic) = settings.raw().get(OFFSETS_TOPIC)
        && let Some(why) = not_a_topic(topic)
    {
        refuse(
            OFFSETS_TOPIC,
            &format!("Invalid value {topic} for configuration {OFFSETS_TOPIC}: {why}"),
        );
    }
}

/// Checks `exactly.once.support=required`, in Kafka Connect's words.
fn required(
    connector: &dyn Connector,
    settings: &Settings,
    rules: &ConnectorRules,
    refuse: &mut dyn FnMut(&str, &str),
) {
    if !is_exactly_once(connector, settings, rules) {
        refuse(
            SUPPORT,
            "This worker does not have exactly-once source support enabled.",
        );
    }
    match connector.exactly_once(settings) {
        ExactlyOnce::Supported => {}
        ExactlyOnce::Unsupported => refuse(
            SUPPORT,
            "The connector does not support exactly-once semantics with the provided configuration.",
        ),
        ExactlyOnce::Unknown => refuse(
            SUPPORT,
            "The connector does not implement the API required for preflight validation of exactly-once \
             source support. Please consult the documentation for the connector to determine whether it \
             supports exactly-once semantics, and then consider reconfiguring the connector to use the value \
             \"requested\" for this property (which will disable this preflight check and allow the connector \
             to be created).",
        ),
    }
}

/// Refuses what would weaken a source of bytes, or would be ignored.
fn of_bytes(settings: &Settings, refuse: &mut dyn FnMut(&str, &str)) {
    let why = "it hands out whole source transactions, and each lies inside one Kafka transaction with its \
               offset: what follows downstream relies on that";
    if settings.text(SUPPORT).eq_ignore_ascii_case("disabled") {
        refuse(
            SUPPORT,
            &format!("{SUPPORT}=disabled is not available for this connector: {why}"),
        );
    }
    let boundary = settings.text(BOUNDARY);
    if ["poll", "interval"]
        .iter()
        .any(|other| boundary.eq_ignore_ascii_case(other))
    {
        refuse(
            BOUNDARY,
            &format!("{BOUNDARY} can only be connector for this connector: {why}"),
        );
    }
    if settings.optional(INTERVAL).is_some() {
        refuse(
            INTERVAL,
            &format!(
                "{INTERVAL} is not available for this connector: {why}. The worker's transaction.max.ms and \
                 transaction.max.bytes say how many source transactions share one"
            ),
        );
    }
}

/// Returns why Kafka would not have a topic of this name.
fn not_a_topic(name: &str) -> Option<&'static str> {
    if name.trim().is_empty() {
        return Some("String must be non-empty");
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name == "." || name == ".." || name.len() > 249 || !name.chars().all(legal) {
        return Some("not the name of a topic: letters, digits, '.', '_' and '-', at most 249");
    }
    None
}
