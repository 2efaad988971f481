//! What the sink does with transactions of every shape, seen from the other end of the chain.

mod cases;
mod values;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use walbridge_lab::{Lab, wait_for};
use walbridge_tests::chain::{Chain, End, PATIENCE, Part, Plan, Shape};
use walbridge_tests::sql::Sql;
use walbridge_tests::truth::compare;

use cases::{CASES, Case};
use values::{AT_WEST, VALUES};

fn all() -> impl Iterator<Item = &'static Case> {
    CASES.iter().chain(VALUES)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Writes out a statement of a case.
fn of(case: &Case, statement: &str) -> String {
    let name = if case.0.contains(' ') {
        quoted(case.0)
    } else {
        case.0.to_owned()
    };
    statement.replace("{t}", &name)
}

fn run_cases(name: &str, folded: bool) -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let mut chain = Chain::prepare(lab, Plan::new(name, Shape::OneSite))?;
    let east = Sql::connect(&chain.east())?;
    east.run("create table marker (id int primary key); insert into marker values (0)")?;
    for case in all() {
        east.run(&of(case, case.1)).with_context(|| case.0)?;
    }
    chain.start()?;
    chain.wait_streaming()?;
    let west = Sql::connect(&chain.west())?;
    for statement in AT_WEST {
        west.run(statement).context(*statement)?;
    }
    if folded {
        chain.tell(Part::Sink, "PUT", "pause")?;
        chain.wait_state(Part::Sink, "PAUSED")?;
    }
    for case in all() {
        east.run(&format!("begin; {}; commit", of(case, case.2)))
            .with_context(|| case.0)?;
    }
    east.run("insert into marker values (1)")?;
    if folded {
        chain.wait_confirmed()?;
        chain.tell(Part::Sink, "PUT", "resume")?;
    }
    chain.wait_alive("select count(*) from marker", 2)?;
    let tables: Vec<_> = all().map(|case| quoted(case.0)).collect();
    let tables: Vec<_> = tables.iter().map(String::as_str).collect();
    let differences = compare(&east, &west, &tables)?;
    ensure!(
        differences.is_empty(),
        "the databases differ: {differences:#?}"
    );
    Ok(())
}

#[test]
fn shapes_one_by_one() -> Result<()> {
    run_cases("apply_single", false)
}

/// The same transactions, waiting together, are folded into one at the target.
#[test]
fn shapes_folded() -> Result<()> {
    run_cases("apply_folded", true)
}

/// Two million rows in one transaction pass through workers that stay small, all at once visible.
#[test]
fn a_transaction_far_larger_than_memory() -> Result<()> {
    const ROWS: i64 = 2_000_000;
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let mut chain = Chain::prepare(lab, Plan::new("apply_large", Shape::TwoSites))?;
    let east = Sql::connect(&chain.east())?;
    east.run(
        "create table large (id int primary key, a int, b text, c numeric, d timestamptz); \
         insert into large values (0)",
    )?;
    chain.start()?;
    chain.wait_streaming()?;
    let started = Instant::now();
    east.run(&format!(
        "insert into large select i, i % 1000, md5(i::text), i / 7.0, now() from generate_series(1, {ROWS}) i"
    ))?;
    let written = started.elapsed();
    let west = Sql::connect(&chain.west())?;
    wait_for("two million rows", Duration::from_secs(600), || {
        chain.check_alive()?;
        let rows = west.number("select count(*) from large")?;
        // Part of a transaction must never be seen; that is not a matter of waiting.
        assert!(
            rows == 1 || rows == ROWS + 1,
            "{rows} rows of one transaction are visible"
        );
        Ok((rows == ROWS + 1).then_some(()))
    })?;
    let took = started.elapsed();
    for end in chain.ends() {
        let peak = chain.worker(end)?.usage().peak >> 20;
        println!("worker {end:?}: {peak} MB at most; written in {written:?}, there after {took:?}");
        ensure!(peak < 256, "the worker {end:?} took {peak} MB");
    }
    let sums = "select md5(string_agg(s, ',')) from (select sum(hashtextextended(large::text, 0))::text s from large) q";
    let (left, right): (String, String) = (east.one(sums)?, west.one(sums)?);
    ensure!(left == right, "the rows differ");
    Ok(())
}

/// Rows that are older than a column have in it at the standby what they have at the primary; where
/// the stream cannot tell what that is, the sink stops.
#[test]
fn a_column_with_a_default_reaches_older_rows() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let mut chain = Chain::prepare(lab, Plan::new("apply_default", Shape::OneSite))?;
    let east = Sql::connect(&chain.east())?;
    east.run("create table t (id int primary key); insert into t select generate_series(1, 10)")?;
    chain.start()?;
    chain.wait_streaming()?;
    east.run(
        "alter table t add column n int default 7, add column empty text, \
         add column at timestamptz not null default now(), add column quoted text default 'it''s', \
         add column list int[] default '{1,2}'; insert into t (id, n) values (11, null), (12, 8)",
    )?;
    chain.wait_alive("select count(*) from t", 12)?;
    let west = Sql::connect(&chain.west())?;
    let differences = compare(&east, &west, &["t"])?;
    ensure!(
        differences.is_empty(),
        "the databases differ: {differences:#?}"
    );
    east.run("alter table t add column r float8 default random(); insert into t (id) values (13)")?;
    let message = chain.wait_failed(Part::Sink, "ColumnValuesUnknown")?;
    ensure!(
        message.contains("public.t") && message.contains("random()"),
        "{message}"
    );
    Ok(())
}

/// A database in which nothing happens does not keep the write-ahead log of a busy one beside it.
#[test]
fn an_idle_database_does_not_pin_wal() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let mut chain = Chain::prepare(lab, Plan::new("apply_idle", Shape::SourceOnly))?;
    let idle = Sql::connect(&chain.east())?;
    idle.run("create table t (id int primary key); insert into t values (1)")?;
    chain.start()?;
    chain.wait_snapshot()?;
    lab.east().postgres().create_database("apply_busy")?;
    let busy = Sql::connect(&lab.east().postgres().url("apply_busy"))?;
    busy.run("create table noise (v text)")?;
    for _ in 0..3 {
        busy.run("insert into noise select repeat('x', 1000) from generate_series(1, 10000)")?;
        chain.wait_confirmed()?;
    }
    // A table of the captured database that is not captured is no different.
    idle.run("create schema other; create table other.noise (v text)")?;
    idle.run("insert into other.noise select repeat('x', 1000) from generate_series(1, 10000)")?;
    chain.wait_confirmed()?;
    drop(busy);
    lab.east().postgres().drop_database("apply_busy")
}

/// Tables and columns that appear while the stream runs appear at the standby.
#[test]
fn tables_and_columns_that_appear() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let mut chain = Chain::prepare(lab, Plan::new("apply_evolve", Shape::TwoSites))?;
    let east = Sql::connect(&chain.east())?;
    east.run("create table t (id int primary key, v text); insert into t values (1, 'a')")?;
    chain.start()?;
    chain.wait_streaming()?;
    east.run("alter table t add w numeric(10,2); insert into t values (2, 'b', 1.50)")?;
    east.run("update t set w = 2.5 where id = 1")?;
    chain.wait_row("select count(*) from t where w = 2.50", 1)?;
    // A publication of listed tables learns of a new one at the source's next start.
    east.run(
        "create table fresh (a int, b text, primary key (b, a)); insert into fresh values (1, 'x')",
    )?;
    let known: i64 =
        east.one("select count(*) from pg_publication_tables where tablename = 'fresh'")?;
    if known == 1 {
        chain.wait_row("select count(*) from fresh", 1)?;
    }
    let rows = Sql::connect(&chain.west())?.texts("select id || v || w from t order by id")?;
    ensure!(rows == ["1a2.50", "2b1.50"], "{rows:?}");
    Ok(())
}

/// A change of type that the standby cannot follow stops the sink with the table and the column.
#[test]
fn a_change_of_type_stops_by_name() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let mut chain = Chain::prepare(lab, Plan::new("apply_type", Shape::OneSite))?;
    let east = Sql::connect(&chain.east())?;
    east.run("create table t (id int primary key, v text); insert into t values (1, '1')")?;
    chain.start()?;
    chain.wait_streaming()?;
    east.run("alter table t alter v type int using v::int; insert into t values (2, 2)")?;
    let message = chain.wait_failed(Part::Sink, "IncompatibleTable")?;
    ensure!(
        message.contains("public.t") || message.contains("\"t\""),
        "no table in {message}"
    );
    ensure!(message.contains('v'), "no column in {message}");
    // What it asks for helps.
    Sql::connect(&chain.west())?.run("alter table t alter v type int using v::int")?;
    chain.tell(Part::Sink, "POST", "restart?includeTasks=true")?;
    chain.wait_row("select count(*) from t where id = 2 and v = 2", 1)
}

/// Whatever the standby's own triggers and foreign keys would do, the primary's have done.
#[test]
fn foreign_keys_and_triggers_of_the_standby_stay_quiet() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let mut chain = Chain::prepare(lab, Plan::new("apply_replica", Shape::OneSite))?;
    let east = Sql::connect(&chain.east())?;
    let tables = "create table parent (id int primary key, n int); \
         create table child (id int primary key, parent int references parent on delete cascade)";
    east.run(tables)?;
    let west = Sql::connect(&chain.west())?;
    west.run(tables)?;
    west.run(
        "create table fired (n int); create function fire() returns trigger language plpgsql as \
         $$ begin insert into fired values (1); return new; end $$; \
         create trigger fire after insert or update on parent for each row execute function fire()",
    )?;
    chain.start()?;
    chain.wait_streaming()?;
    east.run("begin; insert into parent values (1, 1), (2, 2); insert into child values (1, 1), (2, 2); commit")?;
    east.run("delete from parent where id = 1")?;
    east.run("update parent set n = 3")?;
    chain.wait_row("select count(*) from parent where n = 3", 1)?;
    let differences = compare(&east, &west, &["parent", "child"])?;
    ensure!(
        differences.is_empty(),
        "the databases differ: {differences:#?}"
    );
    ensure!(
        west.number("select count(*) from fired")? == 0,
        "a trigger of the standby fired"
    );
    let origin = "select count(*) from pg_replication_origin_status where remote_lsn > '0/0' or local_lsn > '0/0'";
    ensure!(west.number(origin)? > 0, "no replication origin was set");
    Ok(())
}

/// Lag is shown in bytes, transactions and seconds, and goes away.
#[test]
fn lag_is_measured() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let mut chain = Chain::prepare(lab, Plan::new("apply_lag", Shape::OneSite))?;
    let east = Sql::connect(&chain.east())?;
    east.run("create table t (id int primary key); insert into t values (0)")?;
    chain.start()?;
    chain.wait_streaming()?;
    chain.tell(Part::Sink, "PUT", "pause")?;
    chain.wait_state(Part::Sink, "PAUSED")?;
    for id in 1..=20 {
        east.run(&format!("insert into t values ({id})"))?;
    }
    chain.wait_confirmed()?;
    chain.tell(Part::Sink, "PUT", "resume")?;
    chain.wait_row("select count(*) from t", 21)?;
    wait_for(
        "the metrics to say that nothing is behind",
        PATIENCE,
        || {
            let text = chain.worker(End::East)?.metrics()?;
            for name in [
                "lag_bytes",
                "lag_transactions",
                "lag_seconds",
                "lag_records",
            ] {
                ensure!(text.contains(name), "there is no {name} in the metrics");
            }
            Ok(Some(()))
        },
    )
}

/// A worker that hangs in the middle of a transaction keeps the position's row: whoever takes over ends
/// its connection, wherever the row has gone in the meantime.
#[test]
fn a_former_tasks_open_transaction_is_ended() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let mut chain = Chain::prepare(lab, Plan::new("apply_former", Shape::OneSite))?;
    let east = Sql::connect(&chain.east())?;
    east.run("create table t (id int primary key)")?;
    chain.start()?;
    chain.wait_streaming()?;
    chain.tell(Part::Sink, "PUT", "stop")?;
    wait_for("the sink to end", PATIENCE, || {
        let status = chain.status(Part::Sink)?;
        ensure!(status["tasks"] == serde_json::json!([]), "it is {status}");
        Ok(Some(()))
    })?;
    let former = Sql::connect(&chain.west())?;
    let name: String = former.one("select link from walbridge.position")?;
    former.run(&format!("set application_name = 'walbridge sink {name}'"))?;
    former.run("update walbridge.position set backend = pg_backend_pid()")?;
    // So many versions that the row leaves its page and the index knows of it.
    former.run(
        "begin; do $$ begin for n in 1..500 loop update walbridge.position set seq = seq; end loop; end $$",
    )?;
    east.run("insert into t values (1)")?;
    chain.tell(Part::Sink, "PUT", "resume")?;
    chain.wait_row("select count(*) from t", 1)?;
    ensure!(
        former.run("commit").is_err(),
        "the former task could commit"
    );
    Ok(())
}
