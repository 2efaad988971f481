//! Keys, replica identities, unchanged values, types: SQL in, events out (cases A, C, E).

use anyhow::Result;
use serde_json::{Value, json};

use crate::driver::{Event, Site, ends, of};

fn ops<'a>(events: &[&'a Event]) -> Vec<&'a str> {
    events.iter().map(|event| event.op()).collect()
}

#[test]
fn rows_are_inserted_updated_moved_and_deleted() -> Result<()> {
    let mut site = Site::create("crud")?;
    site.sql.run(
        "create table customers(id serial primary key, first_name varchar(255) not null, email text, \
         d timestamptz default now()); insert into customers(first_name) values ('before')",
    )?;
    let snapshot = site.snapshot()?;
    assert_eq!(ops(&of(&snapshot, "customers")), ["r"]);
    assert_eq!(
        of(&snapshot, "customers")[0].value["source"]["snapshot"],
        "last"
    );
    for sql in [
        "insert into customers(first_name) values ('x')",
        "update customers set email = 'e' where id = 2",
        "update customers set id = 10 where id = 2",
        "delete from customers where id = 10",
    ] {
        site.sql.run(sql)?;
    }
    let events = site.run(ends(4))?;
    let rows = of(&events, "customers");
    assert_eq!(
        ops(&rows),
        ["c", "u", "d", "tombstone", "c", "d", "tombstone"]
    );
    let keys: Vec<_> = rows
        .iter()
        .map(|row| row.key["id"].as_i64().unwrap_or(0))
        .collect();
    assert_eq!(keys, [2, 2, 2, 2, 10, 10, 10]);
    assert_eq!(rows[0].after()["first_name"], "x");
    assert_eq!(rows[0].after()["email"], Value::Null);
    assert_eq!(rows[0].value["source"]["snapshot"], "false");
    assert_eq!(rows[1].before(), &Value::Null);
    assert_eq!(rows[2].text("__debezium.newkey"), "Struct{id=10}");
    assert_eq!(rows[3].text("__debezium.newkey"), "Struct{id=10}");
    assert_eq!(rows[4].text("__debezium.oldkey"), "Struct{id=2}");
    assert_eq!(rows[2].before()["first_name"], "");
    assert_eq!(rows[2].fields("wb.unknown"), [1, 2, 3]);
    assert_eq!(rows[2].value["source"], rows[4].value["source"]);
    // The first row after a start says what its table is; the others are bare.
    let relation: Value = serde_json::from_str(&rows[0].text("wb.relation"))?;
    assert_eq!(relation["columns"][1]["type"], "character varying(255)");
    assert_eq!(relation["key"], json!(["id"]));
    assert!(rows[1].headers.is_empty());
    Ok(())
}

#[test]
fn keys_follow_the_replica_identity() -> Result<()> {
    let mut site = Site::create("keys")?;
    site.sql.run(
        "create table ri_full(id int primary key, a text, b text); \
         alter table ri_full replica identity full; \
         create table ri_idx(id int primary key, k text not null, v text); \
         create unique index ri_idx_k on ri_idx(k); \
         alter table ri_idx replica identity using index ri_idx_k; \
         create table nopk(a int, b text); \
         create table nopk_full(a int, b text); alter table nopk_full replica identity full; \
         create table uniq(a int not null unique, b text); \
         create table pk2(b int, a int, c text, primary key (a, b))",
    )?;
    site.publish()?;
    site.snapshot()?;
    site.sql.run("insert into ri_full values (1, 'a', 'b')")?;
    site.sql
        .run("update ri_full set a = 'a2'; update ri_full set id = 2; delete from ri_full")?;
    site.sql
        .run("insert into ri_idx values (1, 'k', 'v'); update ri_idx set v = 'v2'")?;
    site.sql
        .run("update ri_idx set k = 'k2'; update ri_idx set id = 5; delete from ri_idx")?;
    site.sql.run("insert into nopk values (1, 'x')")?;
    site.sql.run("insert into nopk_full values (1, 'x'); update nopk_full set b = 'y'; delete from nopk_full")?;
    site.sql.run("insert into uniq values (7, 'x'); insert into pk2 values (2, 1, 'c'); update pk2 set b = 3")?;
    let events = site.run(ends(7))?;

    let rows = of(&events, "ri_full");
    assert_eq!(
        ops(&rows),
        ["c", "u", "d", "tombstone", "c", "d", "tombstone"]
    );
    assert_eq!(rows[1].before(), &json!({"id": 1, "a": "a", "b": "b"}));
    assert_eq!(rows[2].before(), &json!({"id": 1, "a": "a2", "b": "b"}));
    assert!(rows[2].fields("wb.unknown").is_empty());
    assert_eq!(rows[5].before(), &json!({"id": 2, "a": "a2", "b": "b"}));

    let rows = of(&events, "ri_idx");
    assert_eq!(
        ops(&rows),
        ["c", "u", "d", "tombstone", "c", "u", "d", "tombstone"]
    );
    let keys: Vec<_> = rows
        .iter()
        .map(|row| row.key["k"].as_str().unwrap_or(""))
        .collect();
    assert_eq!(keys, ["k", "k", "k", "k", "k2", "k2", "k2", "k2"]);
    assert_eq!(rows[2].fields("wb.unknown"), [0, 2]);

    let rows = of(&events, "nopk");
    assert_eq!((ops(&rows), &rows[0].key), (vec!["c"], &Value::Null));
    let rows = of(&events, "nopk_full");
    assert_eq!(ops(&rows), ["c", "u", "d"]);
    assert!(rows.iter().all(|row| row.key.is_null()));
    assert_eq!(rows[2].before(), &json!({"a": 1, "b": "y"}));
    assert_eq!(of(&events, "uniq")[0].key, json!({"a": 7}));
    let rows = of(&events, "pk2");
    assert_eq!(ops(&rows), ["c", "d", "tombstone", "c"]);
    assert_eq!(serde_json::to_string(&rows[0].key)?, r#"{"a":1,"b":2}"#);
    assert_eq!(rows[3].key, json!({"a": 1, "b": 3}));
    Ok(())
}

#[test]
fn unchanged_large_values_are_marked() -> Result<()> {
    let mut site = Site::create("toast")?;
    site.sql.run(
        "create table toast(id int primary key, n int, t text not null, j jsonb, b bytea); \
         alter table toast alter t set storage external, alter j set storage external, \
                           alter b set storage external; \
         create table toast_full(like toast including all); \
         alter table toast_full replica identity full; \
         create table toast_key(k text primary key, n int); \
         alter table toast_key alter k set storage external",
    )?;
    site.snapshot()?;
    let row =
        "repeat('x', 9600), to_jsonb(repeat('y', 9600)), convert_to(repeat('z', 9600), 'UTF8')";
    for table in ["toast", "toast_full"] {
        site.sql
            .run(&format!("insert into {table} select 1, 1, {row}"))?;
        site.sql.run(&format!("update {table} set n = 2"))?;
        site.sql.run(&format!("update {table} set t = 'short'"))?;
        site.sql.run(&format!("update {table} set id = 2"))?;
    }
    site.sql.run("insert into toast_key select string_agg(md5(i::text), ''), 1 from generate_series(1, 80) i")?;
    site.sql.run("update toast_key set n = 2")?;
    let events = site.run(ends(10))?;
    let placeholder = "__debezium_unavailable_value";
    let rows = of(&events, "toast");
    assert_eq!(rows[1].after()["t"], placeholder);
    assert_eq!(rows[1].after()["j"], placeholder);
    assert_eq!(rows[1].fields("wb.unavailable"), [2, 3, 4]);
    assert_eq!(rows[2].after()["t"], "short");
    assert_eq!(rows[2].fields("wb.unavailable"), [3, 4]);
    assert_eq!(ops(&rows[3..]), ["d", "tombstone", "c"]);
    assert_eq!(rows[5].fields("wb.unavailable"), [3, 4]);
    let rows = of(&events, "toast_full");
    assert!(
        rows.iter()
            .all(|row| row.fields("wb.unavailable").is_empty())
    );
    assert_eq!(rows[1].after()["t"], "x".repeat(9600));
    assert_eq!(rows[1].before()["t"], "x".repeat(9600));
    // A key that is itself large and unchanged comes from the old row.
    let rows = of(&events, "toast_key");
    assert_eq!(ops(&rows), ["c", "u"]);
    assert_eq!(rows[0].key, rows[1].key);
    assert_eq!(rows[1].after()["n"], 2);
    Ok(())
}

#[test]
fn a_row_is_the_same_from_the_snapshot_in_binary_and_in_text() -> Result<()> {
    let mut site = Site::create("types")?;
    site.sql.run(
        "create type mood as enum ('sad', 'ok', 'happy'); create type pair as (a int, b text); \
         create domain posint as int check (value > 0); \
         create table types(id int primary key, b bool, i2 smallint, i8 bigint, f4 real, f8 double precision, \
           n numeric, n52 numeric(5,2), t text, c char(4), vc varchar(9), ba bytea, u uuid, js json, jb jsonb, \
           d date, ti time, ti3 time(3), tz timetz, ts timestamp, ts3 timestamp(3), tstz timestamptz, iv interval, \
           m mood, ai int[], at text[], am mood[], nm name, o oid, mo money, bi bit(5), vb varbit, x xml, \
           ip inet, r int4range, p point, ps posint, pr pair, tv tsvector, l pg_lsn)",
    )?;
    let row = |id: i32| {
        format!(
            "insert into types values ({id}, true, -2, 9007199254740993, 1.5, 'NaN', 123.4500, 12.3, 'tä', 'ab', \
             'v', '\\x00ff', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '{{\"a\":  1}}', '{{\"a\":1}}', '2016-11-04', \
             '13:51:02.123456', '13:51:02.123', '13:51:02.123789+02', '2016-11-04 13:51:30.123456', \
             '2016-11-04 13:51:30.123', '2016-11-04 13:51:30.123456+02', '1 year 2 mons 3 days 04:05:06.78', 'ok', \
             '{{1,null,3}}', '{{a,\"b c\"}}', '{{sad,ok}}', 'nm', 4294967295, 1234.56, B'10110', B'1011', '<a/>', \
             '192.168.1.1/24', '[1,5]', '(1.5,2.5)', 7, '(1,x)', 'fat cat', '16/B374D848')"
        )
    };
    site.sql.run(&row(1))?;
    let snapshot = site.snapshot()?;
    site.sql.run(&row(2))?;
    let binary = site.run(ends(1))?;
    site.set("replication.binary", "false");
    site.sql.run(&row(3))?;
    let text = site.run(ends(1))?;
    let image = |events: &[Event]| {
        let mut image = of(events, "types")[0].after().clone();
        image["id"] = json!(0);
        image
    };
    let expected = image(&snapshot);
    assert_eq!(image(&binary), expected);
    assert_eq!(image(&text), expected);
    for (column, value) in [
        ("i8", json!(9_007_199_254_740_993i64)),
        ("c", json!("ab  ")),
        ("u", json!("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")),
        ("js", json!("{\"a\":  1}")),
        ("jb", json!("{\"a\": 1}")),
        ("d", json!(17109)),
        ("ti", json!(49_862_123_456i64)),
        ("tz", json!("11:51:02.123789Z")),
        ("tstz", json!("2016-11-04T11:51:30.123456Z")),
        ("iv", json!(37_091_106_780_000i64)),
        ("m", json!("ok")),
        ("ai", json!([1, null, 3])),
        ("am", json!(["sad", "ok"])),
        ("nm", json!("nm")),
        ("ip", json!("192.168.1.1/24")),
        ("r", json!("[1,6)")),
        ("pr", json!("(1,x)")),
        ("l", json!("16/B374D848")),
    ] {
        assert_eq!(expected[column], value, "{column}");
    }
    Ok(())
}

/// To the server a number is the same key however many zeros stand behind its fraction, and so it is
/// one record key; the row says how it is written.
#[test]
fn keys_that_are_equal_are_one_record_key() -> Result<()> {
    let mut site = Site::create("equalkeys")?;
    site.sql.run(
        "create table n(k numeric primary key, v text); create table f(k double precision primary key, v text); \
         insert into n values (12.30, 'a'); insert into f values ('-0', 'a')",
    )?;
    let snapshot = site.snapshot()?;
    for sql in [
        "update n set k = 12.300",
        "update n set v = 'b' where k = 12.3",
        "update f set k = 0",
        "update f set v = 'b' where k = '-0'",
    ] {
        site.sql.run(sql)?;
    }
    let events = site.run(ends(4))?;
    for table in ["n", "f"] {
        let rows = [of(&snapshot, table), of(&events, table)].concat();
        assert_eq!(ops(&rows), ["r", "d", "tombstone", "c", "u"], "{table}");
        let keys: Vec<_> = rows.iter().map(|row| &row.key).collect();
        assert!(keys.iter().all(|key| *key == keys[0]), "{table}: {keys:?}");
    }
    let rows = of(&events, "n");
    assert_ne!(rows[0].value["before"]["k"], rows[3].value["after"]["k"]);
    Ok(())
}
