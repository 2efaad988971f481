//! Replica identities: a start never makes the server refuse what its users do.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use walbridge_lab::{Lab, wait_for, wait_until};

use crate::driver::{Site, ends, of};

/// Tables that a publication would make the server refuse changes of, and some that it would not.
const TABLES: &str = "\
    create table keyed(id int primary key); \
    create table whole(a int); alter table whole replica identity full; \
    create table grows(a int); alter table grows replica identity nothing; \
    create table indexed(a int not null); create unique index by_a on indexed(a); \
    alter table indexed replica identity using index by_a; \
    create table nopk(a int); insert into nopk values (1); \
    create table \"La,ter\"(id int primary key deferrable); insert into \"La,ter\" values (1); \
    create table root(a int) partition by range (a); alter table root replica identity full; \
    create table leaf partition of root for values from (0) to (9); insert into leaf values (1)";

#[test]
fn tables_that_nothing_names_the_rows_of_are_not_published() -> Result<()> {
    let mut site = Site::create("unnamed")?;
    site.sql.run(TABLES)?;
    let (name, text) = site.fails()?;
    assert_eq!(name, "NoReplicaIdentity");
    assert!(
        text.contains("\"public\".\"La,ter\", \"public\".\"leaf\", \"public\".\"nopk\" would"),
        "{text}"
    );
    // Nothing has been done to the server yet.
    let made: i64 = site.sql.one("select count(*) from pg_publication")?;
    assert_eq!(made, 0);
    site.sql.run("update nopk set a = 2")?;

    // What the message says to set helps.
    let (_, rest) = text
        .split_once("replica.identity.autoset.values=")
        .context(text.clone())?;
    let (value, _) = rest.split_once(';').context(text.clone())?;
    site.set("replica.identity.autoset.values", value);
    site.snapshot()?;
    site.sql
        .run("begin; update nopk set a = 3; delete from leaf; delete from \"La,ter\"; commit")?;
    let events = site.run(ends(1))?;
    for (table, before) in [("nopk", 2), ("leaf", 1)] {
        let rows = of(&events, table);
        assert_eq!(rows[0].before()["a"], before, "{table}: {rows:?}");
    }
    let kinds: String = site.sql.one(
        "select string_agg(relreplident::text, '' order by relname) from pg_class \
         where relname in ('keyed', 'whole', 'grows', 'indexed')",
    )?;
    assert_eq!(kinds, "nidf", "of those that had one");
    Ok(())
}

#[test]
fn identities_are_set_as_they_are_asked_for() -> Result<()> {
    let mut site = Site::create("autoset")?;
    site.sql.run(
        "create schema s; create table s.a(x int not null unique); create table s.b(x int); \
         create table s.c(x int primary key); alter table s.c replica identity full; \
         create table s.root(a int) partition by range (a); \
         create table s.leaf partition of s.root for values from (0) to (9)",
    )?;
    site.set(
        "replica.identity.autoset.values",
        "s.a:INDEX a_x_key, s.c:DEFAULT, s.root:NOTHING, s\\..*:full",
    );
    site.snapshot()?;
    let kinds = "select string_agg(relname || '=' || relreplident::text, ' ' order by relname) from pg_class \
                 where relnamespace = 's'::regnamespace and relkind = 'r'";
    let set: String = site.sql.one(kinds)?;
    assert_eq!(set, "a=i b=f c=d leaf=n");

    // A table that comes later gets it too.
    let mut running = site.start()?;
    site.sql.run("create table s.late(x int)")?;
    wait_until(
        "the later table to have it",
        Duration::from_secs(60),
        || {
            let polled = running.task.poll(Duration::from_millis(50));
            let set: Result<String> = site.sql.one(kinds);
            polled.is_ok()
                && set.is_ok_and(|set| set.ends_with("late=f leaf=n") || set.contains("late=f"))
        },
    )?;
    Ok(())
}

#[test]
fn an_identity_that_may_not_be_set_stops_before_anything_is_published() -> Result<()> {
    let mut site = Site::create("notowner")?;
    site.sql.run("create table t(a int)")?;
    site.set(
        "replica.identity.autoset.values",
        "public.t:INDEX none_such",
    );
    let (name, text) = site.fails()?;
    assert_eq!(name, "ReplicaIdentityNotSet");
    ensure!(
        text.contains("none_such") && text.contains("What to do:"),
        "{text}"
    );
    let made: i64 = site.sql.one("select count(*) from pg_publication")?;
    assert_eq!(made, 0);
    // A table that somebody holds is tried again, and holds up nobody for long.
    site.set("replica.identity.autoset.values", "public.t:FULL");
    let holder = Lab::shared()?.east().postgres().session(&site.name)?;
    holder.run("begin; lock table t in access share mode")?;
    let (name, text) = site.fails()?;
    assert_eq!(name, "ReplicaIdentityNotSet");
    ensure!(text.contains("lock timeout"), "{text}");
    holder.run("rollback")?;
    site.snapshot()?;
    wait_for("the identity", Duration::from_secs(5), || {
        let kind: String = site
            .sql
            .one("select relreplident::text from pg_class where relname = 't'")?;
        Ok((kind == "f").then_some(()))
    })
}
