//! Transactions, the chain, snapshots, definitions that change on the way (cases F).

use anyhow::Result;
use serde_json::{Value, json};
use walbridge_lab::wait_for;

use crate::driver::{Event, Site, ends, of};

fn marks(events: &[Event]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| event.value["status"].as_str())
        .collect()
}

#[test]
fn transactions_are_framed_counted_and_chained() -> Result<()> {
    let mut site = Site::create("frames")?;
    site.sql
        .run("create table a(id int primary key); create table b(id int primary key, a int)")?;
    let snapshot = site.snapshot()?;
    assert_eq!(marks(&snapshot), ["BEGIN", "END"]);
    let point = snapshot[0].number("wb.snapshot");
    assert_eq!(snapshot[0].value["id"], format!("snapshot:{point}"));
    assert_eq!(snapshot[1].value["event_count"], 0);
    assert_eq!(
        snapshot[1].value["data_collections"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    let tables: Value = serde_json::from_str(&snapshot[0].text("wb.tables"))?;
    assert_eq!(tables[1]["columns"][1]["name"], "a");

    site.sql.run(
        "begin; insert into a values (10); insert into b values (10, 10); savepoint s; \
         insert into a values (11); rollback to s; insert into a values (12); update b set a = 12; commit",
    )?;
    site.sql.run("begin; insert into a values (13); rollback")?;
    site.sql.run("begin; commit")?;
    site.sql.run(
        "begin; insert into a values (60); update a set id = 61 where id = 60; \
         delete from a where id = 61; insert into a values (60); commit",
    )?;
    site.sql.run("truncate a, b")?;
    let events = site.run(ends(3))?;
    assert_eq!(
        marks(&events),
        ["BEGIN", "END", "BEGIN", "END", "BEGIN", "END"]
    );
    let framing: Vec<_> = events
        .iter()
        .filter(|event| !event.value["status"].is_null())
        .collect();
    assert_eq!(framing[1].value["event_count"], 4);
    assert_eq!(
        framing[1].value["data_collections"],
        json!([{"data_collection": "public.a", "event_count": 2}, {"data_collection": "public.b", "event_count": 2}])
    );
    // Each transaction names the one before it; the first one the snapshot.
    assert_eq!(framing[0].number("wb.prev"), point);
    for (index, pair) in framing.chunks(2).enumerate() {
        assert_eq!(pair[0].headers, pair[1].headers);
        assert_eq!(pair[0].number("wb.seq"), index as u64 + 1);
        if index > 0 {
            assert_eq!(
                pair[0].number("wb.prev"),
                framing[index * 2 - 1].number("wb.lsn")
            );
        }
    }
    let rows: Vec<_> = events
        .iter()
        .filter(|event| !event.value["op"].is_null())
        .collect();
    let orders: Vec<_> = rows
        .iter()
        .map(|row| {
            let block = &row.value["transaction"];
            (
                row.op(),
                block["total_order"].as_i64(),
                block["data_collection_order"].as_i64(),
            )
        })
        .collect();
    let expected = [
        ("c", 1, 1),
        ("c", 2, 1),
        ("c", 3, 2),
        ("u", 4, 2),
        ("c", 1, 1),
        ("d", 2, 2),
        ("c", 3, 3),
        ("d", 4, 4),
        ("c", 5, 5),
        ("t", 1, 1),
        ("t", 2, 1),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(op, t, d)| (*op, Some(*t), Some(*d)))
        .collect();
    assert_eq!(orders, expected);
    let xid = framing[0].value["id"]
        .as_str()
        .unwrap_or("")
        .split(':')
        .next()
        .unwrap_or("");
    assert!(rows[..4].iter().all(|row| {
        row.value["transaction"]["id"]
            .as_str()
            .is_some_and(|id| id.starts_with(&format!("{xid}:")))
    }));
    Ok(())
}

#[test]
fn origins_are_kept() -> Result<()> {
    let mut site = Site::create("origin")?;
    site.sql.run("create table a(id int primary key)")?;
    site.snapshot()?;
    site.sql
        .run("select pg_replication_origin_create('source_org1')")?;
    site.sql
        .run("select pg_replication_origin_session_setup('source_org1')")?;
    site.sql.run("begin; select pg_replication_origin_xact_setup('0/ABCD', now()); insert into a values (1); commit")?;
    site.sql
        .run("select pg_replication_origin_session_reset()")?;
    site.sql.run("insert into a values (2)")?;
    let events = site.run(ends(2))?;
    site.sql
        .run("select pg_replication_origin_drop('source_org1')")?;
    let rows = of(&events, "a");
    assert_eq!(rows[0].value["source"]["origin"], "source_org1");
    assert_eq!(rows[0].value["source"]["origin_lsn"], 43981);
    assert_eq!(rows[1].value["source"]["origin"], Value::Null);
    assert!(
        events[0].value["id"]
            .as_str()
            .is_some_and(|id| id.ends_with(":0"))
    );
    Ok(())
}

#[test]
fn snapshot_rows_say_where_they_stand() -> Result<()> {
    let mut site = Site::create("markers")?;
    site.sql.run(
        "create table many(id int primary key, v text); insert into many select i, 'v' from generate_series(1, 5000) i; \
         create table one(id int primary key); insert into one values (1); \
         create table none(id int primary key); \
         create unlogged table unlogged(id int primary key); insert into unlogged values (1); \
         create table parent(id int primary key); create table child() inherits (parent); \
         insert into parent values (1); insert into child values (2); \
         create table part(id int primary key) partition by range (id); \
         create table part1 partition of part for values from (0) to (10); insert into part values (3)",
    )?;
    site.set("snapshot.max.threads", "3")
        .set("max.batch.bytes", "16384");
    site.publish()?;
    let events = site.snapshot()?;
    let rows: Vec<_> = events.iter().filter(|event| event.op() == "r").collect();
    let mark = |wanted: &str| {
        rows.iter()
            .filter(|row| row.value["source"]["snapshot"] == wanted)
            .count()
    };
    assert_eq!((mark("first"), mark("last")), (1, 1));
    assert_eq!(rows.len(), 5000 + 1 + 1 + 1 + 1);
    assert!(of(&events, "unlogged").is_empty() && of(&events, "part").is_empty());
    assert_eq!(of(&events, "parent")[0].after()["id"], 1);
    assert_eq!(of(&events, "part1")[0].after()["id"], 3);
    let end = events
        .last()
        .map(|event| event.value.clone())
        .unwrap_or_default();
    assert_eq!(
        (end["status"].as_str(), end["event_count"].as_i64()),
        (Some("END"), Some(5004))
    );
    let counts = end["data_collections"].to_string();
    assert!(
        counts.contains(r#"{"data_collection":"public.none","event_count":0}"#),
        "{counts}"
    );
    assert!(
        counts.contains(r#"{"data_collection":"public.many","event_count":5000}"#),
        "{counts}"
    );
    Ok(())
}

/// Rows without a key are alike: only their number tells one from a copy of another.
#[test]
fn rows_without_a_key_are_numbered_in_a_snapshot() -> Result<()> {
    let mut site = Site::create("numbered")?;
    site.sql.run(
        "create table a(v int); insert into a select 1 from generate_series(1, 3000); \
         create table b(v int); insert into b select 1 from generate_series(1, 3000); \
         create table c(v int unique); insert into c values (1), (2), (null); \
         create table keyed(id int primary key); insert into keyed values (1), (2)",
    )?;
    site.set("snapshot.max.threads", "3")
        .set("max.batch.bytes", "16384");
    site.publish()?;
    let events = site.snapshot()?;
    for (table, rows) in [("a", 3000), ("b", 3000), ("c", 3)] {
        let rows: Vec<_> = (1..=rows).collect();
        let found: Vec<_> = of(&events, table)
            .iter()
            .map(|row| row.number("wb.row"))
            .collect();
        assert_eq!(found, rows, "{table}");
    }
    for row in of(&events, "keyed") {
        assert!(row.headers.is_empty());
    }
    site.sql.run("insert into a values (2)")?;
    let events = site.run(ends(1))?;
    assert!(!of(&events, "a")[0].headers.contains_key("wb.row"));
    Ok(())
}

#[test]
fn columns_come_and_go_at_their_place() -> Result<()> {
    let mut site = Site::create("ddl")?;
    site.sql.run("create table t(id int primary key, a text, gone text); create table n(id int primary key, v int)")?;
    site.snapshot()?;
    site.sql.run("insert into t values (1, 'a', 'g')")?;
    site.sql.run("begin; insert into t values (2, 'a', 'g'); alter table t add b int; insert into t values (3, 'a', 'g', 5); commit")?;
    site.sql.run("alter table t drop gone")?;
    site.sql.run("insert into t values (4, 'a', 6)")?;
    site.sql.run("alter table t rename a to z")?;
    site.sql.run("insert into t values (5, 'z', 7)")?;
    // The catalog is ahead of the stream: rows before the constraint are null.
    site.sql.run("insert into n values (1, null)")?;
    site.sql
        .run("update n set v = 0; alter table n alter v set not null")?;
    let events = site.run(ends(6))?;
    let rows: Vec<_> = of(&events, "t")
        .iter()
        .map(|row| row.after().clone())
        .collect();
    assert_eq!(
        rows,
        [
            json!({"id": 1, "a": "a", "gone": "g"}),
            json!({"id": 2, "a": "a", "gone": "g"}),
            json!({"id": 3, "a": "a", "gone": "g", "b": 5}),
            json!({"id": 4, "a": "a", "b": 6}),
            json!({"id": 5, "z": "z", "b": 7}),
        ]
    );
    let announced: Vec<_> = of(&events, "t")
        .iter()
        .map(|row| row.headers.contains_key("wb.relation"))
        .collect();
    assert_eq!(announced, [true, false, true, true, true]);
    // The order of the two rows of one table goes on over the change of its definition.
    let orders: Vec<_> = of(&events, "t")[1..3]
        .iter()
        .map(|row| row.value["transaction"]["data_collection_order"].as_i64())
        .collect();
    assert_eq!(orders, [Some(1), Some(2)]);
    assert_eq!(of(&events, "n")[0].after()["v"], Value::Null);
    assert_ne!(of(&events, "t")[1].schema, of(&events, "t")[2].schema);
    Ok(())
}

#[test]
fn a_large_transaction_flows_in_parts_of_bounded_size() -> Result<()> {
    let mut site = Site::create("large")?;
    site.sql.run("create table t(id int primary key, v text)")?;
    site.set("max.batch.bytes", "65536")
        .set("max.queue.size.in.bytes", "262144");
    site.snapshot()?;
    site.sql
        .run("insert into t select i, repeat('v', 100) from generate_series(1, 50000) i")?;
    let mut running = site.start()?;
    let (mut rows, mut parts, mut largest) = (0, 0, 0);
    loop {
        let Some(batch) = running.task.poll(std::time::Duration::from_secs(10))? else {
            break;
        };
        rows += batch
            .records()
            .iter()
            .filter(|record| !record.value.is_null())
            .count();
        largest = largest.max(batch.size());
        parts += 1;
        // Nothing of it may be committed before its end.
        if batch.boundary && rows > 0 {
            assert_eq!((rows, batch.transactions), (50_002, 1));
            break;
        }
        assert!(batch.boundary || batch.offsets.is_empty());
        running.task.recycle(batch);
    }
    assert!(
        parts > 50 && largest < 80_000,
        "{parts} parts, the largest {largest} bytes"
    );
    running.task.stop();
    Ok(())
}

#[test]
fn what_is_not_committed_comes_again_and_what_is_does_not() -> Result<()> {
    let mut site = Site::create("again")?;
    site.sql.run("create table t(id int primary key)")?;
    site.snapshot()?;
    site.sql.run("insert into t values (1)")?;
    let before = site.confirmed()?;
    {
        let offsets = site.offsets.clone();
        let mut running = site.start()?;
        // Read, and never committed: the slot may not move.
        let mut seen = 0;
        wait_for("the row", std::time::Duration::from_secs(20), || {
            seen += running
                .task
                .poll(std::time::Duration::from_millis(50))?
                .map_or(0, |b| b.records().len());
            Ok((seen >= 3).then_some(()))
        })?;
        std::thread::sleep(std::time::Duration::from_millis(700));
        assert_eq!(site.confirmed()?, before);
        running.task.stop();
        assert_eq!(site.offsets, offsets);
    }
    let events = site.run(ends(1))?;
    assert_eq!(of(&events, "t").len(), 1);
    site.sql.run("insert into t values (2)")?;
    let events = site.run(ends(1))?;
    let rows = of(&events, "t");
    assert_eq!((rows.len(), &rows[0].key), (1, &json!({"id": 2})));
    assert_eq!(events[0].number("wb.seq"), 2);
    Ok(())
}

#[test]
fn a_quiet_database_does_not_keep_the_log() -> Result<()> {
    let mut site = Site::create("quiet")?;
    site.sql
        .run("create table t(id int primary key); create table other(id int)")?;
    site.set("table.include.list", "public.t");
    site.snapshot()?;
    let before = site.confirmed()?;
    site.sql
        .run("insert into other select generate_series(1, 10000)")?;
    let mut running = site.start()?;
    let target: i64 = site
        .sql
        .one("select (pg_current_wal_lsn() - '0/0'::pg_lsn)::int8")?;
    running.collect(&mut site, |_| true)?;
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while site.confirmed()? < u64::try_from(target)? {
        anyhow::ensure!(
            std::time::Instant::now() < limit,
            "the slot stays at {before}"
        );
        if let Some(batch) = running.task.poll(std::time::Duration::from_millis(100))? {
            assert!(batch.boundary && batch.records().is_empty());
            running.task.committed(&batch.offsets)?;
        }
    }
    running.task.stop();
    Ok(())
}
