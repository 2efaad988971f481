//! A worker's first start on a Kafka that is starting itself: coordinators load, and the first records
//! of an idempotent producer may be refused for good.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use walbridge_lab::{Http, Kafka, KafkaPorts, Lab, Parts, wait_for};
use walbridge_tests::chain::PATIENCE;

/// How many clusters are started unless `WALBRIDGE_TEST_ROUNDS` says otherwise.
const FEW: u64 = 2;

#[test]
fn a_worker_joins_its_group_on_a_kafka_that_has_just_started() -> Result<()> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let rounds = number("WALBRIDGE_TEST_ROUNDS").unwrap_or(FEW);
    let mut dice = StdRng::seed_from_u64(number("WALBRIDGE_TEST_SEED").unwrap_or(20_261_201));
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let mut broken = 0;
    for round in 0..rounds {
        let delay = Duration::from_millis(dice.random_range(0..5000));
        let replaced = first_start(lab, round, delay)
            .with_context(|| format!("round {round}: {delay:?} after the broker"))?;
        println!("round {round}: {delay:?} after the broker, {replaced} producers replaced");
        broken += u64::from(replaced > 0);
    }
    println!("{rounds} first starts, in {broken} of them a producer broke");
    Ok(())
}

/// Starts a worker so long after a new broker; returns how many of its producers broke.
fn first_start(lab: &Lab, round: u64, delay: Duration) -> Result<usize> {
    // The worker's own names differ from the broker's: both write a log.
    let (name, broker) = (format!("first-{round}"), format!("first-{round}-kafka"));
    let parts = Parts::ensure(&|line| println!("{line}"))?;
    let ports = KafkaPorts {
        client: lab.free_port()?,
        link: lab.free_port()?,
        advertised_link: lab.free_port()?,
        controller: lab.free_port()?,
    };
    let kafka = Kafka::new(&broker, lab.dir(), ports, true, &parts);
    kafka.create(&[])?;
    kafka.spawn()?;
    let url = format!("http://127.0.0.1:{}", lab.free_port()?);
    let file = lab.dir().join(format!("{name}.toml"));
    std::fs::write(
        &file,
        format!(
            "\"group.id\" = \"{name}\"\n\"bootstrap.servers\" = \"{}\"\n\"listeners\" = \"{url}\"\n\
             \"config.storage.topic\" = \"walbridge-configs\"\n\"offset.storage.topic\" = \"walbridge-offsets\"\n\
             \"status.storage.topic\" = \"walbridge-status\"\n\
             \"config.storage.replication.factor\" = 1\n\"offset.storage.replication.factor\" = 1\n\
             \"status.storage.replication.factor\" = 1\n",
            kafka.bootstrap()
        ),
    )?;
    // Not hoping for anything: this is what the rounds differ in.
    std::thread::sleep(delay);
    let worker = lab.worker(&name, &file).url(&url).start()?;
    let http = Http::new()?;
    let waited = wait_for("the worker to be a member of its group", PATIENCE, || {
        let status = http.status(&format!("{url}/health"))?;
        ensure!(status == 200, "/health answers {status}");
        Ok(Some(()))
    });
    waited.with_context(|| worker.log_tail(200))?;
    let read = lab.dir().join(format!("{name}.txt"));
    std::fs::write(&read, "a line\n")?;
    let config = json!({ "connector.class": "FileStreamSource", "topic": "lines", "file": read });
    worker.put_connector("lines", &config)?;
    worker.wait_state("lines", "RUNNING", PATIENCE)?;
    let replaced = worker.log().matches("a producer broke").count();
    worker.stop()?;
    kafka.kill()?;
    std::fs::remove_dir_all(kafka.data())?;
    Ok(replaced)
}
