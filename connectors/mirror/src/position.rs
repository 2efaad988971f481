//! Positions as they are stored: MirrorMaker's format, and the topic's id beside the offset.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use walbridge_connector_api::{OffsetEntry, SourcePartition, TopicPartition};

/// Where the mirror is in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    /// The offset to be read next.
    pub(crate) next: i64,
    /// The id of the topic that this offset belongs to, if it is known.
    pub(crate) topic_id: Option<String>,
}

/// Makes the entry to be stored; what is stored is the last offset that is done.
pub(crate) fn entry(alias: &str, partition: &TopicPartition, next: i64, id: &str) -> OffsetEntry {
    let mut source = Map::new();
    source.insert("cluster".into(), alias.into());
    source.insert("partition".into(), partition.partition.into());
    source.insert("topic".into(), partition.topic.as_ref().into());
    let mut offset = Map::new();
    offset.insert("offset".into(), (next - 1).into());
    offset.insert("topic_id".into(), id.into());
    OffsetEntry {
        partition: source,
        offset: Some(offset),
    }
}

/// Reads one entry; those of other clusters are none of ours.
pub(crate) fn parse(alias: &str, entry: &OffsetEntry) -> Option<(TopicPartition, Position)> {
    let source = &entry.partition;
    if source.get("cluster").and_then(Value::as_str) != Some(alias) {
        return None;
    }
    let partition = TopicPartition {
        topic: Arc::from(source.get("topic")?.as_str()?),
        partition: i32::try_from(source.get("partition")?.as_i64()?).ok()?,
    };
    let offset = entry.offset.as_ref()?;
    let next = offset.get("offset")?.as_i64()? + 1;
    let topic_id = offset
        .get("topic_id")
        .and_then(Value::as_str)
        .map(str::to_owned);
    Some((partition, Position { next, topic_id }))
}

/// Checks a position that somebody wants to store, in MirrorMaker's way and words.
pub(crate) fn check(entry: &OffsetEntry) -> Result<(), String> {
    check_text(&entry.partition, "cluster")?;
    check_text(&entry.partition, "topic")?;
    check_number("partition", &entry.partition, "partition")?;
    match &entry.offset {
        // Taken away: the next start takes the partition from its beginning.
        None => Ok(()),
        Some(offset) => check_number("offset", offset, "offset"),
    }
}

/// Checks that a source partition has a text under a key.
pub(crate) fn check_text(partition: &SourcePartition, key: &str) -> Result<(), String> {
    match member("partition", partition, key)? {
        Value::String(_) => Ok(()),
        value => Err(invalid(
            "partition",
            partition,
            key,
            value,
            "must be a string",
        )),
    }
}

fn check_number(what: &str, map: &Map<String, Value>, key: &str) -> Result<(), String> {
    let value = member(what, map, key)?;
    match value.as_i64() {
        None => Err(invalid(what, map, key, value, "must be an integer")),
        Some(..0) => Err(invalid(what, map, key, value, "cannot be negative")),
        Some(_) => Ok(()),
    }
}

fn member<'a>(what: &str, map: &'a Map<String, Value>, key: &str) -> Result<&'a Value, String> {
    map.get(key).ok_or_else(|| {
        let map = Value::Object(map.clone());
        format!("Source {what} {map} is missing the '{key}' key, which is required")
    })
}

fn invalid(what: &str, map: &Map<String, Value>, key: &str, value: &Value, must: &str) -> String {
    let map = Value::Object(map.clone());
    format!("Source {what} {map} has an invalid value {value} for the '{key}' key, which {must}")
}

/// What mends partitions whose next records are gone, given the first that each has left.
pub(crate) fn go_on_with_what_is_left<'a>(
    alias: &str,
    partitions: impl Iterator<Item = (&'a TopicPartition, i64)>,
) -> String {
    // What is stored is the last offset that is done.
    let last = |first: i64| (first > 0).then(|| json!({ "offset": first - 1 }));
    let body = body(
        alias,
        partitions.map(|(at, first)| (at.clone(), last(first))),
    );
    format!(
        "stop this connector, let it go on with what is left (PATCH /connectors/<name>/offsets with \
         {body}), and resume it; if what is missing mattered, the sink behind it stops and says how to go \
         on. Raise retention.ms and retention.bytes of the topic so that it holds more than the longest \
         outage"
    )
}

/// What mends a topic that is another one under the same name.
pub(crate) fn take_the_new_topic(alias: &str, topic: &str, partitions: i32) -> String {
    let topic: Arc<str> = Arc::from(topic);
    let all = (0..partitions).map(|partition| TopicPartition {
        topic: Arc::clone(&topic),
        partition,
    });
    let body = body(alias, all.map(|at| (at, None)));
    format!(
        "what the old topic held beyond the stored position is lost. Stop this connector, let it take the \
         new topic from its beginning (PATCH /connectors/<name>/offsets with {body}), and resume it; if \
         what is missing mattered, the sink behind it stops and says how to go on"
    )
}

/// Returns the request that moves these partitions.
fn body(alias: &str, partitions: impl Iterator<Item = (TopicPartition, Option<Value>)>) -> Value {
    let entries = partitions.map(|(at, offset)| {
        let partition = json!({"cluster": alias, "partition": at.partition, "topic": *at.topic});
        json!({"partition": partition, "offset": offset})
    });
    json!({ "offsets": entries.collect::<Vec<_>>() })
}

/// Reads all entries of a cluster.
pub(crate) fn parse_all(alias: &str, entries: &[OffsetEntry]) -> HashMap<TopicPartition, Position> {
    entries
        .iter()
        .filter_map(|entry| parse(alias, entry))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_stored_as_mirror_maker_stores_it() {
        let partition = TopicPartition {
            topic: Arc::from("t"),
            partition: 3,
        };
        let stored = entry("east", &partition, 43, "abc");
        assert_eq!(
            serde_json::to_string(&stored.partition).unwrap(),
            r#"{"cluster":"east","partition":3,"topic":"t"}"#
        );
        assert_eq!(
            serde_json::to_string(&stored.offset).unwrap(),
            r#"{"offset":42,"topic_id":"abc"}"#
        );
        let position = Position {
            next: 43,
            topic_id: Some("abc".into()),
        };
        assert_eq!(parse("east", &stored), Some((partition, position)));
        assert_eq!(parse("north", &stored), None);
    }

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
            let said = check(&entry).err().unwrap_or_default();
            assert!(
                said.contains(wrong) && said.is_empty() == wrong.is_empty(),
                "{said}"
            );
        }
    }

    #[test]
    fn mirror_makers_own_offsets_are_taken_over() {
        let json = r#"{"cluster":"A","partition":0,"topic":"t"}"#;
        let entry = OffsetEntry {
            partition: serde_json::from_str(json).unwrap(),
            offset: serde_json::from_str(r#"{"offset":7}"#).unwrap(),
        };
        let (_, position) = parse("A", &entry).unwrap();
        assert_eq!(
            position,
            Position {
                next: 8,
                topic_id: None
            }
        );
    }
}
