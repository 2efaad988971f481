//! A whole trial: load, checker, audit and comparison around one chain.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{
    Checker, Load, Pace, Record, TABLES, Verdict, Written, compare, listen, loading_of_walbridge,
    prepare,
};
use crate::chain::{Chain, End};
use crate::sql::Sql;

/// A trial under way.
#[derive(Debug)]
pub struct Trial {
    load: Load,
    checker: Checker,
}

/// What a trial came to.
#[derive(Debug)]
pub struct Outcome {
    /// What the load has done.
    pub written: Written,
    /// What the checker saw.
    pub verdict: Verdict,
    /// How many rows' events each Kafka on the way holds.
    pub events: Vec<u64>,
}

impl Trial {
    /// Fills the primary, starts the load and the checker. The chain may be started before or
    /// after: the snapshot is taken while the load runs.
    ///
    /// # Errors
    /// If the primary refuses.
    pub fn start(chain: &Chain, pace: Pace) -> Result<Self> {
        prepare(&chain.east())?;
        Ok(Self {
            load: Load::start(&chain.east(), pace),
            checker: Checker::start(
                &chain.west(),
                loading_of_walbridge,
                Duration::from_millis(20),
            ),
        })
    }

    /// Returns the load.
    pub fn load(&self) -> &Load {
        &self.load
    }

    /// Returns the checker.
    pub fn checker(&self) -> &Checker {
        &self.checker
    }

    /// Stops the load, lets the chain catch up, and judges all there is.
    ///
    /// # Errors
    /// If the chain does not catch up, or anything is not as it must be.
    pub fn finish(self, chain: &Chain) -> Result<Outcome> {
        let written = self.load.stop()?;
        let record = Record::read(&chain.east())?;
        chain.wait_seq(record.last())?;
        let verdict = self.checker.finish(&record)?;
        ensure!(
            verdict.violations.is_empty(),
            "the standby was no state of the primary: {:#?}\n{verdict:?}",
            verdict.violations
        );
        let mut tables = TABLES.to_vec();
        tables.push("truth");
        let (east, west) = (Sql::connect(&chain.east())?, Sql::connect(&chain.west())?);
        let differences = compare(&east, &west, &tables)?;
        ensure!(
            differences.is_empty(),
            "the databases differ: {differences:#?}"
        );
        let mut events = Vec::new();
        for end in chain.ends() {
            events.push(audit(chain, end, &record).with_context(|| format!("Kafka {end:?}"))?);
        }
        Ok(Outcome {
            written,
            verdict,
            events,
        })
    }
}

/// Judges what the topics of a site say by what the primary recorded; returns how many rows' events they hold.
///
/// # Errors
/// If they cannot be read, or anything is not as it must be.
pub fn audit(chain: &Chain, end: End, record: &Record) -> Result<u64> {
    let site = chain.site(end);
    let audit = listen(
        &site.kafka().bootstrap(),
        &site.registry().url(),
        chain.name(),
    )?;
    let (rows, transactions) = (audit.rows(), audit.transactions());
    let violations = audit.judge(record);
    ensure!(
        violations.is_empty(),
        "the topics are not right: {violations:#?}"
    );
    ensure!(transactions > 0, "the topics hold no transaction");
    Ok(rows)
}
