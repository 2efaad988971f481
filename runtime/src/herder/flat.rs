//! What Kafka Connect allows in a source's offsets: texts, numbers and booleans under names.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use walbridge_connector_api::OffsetEntry;

/// Leaves of several entries for one partition the last.
pub(super) fn last_of_each(entries: Vec<OffsetEntry>) -> Vec<OffsetEntry> {
    let mut last: BTreeMap<String, OffsetEntry> = BTreeMap::new();
    for entry in entries {
        last.insert(known_by(&entry.partition), entry);
    }
    last.into_values().collect()
}

/// Returns a text that is the same for the same partition, however its members are ordered.
fn known_by(partition: &Map<String, Value>) -> String {
    let members: BTreeMap<_, _> = partition.iter().collect();
    serde_json::to_string(&members).unwrap_or_default()
}

/// Checks partitions and offsets, in Kafka Connect's words. A reset is allowed for anything: it takes away
/// what should not be there.
pub(super) fn check(entries: &[OffsetEntry]) -> Result<(), String> {
    for entry in entries {
        let Some(offset) = &entry.offset else {
            continue;
        };
        for (field, value) in entry.partition.iter().chain(offset) {
            let what = match value {
                Value::Array(_) => "ARRAY",
                Value::Object(_) => "MAP",
                // It would be stored as another number.
                Value::Number(number) if number.is_u64() && !number.is_i64() => {
                    "class java.math.BigInteger"
                }
                _ => continue,
            };
            return Err(format!(
                "Offsets may only contain primitive types as values, but field {field} contains {what}"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(partition: &Value, offset: Option<&Value>) -> OffsetEntry {
        OffsetEntry {
            partition: partition.as_object().cloned().unwrap_or_default(),
            offset: offset.and_then(Value::as_object).cloned(),
        }
    }

    #[test]
    fn only_plain_values_are_stored_and_the_last_of_each_partition() {
        let (a, b) = (json!({ "f": "a", "n": 1 }), json!({ "n": 1, "f": "a" }));
        let (one, two) = (json!({ "p": 1 }), json!({ "p": 2 }));
        let kept = last_of_each(vec![
            entry(&a, Some(&one)),
            entry(&json!({ "f": "c" }), None),
            entry(&b, Some(&two)),
        ]);
        assert_eq!(kept.len(), 2);
        assert!(kept.contains(&entry(&a, Some(&two))));
        assert_eq!(check(&kept), Ok(()));
        let nested = json!({ "f": { "a": [1] } });
        assert_eq!(check(&[entry(&nested, None)]), Ok(()));
        let large = json!({ "p": u64::MAX });
        for (bad, what) in [
            (entry(&nested, Some(&one)), "field f contains MAP"),
            (
                entry(&a, Some(&json!({ "p": [1] }))),
                "field p contains ARRAY",
            ),
            (entry(&a, Some(&large)), "java.math.BigInteger"),
        ] {
            assert!(check(&[bad]).unwrap_err().contains(what), "{what}");
        }
    }
}
