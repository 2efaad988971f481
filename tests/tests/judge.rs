//! The judge on trial: the recorder of truth over a pipe that is known to be right, and over pipes
//! broken on purpose. A judge that passes everything proves nothing.

use std::time::Duration;

use anyhow::{Result, ensure};
use walbridge_lab::{Lab, wait_for, wait_until};
use walbridge_tests::sql::Sql;
use walbridge_tests::truth::{
    Checker, Load, Pace, Record, Shapes, TABLES, Verdict, compare, loading_of_subscription, prepare,
};

/// PostgreSQL's own logical replication between two databases, with one thing done to it.
struct Native {
    lab: &'static Lab,
    name: String,
}

impl Native {
    /// Creates both databases and the subscriptions, then breaks them with `harm` at the standby.
    fn create(name: &str, separately: &[&str], harm: &str) -> Result<Self> {
        let native = Self {
            lab: Lab::shared()?,
            name: format!("judge_{name}"),
        };
        for site in [native.lab.east(), native.lab.west()] {
            site.postgres().create_database(&native.name)?;
        }
        prepare(&native.east())?;
        let (east, west) = (Sql::connect(&native.east())?, Sql::connect(&native.west())?);
        // The standby has the tables without what only the judge needs, and the column that
        // comes later: native replication does not carry definitions.
        west.run(include_str!("../src/truth/schema.sql"))?;
        west.run(
            "truncate truth; drop schema judge cascade; alter table grown add column extra text",
        )?;
        west.run(harm)?;
        let together: Vec<_> = TABLES
            .iter()
            .chain(&["truth"])
            .filter(|t| !separately.contains(t))
            .copied()
            .collect();
        for (part, tables) in [("a", together.as_slice()), ("b", separately)] {
            if tables.is_empty() {
                continue;
            }
            let slot = format!("{}_{part}", native.name);
            east.run(&format!(
                "create publication {slot} for table {}",
                tables.join(", ")
            ))?;
            east.run(&format!(
                "select pg_create_logical_replication_slot('{slot}', 'pgoutput')"
            ))?;
            west.run(&format!(
                "create subscription {slot} connection '{}' publication {slot} \
                 with (create_slot = false, slot_name = '{slot}', streaming = off)",
                native.east()
            ))?;
        }
        Ok(native)
    }

    fn east(&self) -> String {
        self.lab.east().postgres().url(&self.name)
    }

    fn west(&self) -> String {
        self.lab.west().postgres().url(&self.name)
    }

    /// Runs the load and the checker for `time`, lets the standby catch up, and judges.
    fn trial(&self, time: Duration) -> Result<(Verdict, Vec<String>)> {
        let _peace = self.lab.peace();
        let (east, west) = (Sql::connect(&self.east())?, Sql::connect(&self.west())?);
        wait_until("the first copy", Duration::from_secs(120), || {
            loading_of_subscription(&west).is_ok_and(|loading| !loading)
        })?;
        let load = Load::start(
            &self.east(),
            Pace {
                rate: 100,
                big_every: 60,
                big_rows: 2000,
                shapes: Shapes::Native,
                ..Pace::default()
            },
        );
        let checker = Checker::start(
            &self.west(),
            loading_of_subscription,
            Duration::from_millis(5),
        );
        std::thread::sleep(time);
        let written = load.stop()?;
        ensure!(written.lost == 0, "nothing was to be lost: {written:?}");
        let record = Record::read(&self.east())?;
        wait_for("the standby to catch up", Duration::from_secs(180), || {
            let seq = checker.seq();
            ensure!(seq >= record.last(), "it is at {seq} of {}", record.last());
            Ok(Some(()))
        })?;
        let verdict = checker.finish(&record)?;
        let mut tables = TABLES.to_vec();
        tables.push("truth");
        let differences = compare(&east, &west, &tables)?;
        println!("{}: {written:?}, {verdict:?}", self.name);
        Ok((verdict, differences))
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        if let Ok(west) = Sql::connect(&self.west()) {
            for part in ["a", "b"] {
                let _ = west.run(&format!("drop subscription if exists {}_{part}", self.name));
            }
        }
        for site in [self.lab.west(), self.lab.east()] {
            let _ = site.postgres().drop_database(&self.name);
        }
    }
}

#[test]
fn postgres_own_replication_passes() -> Result<()> {
    let native = Native::create("sound", &[], "select 1")?;
    let (verdict, differences) = native.trial(Duration::from_secs(10))?;
    ensure!(
        verdict.violations.is_empty(),
        "the judge complains: {:#?}",
        verdict.violations
    );
    ensure!(
        differences.is_empty(),
        "the databases differ: {differences:#?}"
    );
    ensure!(
        verdict.states > 20,
        "only {} states were looked at",
        verdict.states
    );
    Ok(())
}

#[test]
fn a_table_applied_by_itself_fails() -> Result<()> {
    // Both parts are applied by workers of their own; a little patience for each row of one of them
    // makes sure that they are apart.
    let native = Native::create(
        "late",
        &["ledger"],
        "create function harm() returns trigger language plpgsql as \
         $$ begin perform pg_sleep(0.002); return new; end $$; \
         create trigger harm before insert on ledger for each row execute function harm(); \
         alter table ledger enable always trigger harm",
    )?;
    let (verdict, differences) = native.trial(Duration::from_secs(5))?;
    ensure!(
        !verdict.violations.is_empty(),
        "transactions were torn and the judge did not see it"
    );
    ensure!(
        differences.is_empty(),
        "in the end nothing is lost, yet: {differences:#?}"
    );
    Ok(())
}

#[test]
fn a_row_dropped_fails() -> Result<()> {
    let native = Native::create(
        "dropped",
        &[],
        "create function harm() returns trigger language plpgsql as \
         $$ begin if new.n % 10 = 5 then return null; end if; return new; end $$; \
         create trigger harm before insert on journal for each row execute function harm(); \
         alter table journal enable always trigger harm",
    )?;
    let (verdict, differences) = native.trial(Duration::from_secs(5))?;
    ensure!(
        verdict
            .violations
            .iter()
            .any(|found| found.contains("journal is as it never was")),
        "the judge does not name the table: {:#?}",
        verdict.violations
    );
    ensure!(
        differences
            .iter()
            .any(|found| found.starts_with("journal: ")),
        "{differences:#?}"
    );
    Ok(())
}

#[test]
fn a_row_written_twice_fails() -> Result<()> {
    let native = Native::create(
        "twice",
        &[],
        "create function harm() returns trigger language plpgsql as \
         $$ begin if pg_trigger_depth() = 1 and new.n % 10 = 6 then insert into public.journal select new.*; end if; \
         return new; end $$; \
         create trigger harm before insert on journal for each row execute function harm(); \
         alter table journal enable always trigger harm",
    )?;
    let (verdict, differences) = native.trial(Duration::from_secs(5))?;
    ensure!(
        !verdict.violations.is_empty(),
        "a row came twice and the judge did not see it"
    );
    ensure!(
        !differences.is_empty(),
        "a row came twice and the comparison did not see it"
    );
    Ok(())
}

#[test]
fn a_value_left_unchanged_fails() -> Result<()> {
    let native = Native::create(
        "stale",
        &[],
        "create function harm() returns trigger language plpgsql as \
         $$ begin new.body := old.body; return new; end $$; \
         create trigger harm before update on document for each row execute function harm(); \
         alter table document enable always trigger harm",
    )?;
    let (verdict, differences) = native.trial(Duration::from_secs(5))?;
    ensure!(!verdict.violations.is_empty(), "a stale value was not seen");
    ensure!(
        differences
            .iter()
            .all(|found| found.starts_with("document: ")),
        "{differences:#?}"
    );
    Ok(())
}
