//! Commits that stand in the server's log before anybody may see what they did.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use walbridge_lab::{Hopeless, Lab, Parts, Postgres, wait_for};

use crate::driver::{Site, ends, of};

const PATIENCE: Duration = Duration::from_secs(30);

/// Lets commits on a server wait for a standby that does not exist, or not any more.
fn hold_commits(server: &Postgres, hold: bool) -> Result<()> {
    let standbys = if hold { "'nobody'" } else { "''" };
    server.set(&[("synchronous_standby_names", standbys)])?;
    server.session("postgres")?.run("select pg_reload_conf()")?;
    wait_for("the server to take it over", PATIENCE, || {
        let session = server.session("postgres")?;
        let now: String = session.one("show synchronous_standby_names")?;
        Ok((now.is_empty() != hold).then_some(()))
    })
}

/// The stream tells of a commit as soon as that is in the log, the catalog shows it later: by default
/// within microseconds, with a synchronous standby only once that has it. A table is never judged by
/// the catalog of before.
#[test]
fn a_table_is_not_judged_by_an_older_catalog() -> Result<()> {
    let lab = Lab::shared()?;
    let parts = Parts::ensure(&|line| println!("{line}"))?;
    let server = Postgres::new("hidden", lab.dir(), lab.free_port()?, &parts)?;
    server.create(&[
        ("fsync".into(), "off".into()),
        ("wal_level".into(), "logical".into()),
    ])?;
    server.start()?;
    let mut site = Site::on(&server, "hidden")?;
    site.sql
        .run("create table t (id int primary key); insert into t values (1)")?;
    site.snapshot()?;
    let mut running = site.start()?;
    site.sql.run("insert into t values (2)")?;
    running.collect(&mut site, ends(1))?;

    hold_commits(&server, true)?;
    let session = server.session(&site.name)?;
    let writer = std::thread::spawn(move || {
        session.run(
            "create type mood as enum ('sad', 'glad'); \
             alter table t add column n int default 7, add column m mood default 'glad'; \
             insert into t (id) values (3)",
        )
    });
    wait_for("the task to wait for the commit", PATIENCE, || {
        let batch = running.task.poll(Duration::from_millis(20))?;
        if batch.is_some_and(|batch| !batch.records().is_empty()) {
            bail!(Hopeless("a row was read by the catalog of before".into()));
        }
        let facts = running.metrics.facts();
        Ok(facts
            .get("waiting for")
            .filter(|what| what.starts_with("transaction "))
            .map(|_| ()))
    })?;
    hold_commits(&server, false)?;
    writer
        .join()
        .map_err(|_| anyhow!("the writer panicked"))??;
    let events = running.collect(&mut site, ends(1))?;
    let row = of(&events, "t")[0];
    assert_eq!(row.after()["m"], "glad");
    let relation = row.text("wb.relation");
    assert!(
        relation.contains("mood") && relation.contains(r#""missing":"7""#),
        "{relation}"
    );
    assert_eq!(running.metrics.facts().get("waiting for"), None);
    running.task.stop();
    drop((running, site));
    server.stop()
}
