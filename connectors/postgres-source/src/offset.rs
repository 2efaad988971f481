//! The position in the form that Kafka Connect stores.

use serde_json::{Map, Value, json};
use walbridge_connector_api::{ConnectorError, OffsetEntry, Result, SourcePartition};
use walbridge_postgres::Lsn;

/// Which server and slot a position belongs to: what a start compares with what it finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The system identifier of the database cluster.
    pub(crate) system_id: String,
    /// Its timeline.
    pub(crate) timeline: u32,
    /// The database.
    pub(crate) database: String,
    /// The slot.
    pub(crate) slot: String,
    /// The publication; another one may show the same transactions with other tables.
    pub(crate) publication: String,
}

/// How far the stream has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    /// The server and slot.
    pub(crate) origin: Origin,
    /// Where to go on: all that was committed before it is done.
    pub(crate) lsn: Lsn,
    /// LSN of the last transaction's commit record; that of the snapshot before the first one.
    pub(crate) lsn_commit: Lsn,
    /// Number of the last transaction since the snapshot.
    pub(crate) seq: u64,
    /// The last transaction's xid.
    pub(crate) xid: Option<u32>,
    /// When the last transaction was committed, µs since 1970.
    pub(crate) ts_us: i64,
    /// The snapshot that the stream goes on from; zero if there was none.
    pub(crate) snapshot_lsn: Lsn,
}

/// What is stored: a snapshot that has only begun, or a position in the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stored {
    /// A slot is about to be created, or its snapshot is being read: begin anew.
    Snapshotting(Origin),
    /// The stream goes on here.
    Streaming(Position),
}

/// The epoch of the first primary; failover will make it grow.
pub(crate) const EPOCH: u64 = 1;

/// Returns the source partition of a connector with this `topic.prefix`.
pub(crate) fn partition(server: &str) -> SourcePartition {
    Map::from_iter([("server".to_owned(), Value::from(server))])
}

impl Stored {
    /// Returns the offset entry that says this.
    pub(crate) fn entry(&self, server: &str) -> OffsetEntry {
        let value = match self {
            Self::Snapshotting(origin) => json!({
                "snapshot": "INITIAL",
                "snapshot_completed": false,
                "slot": origin.slot,
                "publication": origin.publication,
                "system_id": origin.system_id,
                "timeline": origin.timeline,
                "database": origin.database,
                "epoch": EPOCH,
            }),
            Self::Streaming(at) => {
                let mut value = json!({
                    "lsn": at.lsn.0,
                    "lsn_proc": at.lsn.0,
                    "lsn_commit": at.lsn_commit.0,
                    "seq": at.seq,
                    "ts_usec": at.ts_us,
                    "snapshot_lsn": at.snapshot_lsn.0,
                    "slot": at.origin.slot,
                    "publication": at.origin.publication,
                    "system_id": at.origin.system_id,
                    "timeline": at.origin.timeline,
                    "database": at.origin.database,
                    "epoch": EPOCH,
                });
                if let Some(map) = value.as_object_mut() {
                    match at.xid {
                        Some(xid) => map.insert("txId".to_owned(), Value::from(xid)),
                        None => map.insert("snapshot_completed".to_owned(), Value::from(true)),
                    };
                }
                value
            }
        };
        let offset = value.as_object().cloned();
        OffsetEntry {
            partition: partition(server),
            offset,
        }
    }

    /// Reads an offset; `None` if nothing is stored for this server.
    ///
    /// # Errors
    /// If something is stored that is no position of this connector.
    pub(crate) fn find(entries: &[OffsetEntry], server: &str) -> Result<Option<Self>> {
        let wanted = partition(server);
        let found = entries.iter().find(|entry| entry.partition == wanted);
        let Some(offset) = found.and_then(|entry| entry.offset.as_ref()) else {
            return Ok(None);
        };
        let read = || -> Option<Self> {
            let text = |key: &str| offset.get(key)?.as_str().map(str::to_owned);
            let number = |key: &str| offset.get(key)?.as_u64();
            let origin = Origin {
                system_id: text("system_id")?,
                timeline: u32::try_from(number("timeline")?).ok()?,
                database: text("database").unwrap_or_default(),
                slot: text("slot")?,
                publication: text("publication").unwrap_or_default(),
            };
            if offset.get("snapshot_completed").and_then(Value::as_bool) == Some(false) {
                return Some(Self::Snapshotting(origin));
            }
            let lsn = number("lsn")?;
            Some(Self::Streaming(Position {
                origin,
                lsn: Lsn(lsn),
                lsn_commit: Lsn(number("lsn_commit").unwrap_or(lsn)),
                seq: number("seq")?,
                xid: number("txId").and_then(|xid| u32::try_from(xid).ok()),
                ts_us: offset
                    .get("ts_usec")
                    .and_then(Value::as_i64)
                    .unwrap_or_default(),
                snapshot_lsn: Lsn(number("snapshot_lsn").unwrap_or_default()),
            }))
        };
        let stored = read().ok_or_else(|| {
            ConnectorError::stop(
                "OffsetUnusable",
                format!(
                    "the stored offset {} is not one of this connector",
                    Value::from(offset.clone())
                ),
            )
            .remedy("delete the connector's offsets and drop its slot to begin with a new snapshot")
        })?;
        Ok(Some(stored))
    }

    /// Returns the position of an offset that this connector wrote.
    pub(crate) fn confirmable(entry: &OffsetEntry) -> Option<Lsn> {
        let offset = entry.offset.as_ref()?;
        if offset.get("snapshot_completed").and_then(Value::as_bool) == Some(false) {
            return None;
        }
        offset.get("lsn").and_then(Value::as_u64).map(Lsn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin {
            system_id: "7".into(),
            timeline: 1,
            database: "d".into(),
            slot: "s".into(),
            publication: "p".into(),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut position = Position {
            origin: origin(),
            lsn: Lsn(u64::MAX),
            lsn_commit: Lsn(9),
            seq: 3,
            xid: Some(u32::MAX),
            ts_us: -5,
            snapshot_lsn: Lsn(1),
        };
        for xid in [Some(7), None] {
            position.xid = xid;
            let stored = Stored::Streaming(position.clone());
            let entry = stored.entry("east");
            assert_eq!(Stored::confirmable(&entry), Some(Lsn(u64::MAX)));
            assert_eq!(Stored::find(&[entry], "east").unwrap(), Some(stored));
        }
        let stored = Stored::Snapshotting(origin());
        let entry = stored.entry("east");
        assert_eq!(Stored::confirmable(&entry), None);
        assert_eq!(
            Stored::find(std::slice::from_ref(&entry), "west").unwrap(),
            None
        );
        assert_eq!(Stored::find(&[entry], "east").unwrap(), Some(stored));
    }

    #[test]
    fn another_connectors_offset_is_refused() {
        let offset = json!({"file": 1}).as_object().cloned();
        let entry = OffsetEntry {
            partition: partition("east"),
            offset,
        };
        assert_eq!(
            Stored::find(&[entry], "east").unwrap_err().name(),
            "OffsetUnusable"
        );
    }
}
