//! The offset topic: where each source is.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use walbridge_connector_api::{OffsetEntry, SourceOffset, SourcePartition};

/// Returns the key under which a source partition's offset lies.
pub fn offset_key(connector: &str, partition: &SourcePartition) -> Vec<u8> {
    json!([connector, partition]).to_string().into_bytes()
}

#[derive(Debug, Clone)]
struct Stored {
    key: Vec<u8>,
    partition: SourcePartition,
    offset: Option<SourceOffset>,
}

/// All source offsets, as read from the offset topic so far.
///
/// Partitions are compared by what they mean, and a key is written again as it was first read: Java
/// compares keys byte for byte and may have written the same partition in another order.
#[derive(Debug, Clone, Default)]
pub struct Offsets {
    connectors: BTreeMap<String, Vec<Stored>>,
}

impl Offsets {
    /// Takes one record in; what is not understood is ignored.
    pub fn apply(&mut self, key: &[u8], value: Option<&[u8]>) {
        let Ok((connector, partition)) = serde_json::from_slice::<(String, SourcePartition)>(key)
        else {
            return;
        };
        let offset = match value.map(serde_json::from_slice::<Value>) {
            None | Some(Ok(Value::Null)) => None,
            Some(Ok(Value::Object(offset))) => Some(offset),
            Some(_) => return,
        };
        let stored = self.connectors.entry(connector).or_default();
        match stored
            .iter_mut()
            .find(|stored| stored.partition == partition)
        {
            Some(found) => {
                found.key = key.to_vec();
                found.offset = offset;
            }
            None => stored.push(Stored {
                key: key.to_vec(),
                partition,
                offset,
            }),
        }
    }

    /// Returns the offsets of a connector; partitions that were reset are left out.
    pub fn of(&self, connector: &str) -> Vec<OffsetEntry> {
        let stored = self
            .connectors
            .get(connector)
            .map(Vec::as_slice)
            .unwrap_or_default();
        stored
            .iter()
            .filter(|stored| stored.offset.is_some())
            .map(|stored| OffsetEntry {
                partition: stored.partition.clone(),
                offset: stored.offset.clone(),
            })
            .collect()
    }

    /// Returns the record that stores an entry: its key and its value.
    pub fn record(&self, connector: &str, entry: &OffsetEntry) -> (Vec<u8>, Option<Vec<u8>>) {
        let known = self.connectors.get(connector).and_then(|all| {
            all.iter()
                .find(|stored| stored.partition == entry.partition)
        });
        let key = known.map_or_else(
            || offset_key(connector, &entry.partition),
            |stored| stored.key.clone(),
        );
        let value = entry
            .offset
            .as_ref()
            .map(|offset| json!(offset).to_string().into_bytes());
        (key, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(partition: Value, offset: Option<Value>) -> OffsetEntry {
        let map = |value: Value| value.as_object().unwrap().clone();
        OffsetEntry {
            partition: map(partition),
            offset: offset.map(map),
        }
    }

    #[test]
    fn formats_are_connects() {
        let offsets = Offsets::default();
        let written = entry(json!({"server": "east"}), Some(json!({"lsn": 12})));
        let (key, value) = offsets.record("c", &written);
        assert_eq!(key, br#"["c",{"server":"east"}]"#);
        assert_eq!(value.unwrap(), br#"{"lsn":12}"#);
    }

    #[test]
    fn a_key_in_another_order_is_the_same_partition_and_keeps_its_bytes() {
        let mut offsets = Offsets::default();
        let java = br#"["m",{"topic":"t","cluster":"A","partition":0}]"#;
        offsets.apply(java, Some(br#"{"offset":42}"#));
        let moved = entry(
            json!({"cluster": "A", "partition": 0, "topic": "t"}),
            Some(json!({"offset": 43})),
        );
        let (key, value) = offsets.record("m", &moved);
        assert_eq!(key, java);
        offsets.apply(&key, value.as_deref());
        assert_eq!(offsets.of("m"), [moved]);
        offsets.apply(java, None);
        assert!(offsets.of("m").is_empty());
        offsets.apply(b"rubbish", Some(b"{}"));
    }
}
