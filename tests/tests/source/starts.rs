//! Starting: what is stored against what the server has. Every mismatch has its name.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use walbridge_lab::{wait_for, wait_until};

use crate::driver::{Running, Site, ends, of};

fn with_table(name: &str) -> Result<Site> {
    let site = Site::create(name)?;
    site.sql
        .run("create table t(id int primary key); insert into t values (1)")?;
    Ok(site)
}

/// Changes a field of the stored offset.
fn tamper(site: &mut Site, field: &str, value: &Value) {
    for entry in &mut site.offsets {
        if let Some(offset) = &mut entry.offset {
            offset.insert(field.to_owned(), value.clone());
        }
    }
}

#[test]
fn a_slot_that_is_gone_is_named_with_the_range_lost() -> Result<()> {
    let mut site = with_table("gone")?;
    site.snapshot()?;
    site.sql
        .run(&format!("select pg_drop_replication_slot('{}')", site.name))?;
    let (name, text) = site.fails()?;
    assert_eq!(name, "SlotMissing");
    assert!(
        text.contains("changes between") && text.contains("What to do:"),
        "{text}"
    );
    // Made again by hand, it has a hole.
    site.sql.run("insert into t values (2)")?;
    site.sql.run(&format!(
        "select pg_create_logical_replication_slot('{}', 'pgoutput')",
        site.name
    ))?;
    let (name, text) = site.fails()?;
    assert_eq!(name, "SlotRecreated");
    assert!(text.contains("are lost to this connector"), "{text}");
    Ok(())
}

#[test]
fn a_slot_that_was_moved_is_named() -> Result<()> {
    let mut site = with_table("moved")?;
    site.snapshot()?;
    site.sql.run("insert into t values (2)")?;
    site.sql.run(&format!(
        "select pg_replication_slot_advance('{}', pg_current_wal_lsn())",
        site.name
    ))?;
    let (name, _) = site.fails()?;
    assert!(name == "SlotMoved" || name == "SlotRecreated", "{name}");
    Ok(())
}

#[test]
fn another_server_or_history_is_named() -> Result<()> {
    let mut site = with_table("other")?;
    site.snapshot()?;
    site.sql.run("insert into t values (2)")?;
    site.run(ends(1))?;
    let good = site.offsets.clone();
    for (field, value, expected) in [
        ("system_id", json!("1"), "WrongServer"),
        ("database", json!("x"), "WrongServer"),
        ("timeline", json!(7), "TimelineChanged"),
        ("slot", json!("x"), "SlotChanged"),
        ("lsn", json!(u64::MAX >> 1), "ServerIsBehind"),
        ("txId", json!(4_000_000_000u32), "ServerIsBehind"),
    ] {
        site.offsets.clone_from(&good);
        tamper(&mut site, field, &value);
        assert_eq!(site.fails()?.0, expected, "{field}");
    }
    // The right server's log, but not the transaction that was read from it: an older copy went
    // its own way. The xid is one that exists.
    site.offsets.clone_from(&good);
    let other: i64 = site.sql.one("select txid_current()")?;
    tamper(&mut site, "txId", &json!(other));
    site.sql.run("insert into t values (3)")?;
    assert_eq!(site.fails()?.0, "HistoryDiffers");
    // Nothing of this did any harm.
    site.offsets.clone_from(&good);
    assert_eq!(of(&site.run(ends(1))?, "t")[0].key, json!({"id": 3}));
    Ok(())
}

#[test]
fn a_slot_of_unknown_origin_is_left_alone() -> Result<()> {
    let site = with_table("unknown")?;
    site.sql.run(&format!(
        "select pg_create_logical_replication_slot('{}', 'pgoutput')",
        site.name
    ))?;
    let (name, text) = site.fails()?;
    assert_eq!(name, "SlotUnknown");
    assert!(text.contains("pg_drop_replication_slot"), "{text}");
    Ok(())
}

#[test]
fn a_snapshot_that_was_cut_short_is_begun_anew() -> Result<()> {
    let mut site = with_table("cut")?;
    site.sql
        .run("insert into t select generate_series(2, 20000)")?;
    site.set("max.batch.bytes", "16384")
        .set("max.queue.size.in.bytes", "65536");
    let mut running = site.start()?;
    let first = running.collect(&mut site, |events| events.len() > 100)?;
    running.task.stop();
    drop(running);
    let slot = site.name.clone();
    wait_for(
        "the slot's release",
        std::time::Duration::from_secs(20),
        || {
            let sql = format!(
                "select count(*) from pg_replication_slots where slot_name = '{slot}' and active"
            );
            Ok((site.sql.one::<i64>(&sql)? == 0).then_some(()))
        },
    )?;
    let events = site.snapshot()?;
    assert_eq!(
        events.iter().filter(|event| event.op() == "r").count(),
        20_000
    );
    assert_ne!(first[0].value["id"], events[0].value["id"]);
    Ok(())
}

#[test]
fn missing_things_are_named() -> Result<()> {
    let mut site = with_table("missing")?;
    site.set("database.password", "wrong");
    assert_eq!(site.fails()?.0, "AuthenticationFailed");
    site.sql.run(
        "do $$ begin if not exists (select 1 from pg_roles where rolname = 'source_reader') then \
         create role source_reader login password 'secret'; end if; end $$; \
         alter role source_reader noreplication; \
         revoke create on schema public from public",
    )?;
    site.set("database.user", "source_reader")
        .set("database.password", "secret");
    let (name, text) = site.fails()?;
    assert_eq!(name, "MissingPrivilege");
    assert!(text.contains("REPLICATION"), "{text}");
    site.sql.run("alter role source_reader replication")?;
    // It may stream now, but neither create a publication nor read the table.
    assert_eq!(site.fails()?.0, "MissingPrivilege");
    site.set("publication.autocreate.mode", "disabled");
    assert_eq!(site.fails()?.0, "PublicationMissing");
    site.sql
        .run(&format!("create publication {} for all tables", site.name))?;
    let (name, text) = site.fails()?;
    assert_eq!(name, "MissingPrivilege");
    assert!(text.contains("permission denied for table t"), "{text}");
    site.set("database.port", "1");
    assert_eq!(site.fails()?.0, "Unreachable");
    Ok(())
}

/// Waits until the task streams.
fn streams(running: &Running) -> Result<()> {
    let streaming = || {
        running
            .metrics
            .facts()
            .get("phase")
            .is_some_and(|phase| phase == "streaming")
    };
    wait_until("the stream", std::time::Duration::from_secs(20), streaming)
}

#[test]
fn a_slot_in_use_is_waited_for() -> Result<()> {
    let mut site = with_table("busy")?;
    site.snapshot()?;
    // Somebody else: what it reads is not ours to end.
    let mut running = site.start_as("another")?;
    streams(&running)?;
    let error = site
        .start()
        .err()
        .map(|error| (error.name(), error.disposition()));
    assert_eq!(
        error,
        Some(("SlotInUse", walbridge_connector_api::Disposition::Retry))
    );
    running.task.stop();
    Ok(())
}

#[test]
fn a_former_task_that_still_holds_the_slot_is_evicted() -> Result<()> {
    let mut site = with_table("former")?;
    site.snapshot()?;
    let mut former = site.start()?;
    streams(&former)?;
    let mut running = site.start()?;
    streams(&running)?;
    former.error(std::time::Duration::from_secs(20))?;
    site.sql.run("insert into t values (2)")?;
    let events = running.collect(&mut site, ends(1))?;
    assert_eq!(of(&events, "t")[0].key, json!({"id": 2}));
    running.task.stop();
    Ok(())
}

#[test]
fn a_change_that_names_no_row_stops() -> Result<()> {
    let mut site = with_table("nameless")?;
    site.sql.run("create table k(a int, b int)")?;
    site.publish()?;
    site.snapshot()?;
    // The server itself refuses such changes while the table is published, and says what to set.
    let refused = site
        .sql
        .run("insert into k values (1, 1); update k set b = 2");
    assert!(refused.is_err_and(|error| format!("{error:#}").contains("replica identity")));
    Ok(())
}

#[test]
fn new_tables_that_are_wanted_join_as_long_as_they_are_empty() -> Result<()> {
    let mut site = with_table("join")?;
    site.set("table.include.list", "public\\..*");
    site.snapshot()?;
    site.sql.run("create table fresh(id int primary key)")?;
    let mut running = site.start()?;
    running.task.stop();
    site.sql.run("insert into fresh values (1)")?;
    let events = site.run(ends(1))?;
    assert_eq!(of(&events, "fresh").len(), 1);
    Ok(())
}

/// On a server where nothing is written there is nothing to confirm: what is stored is, from the start.
#[test]
fn how_far_a_source_is_behind_is_known_before_it_has_read_anything() -> Result<()> {
    let mut site = with_table("idle")?;
    site.snapshot()?;
    let mut running = site.start()?;
    wait_for("its lag to be measured", Duration::from_secs(20), || {
        // What it hands over is never committed.
        if let Some(batch) = running.task.poll(Duration::from_millis(100))? {
            running.task.recycle(batch);
        }
        let measured = running.metrics.lag_measured_ms.load(Ordering::Relaxed);
        Ok((measured > 0).then_some(()))
    })?;
    running.task.stop();
    Ok(())
}
