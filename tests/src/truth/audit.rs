//! The audit of the topics: what a careful `read_committed` consumer concludes from the events alone.

mod order;

use std::collections::{BTreeMap, BTreeSet};

use super::{Events, Record};
use order::Orders;

/// What a consumer can hear about transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A BEGIN of the transaction topic.
    Begin {
        /// The transaction's or the snapshot's id.
        id: String,
        /// Its link to the chain.
        link: Link,
    },
    /// An END of the transaction topic.
    End {
        /// The transaction's or the snapshot's id.
        id: String,
        /// Its link to the chain.
        link: Link,
        /// How many events it has.
        count: u64,
        /// How many of them each table has.
        tables: Events,
    },
    /// A row's event in the topic of `table`.
    Row {
        /// `schema.table`.
        table: String,
        /// The partition that it was read from.
        partition: i32,
        /// The transaction's id, or `snapshot:<LSN>`.
        id: String,
        /// Its number in the transaction, and in the table within it; none in a snapshot.
        order: Option<(u64, u64)>,
    },
}

/// The headers that tie a transaction to the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Link {
    /// Its own commit LSN.
    pub lsn: u64,
    /// The commit LSN of the one before.
    pub prev: u64,
    /// Its number in the chain.
    pub seq: u64,
}

/// A transaction or a snapshot of the chain.
#[derive(Debug)]
struct Unit {
    id: String,
    link: Link,
    end: Option<(u64, Events)>,
}

/// Gathers what was heard and judges it.
#[derive(Debug, Default)]
pub struct Audit {
    chain: Vec<Unit>,
    orders: BTreeMap<String, Vec<(u64, String, u64)>>,
    snapshot_rows: BTreeMap<String, Events>,
    partitions: Orders,
    violations: Vec<String>,
    rows: u64,
}

/// The part of a transaction's id that all its events share: rows carry their own LSN behind it.
fn group(id: &str) -> &str {
    if id.starts_with("snapshot:") {
        id
    } else {
        id.split(':').next().unwrap_or(id)
    }
}

/// Tells whether a snapshot that did not end is followed by another: its worker died inside it.
fn is_begun_anew(before: &str, after: &str) -> bool {
    before.starts_with("snapshot:") && after.starts_with("snapshot:") && before != after
}

impl Audit {
    /// Takes the next thing heard. The transaction topic must be heard in its order.
    pub fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Begin { id, link } => {
                if let Some(open) = self.chain.last()
                    && open.end.is_none()
                    && !is_begun_anew(&open.id, &id)
                {
                    let before = open.id.clone();
                    self.violations
                        .push(format!("BEGIN {id} before the END of {before}"));
                }
                self.chain.push(Unit {
                    id,
                    link,
                    end: None,
                });
            }
            Heard::End {
                id,
                link,
                count,
                tables,
            } => match self.chain.last_mut() {
                Some(unit) if group(&unit.id) == group(&id) && unit.end.is_none() => {
                    if unit.link != link {
                        self.violations.push(format!(
                            "BEGIN and END of {id} differ: {:?}, {link:?}",
                            unit.link
                        ));
                    }
                    unit.end = Some((count, tables));
                }
                last => {
                    let last = last.map_or("nothing", |unit| unit.id.as_str());
                    self.violations.push(format!("END of {id} after {last}"));
                }
            },
            Heard::Row {
                table,
                partition,
                id,
                order,
            } => {
                self.rows += 1;
                match order {
                    Some((total, in_table)) => {
                        let key = group(&id).to_owned();
                        self.partitions.hear(&table, partition, &key, total);
                        self.orders
                            .entry(key)
                            .or_default()
                            .push((total, table, in_table));
                    }
                    None => {
                        *self
                            .snapshot_rows
                            .entry(id)
                            .or_default()
                            .entry(table)
                            .or_default() += 1;
                    }
                }
            }
        }
    }

    /// Returns how many rows' events were heard.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Returns how many transactions are in the chain behind its last snapshot.
    pub fn transactions(&self) -> usize {
        self.chain.len() - self.start()
    }

    fn start(&self) -> usize {
        self.chain
            .iter()
            .rposition(|unit| unit.id.starts_with("snapshot:"))
            .map_or(0, |at| at + 1)
    }

    /// Returns the events that stand before earlier ones in their partition.
    pub fn disorder(&self) -> Vec<String> {
        let chain = self.chain[self.start()..].iter();
        self.partitions.judge(chain.map(|unit| group(&unit.id)))
    }

    /// Judges what was heard by itself and by what the primary recorded; returns what must not be.
    #[must_use]
    pub fn judge(mut self, record: &Record) -> Vec<String> {
        self.judge_snapshot();
        self.judge_chain();
        self.violations.extend(self.disorder());
        self.judge_rows();
        self.judge_record(record);
        self.violations
    }

    /// The last snapshot has as many rows as its END says.
    fn judge_snapshot(&mut self) {
        let Some(snapshot) = self.start().checked_sub(1).map(|at| &self.chain[at]) else {
            self.violations
                .push("no snapshot in the transaction topic".into());
            return;
        };
        let Some((count, tables)) = &snapshot.end else {
            self.violations.push(format!("{} has no END", snapshot.id));
            return;
        };
        let mut heard = self
            .snapshot_rows
            .get(&snapshot.id)
            .cloned()
            .unwrap_or_default();
        for table in tables.keys() {
            heard.entry(table.clone()).or_default();
        }
        if heard != *tables || heard.values().sum::<u64>() != *count {
            self.violations.push(format!(
                "{}: END says {count} rows, {tables:?}; the topics have {heard:?}",
                snapshot.id
            ));
        }
    }

    /// Each transaction is tied to the one before.
    fn judge_chain(&mut self) {
        for pair in self.chain[self.start().saturating_sub(1)..].windows(2) {
            let [before, after] = pair else { continue };
            if after.link.prev != before.link.lsn || after.link.seq != before.link.seq + 1 {
                self.violations.push(format!(
                    "the chain is torn between {} {:?} and {} {:?}",
                    before.id, before.link, after.id, after.link
                ));
            }
            // A snapshot is of everything before its LSN: at it, the next commit may stand.
            let least = before.link.lsn + u64::from(!before.id.starts_with("snapshot:"));
            if after.link.lsn < least {
                self.violations
                    .push(format!("{} commits before {}", after.id, before.id));
            }
            if after.end.is_none() {
                self.violations.push(format!("{} has no END", after.id));
            }
        }
    }

    /// Every transaction has each of its events once, numbered without a gap.
    fn judge_rows(&mut self) {
        let start = self.start();
        let mut orders = std::mem::take(&mut self.orders);
        for unit in &self.chain[start..] {
            let Some((count, tables)) = &unit.end else {
                continue;
            };
            let mut rows = orders.remove(group(&unit.id)).unwrap_or_default();
            rows.sort();
            let totals: Vec<u64> = rows.iter().map(|row| row.0).collect();
            if !totals.iter().copied().eq(1..=*count) {
                self.violations.push(format!(
                    "{}: END counts {count} events, the topics have {} numbered {}",
                    unit.id,
                    totals.len(),
                    gaps(&totals, *count)
                ));
            }
            let mut heard: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
            for (_, table, order) in &rows {
                heard.entry(table).or_default().push(*order);
            }
            let counted: Events = heard
                .iter()
                .map(|(table, rows)| ((*table).to_owned(), rows.len() as u64))
                .collect();
            if counted != *tables {
                self.violations.push(format!(
                    "{}: END counts {tables:?}, the topics have {counted:?}",
                    unit.id
                ));
            }
            for (table, mut rows) in heard {
                rows.sort_unstable();
                if !rows.iter().copied().eq(1..=rows.len() as u64) {
                    self.violations
                        .push(format!("{}: {table} is numbered {rows:?}", unit.id));
                }
            }
        }
        for (id, rows) in orders {
            self.violations.push(format!(
                "{} events of transaction {id} which the chain does not have",
                rows.len()
            ));
        }
    }

    /// The chain is what the primary sealed: all of it from some transaction on, nothing else.
    fn judge_record(&mut self, record: &Record) {
        let chain: Vec<&Unit> = self.chain[self.start()..].iter().collect();
        let mut found = Vec::new();
        let first = chain.first().and_then(|unit| {
            record
                .sealed
                .iter()
                .find(|(_, sealed)| sealed.xid.to_string() == group(&unit.id))
        });
        if let Some((from, _)) = first {
            let sealed: Vec<_> = record.sealed.range(*from..).collect();
            for (at, (seq, sealed)) in sealed.iter().enumerate() {
                let Some(unit) = chain.get(at) else {
                    found.push(format!(
                        "transaction {seq} and those after it, {} in all, are not in the chain",
                        record.last() - **seq + 1
                    ));
                    break;
                };
                if group(&unit.id) != sealed.xid.to_string() {
                    found.push(format!(
                        "transaction {seq} is xid {}, but the chain goes on with {}",
                        sealed.xid, unit.id
                    ));
                    break;
                }
                let heard = unit.end.as_ref().map(|end| &end.1);
                if heard != Some(&sealed.events) {
                    found.push(format!(
                        "transaction {seq} ({}) caused {:?}, END says {heard:?}",
                        unit.id, sealed.events
                    ));
                }
            }
            if chain.len() > sealed.len() {
                found.push(format!(
                    "{} transactions that nobody sealed",
                    chain.len() - sealed.len()
                ));
            }
        } else if let Some(unit) = chain.first() {
            found.push(format!(
                "the chain begins with {}, which nobody sealed",
                unit.id
            ));
        }
        // A set, for one cause may show in thousands of transactions.
        let distinct: BTreeSet<String> = found.into_iter().collect();
        self.violations.extend(distinct.into_iter().take(20));
    }
}

/// Says briefly what is wrong with numbers that should be 1..=count.
fn gaps(totals: &[u64], count: u64) -> String {
    let have: BTreeSet<u64> = totals.iter().copied().collect();
    let missing: Vec<u64> = (1..=count).filter(|n| !have.contains(n)).take(5).collect();
    let doubled: Vec<u64> = totals
        .windows(2)
        .filter(|pair| pair[0] == pair[1])
        .map(|pair| pair[0])
        .take(5)
        .collect();
    let beyond = have.iter().filter(|n| **n > count).count();
    format!("with {missing:?}… missing, {doubled:?}… doubled, {beyond} beyond")
}

#[cfg(test)]
mod tests;
