//! Where ours may differ from Java's, each with its reason.

use serde_json::Value as Json;
use walbridge_connector_api::data::{ConnectRecord, Schema, Struct, Type, Value};
use walbridge_pipeline::transforms::TransformError;

/// Says how two records differ; maps have no order, and one NaN is another.
pub(crate) fn difference(
    name: &str,
    got: Option<&ConnectRecord>,
    expected: Option<&ConnectRecord>,
) -> Option<String> {
    // Java counts the weeks of October 1582 from the 15th, on which the calendar changed.
    if name == "v:ts:-12219292800000"
        && expected.and_then(|record| record.value.value.as_str()) == Some("1 1")
    {
        return None;
    }
    // Where Debezium leaves a text under a list's schema, ours leaves the text's own.
    let text_as_list = expected.is_some_and(|record| {
        let list = record.value.schema.as_ref().map(Schema::kind) == Some(Type::Array);
        list && record.value.value.as_str().is_some()
    });
    if text_as_list {
        let same = got.map(|r| &r.value.value) == expected.map(|r| &r.value.value);
        return (!same).then(|| format!("ours {got:?}"));
    }
    let (got, expected) = (got.cloned().map(sorted), expected.cloned().map(sorted));
    let (a, b) = (format!("{got:#?}"), format!("{expected:#?}"));
    let schemas = |record: &Option<ConnectRecord>| {
        record
            .as_ref()
            .map(|r| (r.key.schema.clone(), r.value.schema.clone()))
    };
    if a == b && schemas(&got) == schemas(&expected) {
        return None;
    }
    let (a, b) = (format!("{got:?}"), format!("{expected:?}"));
    Some(format!("\n   ours {a}\n   Java {b}"))
}

fn sorted(mut record: ConnectRecord) -> ConnectRecord {
    sort(&mut record.key.value);
    sort(&mut record.value.value);
    for header in &mut record.headers {
        sort(&mut header.value.value);
    }
    record
}

fn sort(value: &mut Value) {
    match value {
        Value::Map(pairs) => {
            pairs.iter_mut().for_each(|(_, v)| sort(v));
            pairs.sort_by_key(|(k, _)| format!("{k:?}"));
        }
        Value::Array(all) => all.iter_mut().for_each(sort),
        Value::Struct(fields) => {
            let schema = fields.schema().clone();
            let mut values = fields.values().to_vec();
            values.iter_mut().for_each(sort);
            *fields = Struct::from_values(schema, values).unwrap();
        }
        _ => {}
    }
}

/// Says how an error differs from Java's.
pub(crate) fn error(got: &TransformError, expected: &Json) -> Option<String> {
    let (class, message) = (
        expected["class"].as_str().unwrap(),
        expected["message"].as_str().unwrap(),
    );
    // What Java did not think of: ours says what is wrong.
    if [
        "java.lang.NullPointerException",
        "java.lang.ClassCastException",
    ]
    .contains(&class)
    {
        return None;
    }
    let text = got.to_string();
    // Java appends the whole record, or its key.
    let prefixes = [
        "Timestamp missing on record: ",
        "Unexpected update message received ",
    ];
    if prefixes
        .iter()
        .any(|p| text.starts_with(p) && message.starts_with(p))
    {
        return None;
    }
    // Of several fields that cannot be masked, which is named depends on the order of a hash map.
    let masking = |text: &str| {
        text.starts_with("Cannot mask value of type") || text.starts_with("Unable to convert ")
    };
    if masking(&text) && masking(message) {
        return None;
    }
    (got.class() != class || text != message).then(|| {
        format!(
            "\n   ours {} {text}\n   Java {class} {message}",
            got.class()
        )
    })
}

/// Returns whether this error may stand where Java's transform makes something of the record.
pub(crate) fn instead_of_output(error: &TransformError) -> bool {
    // Java cuts a number down to its last 32 bits and goes on with what is left. The names of zones
    // change with the countries that use them: only UTC's are read.
    let unread = ["(20240229235958123)", "(Thu Feb 29 10:11:12 PST 2024)"];
    let text = error.to_string();
    text.starts_with("Could not parse timestamp: ") && unread.iter().any(|t| text.contains(t))
}

/// Returns whether a record may pass where Java's transform throws.
pub(crate) fn instead_of_error(error: &Json) -> bool {
    let message = error["message"].as_str().unwrap();
    // A deleted row that has become a tombstone has no fields to drop: Java does not think of it.
    message.contains("Schema.fields()\" because \"schema\" is null")
        // A JSON list as payload: Debezium takes its schema and leaves the text, which fits it not.
        || message.contains("type ARRAY: class java.lang.String for field: \"payload\"")
}

/// Returns whether settings may be refused that Java refuses only at the first record.
pub(crate) fn refused_early(messages: &str, expected: &Json) -> bool {
    // What Java fails at with every record, or what is not supported here: the settings show it.
    let ours = [
        "The path has no field",
        "can be written but not read",
        "the flag (?x) is not supported",
        "only none is supported",
        "must be one of header, envelope, partition",
    ];
    if ours.iter().any(|text| messages.contains(text)) {
        return true;
    }
    // A replacement that cannot be is refused, though Java lets topics pass that do not match.
    let unchanged = expected["output"]
        .as_object()
        .is_some_and(serde_json::Map::is_empty);
    if unchanged && messages.contains("for configuration replacement: ") {
        return true;
    }
    expected["error"]["message"]
        .as_str()
        .is_some_and(|message| messages.contains(message))
}

/// Returns whether two refusals say the same.
pub(crate) fn same_refusal(got: &str, java: &str) -> bool {
    // What is wrong with a regular expression, each library says in its own words.
    for marker in [
        "Invalid regex: ",
        "A valid regular expressions is expected, but ",
    ] {
        if let (Some((a, _)), Some((b, _))) = (got.split_once(marker), java.split_once(marker)) {
            return a == b;
        }
    }
    // Java prints the address of an object.
    if let Some((before, _)) =
        java.split_once("org.apache.kafka.connect.transforms.InsertField$InsertionSpec@")
    {
        return got.starts_with(before);
    }
    got == java
}
