//! Positions as they are stored: MirrorMaker's format, and the topic's id beside the offset.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use walbridge_connector_api::{OffsetEntry, TopicPartition};

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
