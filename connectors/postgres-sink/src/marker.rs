//! The records of the transaction topic: where a transaction or a snapshot begins and ends.

use walbridge_connector_api::{ConnectorError, Headers, Result};
use walbridge_postgres::Lsn;
use walbridge_schemas::frame;
use walbridge_schemas::transaction::{Status, TransactionEvent};

use crate::definition::Definition;

/// What begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// The transaction with this xid.
    Transaction(u64),
    /// The snapshot taken at this position.
    Snapshot(Lsn),
}

impl std::fmt::Display for Unit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Transaction(xid) => write!(f, "transaction {xid}"),
            Self::Snapshot(lsn) => write!(f, "snapshot {lsn}"),
        }
    }
}

/// One record of the transaction topic.
#[derive(Debug, Clone)]
pub(crate) struct Marker {
    pub(crate) status: Status,
    pub(crate) unit: Unit,
    pub(crate) epoch: u64,
    pub(crate) lsn: Lsn,
    pub(crate) prev: Lsn,
    pub(crate) seq: u64,
    /// When it was committed, µs since 1970.
    pub(crate) ts_us: i64,
    /// A snapshot's rows and all that follows were committed after this; µs since 1970.
    pub(crate) since_us: i64,
    /// All captured tables; only on a snapshot's BEGIN.
    pub(crate) tables: Vec<Definition>,
    /// Events per table (`schema.table`); only at the end.
    pub(crate) counts: Vec<(String, u64)>,
}

impl Marker {
    /// Reads a record; `place` names it in errors.
    pub(crate) fn read(
        value: &[u8],
        headers: &Headers<'_>,
        place: &dyn Fn() -> String,
    ) -> Result<Self> {
        let damaged = |what: &dyn std::fmt::Display| {
            ConnectorError::stop("NotAvro", format!("{}: {what}", place())).remedy(
                "nothing but the source may write to the transaction topic; if something did, a new \
                 snapshot into a new topic is needed",
            )
        };
        let (_, body) = frame::read(value).map_err(|e| damaged(&e))?;
        let event = TransactionEvent::read(body).map_err(|e| damaged(&e))?;
        let number = |name: &str| -> Result<u64> {
            headers
                .last(name)
                .and_then(|bytes| bytes.try_into().ok())
                .map(u64::from_be_bytes)
                .ok_or_else(|| not_chained(place, name))
        };
        let (kind, at) = event.id.split_once(':').unwrap_or((event.id, ""));
        let unit = match kind {
            "snapshot" => Unit::Snapshot(Lsn(at
                .parse()
                .map_err(|_| damaged(&"a bad snapshot id"))?)),
            xid => Unit::Transaction(xid.parse().map_err(|_| damaged(&"a bad transaction id"))?),
        };
        let tables = match headers.last("wb.tables") {
            Some(json) => serde_json::from_slice(json).map_err(|e| damaged(&e))?,
            None => Vec::new(),
        };
        let counts: Vec<_> = event
            .collections
            .iter()
            .map(|c| (c.name.to_owned(), c.event_count))
            .collect();
        let sum: u64 = counts.iter().map(|(_, count)| count).sum();
        if event.status == Status::End && event.event_count.is_some_and(|count| count != sum) {
            return Err(damaged(&"event_count is not the sum of the tables' counts"));
        }
        let ts_us = number("wb.ts").map_or(event.ts_ms.saturating_mul(1000), |ts| ts as i64);
        Ok(Self {
            status: event.status,
            unit,
            epoch: number("wb.epoch")?,
            lsn: Lsn(number("wb.lsn")?),
            prev: Lsn(number("wb.prev")?),
            seq: number("wb.seq")?,
            ts_us,
            since_us: number("wb.since").map_or(ts_us, |since| since as i64),
            tables,
            counts,
        })
    }
}

fn not_chained(place: &dyn Fn() -> String, header: &str) -> ConnectorError {
    ConnectorError::stop(
        "ChainGap",
        format!(
            "{} has no header {header}: it is no link of a chain that can be checked",
            place()
        ),
    )
    .remedy("let walbridge's own source write the topics")
}
