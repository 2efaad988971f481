//! The keys that say what becomes of errors, and what of them a connector cannot do.

use walbridge_connector_api::{
    ConfigKey, Connector, ConnectorKind, Form, Importance, Kind, Settings,
};

/// Returns the keys about records that cannot be processed.
pub(super) fn common() -> Vec<ConfigKey> {
    use Kind::{Boolean, Long, String as Text};
    let error = |name, kind, default, doc| {
        ConfigKey::new(name, kind, doc)
            .default(default)
            .group("Error Handling")
    };
    vec![
        error(
            "errors.retry.timeout",
            Long,
            "0",
            "For how long, in milliseconds, a record that needs what is out of reach is tried again where it \
             is; 0 is not at all, -1 for ever. After that the task waits with it, unless this is more than 0 \
             and errors are tolerated.",
        )
        .min(-1),
        error(
            "errors.retry.delay.max.ms",
            Long,
            "60000",
            "Longest pause between such attempts, in milliseconds.",
        )
        .min(0),
        error(
            "errors.tolerance",
            Text,
            "none",
            "What to do with a record that cannot be processed: none stops the task, all leaves the record \
             out. A connector that moves bytes knows only none.",
        )
        .allowed(&["none", "all"]),
        error(
            "errors.log.enable",
            Boolean,
            "false",
            "Whether each record that cannot be processed is logged with its error.",
        ),
        error(
            "errors.log.include.messages",
            Boolean,
            "false",
            "Whether the log says which record it was: its position, never its contents.",
        ),
    ]
}

/// Returns the keys of a dead letter topic.
pub(super) fn dead_letters() -> Vec<ConfigKey> {
    let key = |name, kind, default, doc| {
        ConfigKey::new(name, kind, doc)
            .default(default)
            .group("Error Handling")
    };
    vec![
        key(
            "errors.deadletterqueue.topic.name",
            Kind::String,
            "",
            "Topic for records that cannot be processed, with errors.tolerance=all; none if empty. It is \
             created if it does not exist.",
        ),
        key(
            "errors.deadletterqueue.topic.replication.factor",
            Kind::Short,
            "3",
            "Replication factor of that topic if it is created.",
        )
        .min(1),
        key(
            "errors.deadletterqueue.context.headers.enable",
            Kind::Boolean,
            "false",
            "Whether such records get headers that say where they come from and what was wrong.",
        ),
    ]
}

/// Returns the keys that Kafka Connect does not have: how a failed task starts again by itself.
pub(super) fn restarts() -> Vec<ConfigKey> {
    let key = |name, kind, default, doc| {
        ConfigKey::new(name, kind, doc)
            .default(default)
            .group("Error Handling")
            .importance(Importance::Low)
    };
    vec![
        key(
            "errors.restart.max",
            Kind::Int,
            "0",
            "How often a failed task starts again by itself within the window; 0 is never.",
        )
        .min(0),
        key(
            "errors.restart.window.ms",
            Kind::Long,
            "3600000",
            "The time within which such restarts are counted, in milliseconds.",
        )
        .min(1),
        key(
            "errors.restart.backoff.ms",
            Kind::Long,
            "1000",
            "First pause before a failed task starts again, in milliseconds; it doubles each time.",
        )
        .min(0),
        key(
            "errors.restart.backoff.max.ms",
            Kind::Long,
            "300000",
            "Longest pause before a failed task starts again, in milliseconds.",
        )
        .min(0),
    ]
}

/// Checks what is to be done with records that cannot be processed.
pub(super) fn check(
    connector: &dyn Connector,
    settings: &Settings,
    refuse: &mut dyn FnMut(&str, &str),
) {
    const DEAD: &str = "errors.deadletterqueue.topic.name";
    let topic = settings.optional(DEAD).map(str::trim);
    if connector.form() == Form::Bytes {
        let why = "it moves whole transactions as bytes, and one with a record left out would make the \
                   target differ from the source without a word";
        let tolerance = settings.text("errors.tolerance");
        if tolerance.trim().eq_ignore_ascii_case("all") {
            let text = format!("errors.tolerance=all is not available for this connector: {why}");
            refuse("errors.tolerance", &text);
        }
        if topic.is_some() {
            refuse(
                DEAD,
                &format!("{DEAD} is not available for this connector: {why}"),
            );
        }
        return;
    }
    let Some(topic) = topic.filter(|_| connector.kind() == ConnectorKind::Sink) else {
        return;
    };
    let topics = settings.list("topics");
    if topics.contains(&topic) {
        let all = topics.join(", ");
        refuse(
            "topics",
            &format!(
                "The DLQ topic '{topic}' may not be included in the list of topics ('topics=[{all}]') \
                 consumed by the connector"
            ),
        );
    }
    if let Some(pattern) = settings.optional("topics.regex")
        && regex::Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|regex| regex.is_match(topic))
    {
        refuse(
            "topics.regex",
            &format!(
                "The DLQ topic '{topic}' may not be matched by the regex for the topics \
                 ('topics.regex={pattern}') consumed by the connector"
            ),
        );
    }
}
