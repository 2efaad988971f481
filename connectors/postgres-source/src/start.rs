//! Where to begin: what is stored against what the server has. Any mismatch stops by name.

use walbridge_connector_api::{ConnectorError, Result};
use walbridge_postgres::Lsn;

use crate::catalog::{Catalog, full_id, lsn, number, text};
use crate::config::{Options, SnapshotMode};
use crate::offset::{Origin, Position, Stored};
use crate::slot::{self, Slot};
use crate::wire::Wire;

/// The oldest server that sends values in binary form.
const OLDEST: u32 = 140_000;

const ANEW: &str = "to begin anew with a snapshot: stop the connector, delete its offsets \
                    (DELETE /connectors/<name>/offsets), drop the slot if it exists, resume";

/// What the server says about itself and the slot.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) version: u32,
    pub(crate) origin: Origin,
    /// How far the server's log reaches.
    pub(crate) end: Lsn,
    pub(crate) slot: Option<Slot>,
    /// Whether the stored transaction is known to the server as committed; `None` if it cannot say.
    pub(crate) committed: Option<bool>,
}

/// What the start has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Create a slot (after dropping our own unfinished one) and begin with it.
    Create {
        /// Whether a slot of ours is in the way.
        drop_first: bool,
        /// Whether all rows are read first.
        snapshot: bool,
    },
    /// Go on in the stream.
    Resume(Position),
}

/// Looks at the server; the checks that need no stored position stop here.
pub(crate) fn inspect(
    catalog: &mut Catalog,
    wire: &mut Wire,
    options: &Options,
    stored: Option<&Stored>,
) -> Result<Facts> {
    let identity = wire
        .query("IDENTIFY_SYSTEM")?
        .into_iter()
        .next()
        .unwrap_or_default();
    let xid = match stored {
        Some(Stored::Streaming(at)) => at.xid,
        _ => None,
    };
    let version = number(&catalog.row("SHOW server_version_num")?, 0);
    Ok(Facts {
        version,
        origin: Origin {
            system_id: text(&identity, 0),
            timeline: number(&identity, 1),
            database: options.database.dbname.clone(),
            slot: options.slot.clone(),
            publication: options.publication.clone(),
        },
        end: lsn(&identity, 2).unwrap_or_default(),
        slot: slot::find(catalog, &options.slot)?,
        committed: match xid {
            Some(xid) => committed(catalog, xid)?,
            None => None,
        },
    })
}

/// Checks what needs no replication connection: version, WAL level, not a standby.
pub(crate) fn check_server(catalog: &mut Catalog) -> Result<()> {
    let row = catalog.row(
        "SELECT current_setting('server_version_num'), current_setting('wal_level'), \
                pg_is_in_recovery(), current_setting('server_version'), \
                (SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user), \
                current_user",
    )?;
    if number::<u32>(&row, 0) < OLDEST {
        return Err(ConnectorError::stop(
            "ServerTooOld",
            format!(
                "PostgreSQL {} is too old: 14 is the oldest supported",
                text(&row, 3)
            ),
        )
        .remedy("upgrade the server"));
    }
    if text(&row, 2) == "t" {
        return Err(
            ConnectorError::stop("ServerIsStandby", "the server is a standby in recovery")
                .remedy("point the connector at the primary"),
        );
    }
    if text(&row, 1) != "logical" {
        return Err(ConnectorError::stop(
            "WalLevelTooLow",
            format!("wal_level is \"{}\" and must be \"logical\"", text(&row, 1)),
        )
        .remedy("set wal_level = logical in postgresql.conf and restart the server"));
    }
    if text(&row, 4) != "t" {
        let user = text(&row, 5);
        return Err(ConnectorError::stop(
            "MissingPrivilege",
            format!("user \"{user}\" may not read the write-ahead log"),
        )
        .remedy(format!("ALTER ROLE \"{user}\" REPLICATION")));
    }
    Ok(())
}

/// Asks whether a transaction of ours is one of the server's: a restored older copy has not got it.
fn committed(catalog: &mut Catalog, xid: u32) -> Result<Option<bool>> {
    // Its lock is held by a transaction whose commit stands in the log, but waits to be shown.
    let rows = catalog.query(&format!(
        "{} SELECT CASE WHEN EXISTS (SELECT FROM pg_locks WHERE transactionid = '{xid}'::xid) THEN 'in progress' \
                        WHEN id < 3 OR id >= next THEN 'future' \
                        ELSE pg_xact_status(id::text::xid8) END FROM full_id",
        full_id(xid)
    ))?;
    let status = rows.first().map(|row| text(row, 0)).unwrap_or_default();
    Ok(match status.as_str() {
        "committed" => Some(true),
        "aborted" | "future" => Some(false),
        _ => None,
    })
}

/// Decides where to begin.
pub(crate) fn decide(
    facts: &Facts,
    stored: Option<&Stored>,
    options: &Options,
) -> Result<Decision> {
    let snapshot = options.snapshot == SnapshotMode::Initial;
    if let Some(slot) = &facts.slot {
        check_slot_kind(slot, options)?;
    }
    match stored {
        None => match &facts.slot {
            None => Ok(Decision::Create { drop_first: false, snapshot }),
            Some(_) => Err(ConnectorError::stop(
                "SlotUnknown",
                format!(
                    "slot \"{}\" exists on {}, but this connector has no stored position: it is \
                     somebody else's, or the stored offsets were lost",
                    options.slot,
                    options.database.target()
                ),
            )
            .remedy(format!(
                "if nothing else uses it, drop it (SELECT pg_drop_replication_slot('{}')) and restart \
                 the connector, which then takes a snapshot; otherwise set another slot.name",
                options.slot
            ))),
        },
        Some(Stored::Snapshotting(origin)) => {
            check_origin(origin, facts, options)?;
            Ok(Decision::Create { drop_first: facts.slot.is_some(), snapshot })
        }
        Some(Stored::Streaming(at)) => resume(facts, at, options),
    }
}

fn check_slot_kind(slot: &Slot, options: &Options) -> Result<()> {
    if let Some(pid) = slot.active_pid {
        return Err(ConnectorError::retry(
            "SlotInUse",
            format!(
                "slot \"{}\" is in use by the server process {pid}",
                options.slot
            ),
        )
        .remedy("stop whoever else reads it, or set another slot.name"));
    }
    if slot.plugin != "pgoutput" || slot.database != options.database.dbname {
        return Err(ConnectorError::stop(
            "SlotForeign",
            format!(
                "slot \"{}\" belongs to plugin \"{}\" and database \"{}\"",
                options.slot, slot.plugin, slot.database
            ),
        )
        .remedy("set another slot.name"));
    }
    Ok(())
}

fn check_origin(stored: &Origin, facts: &Facts, options: &Options) -> Result<()> {
    let here = &facts.origin;
    if stored.system_id != here.system_id {
        return Err(ConnectorError::stop(
            "WrongServer",
            format!(
                "{} is another server: its system identifier is {}, the stored position belongs to {}",
                options.database.target(),
                here.system_id,
                stored.system_id
            ),
        )
        .remedy(format!("correct the address, or {ANEW}")));
    }
    if !stored.database.is_empty() && stored.database != here.database {
        return Err(ConnectorError::stop(
            "WrongServer",
            format!(
                "the stored position belongs to database \"{}\", not \"{}\"",
                stored.database, here.database
            ),
        )
        .remedy(format!("correct database.dbname, or {ANEW}")));
    }
    if stored.timeline != here.timeline {
        return Err(ConnectorError::stop(
            "TimelineChanged",
            format!(
                "the server is on timeline {}, the stored position on timeline {}: it was restored \
                 or promoted, and changes after the fork may differ from those already sent",
                here.timeline, stored.timeline
            ),
        )
        .remedy(ANEW));
    }
    if stored.slot != options.slot {
        return Err(ConnectorError::stop(
            "SlotChanged",
            format!(
                "the stored position belongs to slot \"{}\", not \"{}\"",
                stored.slot, options.slot
            ),
        )
        .remedy(format!("set slot.name back, or {ANEW}")));
    }
    Ok(())
}

fn resume(facts: &Facts, at: &Position, options: &Options) -> Result<Decision> {
    check_origin(&at.origin, facts, options)?;
    if facts.end < at.lsn || facts.committed == Some(false) {
        return Err(ConnectorError::stop(
            "ServerIsBehind",
            format!(
                "the server's log ends at {}, and does not have the transaction that was read up to {}: \
                 it is an older copy of the database",
                facts.end, at.lsn
            ),
        )
        .remedy(format!("restore the newer database, or {ANEW}")));
    }
    let name = &options.slot;
    let Some(slot) = &facts.slot else {
        return Err(ConnectorError::stop(
            "SlotMissing",
            format!(
                "slot \"{name}\" does not exist any more; changes between {} and {} may be lost to \
                 this connector",
                at.lsn, facts.end
            ),
        )
        .remedy(ANEW));
    };
    if slot.wal_status == "lost" || slot.restart_lsn.is_none() {
        return Err(ConnectorError::stop(
            "WalRemoved",
            format!(
                "the server has removed write-ahead log that slot \"{name}\" needs to go on from {}: \
                 changes between {} and {} are lost to this connector",
                at.lsn, at.lsn, facts.end
            ),
        )
        .remedy(format!("raise max_slot_wal_keep_size, then {ANEW}")));
    }
    let confirmed = slot.confirmed.unwrap_or_default();
    if confirmed > at.lsn {
        let recreated = slot.restart_lsn.is_some_and(|restart| restart > at.lsn);
        let (kind, how) = match recreated {
            true => ("SlotRecreated", "was dropped and created again, or moved"),
            false => ("SlotMoved", "was moved"),
        };
        return Err(ConnectorError::stop(
            kind,
            format!(
                "slot \"{name}\" {how}: it stands at {confirmed}, the stored position is {}; changes \
                 between {} and {confirmed} are lost to this connector",
                at.lsn, at.lsn
            ),
        )
        .remedy(ANEW));
    }
    Ok(Decision::Resume(at.clone()))
}
