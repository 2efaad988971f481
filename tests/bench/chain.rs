//! The whole chain from east's table into west's, against a subscription.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use walbridge_lab::{PASSWORD, Session, USER, wait_for};

use crate::Arguments;
use crate::backlog::{Backlog, DEFINITION, TABLE, checksum};
use crate::meter::Meter;
use crate::native::{self, NATIVE};
use crate::pair::{Pair, SOON};
use crate::report::{Rounds, Sample};

const WALBRIDGE: &str = "walbridge chain";
const LIMIT: Duration = Duration::from_secs(900);

/// A chain and a subscription that follow the same table, both stopped.
#[derive(Debug)]
pub(crate) struct Rivals<'a> {
    pair: &'a Pair,
    database: &'static str,
    /// The primary.
    pub(crate) east: Session,
    /// The chain's standby.
    pub(crate) standby: Session,
    /// The subscription's standby.
    pub(crate) subscriber: Session,
}

impl<'a> Rivals<'a> {
    /// Makes the databases and connectors, lets a first row through and stops both.
    pub(crate) fn prepare(
        pair: &'a Pair,
        database: &'static str,
        arguments: &Arguments,
    ) -> Result<Self> {
        let east = Pair::database(pair.east(), database)?;
        let standby = Pair::database(pair.west(), database)?;
        let subscriber = Pair::database(pair.west(), &format!("{database}_native"))?;
        east.run(DEFINITION)?;
        subscriber.run(DEFINITION)?;
        native::prepare(&east)?;
        native::subscribe(&subscriber, pair.east(), database)?;
        pair.start_worker("east")?;
        pair.start_worker("west")?;
        pair.configure("east", "source", &pair.source(database, arguments))?;
        pair.configure("west", "mirror", &mirror(pair, database))?;
        let rivals = Self {
            pair,
            database,
            east,
            standby,
            subscriber,
        };
        rivals.pair.configure("west", "sink", &rivals.sink("on"))?;
        rivals.east.run(&format!("insert into {TABLE} values (1, 1, 1, 'EUR', 'new', true, 1, '', null, '{{}}', now(), null)"))?;
        wait_for("the first row", SOON, || {
            rivals.check()?;
            Ok(rivals
                .standby
                .one::<bool>(&format!("select exists (select from {TABLE})"))?
                .then_some(()))
        })?;
        native::enable(&rivals.subscriber)?;
        native::wait_row(&rivals.subscriber, 1, SOON, &|| Ok(()))?;
        rivals.stop()?;
        Ok(rivals)
    }

    /// Stops the source and the subscription.
    pub(crate) fn stop(&self) -> Result<()> {
        self.pair.stop("east", "source")?;
        native::disable(&self.subscriber, &self.east)
    }

    /// Lets the source run.
    pub(crate) fn resume(&self) -> Result<()> {
        self.pair.resume("east", "source")
    }

    /// Fails with the cause if a connector has failed.
    pub(crate) fn check(&self) -> Result<()> {
        self.pair.check("east", "source")?;
        self.pair.check("west", "mirror")?;
        self.pair.check("west", "sink")
    }

    /// Chooses how durable the commits of both are.
    pub(crate) fn durability(&self, synchronous_commit: &str) -> Result<()> {
        native::durability(&self.subscriber, synchronous_commit)?;
        self.pair
            .configure("west", "sink", &self.sink(synchronous_commit))
    }

    /// Compares both standbys with the primary.
    pub(crate) fn verify(&self) -> Result<()> {
        let expected = checksum(&self.east)?;
        for (name, session) in [(WALBRIDGE, &self.standby), (NATIVE, &self.subscriber)] {
            let found = checksum(session)?;
            ensure!(
                found == expected,
                "{name}: rows and sum are {found:?}, the primary's are {expected:?}"
            );
        }
        Ok(())
    }

    /// Takes everything away.
    pub(crate) fn end(self) -> Result<()> {
        self.pair.delete("east", "source")?;
        self.pair.delete("west", "mirror")?;
        self.pair.delete("west", "sink")?;
        self.subscriber.run("alter subscription native disable")?;
        self.subscriber
            .run("alter subscription native set (slot_name = none)")?;
        self.subscriber.run("drop subscription native")?;
        native::drop_slot(&self.east)
    }

    fn sink(&self, synchronous_commit: &str) -> Value {
        let west = self.pair.west();
        json!({
            "connector.class": "PostgresSink",
            "topics.regex": format!("{}\\..*", self.database),
            "connection.hostname": "127.0.0.1",
            "connection.port": west.postgres().port().to_string(),
            "connection.username": USER,
            "connection.password": PASSWORD,
            "connection.dbname": self.database,
            "schema.registry.url": west.registry().url(),
            "synchronous.commit": synchronous_commit,
        })
    }
}

fn mirror(pair: &Pair, database: &str) -> Value {
    json!({
        "connector.class": "Mirror",
        "source.cluster.alias": "east",
        "source.cluster.bootstrap.servers": pair.east().kafka().link_bootstrap(),
        "source.schema.registry.url": pair.east().registry().link_url(),
        "target.schema.registry.url": pair.west().registry().url(),
        "topics": format!("{database}\\..*"),
    })
}

/// Measures and prints.
pub(crate) fn run(pair: &Pair, arguments: &Arguments) -> Result<()> {
    let rivals = Rivals::prepare(pair, "chain", arguments)?;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(arguments.warm_up) {
        one_round(&rivals, arguments, 0)?;
    }
    for synchronous_commit in ["off", "on"] {
        rivals.durability(synchronous_commit)?;
        let mut rounds = Rounds::default();
        for round in 0..arguments.runs {
            rounds.push(one_round(&rivals, arguments, round)?);
        }
        println!(
            "### Chain: a backlog of {} rows in transactions of {} from table to table, \
             `synchronous_commit = {synchronous_commit}` at the target ({} rounds)\n",
            arguments.rows, arguments.transaction, arguments.runs
        );
        println!("{}", rounds.rates(&[NATIVE, WALBRIDGE], &[NATIVE]));
        println!("{}", rounds.cpu(&[NATIVE, WALBRIDGE]));
    }
    rivals.end()
}

fn one_round(rivals: &Rivals<'_>, arguments: &Arguments, round: usize) -> Result<Vec<Sample>> {
    let backlog = Backlog::write(&rivals.east, arguments)?;
    let walbridge = || {
        let sample = measure(rivals.pair, WALBRIDGE, &backlog, || {
            rivals.resume()?;
            native::wait_row(&rivals.standby, backlog.last, LIMIT, &|| rivals.check())
        })?;
        rivals.pair.stop("east", "source")?;
        Ok::<_, anyhow::Error>(sample)
    };
    let subscription = || {
        let sample = measure(rivals.pair, NATIVE, &backlog, || {
            native::enable(&rivals.subscriber)?;
            native::wait_row(&rivals.subscriber, backlog.last, LIMIT, &|| Ok(()))
        })?;
        native::disable(&rivals.subscriber, &rivals.east)?;
        Ok::<_, anyhow::Error>(sample)
    };
    let samples = match (arguments.alone, round % 2) {
        (true, _) => {
            let sample = walbridge()?;
            subscription()?;
            vec![sample]
        }
        (false, 0) => vec![subscription()?, walbridge()?],
        (false, _) => vec![walbridge()?, subscription()?],
    };
    rivals.verify()?;
    Ok(samples)
}

fn measure(
    pair: &Pair,
    contender: &'static str,
    backlog: &Backlog,
    drain: impl FnOnce() -> Result<()>,
) -> Result<Sample> {
    let meter = Meter::start(pair)?;
    let started = Instant::now();
    drain()?;
    let elapsed = started.elapsed();
    Ok(Sample {
        contender,
        rows: backlog.rows,
        elapsed,
        cpu: meter.stop()?,
    })
}
