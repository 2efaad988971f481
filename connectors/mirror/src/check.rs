//! Checks of offsets that somebody wants to store, in MirrorMaker's way and words.

use serde_json::{Map, Value};
use walbridge_connector_api::{OffsetEntry, SourcePartition};

/// Checks a position of the mirror.
pub(crate) fn position(entry: &OffsetEntry) -> Result<(), String> {
    text(&entry.partition, "cluster")?;
    text(&entry.partition, "topic")?;
    number("partition", &entry.partition, "partition")?;
    match &entry.offset {
        // Taken away: the next start takes the partition from its beginning.
        None => Ok(()),
        Some(offset) => number("offset", offset, "offset"),
    }
}

/// Checks that a source partition has a text under a key.
pub(crate) fn text(partition: &SourcePartition, key: &str) -> Result<(), String> {
    match member("partition", partition, key)? {
        Value::String(_) => Ok(()),
        value => Err(invalid(
            "partition",
            partition,
            key,
            value,
            ", which must be a string",
        )),
    }
}

fn number(what: &str, map: &Map<String, Value>, key: &str) -> Result<(), String> {
    let value = member(what, map, key)?;
    match value.as_i64() {
        None => Err(invalid(what, map, key, value, ", which must be an integer")),
        Some(..0) => Err(invalid(what, map, key, value, ", which cannot be negative")),
        Some(_) => Ok(()),
    }
}

/// Returns what a map has under a key that it must have.
pub(crate) fn member<'a>(
    what: &str,
    map: &'a Map<String, Value>,
    key: &str,
) -> Result<&'a Value, String> {
    map.get(key).ok_or_else(|| {
        let map = Value::Object(map.clone());
        format!("Source {what} {map} is missing the '{key}' key, which is required")
    })
}

/// Says that a value is not as the `rule` wants it.
pub(crate) fn invalid(
    what: &str,
    map: &Map<String, Value>,
    key: &str,
    value: &Value,
    rule: &str,
) -> String {
    let map = Value::Object(map.clone());
    format!("Source {what} {map} has an invalid value {value} for the '{key}' key{rule}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_position_that_cannot_be_read_is_not_stored() {
        let good = json!({"cluster": "A", "partition": 0, "topic": "t"});
        for (partition, offset, wrong) in [
            (&good, json!({"offset": 0}), ""),
            (&good, Value::Null, ""),
            (&good, json!({"offset": -1}), "cannot be negative"),
            (&good, json!({"offset": "7"}), "must be an integer"),
            (&good, json!({"next": 7}), "missing the 'offset' key"),
            (
                &json!({"cluster": "A", "topic": "t"}),
                json!({"offset": 7}),
                "missing the 'partition' key",
            ),
            (
                &json!({"cluster": 1, "topic": "t"}),
                json!({"offset": 7}),
                "must be a string",
            ),
        ] {
            let entry = OffsetEntry {
                partition: partition.as_object().cloned().unwrap(),
                offset: offset.as_object().cloned(),
            };
            let said = position(&entry).err().unwrap_or_default();
            assert!(
                said.contains(wrong) && said.is_empty() == wrong.is_empty(),
                "{said}"
            );
        }
    }
}
