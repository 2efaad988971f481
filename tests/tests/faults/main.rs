//! Faults, with the recorder of truth running: whatever dies, and whenever, the standby is only ever
//! a real state of the primary, and in the end nothing is lost and nothing came twice.
//!
//! `WALBRIDGE_TEST_ROUNDS=N` runs N rounds instead of the few of every day, and
//! `WALBRIDGE_TEST_SEED=S` repeats the choices of an earlier run. `WALBRIDGE_TEST_FAULT=Kafka(East)`
//! lets only the faults happen whose names contain that.

mod outages;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use walbridge_lab::{Lab, wait_for};
use walbridge_tests::chain::{Chain, End, PATIENCE, Plan, Shape};
use walbridge_tests::truth::{Pace, Trial};

/// How many rounds there are every day.
const FEW: u32 = 26;

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// A worker is killed at a random moment.
    Kill(End),
    /// A worker aborts at a named point of its code.
    Abort(End, &'static str),
    /// A Kafka is killed.
    Kafka(End),
    /// A database is killed.
    Postgres(End),
    /// A registry is killed, and a worker restarted without it.
    Registry(End),
    /// The sites do not reach each other: bytes wait.
    Cut,
    /// The sites do not reach each other: connections are refused.
    Refuse,
    /// Every connection between the sites is reset.
    Reset,
    /// The way between the sites is long and narrow.
    Slow,
    /// A worker hangs for longer than its sessions live.
    Freeze(End),
}

/// Everything that can go wrong, each at least once in the rounds of every day.
const FAULTS: &[Fault] = &[
    Fault::Kill(End::East),
    Fault::Kill(End::West),
    Fault::Abort(End::East, "source-before-batch:5"),
    Fault::Abort(End::East, "producer-before-commit:3"),
    Fault::Abort(End::East, "producer-after-commit:3"),
    Fault::Abort(End::East, "source-before-confirm:3"),
    Fault::Abort(End::West, "mirror-after-poll:5"),
    Fault::Abort(End::West, "producer-before-commit:3"),
    Fault::Abort(End::West, "producer-after-commit:3"),
    Fault::Abort(End::West, "sink-before-apply:3"),
    Fault::Abort(End::West, "sink-before-commit:3"),
    Fault::Abort(End::West, "sink-after-commit:3"),
    Fault::Kafka(End::East),
    Fault::Kafka(End::West),
    Fault::Postgres(End::East),
    Fault::Postgres(End::West),
    Fault::Registry(End::East),
    Fault::Registry(End::West),
    Fault::Cut,
    Fault::Refuse,
    Fault::Reset,
    Fault::Slow,
    Fault::Freeze(End::East),
    Fault::Freeze(End::West),
];

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Returns the faults that may happen.
fn chosen() -> Vec<Fault> {
    let name = std::env::var("WALBRIDGE_TEST_FAULT").unwrap_or_default();
    let named = |fault: &&Fault| format!("{fault:?}").contains(&name);
    FAULTS.iter().filter(named).copied().collect()
}

#[test]
fn nothing_is_lost_and_nothing_comes_twice() -> Result<()> {
    let rounds = variable("WALBRIDGE_TEST_ROUNDS").map_or(FEW, |n| u32::try_from(n).unwrap_or(FEW));
    let seed = variable("WALBRIDGE_TEST_SEED").unwrap_or(20_261_122);
    let mut dice = StdRng::seed_from_u64(seed);
    let lab = Lab::shared()?;
    let _harm = lab.harm();
    let mut chain = Chain::prepare(lab, Plan::new("faults", Shape::TwoSites))?;
    let trial = Trial::start(
        &chain,
        Pace {
            rate: 40,
            seed,
            ..Pace::default()
        },
    )?;
    chain.start()?;
    chain.wait_streaming()?;
    let mut table: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
    let faults = chosen();
    ensure!(!faults.is_empty(), "no fault has such a name: {FAULTS:?}");
    for round in 0..rounds {
        let fault = match faults.get(round as usize) {
            Some(fault) => *fault,
            None => faults[dice.random_range(0..faults.len())],
        };
        let mended = strike(lab, &mut chain, fault, &mut dice)
            .and_then(|()| recover(lab, &mut chain, &trial))
            .with_context(|| format!("round {round}, seed {seed}, fault {fault:?}"))?;
        println!("round {round}: {fault:?}, in step again after {mended:?}");
        table.entry(format!("{fault:?}")).or_default().push(mended);
    }
    let outcome = trial.finish(&chain)?;
    println!("{rounds} rounds, seed {seed}: {outcome:?}");
    println!(
        "{:<48} {:>6} {:>12} {:>12}",
        "fault", "rounds", "median ms", "worst ms"
    );
    for (fault, mut times) in table {
        times.sort();
        let (median, worst) = (
            times[times.len() / 2].as_millis(),
            times[times.len() - 1].as_millis(),
        );
        println!("{fault:<48} {:>6} {median:>12} {worst:>12}", times.len());
    }
    ensure!(
        outcome.verdict.states > rounds as usize,
        "too few states: {:?}",
        outcome.verdict
    );
    Ok(())
}

/// Lets a fault happen, for as long as it lasts.
fn strike(lab: &Lab, chain: &mut Chain, fault: Fault, dice: &mut StdRng) -> Result<()> {
    // Not hoping for anything: this is how long the fault lasts.
    let moment = Duration::from_millis(dice.random_range(50..1500));
    match fault {
        Fault::Kill(end) => {
            std::thread::sleep(moment);
            chain.worker(end)?.kill()?;
        }
        Fault::Abort(end, point) => {
            chain.worker(end)?.kill()?;
            chain.start_worker(end, Some(point))?;
            wait_for(&format!("the worker to abort at {point}"), PATIENCE, || {
                Ok((!chain.worker(end)?.is_running()).then_some(()))
            })?;
        }
        Fault::Kafka(end) => {
            chain.site(end).kafka().kill()?;
            std::thread::sleep(2 * moment);
        }
        Fault::Postgres(end) => {
            chain.site(end).postgres().kill()?;
            std::thread::sleep(moment);
        }
        Fault::Registry(end) => {
            chain.site(end).registry().kill()?;
            chain.worker(end)?.kill()?;
            chain.start_worker(end, None)?;
            std::thread::sleep(moment);
        }
        Fault::Cut => {
            lab.link().cut()?;
            std::thread::sleep(4 * moment);
        }
        Fault::Refuse => {
            lab.link().refuse()?;
            std::thread::sleep(2 * moment);
        }
        Fault::Reset => {
            for _ in 0..3 {
                lab.link().reset()?;
                std::thread::sleep(moment / 4);
            }
        }
        Fault::Slow => {
            lab.link().delay(Duration::from_millis(80))?;
            lab.link().throttle(200_000)?;
            std::thread::sleep(3 * moment);
        }
        Fault::Freeze(end) => {
            chain.worker(end)?.freeze();
            std::thread::sleep(3 * moment);
            chain.worker(end)?.thaw();
        }
    }
    Ok(())
}

/// Brings everything back and waits until the standby has what the primary has now; returns how
/// long that took.
fn recover(lab: &Lab, chain: &mut Chain, trial: &Trial) -> Result<Duration> {
    let started = Instant::now();
    lab.repair()?;
    for end in chain.ends() {
        if !chain.worker(end)?.is_running() {
            chain.start_worker(end, None)?;
        }
    }
    let mut seen = String::new();
    let goal = wait_for("the primary to answer", PATIENCE, || {
        let sql = walbridge_tests::sql::Sql::connect(&chain.east())?;
        Ok(Some(sql.number("select seq from truth")?))
    })?;
    let waited = wait_for(
        &format!("the standby to have transaction {goal}"),
        2 * PATIENCE,
        || {
            let seq = trial.checker().seq();
            ensure!(seq >= goal, "it has {seq}");
            Ok(Some(()))
        },
    );
    if waited.is_err() {
        seen = chain.describe();
    }
    waited.context(seen)?;
    chain.wait_running()?;
    Ok(started.elapsed())
}
