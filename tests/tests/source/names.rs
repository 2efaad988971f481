//! Names that become one on their way into Kafka and Avro, and tables that are gone.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use walbridge_lab::{Lab, wait_for};

use crate::driver::{Site, ends, of};

/// Two tables of one topic are refused before anything is made at the server.
#[test]
fn tables_of_one_topic_are_refused_at_the_start() -> Result<()> {
    let mut site = Site::create("one_topic")?;
    site.sql.run(
        "create table \"foo@bar\"(id int primary key); create table \"foo$bar\"(id int primary key); \
         insert into \"foo@bar\" values (1); insert into \"foo$bar\" values (2)",
    )?;
    let (name, text) = site.fails()?;
    assert_eq!(name, "TopicTaken", "{text}");
    assert!(
        text.contains("foo@bar") && text.contains("foo$bar"),
        "{text}"
    );
    let left = "select count(*) from pg_publication where pubname = current_database()";
    assert_eq!(site.sql.one::<i64>(left)?, 0);
    site.sql.run(
        "drop table \"foo$bar\"; create schema a; create schema \"a.b\"; \
         create table \"a.b\".c(id int primary key); create table a.\"b.c\"(id int primary key)",
    )?;
    assert_eq!(site.fails()?.0, "TopicTaken");
    site.set("schema.exclude.list", "a");
    let events = site.snapshot()?;
    assert_eq!(of(&events, "foo_bar").len(), 1);
    Ok(())
}

/// A table that comes later is refused before a row of it is written, after a restart as well; once
/// one of the two is left out, the stream goes on.
#[test]
fn a_later_table_of_the_same_topic_is_refused() -> Result<()> {
    let mut site = Site::create("later_topic")?;
    site.sql
        .run("create table \"foo@bar\"(id int primary key)")?;
    site.snapshot()?;
    let mut running = site.start()?;
    site.sql
        .run("create table \"foo$bar\"(id int primary key)")?;
    site.sql.run("insert into \"foo$bar\" values (2)")?;
    let error = running.error(Duration::from_secs(20))?;
    assert_eq!(error.name(), "TopicTaken", "{}", error.trace());
    drop(running);
    assert_eq!(site.fails()?.0, "TopicTaken");
    site.set("table.exclude.list", "public[.]foo[$]bar");
    site.sql.run("insert into \"foo@bar\" values (3)")?;
    let events = site.run(ends(1))?;
    assert_eq!(of(&events, "foo_bar")[0].after()["id"], 3);
    Ok(())
}

/// The topics of the connector itself belong to no table.
#[test]
fn the_connectors_own_topics_are_refused() -> Result<()> {
    let mut site = Site::create("own_topic")?;
    site.sql.run("create table mine(id int primary key)")?;
    site.set("topic.transaction", "public.mine");
    let (name, text) = site.fails()?;
    assert!(
        name == "TopicTaken" && text.contains("topic.transaction"),
        "{name}: {text}"
    );
    Ok(())
}

#[test]
fn columns_of_one_field_are_refused() -> Result<()> {
    let mut site = Site::create("one_field")?;
    site.sql
        .run("create table t(id int primary key, \"c d\" text, \"c-d\" text)")?;
    let (name, text) = site.fails()?;
    assert!(
        name == "FieldNameTaken" && text.contains("c_d"),
        "{name}: {text}"
    );
    site.sql.run("alter table t drop column \"c-d\"")?;
    site.snapshot()?;
    let mut running = site.start()?;
    site.sql.run("alter table t add column \"c-d\" text")?;
    site.sql.run("insert into t values (1)")?;
    let error = running.error(Duration::from_secs(20))?;
    assert_eq!(error.name(), "FieldNameTaken", "{}", error.trace());
    Ok(())
}

/// A slot that waits for an open transaction says for which.
#[test]
fn the_transaction_that_a_slot_waits_for_is_named() -> Result<()> {
    let mut site = Site::create("awaited")?;
    site.sql.run("create table t(id int primary key)")?;
    let other = Lab::shared()?.east().postgres().session(&site.name)?;
    other.run("begin; insert into t values (1)")?;
    let pid = other.one::<i32>("select pg_backend_pid()")?;
    let mut running = site.start()?;
    let named = wait_for(
        "the transaction to be named",
        Duration::from_secs(60),
        || {
            // The mark that comes before the slot has to be committed.
            if let Some(batch) = running.task.poll(Duration::from_millis(50))? {
                running.task.committed(&batch.offsets)?;
            }
            let facts = running.metrics.facts();
            let found = facts.get("waiting for").map(ToString::to_string);
            Ok(found.filter(|text| text.contains(&format!("server process {pid} "))))
        },
    )?;
    assert!(named.contains("idle in transaction"), "{named}");
    other.run("commit")?;
    running.collect(&mut site, ends(1))?;
    Ok(())
}

/// Tables whose updates the server refuses while they are published are named in the status: those
/// without a key, with a deferrable one, and partitions, which do not inherit an identity.
#[test]
fn tables_whose_updates_are_refused_are_named() -> Result<()> {
    let mut site = Site::create("refused")?;
    site.sql.run(
        "create table keyed(id int primary key); create table nopk(a int); insert into nopk values (1); \
         create table later(id int primary key deferrable); insert into later values (1); \
         create table whole(a int); alter table whole replica identity full; \
         create table root(a int) partition by range (a); alter table root replica identity full; \
         create table leaf partition of root for values from (0) to (9); insert into leaf values (1)",
    )?;
    site.publish()?;
    site.snapshot()?;
    for table in ["nopk", "later", "leaf"] {
        assert!(site.sql.run(&format!("delete from {table}")).is_err());
    }
    let mut running = site.start()?;
    let named = wait_for("the tables to be named", Duration::from_secs(60), || {
        drop(running.task.poll(Duration::from_millis(50))?);
        let facts = running.metrics.facts();
        Ok(facts.get("no replica identity").map(ToString::to_string))
    })?;
    let names: Vec<_> = named
        .split(", ")
        .map(|name| name.replace('"', ""))
        .collect();
    assert_eq!(names, ["public.later", "public.leaf", "public.nopk"]);
    Ok(())
}

/// The last rows of a table that is gone have the key that they had while it was there.
#[test]
fn rows_of_a_table_that_is_gone_keep_their_key() -> Result<()> {
    let mut site = Site::create("gone")?;
    site.sql
        .run("create table tt(a int primary key, b text); insert into tt values (1, 'x')")?;
    let before = site.snapshot()?;
    site.sql.run("update tt set b = 'y'; delete from tt")?;
    site.sql.run("drop table tt")?;
    let events = site.run(ends(1))?;
    let rows = of(&events, "tt");
    let relation: Value = serde_json::from_str(&rows[0].text("wb.relation"))?;
    assert_eq!(relation["key"], json!(["a"]));
    assert_eq!(rows[0].key, of(&before, "tt")[0].key);
    let ops: Vec<_> = rows.iter().map(|row| row.op()).collect();
    assert_eq!(ops, ["u", "d", "tombstone"]);
    Ok(())
}
