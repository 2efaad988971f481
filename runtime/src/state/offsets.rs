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
    /// When it was written, in milliseconds since 1970; -1 if that is not known.
    at: i64,
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
        self.apply_at(key, value, -1);
    }

    /// Takes one record in that was written at this time, in milliseconds since 1970.
    pub fn apply_at(&mut self, key: &[u8], value: Option<&[u8]>, at: i64) {
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
                found.at = at;
            }
            None => stored.push(Stored {
                key: key.to_vec(),
                partition,
                offset,
                at,
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

    /// Returns the offsets of a connector that has a store of its own, `self`, beside the worker's.
    ///
    /// Both are written together. Where they differ, one of them was written alone: the worker's while the
    /// connector had no store of its own or another, or this one by a Java worker that ended in between. So
    /// what was written last counts, and of two of the same time the connector's own.
    pub fn over(&self, worker: &Self, connector: &str) -> Vec<OffsetEntry> {
        let all = |offsets: &Self| {
            offsets
                .connectors
                .get(connector)
                .cloned()
                .unwrap_or_default()
        };
        let (mut merged, theirs) = (all(self), all(worker));
        for other in theirs {
            let own = merged
                .iter_mut()
                .find(|stored| stored.partition == other.partition);
            match own {
                None => merged.push(other),
                Some(own) if own.offset != other.offset && own.at < other.at => {
                    tracing::debug!(
                        connector,
                        partition = %json!(own.partition),
                        own = %json!(own.offset),
                        worker = %json!(other.offset),
                        "the connector's own offsets topic and the worker's differ; the worker's was \
                         written later and counts"
                    );
                    *own = other;
                }
                Some(_) => {}
            }
        }
        let kept = merged.into_iter().filter(|stored| stored.offset.is_some());
        kept.map(|stored| OffsetEntry {
            partition: stored.partition,
            offset: stored.offset,
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
    fn of_two_stores_the_one_written_last_counts() {
        let (mut own, mut worker) = (Offsets::default(), Offsets::default());
        let key = |p: i64| offset_key("c", json!({ "p": p }).as_object().unwrap());
        let value = |n: i64| Some(json!({ "n": n }).to_string().into_bytes());
        let mut put = |p: i64, mine: Option<(i64, i64)>, theirs: Option<(i64, i64)>| {
            for (offsets, given) in [(&mut own, mine), (&mut worker, theirs)] {
                if let Some((n, at)) = given {
                    let value = value(n).filter(|_| n > 0);
                    offsets.apply_at(&key(p), value.as_deref(), at);
                }
            }
        };
        // The same; the worker's alone; the own alone.
        put(1, Some((7, 10)), Some((7, 11)));
        put(2, None, Some((5, 10)));
        put(3, Some((6, 10)), None);
        // The own was left behind; the worker's was; both at once.
        put(4, Some((1, 10)), Some((9, 20)));
        put(5, Some((9, 20)), Some((1, 10)));
        put(6, Some((8, 10)), Some((1, 10)));
        // Reset in the worker's while the own was not in use, and the other way.
        put(7, Some((1, 10)), Some((0, 20)));
        put(8, Some((0, 20)), Some((1, 10)));
        let found = own.over(&worker, "c");
        let found: BTreeMap<i64, i64> = found
            .iter()
            .map(|e| {
                let number =
                    |map: &serde_json::Map<_, Value>, name: &str| map[name].as_i64().unwrap();
                (
                    number(&e.partition, "p"),
                    number(e.offset.as_ref().unwrap(), "n"),
                )
            })
            .collect();
        let expected = [(1, 7), (2, 5), (3, 6), (4, 9), (5, 9), (6, 8)];
        assert_eq!(found, expected.into());
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
