//! Holes: whatever takes a piece out of the way from one database to the other, the right task
//! stops and says what is missing. Nothing is ever skipped.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use apache_avro::types::Value;
use rdkafka::Message;
use serde_json::json;
use walbridge_lab::{Lab, Postgres};
use walbridge_tests::chain::{Chain, End, Part, Plan, Shape};
use walbridge_tests::forge::Forger;
use walbridge_tests::own::own_postgres;
use walbridge_tests::sql::Sql;
use walbridge_tests::topic::{Decoder, text};

/// Makes a chain with one table of three rows that have arrived.
fn settled(lab: &'static Lab, name: &str, shape: Shape) -> Result<Chain> {
    let mut chain = Chain::prepare(lab, Plan::new(name, shape))?;
    let east = Sql::connect(&chain.east())?;
    east.run("create table t (id int primary key, v text); insert into t values (1, 'a')")?;
    chain.start()?;
    chain.wait_snapshot()?;
    east.run("insert into t values (2, 'b')")?;
    east.run("insert into t values (3, 'c')")?;
    chain.wait_confirmed()?;
    if shape != Shape::SourceOnly {
        chain.wait_row("select count(*) from t", 3)?;
    }
    Ok(chain)
}

/// Checks that a message names everything in `words`.
fn names(message: &str, words: &[&str]) -> Result<()> {
    for word in words {
        ensure!(
            message.contains(word),
            "the message does not name {word}: {message}"
        );
    }
    Ok(())
}

/// Stops the worker, lets `harm` happen, starts it, and expects the source to stop by `name`.
fn source_stops(
    chain: &str,
    harm: impl FnOnce(&Chain, &Sql) -> Result<()>,
    name: &str,
    words: &[&str],
) -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let chain = settled(lab, chain, Shape::SourceOnly)?;
    chain.worker(End::East)?.stop()?;
    let admin = Sql::connect(&chain.east())?;
    admin.run("insert into t values (4, 'missed')")?;
    harm(&chain, &admin)?;
    chain.worker(End::East)?.start()?;
    let message = chain.wait_failed(Part::Source, name)?;
    names(&message, words)
}

#[test]
fn slot_dropped_while_stopped() -> Result<()> {
    source_stops(
        "hole_slot_dropped",
        |chain, sql| {
            sql.run(&format!(
                "select pg_drop_replication_slot('{}')",
                chain.name()
            ))
        },
        "SlotMissing",
        &["hole_slot_dropped"],
    )
}

#[test]
fn slot_dropped_and_created_again() -> Result<()> {
    source_stops(
        "hole_slot_recreated",
        |chain, sql| {
            let name = chain.name();
            sql.run(&format!("select pg_drop_replication_slot('{name}')"))?;
            sql.run(&format!(
                "select pg_create_logical_replication_slot('{name}', 'pgoutput')"
            ))
        },
        "SlotRecreated",
        &["hole_slot_recreated"],
    )
}

#[test]
fn slot_moved_on_by_somebody_else() -> Result<()> {
    source_stops(
        "hole_slot_moved",
        |chain, sql| {
            let name = chain.name();
            sql.run(&format!(
                "select pg_replication_slot_advance('{name}', pg_current_wal_lsn())"
            ))
        },
        "Slot",
        &["hole_slot_moved"],
    )
}

/// Makes a chain whose source reads `postgres`, with rows that have arrived in Kafka.
fn settled_on(lab: &'static Lab, postgres: &Postgres, name: &str) -> Result<(Chain, String)> {
    let mut plan = Plan::new(name, Shape::SourceOnly);
    plan.source = json!({"database.port": postgres.port().to_string()});
    let mut chain = Chain::prepare(lab, plan)?;
    postgres.create_database(name)?;
    let url = postgres.url(name);
    let sql = Sql::connect(&url)?;
    sql.run("create table t (id int primary key, v text); insert into t values (1, 'a')")?;
    chain.start()?;
    chain.wait_snapshot()?;
    sql.run("insert into t select i, 'b' from generate_series(2, 500) i")?;
    chain.wait_confirmed_at(&url)?;
    Ok((chain, url))
}

#[test]
fn an_older_database_restored_behind_the_address() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let postgres = own_postgres(lab, "hole-restored", &[("fsync", "off")])?;
    let (chain, url) = settled_on(lab, &postgres, "hole_restored")?;
    let worker = chain.worker(End::East)?;
    worker.stop()?;
    postgres.stop()?;
    let (now, then) = (
        postgres.data().to_owned(),
        postgres.data().with_extension("then"),
    );
    let copy = std::process::Command::new("cp")
        .arg("-a")
        .args([&now, &then])
        .status()?;
    ensure!(copy.success(), "cp failed");
    postgres.start()?;
    worker.start()?;
    chain.wait_running()?;
    // What the copy will not know of.
    Sql::connect(&url)?.run("insert into t select i, 'c' from generate_series(501, 1000) i")?;
    chain.wait_confirmed_at(&url)?;
    worker.stop()?;
    postgres.stop()?;
    std::fs::remove_dir_all(&now)?;
    std::fs::rename(&then, &now)?;
    postgres.start()?;
    worker.start()?;
    let message = chain.wait_failed(Part::Source, "ServerIsBehind")?;
    names(&message, &["0/"])?;
    // The restored server goes on its own way, beyond where the source has been.
    let sql = Sql::connect(&url)?;
    sql.run("insert into t select i, 'other' from generate_series(501, 3000) i")?;
    worker.restart()?;
    chain.wait_failed(Part::Source, "HistoryDiffers")?;
    postgres.stop()
}

#[test]
fn another_server_behind_the_address() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let postgres = own_postgres(lab, "hole-other", &[("fsync", "off")])?;
    let (chain, url) = settled_on(lab, &postgres, "hole_other")?;
    chain.worker(End::East)?.stop()?;
    postgres.stop()?;
    std::fs::remove_dir_all(postgres.data())?;
    postgres.create(&[("fsync".into(), "off".into())])?;
    postgres.start()?;
    postgres.create_database("hole_other")?;
    let sql = Sql::connect(&url)?;
    sql.run("create table t (id int primary key, v text)")?;
    sql.run("create publication hole_other for table t")?;
    sql.run("select pg_create_logical_replication_slot('hole_other', 'pgoutput')")?;
    chain.worker(End::East)?.start()?;
    let message = chain.wait_failed(Part::Source, "WrongServer")?;
    names(&message, &["system"])?;
    postgres.stop()
}

#[test]
fn wal_removed_while_stopped() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let settings = [
        ("fsync", "off"),
        ("max_slot_wal_keep_size", "16MB"),
        ("max_wal_size", "32MB"),
        ("min_wal_size", "32MB"),
        ("wal_keep_size", "0"),
    ];
    let postgres = own_postgres(lab, "hole-wal", &settings)?;
    let (chain, url) = settled_on(lab, &postgres, "hole_wal")?;
    chain.worker(End::East)?.stop()?;
    let sql = Sql::connect(&url)?;
    for _ in 0..8 {
        sql.run("insert into t values ((select max(id) + 1 from t), 'x')")?;
        sql.run("select pg_switch_wal()")?;
        sql.run("checkpoint")?;
    }
    let status: String =
        sql.one("select wal_status from pg_replication_slots where slot_name = 'hole_wal'")?;
    ensure!(
        status == "lost",
        "the slot was to lose its WAL and is {status}"
    );
    chain.worker(End::East)?.start()?;
    let message = chain.wait_failed(Part::Source, "WalRemoved")?;
    names(&message, &["hole_wal"])?;
    postgres.stop()
}

/// Stops the worker of `part`, takes away what it has not read of the topic of table t, and
/// expects it to stop by `name`.
fn reader_stops(
    chain: &str,
    part: Part,
    harm: impl FnOnce(&Forger, &str) -> Result<()>,
    name: &str,
) -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let shape = if part == Part::Mirror {
        Shape::TwoSites
    } else {
        Shape::OneSite
    };
    let chain = settled(lab, chain, shape)?;
    // The sink is told to stop, for the source must go on; the mirror's worker is stopped whole.
    if part == Part::Mirror {
        chain.worker(End::West)?.stop()?;
    } else {
        chain.tell(part, "PUT", "stop")?;
    }
    Sql::connect(&chain.east())?
        .run("insert into t select i, 'x' from generate_series(4, 40) i")?;
    chain.wait_confirmed()?;
    let topic = format!("{}.public.t", chain.name());
    harm(
        &Forger::new(&chain.site(End::East).kafka().bootstrap())?,
        &topic,
    )?;
    if part == Part::Mirror {
        chain.worker(End::West)?.start()?;
    } else {
        chain.tell(part, "PUT", "resume")?;
    }
    let message = chain.wait_failed(part, name)?;
    names(&message, &[&topic])
}

#[test]
fn topic_truncated_behind_the_mirror() -> Result<()> {
    reader_stops(
        "hole_truncated_m",
        Part::Mirror,
        Forger::truncate,
        "TopicTruncated",
    )
}

#[test]
fn topic_truncated_behind_the_sink() -> Result<()> {
    reader_stops(
        "hole_truncated_s",
        Part::Sink,
        Forger::truncate,
        "TopicTruncated",
    )
}

fn delete_and_create(forger: &Forger, topic: &str) -> Result<()> {
    let partitions = forger.partitions(topic)?;
    forger.delete(topic)?;
    forger.create(topic, partitions)
}

#[test]
fn topic_created_again_behind_the_mirror() -> Result<()> {
    reader_stops(
        "hole_recreated_m",
        Part::Mirror,
        delete_and_create,
        "TopicRecreated",
    )
}

#[test]
fn topic_created_again_behind_the_sink() -> Result<()> {
    reader_stops(
        "hole_recreated_s",
        Part::Sink,
        delete_and_create,
        "TopicRecreated",
    )
}

#[test]
fn topic_deleted_behind_the_mirror() -> Result<()> {
    reader_stops(
        "hole_deleted_m",
        Part::Mirror,
        Forger::delete,
        "TopicDeleted",
    )
}

#[test]
fn topic_deleted_behind_the_sink() -> Result<()> {
    reader_stops("hole_deleted_s", Part::Sink, Forger::delete, "TopicDeleted")
}

/// Copies the topics of a sound chain without some of their records, lets a sink follow the copy,
/// and returns the message with which it stops.
fn forged(
    name: &str,
    error: &str,
    mut keep: impl FnMut(&str, &Value) -> bool,
) -> Result<(Chain, String)> {
    let lab = Lab::shared()?;
    let chain = settled(lab, &format!("{name}_true"), Shape::SourceOnly)?;
    let east = Sql::connect(&chain.east())?;
    east.run("insert into t select i, 'five' from generate_series(11, 15) i")?;
    east.run("insert into t values (20, 'after')")?;
    chain.wait_confirmed()?;
    let site = chain.site(End::East);
    let mut decoder = Decoder::new(&site.registry().url())?;
    Forger::new(&site.kafka().bootstrap())?.copy(chain.name(), name, |topic, message| {
        let Some(payload) = message.payload() else {
            return Ok(true);
        };
        Ok(keep(topic, &decoder.decode(payload)?))
    })?;
    let mut plan = Plan::new(name, Shape::OneSite);
    plan.sink = json!({"missing.rows.grace.ms": "3000"});
    let mut follower = Chain::prepare(lab, plan)?;
    follower.start_worker(End::East, None)?;
    follower.create(Part::Sink)?;
    let status = follower.wait_state(Part::Sink, "FAILED")?;
    let trace = status["tasks"][0]["trace"]
        .as_str()
        .context("no trace")?
        .to_owned();
    ensure!(
        trace.contains(error),
        "the sink stopped, but not with {error}: {trace}"
    );
    Ok((follower, trace))
}

#[test]
fn a_record_missing_that_is_counted() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let mut seen = 0;
    let (follower, message) = forged("hole_counted", "CountMismatch", |topic, value| {
        seen += u32::from(topic == "public.t" && after(value, "v") == Some("five"));
        seen != 3 || after(value, "v") != Some("five")
    })?;
    names(&message, &["public.t"])?;
    let west = Sql::connect(&follower.west())?;
    let rows = west.number("select count(*) from t where v in ('five', 'after')")?;
    ensure!(
        rows == 0,
        "{rows} rows of a torn transaction, or of one after it, were applied"
    );
    Ok(())
}

#[test]
fn a_transaction_missing_from_the_chain() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let mut begins = 0;
    let mut lost = None;
    let (follower, _) = forged("hole_chain", "ChainGap", |topic, value| {
        if topic == "transaction" {
            let id = text(value, "id").unwrap_or_default().to_owned();
            if text(value, "status") == Some("BEGIN") {
                begins += 1;
                // The snapshot, two single rows, then the five.
                if begins == 4 {
                    lost = Some(id.clone());
                }
            }
            return lost.as_deref() != Some(id.as_str());
        }
        after(value, "v") != Some("five")
    })?;
    let rows = Sql::connect(&follower.west())?.number("select count(*) from t where id = 20")?;
    ensure!(rows == 0, "what came after the hole was applied");
    Ok(())
}

/// Returns a column of the new row.
fn after<'a>(value: &'a Value, column: &str) -> Option<&'a str> {
    text(walbridge_tests::topic::field(value, "after")?, column)
}

/// A standby that is not what the sink left is noticed at the first row that does not fit.
#[test]
fn a_standby_written_by_somebody_else() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    for (name, harm, change) in [
        (
            "hole_lost",
            "delete from t where id = 2",
            "update t set v = 'z' where id = 2",
        ),
        (
            "hole_gone",
            "delete from t where id = 2",
            "delete from t where id = 2",
        ),
        (
            "hole_extra",
            "insert into t values (9, 'mine')",
            "insert into t values (9, 'theirs')",
        ),
    ] {
        let chain = settled(lab, name, Shape::OneSite)?;
        Sql::connect(&chain.west())?.run(harm)?;
        Sql::connect(&chain.east())?.run(change)?;
        let message = chain.wait_failed(Part::Sink, "StandbyDiverged")?;
        names(&message, &["t"])?;
    }
    Ok(())
}

/// Two sinks of one link: the one that lost its place cannot write.
#[test]
fn a_sink_that_lost_its_place() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let chain = settled(lab, "hole_fenced", Shape::OneSite)?;
    Sql::connect(&chain.west())?.run("update walbridge.position set fence = fence + 1")?;
    Sql::connect(&chain.east())?.run("insert into t values (4, 'd')")?;
    // The task that was fenced ends; started anew it takes the place back and goes on.
    let took = walbridge_lab::wait_for("the sink to notice", Duration::from_secs(60), || {
        let status = chain.status(Part::Sink)?;
        let failed = status["tasks"][0]["state"] == "FAILED";
        if failed {
            names(
                status["tasks"][0]["trace"].as_str().unwrap_or_default(),
                &["Fenced"],
            )?;
            return Ok(Some(true));
        }
        let rows = Sql::connect(&chain.west())?.number("select count(*) from t")?;
        Ok((rows == 4).then_some(false))
    })?;
    if took {
        chain.tell(Part::Sink, "POST", "restart?includeTasks=true")?;
        chain.wait_row("select count(*) from t", 4)?;
    }
    Ok(())
}
