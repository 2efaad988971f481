//! Two workers of a group under one address: the one that came last is a member, the other says why it is none.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use walbridge_lab::{Http, Lab, RunningWorker, wait_for};
use walbridge_tests::chain::PATIENCE;

/// How long a worker may be silent before the group takes it for dead.
const SESSION: Duration = Duration::from_secs(2);

/// Starts a worker that says of itself what the other says, too.
fn start(lab: &Lab, name: &str) -> Result<(RunningWorker, String)> {
    let url = format!("http://127.0.0.1:{}", lab.free_port()?);
    let file = lab.dir().join(format!("{name}.toml"));
    std::fs::write(
        &file,
        format!(
            "\"group.id\" = \"same-address\"\n\"bootstrap.servers\" = \"{}\"\n\"listeners\" = \"{url}\"\n\
             \"rest.advertised.host.name\" = \"same\"\n\"rest.advertised.port\" = 8083\n\
             \"session.timeout.ms\" = {}\n\"heartbeat.interval.ms\" = 500\n\
             \"config.storage.topic\" = \"same-address-configs\"\n\
             \"offset.storage.topic\" = \"same-address-offsets\"\n\
             \"status.storage.topic\" = \"same-address-status\"\n\
             \"config.storage.replication.factor\" = 1\n\"offset.storage.replication.factor\" = 1\n\
             \"status.storage.replication.factor\" = 1\n",
            lab.east().kafka().bootstrap(),
            SESSION.as_millis(),
        ),
    )?;
    Ok((lab.worker(name, &file).url(&url).start()?, url))
}

/// Returns the status and the body of a worker's health.
fn health(http: &Http, url: &str) -> Result<(u16, Value)> {
    let answer = http.any(&format!("{url}/health"))?;
    let status = http.status(&format!("{url}/health"))?;
    Ok((status, answer))
}

fn wait_member(http: &Http, url: &str) -> Result<()> {
    wait_for("the worker to be a member", PATIENCE, || {
        let (status, health) = health(http, url)?;
        ensure!(status == 200, "{status}: {health}");
        Ok(Some(()))
    })
}

#[test]
fn of_two_workers_with_one_address_the_last_is_a_member_and_the_other_says_why_not() -> Result<()> {
    let lab = Lab::shared()?;
    let http = Http::new()?;
    let (first, first_url) = start(lab, "same-address-1")?;
    wait_member(&http, &first_url)?;
    let (second, second_url) = start(lab, "same-address-2")?;
    wait_member(&http, &second_url)?;
    wait_for("the first to step back", PATIENCE, || {
        let (status, health) = health(&http, &first_url)?;
        let message = health["message"].as_str().unwrap_or_default();
        ensure!(
            status == 503 && message.contains("rest.advertised"),
            "{status}: {health}"
        );
        Ok(Some(()))
    })?;
    // It stays so: they do not drive one another out in turns.
    let begun = Instant::now();
    while begun.elapsed() < SESSION * 3 {
        let (status, now) = health(&http, &second_url)?;
        ensure!(status == 200, "the second is out: {now}");
        let (status, now) = health(&http, &first_url)?;
        ensure!(status == 503, "the first is in: {now}");
        std::thread::sleep(Duration::from_millis(100));
    }
    second.stop()?;
    wait_member(&http, &first_url).with_context(|| first.log_tail(20))?;
    first.stop()
}
