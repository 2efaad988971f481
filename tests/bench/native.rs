//! PostgreSQL's own tools: what walbridge is compared with.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use walbridge_lab::{PASSWORD, Session, Site, USER, wait_for};

use crate::backlog::TABLE;
use crate::meter::{Meter, children};
use crate::pair::{Pair, SOON};
use crate::report::Sample;

/// The name of pg_recvlogical in tables.
pub(crate) const RECV: &str = "pg_recvlogical";
/// The name of native replication in tables.
pub(crate) const NATIVE: &str = "subscription";

/// The slot and publication of the contender.
const NAME: &str = "native";

/// Creates the publication and the slot that will hold the same backlog as walbridge's.
pub(crate) fn prepare(east: &Session) -> Result<()> {
    east.run(&format!("create publication {NAME} for table {TABLE}"))?;
    east.query(
        "select pg_create_logical_replication_slot($1, 'pgoutput')",
        &[&NAME],
    )?;
    Ok(())
}

/// Moves the slot to the present end of the log.
pub(crate) fn advance(east: &Session) -> Result<()> {
    east.query(
        "select pg_replication_slot_advance($1, pg_current_wal_flush_lsn())",
        &[&NAME],
    )?;
    Ok(())
}

/// Drops the slot.
pub(crate) fn drop_slot(east: &Session) -> Result<()> {
    east.query("select pg_drop_replication_slot($1)", &[&NAME])?;
    Ok(())
}

/// Drains the slot with pg_recvlogical, to the end that the log has now.
pub(crate) fn drain(pair: &Pair, database: &str, rows: u64) -> Result<Sample> {
    let east = pair.east().postgres().session(database)?;
    let end: String = east.one("select pg_current_wal_flush_lsn()::text")?;
    let meter = Meter::start(pair)?;
    let (before, started) = (children(), Instant::now());
    let mut command = pair.east().postgres().tool("pg_recvlogical");
    command
        .args([
            "--start",
            "--dbname",
            database,
            "--slot",
            NAME,
            "--endpos",
            &end,
            "--file",
            "/dev/null",
        ])
        .args([
            "-o",
            "proto_version=1",
            "-o",
            "publication_names=native",
            "-o",
            "binary=true",
        ])
        .stdin(Stdio::null());
    let status = command.status()?;
    let elapsed = started.elapsed();
    ensure!(status.success(), "pg_recvlogical ended with {status}");
    let mut cpu = meter.stop()?;
    cpu.insert(
        "pg_recvlogical".to_owned(),
        children().saturating_sub(before),
    );
    Ok(Sample {
        contender: RECV,
        rows,
        elapsed,
        cpu,
    })
}

/// Creates the subscription, disabled, in a database of west that has the table.
pub(crate) fn subscribe(west: &Session, east: &Site, database: &str) -> Result<()> {
    west.run(&format!(
        "create subscription {NAME} connection 'host=127.0.0.1 port={} user={USER} password={PASSWORD} dbname={database}'
         publication {NAME} with (create_slot = false, slot_name = '{NAME}', enabled = false, copy_data = false, binary = true)",
        east.postgres().port()
    ))
}

/// Chooses the durability of the subscription's commits.
pub(crate) fn durability(west: &Session, synchronous_commit: &str) -> Result<()> {
    west.run(&format!(
        "alter subscription {NAME} set (synchronous_commit = '{synchronous_commit}')"
    ))
}

/// Lets the subscription run.
pub(crate) fn enable(west: &Session) -> Result<()> {
    west.run(&format!("alter subscription {NAME} enable"))
}

/// Stops the subscription and waits until its slot is free.
pub(crate) fn disable(west: &Session, east: &Session) -> Result<()> {
    west.run(&format!("alter subscription {NAME} disable"))?;
    wait_for("the subscription to stop", SOON, || {
        let active: bool = east.one(&format!(
            "select active from pg_replication_slots where slot_name = '{NAME}'"
        ))?;
        Ok((!active).then_some(()))
    })
}

/// Waits until a row is visible; the clock has stopped when this returns.
pub(crate) fn wait_row(
    session: &Session,
    id: i64,
    limit: Duration,
    check: &dyn Fn() -> Result<()>,
) -> Result<()> {
    let query = format!("select exists (select from {TABLE} where id = {id})");
    let started = Instant::now();
    let mut looks: u32 = 0;
    loop {
        if session.one::<bool>(&query)? {
            return Ok(());
        }
        looks += 1;
        if looks.is_multiple_of(100) {
            check()?;
        }
        ensure!(
            started.elapsed() < limit,
            "row {id} is not visible after {limit:?}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}
