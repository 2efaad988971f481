//! From events to rows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{base64, canonical};

/// A record as the consumers print it.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its topic.
    pub topic: String,
    /// Its place in the topic.
    pub place: (i64, i64),
    /// Names and bytes of its headers.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The key, null if there is none.
    pub key: Value,
    /// The value, null for a tombstone.
    pub value: Value,
}

impl Record {
    /// Reads one line.
    pub(super) fn parse(line: &str) -> Result<Self> {
        let mut line: Value = serde_json::from_str(line)?;
        let headers = line["headers"]
            .as_array()
            .context("no headers")?
            .iter()
            .map(|pair| {
                let name = pair[0].as_str().context("a header without a name")?;
                let bytes = base64(pair[1].as_str().unwrap_or_default())
                    .context("a header is no base64")?;
                Ok((name.to_owned(), bytes))
            });
        Ok(Self {
            headers: headers.collect::<Result<_>>()?,
            topic: line["topic"].as_str().context("no topic")?.to_owned(),
            place: (
                line["partition"].as_i64().context("no partition")?,
                line["offset"].as_i64().context("no offset")?,
            ),
            key: canonical(&line["key"].take()),
            value: canonical(&line["value"].take()),
        })
    }

    /// Returns the bytes of a header.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, bytes)| bytes.as_slice())
    }

    /// Returns whether it is a row of a transaction, not of a snapshot.
    pub fn is_streamed(&self) -> bool {
        self.xid().is_some()
    }

    /// Returns the number of the transaction a row belongs to: what is before the colon.
    fn xid(&self) -> Option<&str> {
        let id = self.value["transaction"]["id"].as_str()?;
        id.split(':').next()
    }
}

/// Sorts the rows of all tables into the order in which they were committed, by the transaction
/// topic, and checks that every transaction has all of its rows in each topic that was read. Of several snapshots only the last
/// counts: one that did not end is begun anew.
///
/// # Errors
/// If a transaction's END counts other rows than there are, or rows belong to none.
pub fn by_table(records: &[Record], transactions: &str) -> Result<BTreeMap<String, Vec<Record>>> {
    let prefix = transactions
        .strip_suffix(".transaction")
        .context("no transaction topic")?;
    let read: BTreeSet<&str> = records.iter().map(|record| record.topic.as_str()).collect();
    let mut order: HashMap<String, usize> = HashMap::new();
    let mut wanted: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut snapshot: Option<u64> = None;
    let mut events: Vec<&Record> = records.iter().filter(|r| r.topic == transactions).collect();
    events.sort_by_key(|record| record.place);
    for (place, event) in events.iter().enumerate() {
        let id = event.value["id"]
            .as_str()
            .context("a transaction without an id")?;
        let xid = match id.split_once(':') {
            Some(("snapshot", lsn)) => {
                snapshot = lsn.parse().ok();
                continue;
            }
            Some((xid, _)) => xid.to_owned(),
            None => bail!("{id} is no id of a transaction"),
        };
        match event.value["status"].as_str() {
            Some("BEGIN") => ensure!(order.insert(xid, place).is_none(), "{id} begins twice"),
            Some("END") => {
                ensure!(order.contains_key(&xid), "{id} ends before it begins");
                wanted.extend(counts(event, &xid, prefix)?);
            }
            other => bail!("{id} has the status {other:?}"),
        }
    }
    let mut counted: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut tables: BTreeMap<String, Vec<(usize, u64, Record)>> = BTreeMap::new();
    for record in records.iter().filter(|r| r.topic != transactions) {
        let rows = tables.entry(record.topic.clone()).or_default();
        if record.value.is_null() {
            continue;
        }
        let (place, number) = match record.xid() {
            Some(xid) => {
                let place = order
                    .get(xid)
                    .with_context(|| format!("no BEGIN for {:?}", record.value))?;
                let both = (xid.to_owned(), record.topic.clone());
                *counted.entry(both).or_default() += 1;
                (
                    *place,
                    record.value["transaction"]["total_order"]
                        .as_u64()
                        .context("no order")?,
                )
            }
            None if record.value["source"]["lsn"].as_u64() != snapshot => continue,
            None => (0, 0),
        };
        rows.push((place, number, record.clone()));
    }
    wanted.retain(|(_, topic), _| read.contains(topic.as_str()));
    ensure!(
        wanted == counted,
        "the ENDs count {:?}, which are not there; there are {:?}",
        rest(&wanted, &counted),
        rest(&counted, &wanted)
    );
    let sorted = tables.into_iter().map(|(topic, mut rows)| {
        // Stable, so that the snapshot's rows stay in the order of their places.
        rows.sort_by_key(|(place, number, _)| (*place, *number));
        (
            topic,
            rows.into_iter().map(|(_, _, record)| record).collect(),
        )
    });
    Ok(sorted.collect())
}

/// Returns how many rows an END says there are in each topic.
fn counts(end: &Record, xid: &str, prefix: &str) -> Result<BTreeMap<(String, String), u64>> {
    let tables = end.value["data_collections"]
        .as_array()
        .context("an END without tables")?;
    let counts: BTreeMap<_, _> = tables
        .iter()
        .map(|table| {
            let name = table["data_collection"]
                .as_str()
                .context("a table without a name")?;
            let count = table["event_count"]
                .as_u64()
                .context("a table without a count")?;
            let topic = format!("{prefix}.{}", name.replace(' ', "_"));
            Ok(((xid.to_owned(), topic), count))
        })
        .collect::<Result<_>>()?;
    let total = end.value["event_count"].as_u64();
    ensure!(
        total == Some(counts.values().sum()),
        "{xid} ends with {total:?} rows, by table {counts:?}"
    );
    Ok(counts)
}

/// Returns what is in one and not, or not as often, in the other.
fn rest<K: Ord + Clone>(of: &BTreeMap<K, u64>, without: &BTreeMap<K, u64>) -> BTreeMap<K, u64> {
    let differs = |(key, count): &(&K, &u64)| without.get(*key) != Some(*count);
    let pairs = of.iter().filter(differs);
    pairs
        .map(|(key, count)| (key.clone(), *count))
        .take(10)
        .collect()
}

/// Returns a key as Kafka Connect prints a struct, which is how Debezium writes the header
/// `__debezium.oldkey`.
fn struct_text(key: &str) -> Result<String> {
    let key: Value = serde_json::from_str(key)?;
    let fields = key.as_object().context("a key that is no struct")?;
    let fields = fields.iter().map(|(name, value)| match value {
        Value::String(text) => format!("{name}={text}"),
        other => format!("{name}={other}"),
    });
    Ok(format!(
        "Struct{{{}}}",
        fields.collect::<Vec<_>>().join(",")
    ))
}

/// The rows of one table as its events leave them.
#[derive(Debug)]
pub struct Images<'a> {
    /// The names of the fields.
    fields: &'a [String],
    /// The rows with a key.
    keyed: BTreeMap<String, Value>,
    /// The rows without one.
    loose: Vec<Value>,
    /// Rows that were deleted: a changed key's new row may refer to its old one.
    gone: BTreeMap<String, Value>,
}

impl<'a> Images<'a> {
    /// Replays the events of a table with these fields.
    ///
    /// # Errors
    /// If an event is none, or changes a row that is not there.
    pub fn replay(records: &[Record], fields: &'a [String]) -> Result<Self> {
        let mut images = Self {
            fields,
            keyed: BTreeMap::new(),
            loose: Vec::new(),
            gone: BTreeMap::new(),
        };
        for record in records {
            images
                .apply(record)
                .with_context(|| format!("{record:?}"))?;
        }
        Ok(images)
    }

    /// Returns the rows, in an order that depends on nothing but them.
    pub fn rows(self) -> Vec<Value> {
        let mut rows: Vec<Value> = self.keyed.into_values().chain(self.loose).collect();
        rows.sort_by_key(Value::to_string);
        rows
    }

    fn apply(&mut self, record: &Record) -> Result<()> {
        let event = &record.value;
        // A key of a unique index may have nulls, and these are unlike each other.
        let fields = record.key.as_object();
        let whole = fields.is_some_and(|fields| fields.values().all(|value| !value.is_null()));
        let key = whole.then(|| record.key.to_string());
        let op = event["op"].as_str().context("no op")?;
        match (op, key) {
            ("t", _) => {
                self.keyed.clear();
                self.loose.clear();
            }
            ("c" | "r" | "u", Some(key)) => {
                let row = self.completed(record, &key)?;
                let before = self.keyed.insert(key.clone(), row);
                ensure!(
                    before.is_some() == (op == "u"),
                    "{op} of {key}, which was {before:?}"
                );
            }
            ("d", Some(key)) => {
                let row = self
                    .keyed
                    .remove(&key)
                    .with_context(|| format!("{key} is not there"))?;
                self.gone.insert(key, row);
            }
            ("c" | "r", None) => self.loose.push(event["after"].clone()),
            ("u" | "d", None) => {
                let found = self.loose.iter().position(|row| *row == event["before"]);
                let index = found.with_context(|| format!("{} is not there", event["before"]))?;
                self.loose.swap_remove(index);
                if op == "u" {
                    self.loose.push(event["after"].clone());
                }
            }
            (op, _) => bail!("there is no operation {op}"),
        }
        Ok(())
    }

    /// Returns the row with the values that the event does not carry taken from the one before.
    fn completed(&self, record: &Record, key: &str) -> Result<Value> {
        let mut row = record.value["after"].clone();
        let Some(unavailable) = record.header("wb.unavailable") else {
            return Ok(row);
        };
        let old_key = match record.header("__debezium.oldkey") {
            Some(text) => {
                let all = self.keyed.keys().chain(self.gone.keys());
                let mut named =
                    all.filter(|key| struct_text(key).is_ok_and(|key| key.as_bytes() == text));
                let text = String::from_utf8_lossy(text);
                named
                    .next()
                    .with_context(|| format!("{text} is not there"))?
            }
            None => key,
        };
        let old = self.keyed.get(old_key).or_else(|| self.gone.get(old_key));
        let old = old.with_context(|| format!("{old_key} is not there"))?;
        let fields = row.as_object_mut().context("no row")?;
        for pair in unavailable.chunks(2) {
            let index = pair
                .iter()
                .fold(0, |index, byte| index << 8 | usize::from(*byte));
            let name = self
                .fields
                .get(index)
                .context("wb.unavailable is out of range")?;
            fields.insert(name.clone(), old[name].clone());
        }
        Ok(row)
    }
}
