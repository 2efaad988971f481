//! Several workers as one group: whatever becomes of them, every task runs at one of them and at one
//! only, and what they replicate is whole: a database's changes, and files that grow all the time.

mod files;
mod first_start;
mod same_address;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use walbridge_lab::{Lab, wait_for};
use walbridge_tests::chain::{Chain, PATIENCE, Part, Plan, Shape};
use walbridge_tests::sql::Sql;
use walbridge_tests::truth::{Pace, Record, Trial, listen};

use files::{FILES, Files};

/// How many sources there are beside the chain's own, of the same database.
const EXTRAS: usize = 4;

/// How many tasks there are: the extras, the chain's source and its sink, and two for each file.
const TASKS: usize = EXTRAS + 2 + 2 * FILES;

fn extra(number: usize) -> String {
    format!("group_x{number}")
}

/// Returns each task's worker if all run.
fn owners(chain: &Chain) -> Result<BTreeMap<String, String>> {
    let all = chain.ask("/connectors?expand=status")?;
    let mut owners = BTreeMap::new();
    for (name, entry) in all.as_object().context("no connectors")? {
        let tasks = entry["status"]["tasks"].as_array().context("no tasks")?;
        ensure!(tasks.len() == 1, "{name} has no task yet: {entry}");
        let task = &tasks[0];
        ensure!(task["state"] == "RUNNING", "{name} does not run: {task}");
        owners.insert(
            name.clone(),
            task["worker_id"].as_str().unwrap_or_default().to_owned(),
        );
    }
    Ok(owners)
}

/// Waits until the tasks run evenly on these workers and on no other; returns their owners and how
/// long it took.
fn even(chain: &Chain, members: &[usize]) -> Result<(BTreeMap<String, String>, Duration)> {
    let ids: Vec<String> = members
        .iter()
        .map(|m| chain.member_id(*m))
        .collect::<Result<_>>()?;
    let began = Instant::now();
    let found = wait_for(&format!("the tasks to run on {ids:?}"), PATIENCE, || {
        let owners = owners(chain)?;
        let loads: Vec<usize> = ids
            .iter()
            .map(|id| owners.values().filter(|owner| *owner == id).count())
            .collect();
        let (least, most) = (loads.iter().min(), loads.iter().max());
        ensure!(
            loads.iter().sum::<usize>() == TASKS && *most.unwrap_or(&0) <= least.unwrap_or(&0) + 1,
            "they run on {owners:?}"
        );
        Ok(Some(owners))
    });
    Ok((found.with_context(|| chain.describe())?, began.elapsed()))
}

/// Waits until something more of the load has gone all the way, and all sources have what is written
/// now; returns how long it took.
fn in_step(chain: &Chain, (trial, files): (&Trial, &Files)) -> Result<Duration> {
    let began = Instant::now();
    let sql = Sql::connect(&chain.east())?;
    let written: String = sql.one("select pg_current_wal_lsn()::text")?;
    let query = format!(
        "select count(*) from pg_replication_slots where slot_name ~ '^group' and confirmed_flush_lsn >= '{written}'"
    );
    let waited = wait_for(&format!("all slots to be at {written}"), PATIENCE, || {
        let there = sql.number(&query)?;
        ensure!(there == EXTRAS as i64 + 1, "{there} are");
        Ok(Some(()))
    });
    waited.with_context(|| chain.describe())?;
    let goal = Sql::connect(&chain.east())?.number("select seq from truth")? + 20;
    let waited = wait_for(
        &format!("transaction {goal} at the standby"),
        PATIENCE,
        || {
            chain.check_alive()?;
            let seq = trial.checker().seq();
            ensure!(seq >= goal, "it has {seq}");
            Ok(Some(()))
        },
    );
    waited.with_context(|| chain.describe())?;
    files.in_step().with_context(|| chain.describe())?;
    Ok(began.elapsed())
}

/// Returns which worker leads, as `GET /health` of each says.
fn leader(chain: &Chain, members: &[usize]) -> Result<usize> {
    wait_for("a leader", PATIENCE, || {
        for member in members {
            let health = chain.member(*member)?.health()?;
            if health["group"]["leader"] == health["group"]["worker_id"] {
                return Ok(Some(*member));
            }
        }
        Ok(None)
    })
}

/// Waits until the worker asked tells what Kafka Connect does not of every task, and how far the sink is.
fn tells_of_all(chain: &Chain) -> Result<()> {
    let sink = format!("/connectors/{}/offsets", chain.connector(Part::Sink));
    wait_for("details of all tasks", PATIENCE, || {
        let all = chain.ask("/connectors?expand=status")?;
        for (name, entry) in all.as_object().context("no connectors")? {
            let task = &entry["status"]["tasks"][0];
            ensure!(
                task["details"]["since_ms"].is_u64(),
                "none of {name}: {task}"
            );
        }
        let offsets = chain.ask(&sink)?;
        ensure!(
            offsets["offsets"][0]["offset"]["kafka_offset"].is_i64(),
            "the sink is at {offsets}"
        );
        Ok(Some(()))
    })
}

fn others(members: &[usize], but: usize) -> Vec<usize> {
    members
        .iter()
        .copied()
        .filter(|member| *member != but)
        .collect()
}

fn moved(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> usize {
    before
        .iter()
        .filter(|(name, owner)| after.get(*name) != Some(owner))
        .count()
}

#[test]
fn tasks_run_once_whatever_becomes_of_their_workers() -> Result<()> {
    let lab = Lab::shared()?;
    let _harm = lab.harm();
    let mut plan = Plan::new("group", Shape::OneSite);
    // A sink of files repeats what it has not flushed.
    plan.worker
        .push(("offset.flush.interval.ms".into(), "1000".into()));
    let mut chain = Chain::prepare(lab, plan)?;
    let pace = Pace {
        rate: 20,
        ..Pace::default()
    };
    let (trial, files) = (
        Trial::start(&chain, pace)?,
        Files::start(&lab.dir().join("group-files"))?,
    );
    let load = (&trial, &files);
    chain.start()?;
    for number in 0..EXTRAS {
        let mut config = chain.config(Part::Source);
        for key in ["topic.prefix", "slot.name", "publication.name"] {
            config[key] = json!(extra(number));
        }
        chain.put_any(&extra(number), &config)?;
    }
    files.connect(&chain)?;
    let (mut before, _) = even(&chain, &[0])?;
    chain.wait_streaming()?;

    // What joins takes its share, and nothing else moves. One of the five is behind the link.
    for number in 1..5 {
        chain.join(number == 2)?;
        let members: Vec<usize> = (0..=number).collect();
        let (after, took) = even(&chain, &members)?;
        println!("worker {number} has its share after {took:?}");
        let share = TASKS / members.len();
        ensure!(
            moved(&before, &after) == share,
            "{before:?}, then {after:?}"
        );
        before = after;
    }
    in_step(&chain, load)?;
    let all = [0, 1, 2, 3, 4];

    any_answers_for_all(&mut chain, &all, &before)?;
    in_step(&chain, load)?;

    // Killed: the leader and another at once, then one alone.
    let leading = leader(&chain, &all)?;
    let second = others(&all, leading)[0];
    for victims in [vec![leading, second], vec![second]] {
        let rest: Vec<usize> = all
            .iter()
            .copied()
            .filter(|m| !victims.contains(m))
            .collect();
        chain.speak_through(rest[0])?;
        for victim in &victims {
            chain.member(*victim)?.kill()?;
        }
        let (_, took) = even(&chain, &rest)?;
        let there = took + in_step(&chain, load)?;
        println!(
            "workers {victims:?} killed (leader: {leading}): their tasks run again after {took:?}, all is in \
             step after {there:?}"
        );
        for victim in &victims {
            chain.member(*victim)?.start()?;
        }
        even(&chain, &all)?;
    }

    // Stopped in good order.
    let victim = others(&all, 0)[0];
    chain.speak_through(0)?;
    let began = Instant::now();
    chain.member(victim)?.stop()?;
    let stopped = began.elapsed();
    even(&chain, &others(&all, victim))?;
    println!(
        "worker {victim} stopped in {stopped:?}; its tasks run again {:?} after it was told",
        began.elapsed()
    );
    chain.member(victim)?.start()?;
    even(&chain, &all)?;
    in_step(&chain, load)?;

    // Paused for longer than its session, in the middle of its work.
    for round in 0..2 {
        let leading = leader(&chain, &all)?;
        let victim = if round == 0 {
            leading
        } else {
            others(&all, leading)[0]
        };
        let rest = others(&all, victim);
        chain.speak_through(rest[0])?;
        chain.member(victim)?.freeze();
        let found =
            even(&chain, &rest).and_then(|(_, took)| Ok((took, took + in_step(&chain, load)?)));
        chain.member(victim)?.thaw();
        let (took, there) = found?;
        println!(
            "worker {victim} paused (leader: {}): its tasks run again after {took:?}, all is in step after {there:?}",
            round == 0
        );
        let (_, took) = even(&chain, &all)?;
        println!("and it is back {took:?} after it went on");
        in_step(&chain, load)?;
    }

    // Cut off from Kafka.
    chain.speak_through(0)?;
    lab.link().cut()?;
    let (_, took) = even(&chain, &others(&all, 2))?;
    let there = took + in_step(&chain, load)?;
    println!(
        "worker 2 cut off: its tasks run again after {took:?}, all is in step after {there:?}"
    );
    lab.link().heal()?;
    let (_, took) = even(&chain, &all)?;
    println!("and it is back {took:?} after the cut was healed");

    // Kafka restarts: nothing changes but time.
    let before = owners(&chain)?;
    let kafka = lab.east().kafka();
    kafka.kill()?;
    kafka.start()?;
    in_step(&chain, load)?;
    let (after, _) = even(&chain, &all)?;
    println!(
        "Kafka restarted: {} of {TASKS} tasks moved",
        moved(&before, &after)
    );

    files.judge(&chain)?;
    let outcome = trial.finish(&chain)?;
    println!("{outcome:?}");
    judge_extras(&chain)
}

/// Any worker answers for all, and takes any order.
fn any_answers_for_all(
    chain: &mut Chain,
    all: &[usize],
    owners: &BTreeMap<String, String>,
) -> Result<()> {
    for member in all {
        chain.speak_through(*member)?;
        // This worker may not have read as far as the one before.
        let (seen, _) = even(chain, all)?;
        ensure!(seen == *owners, "{owners:?}, then {seen:?}");
        tells_of_all(chain)?;
        chain.tell(Part::Source, "PUT", "pause")?;
        chain.wait_state(Part::Source, "PAUSED")?;
        chain.tell(Part::Source, "PUT", "resume")?;
        chain.tell(Part::Sink, "POST", "restart?includeTasks=true")?;
        even(chain, all)?;
    }
    Ok(())
}

/// Holds the topics of the further sources against what the primary recorded.
fn judge_extras(chain: &Chain) -> Result<()> {
    let record = Record::read(&chain.east())?;
    let site = chain.site(walbridge_tests::chain::End::East);
    let sql = Sql::connect(&chain.east())?;
    let written: String = sql.one("select pg_current_wal_lsn()::text")?;
    for number in 0..EXTRAS {
        let name = extra(number);
        let query = format!(
            "select count(*) from pg_replication_slots where slot_name = '{name}' and confirmed_flush_lsn >= '{written}'"
        );
        wait_for(&format!("slot {name} to be at {written}"), PATIENCE, || {
            Ok((sql.number(&query)? == 1).then_some(()))
        })
        .with_context(|| chain.describe())?;
        let audit = listen(&site.kafka().bootstrap(), &site.registry().url(), &name)?;
        println!(
            "{name}: {} rows, {} transactions",
            audit.rows(),
            audit.transactions()
        );
        ensure!(audit.transactions() > 0, "{name} holds no transaction");
        let violations = audit.judge(&record);
        ensure!(violations.is_empty(), "{name}: {violations:#?}");
    }
    Ok(())
}
