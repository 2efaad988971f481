//! Delivery over the whole chain, with the recorder of truth as its judge.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use walbridge_lab::{Lab, wait_for};
use walbridge_tests::chain::{Chain, End, PATIENCE, Part, Plan, Shape};
use walbridge_tests::sql::Sql;
use walbridge_tests::truth::{
    Load, Pace, Record, TABLES, Trial, audit, compare_definitions, listen, prepare,
};

/// Lets the load write for so many transactions more.
fn write_on(trial: &Trial, transactions: u64) -> Result<()> {
    let goal = trial.load().written().sealed + transactions;
    wait_for(
        &format!("{transactions} transactions"),
        2 * PATIENCE,
        || {
            let written = trial.load().written();
            ensure!(written.sealed >= goal, "there are {written:?}");
            Ok(Some(()))
        },
    )
}

/// Runs a trial over a chain and checks that it was worth something.
fn deliver(plan: Plan, transactions: u64) -> Result<Chain> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let mut chain = Chain::prepare(lab, plan)?;
    let trial = Trial::start(&chain, Pace::default())?;
    chain.start()?;
    chain.wait_streaming()?;
    write_on(&trial, transactions)?;
    let outcome = trial.finish(&chain)?;
    println!("{}: {outcome:?}", chain.name());
    ensure!(
        outcome.verdict.states > 10,
        "too few states were looked at: {:?}",
        outcome.verdict
    );
    Ok(chain)
}

/// Every committed change is in the topics once, whole and in order, though the worker dies.
#[test]
fn into_kafka() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let mut chain = Chain::prepare(lab, Plan::new("delivery_kafka", Shape::SourceOnly))?;
    prepare(&chain.east())?;
    let load = Load::start(&chain.east(), Pace::default());
    chain.start()?;
    chain.wait_snapshot()?;
    for _ in 0..5 {
        let goal = load.written().sealed + 60;
        wait_for("the load", PATIENCE, || {
            Ok((load.written().sealed >= goal).then_some(()))
        })?;
        chain.worker(End::East)?.kill()?;
        chain.worker(End::East)?.start()?;
        chain.wait_running()?;
    }
    let written = load.stop()?;
    chain.wait_confirmed()?;
    let events = audit(&chain, End::East, &Record::read(&chain.east())?)?;
    println!("{written:?}, {events} events");
    Ok(())
}

#[test]
fn one_site() -> Result<()> {
    deliver(Plan::new("delivery_one", Shape::OneSite), 600).map(drop)
}

#[test]
fn two_sites() -> Result<()> {
    let chain = deliver(Plan::new("delivery_two", Shape::TwoSites), 600)?;
    let (east, west) = (Sql::connect(&chain.east())?, Sql::connect(&chain.west())?);
    let differences = compare_definitions(&east, &west, TABLES)?;
    ensure!(
        differences.is_empty(),
        "the tables are defined differently: {differences:#?}"
    );
    Ok(())
}

/// A table that is defined anew inside a transaction keeps the order of its rows: those before stand
/// before those after, in every partition, for whoever reads the topics.
#[test]
fn rows_around_a_new_definition_keep_their_order() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let mut plan = Plan::new("delivery_order", Shape::SourceOnly);
    plan.source = json!({"topic.creation.default.partitions": 3});
    let mut chain = Chain::prepare(lab, plan)?;
    let sql = Sql::connect(&chain.east())?;
    sql.run("create table ev(id int primary key, a text); insert into ev select i, 'x' from generate_series(1, 9) i")?;
    chain.start()?;
    chain.wait_snapshot()?;
    chain.tell(Part::Source, "PUT", "pause")?;
    chain.wait_state(Part::Source, "PAUSED")?;
    let changes = [
        "alter table ev add column c text",
        "alter table ev replica identity full",
        "alter table ev drop column c",
        "alter table ev replica identity default",
        "alter table ev alter a type varchar(90)",
    ];
    for round in 0..20 {
        let change = changes[round % changes.len()];
        sql.run(&format!(
            "begin; update ev set a = 'old {round}'; insert into ev(id, a) values (100, 'q'); {change}; \
             update ev set a = 'new {round}'; delete from ev where id = 100; commit"
        ))?;
        sql.run(&format!("update ev set a = 'last {round}'"))?;
    }
    chain.tell(Part::Source, "PUT", "resume")?;
    chain.wait_state(Part::Source, "RUNNING")?;
    chain.wait_confirmed()?;
    let site = chain.site(End::East);
    let heard = listen(
        &site.kafka().bootstrap(),
        &site.registry().url(),
        chain.name(),
    )?;
    ensure!(
        heard.rows() == 9 + 20 * (9 + 1 + 10 + 1 + 9),
        "{} events",
        heard.rows()
    );
    ensure!(heard.disorder().is_empty(), "{:#?}", heard.disorder());
    Ok(())
}

/// While the sink is behind it folds many transactions into one; what is seen are real states all
/// the same, only fewer of them.
#[test]
fn a_backlog_is_folded_into_real_states() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let mut chain = Chain::prepare(lab, Plan::new("delivery_backlog", Shape::OneSite))?;
    let trial = Trial::start(
        &chain,
        Pace {
            rate: 150,
            ..Pace::default()
        },
    )?;
    chain.start()?;
    chain.wait_streaming()?;
    for _ in 0..3 {
        chain.tell(Part::Sink, "PUT", "pause")?;
        chain.wait_state(Part::Sink, "PAUSED")?;
        write_on(&trial, 500)?;
        chain.tell(Part::Sink, "PUT", "resume")?;
        chain.wait_state(Part::Sink, "RUNNING")?;
    }
    let outcome = trial.finish(&chain)?;
    println!("{}: {outcome:?}", chain.name());
    Ok(())
}

/// Everything is stopped in good order and started again, again and again: nothing is lost, nothing
/// comes twice, and stopping takes seconds.
#[test]
fn restarts_in_good_order() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let mut chain = Chain::prepare(lab, Plan::new("delivery_restart", Shape::TwoSites))?;
    let trial = Trial::start(&chain, Pace::default())?;
    chain.start()?;
    chain.wait_streaming()?;
    for end in [chain.ends(), chain.ends()].concat() {
        write_on(&trial, 60)?;
        let worker = chain.worker(end)?;
        let asked = std::time::Instant::now();
        worker.stop()?;
        let took = asked.elapsed();
        ensure!(
            took < Duration::from_secs(6),
            "the worker {end:?} took {took:?} to stop"
        );
        write_on(&trial, 60)?;
        chain.worker(end)?.start()?;
        chain.wait_running()?;
    }
    let outcome = trial.finish(&chain)?;
    println!("{}: {outcome:?}", chain.name());
    Ok(())
}
