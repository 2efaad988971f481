//! The replication slot: looking at it, creating it, dropping it.

use walbridge_connector_api::{ConnectorError, Result};
use walbridge_postgres::Lsn;
use walbridge_postgres::ident::{literal, quote};

use crate::catalog::{Catalog, lsn, number, text};
use crate::wire::Wire;

/// The phase in which a task makes its slot.
pub(crate) const CREATING: &str = "creating the slot";

/// A slot as the server shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) plugin: String,
    pub(crate) database: String,
    pub(crate) active_pid: Option<u32>,
    pub(crate) restart_lsn: Option<Lsn>,
    pub(crate) confirmed: Option<Lsn>,
    pub(crate) wal_status: String,
}

/// A slot just created, and the snapshot that goes with it while its connection lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Created {
    pub(crate) consistent_point: Lsn,
    /// The server's time before: whatever was read through an earlier slot was committed before it. µs
    /// since 1970.
    pub(crate) since_us: i64,
    pub(crate) snapshot: String,
}

/// Returns the slot with this name.
pub(crate) fn find(catalog: &mut Catalog, name: &str) -> Result<Option<Slot>> {
    let rows = catalog.query(&format!(
        "SELECT coalesce(plugin, ''), coalesce(database, ''), active_pid, restart_lsn, \
                confirmed_flush_lsn, coalesce(wal_status, '') \
         FROM pg_replication_slots WHERE slot_name = {}",
        literal(name)
    ))?;
    Ok(rows.first().map(|row| Slot {
        plugin: text(row, 0),
        database: text(row, 1),
        active_pid: row
            .get(2)
            .cloned()
            .flatten()
            .and_then(|pid| pid.parse().ok()),
        restart_lsn: lsn(row, 3),
        confirmed: lsn(row, 4),
        wal_status: text(row, 5),
    }))
}

/// Ends the connection of this connector's own former task, should that still hold the slot: its worker
/// may be cut off, or its machine gone, and its producer is fenced. Returns whether there was one.
pub(crate) fn evict(catalog: &mut Catalog, pid: u32) -> Result<bool> {
    let gone = catalog.query(&format!(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_replication \
         WHERE pid = {pid} AND application_name = current_setting('application_name')"
    ));
    match gone {
        Ok(rows) => Ok(!rows.is_empty()),
        Err(error) if error.name() == "MissingPrivilege" => Ok(false),
        Err(error) => Err(error),
    }
}

/// Creates a slot over a replication connection, whose snapshot lives until its next command.
pub(crate) fn create(wire: &mut Wire, catalog: &mut Catalog, name: &str) -> Result<Created> {
    let clock = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
    let since_us = number(&catalog.row(clock)?, 0);
    let rows = wire.query(&format!(
        "CREATE_REPLICATION_SLOT {} LOGICAL pgoutput EXPORT_SNAPSHOT",
        quote(name)
    ))?;
    let row = rows.first().cloned().unwrap_or_default();
    let consistent_point = lsn(&row, 1).ok_or_else(|| {
        ConnectorError::retry("Unreachable", format!("{} created no slot", wire.target()))
    })?;
    Ok(Created {
        consistent_point,
        since_us,
        snapshot: text(&row, 2),
    })
}

/// Returns which open transactions the creation of this connector's slot waits for.
pub(crate) fn awaited(catalog: &mut Catalog) -> Result<Vec<String>> {
    let rows = catalog.query(
        "SELECT blocker.pid, coalesce(b.usename, '?'), coalesce(b.application_name, ''), \
                coalesce(b.state, 'state unknown'), coalesce(b.xact_start::text, '?'), \
                coalesce((SELECT string_agg(l.transactionid::text, ', ') FROM pg_locks l \
                          WHERE l.pid = w.pid AND NOT l.granted), '?') \
         FROM pg_stat_activity w CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS blocker(pid) \
         LEFT JOIN pg_stat_activity b ON b.pid = blocker.pid \
         WHERE w.backend_type = 'walsender' AND w.application_name = current_setting('application_name')",
    )?;
    Ok(rows
        .iter()
        .map(|row| {
            let xid = text(row, 5);
            match text(row, 0).as_str() {
                // The server has no process for these.
                "0" => format!("prepared transaction {xid} (pg_prepared_xacts) to end"),
                pid => format!(
                    "transaction {xid} of server process {pid} to end (user {}, application \"{}\", {}, since {})",
                    text(row, 1),
                    text(row, 2),
                    text(row, 3),
                    text(row, 4)
                ),
            }
        })
        .collect())
}

/// Drops a slot that nobody uses.
pub(crate) fn drop(catalog: &mut Catalog, name: &str) -> Result<()> {
    catalog
        .query(&format!(
            "SELECT pg_drop_replication_slot({})",
            literal(name)
        ))
        .map(|_| ())
}

/// How much write-ahead log a slot keeps and may still keep, and how far the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retention {
    pub(crate) current: Lsn,
    pub(crate) retained: u64,
    /// `None` when there is no limit.
    pub(crate) safe: Option<u64>,
    /// Whether the server will soon remove, or has removed, what the slot needs.
    pub(crate) endangered: bool,
}

/// Returns what a slot keeps, or `None` when it is gone.
pub(crate) fn retention(catalog: &mut Catalog, name: &str) -> Result<Option<Retention>> {
    let rows = catalog.query(&format!(
        "SELECT pg_current_wal_lsn(), pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint, \
                safe_wal_size, coalesce(wal_status, '') \
         FROM pg_replication_slots WHERE slot_name = {}",
        literal(name)
    ))?;
    Ok(rows.first().map(|row| Retention {
        current: lsn(row, 0).unwrap_or_default(),
        retained: u64::try_from(number::<i64>(row, 1)).unwrap_or_default(),
        safe: row.get(2).cloned().flatten().map(|bytes| {
            u64::try_from(bytes.parse::<i64>().unwrap_or_default()).unwrap_or_default()
        }),
        endangered: matches!(text(row, 3).as_str(), "unreserved" | "lost"),
    }))
}
