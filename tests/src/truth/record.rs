//! What the primary remembers of every sealed transaction.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::operations::Events;
use crate::sql::Sql;

/// A sealed transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The transaction's id, without the epoch.
    pub xid: u32,
    /// The digest of all tables right after it.
    pub digest: String,
    /// The part of each table in the digest.
    pub sums: BTreeMap<String, String>,
    /// How many events of each table (`schema.table`) it must have caused.
    pub events: Events,
}

/// Every sealed transaction by its number.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// The transactions in commit order.
    pub sealed: BTreeMap<i64, Sealed>,
}

impl Record {
    /// Reads what the primary has recorded.
    ///
    /// # Errors
    /// If the primary cannot be asked.
    pub fn read(conninfo: &str) -> Result<Self> {
        let sql = Sql::connect(conninfo)?;
        let rows = sql.query(
            "select t.seq, t.xid, t.digest::text, t.events::text, \
             (select jsonb_object_agg(key, value) from jsonb_each_text(t.sums))::text \
             from judge.txn t order by seq",
            &[],
        )?;
        let mut record = Self::default();
        for row in rows {
            let sealed = Sealed {
                xid: u32::try_from(row.get::<_, i64>(1)).context("an xid beyond 32 bits")?,
                digest: row.get(2),
                events: serde_json::from_str(row.get(3))?,
                sums: serde_json::from_str(row.get(4))?,
            };
            record.sealed.insert(row.get(0), sealed);
        }
        Ok(record)
    }

    /// Returns the number of the last transaction.
    pub fn last(&self) -> i64 {
        self.sealed.keys().next_back().copied().unwrap_or_default()
    }

    /// Says which tables of a state differ from transaction `seq`, and when they were as they are.
    pub fn explain(&self, seq: i64, sums: &BTreeMap<String, String>) -> String {
        let Some(sealed) = self.sealed.get(&seq) else {
            return format!("the primary knows no transaction {seq}");
        };
        let mut words = Vec::new();
        for (table, expected) in &sealed.sums {
            let Some(found) = sums.get(table) else {
                words.push(format!("{table} was not read"));
                continue;
            };
            if found == expected {
                continue;
            }
            let mut equal = self
                .sealed
                .iter()
                .filter(|(_, s)| s.sums.get(table) == Some(found));
            let first = equal.next().map(|(at, _)| *at);
            let last = equal.next_back().map(|(at, _)| *at).or(first);
            words.push(match (first, last) {
                (Some(first), Some(last)) => {
                    format!("{table} is as it was from transaction {first} to {last}")
                }
                _ => format!("{table} is as it never was"),
            });
        }
        if words.is_empty() {
            "every table agrees".into()
        } else {
            words.join("; ")
        }
    }
}
