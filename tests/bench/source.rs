//! The source's drain of a backlog into Kafka, against pg_recvlogical's into nothing.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::Arguments;
use crate::backlog::{Backlog, DEFINITION, TABLE};
use crate::far_end::Mark;
use crate::meter::Meter;
use crate::native::{self, RECV};
use crate::pair::Pair;
use crate::report::{Rounds, Sample};

const DATABASE: &str = "drain";
const WALBRIDGE: &str = "walbridge source";
const LIMIT: Duration = Duration::from_secs(600);

/// Measures and prints.
pub(crate) fn run(pair: &Pair, arguments: &Arguments) -> Result<()> {
    let east = Pair::database(pair.east(), DATABASE)?;
    east.run(DEFINITION)?;
    native::prepare(&east)?;
    pair.start_worker("east")?;
    pair.configure("east", "source", &pair.source(DATABASE, arguments))?;
    // The topics exist once a row has gone through.
    east.run(&format!(
        "insert into {TABLE} values (1, 1, 1, 'EUR', 'new', true, 1, '', null, '{{}}', now(), null)"
    ))?;
    let transactions = format!("{DATABASE}.transaction");
    let topic = format!("{DATABASE}.public.{TABLE}");
    walbridge_lab::wait_for("the first row", crate::pair::SOON, || {
        Mark::end_of(pair.east(), &topic).map(Some)
    })?;

    let mut rounds = Rounds::default();
    for round in 0..arguments.runs {
        pair.stop("east", "source")?;
        native::advance(&east)?;
        let backlog = Backlog::write(&east, arguments)?;
        let mut samples = Vec::new();
        let walbridge = || -> Result<Sample> {
            let (ends, rows) = (
                Mark::end_of(pair.east(), &transactions)?,
                Mark::end_of(pair.east(), &topic)?,
            );
            let meter = Meter::start(pair)?;
            let started = Instant::now();
            pair.resume("east", "source")?;
            ends.wait_rows(backlog.rows, LIMIT, &|| pair.check("east", "source"))?;
            let elapsed = started.elapsed();
            let cpu = meter.stop()?;
            rows.verify(&backlog, &east)?;
            Ok(Sample {
                contender: WALBRIDGE,
                rows: backlog.rows,
                elapsed,
                cpu,
            })
        };
        let recv = || native::drain(pair, DATABASE, backlog.rows);
        match (arguments.alone, round % 2) {
            (true, _) => samples.push(walbridge()?),
            (false, 0) => samples.extend([recv()?, walbridge()?]),
            (false, _) => samples.extend([walbridge()?, recv()?]),
        }
        rounds.push(samples);
    }
    pair.delete("east", "source")?;
    native::drop_slot(&east)?;
    println!(
        "### Source: a backlog of {} rows in transactions of {} into Kafka ({} rounds)\n",
        arguments.rows, arguments.transaction, arguments.runs
    );
    println!("{}", rounds.rates(&[RECV, WALBRIDGE], &[RECV]));
    println!("{}", rounds.cpu(&[RECV, WALBRIDGE]));
    Ok(())
}
