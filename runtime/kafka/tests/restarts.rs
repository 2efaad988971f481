//! A broker that dies: logs that are followed go on to their ends once it is back.
//!
//! `WALBRIDGE_TEST_RESTARTS=N` restarts it N times instead of the few of every day.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "these are tests, helpers included"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use walbridge_connector_api::{Partition, StopToken, TopicSpec};
use walbridge_kafka::{ClientConfig, CompactedLog, Follower, TransactionalProducer};
use walbridge_lab::{Kafka, Lab, wait_until};

/// How often the broker dies every day.
const FEW: u32 = 3;
/// As many as a worker's offset topic has.
const PARTITIONS: i32 = 25;
const WAIT: Duration = Duration::from_secs(30);

fn config() -> ClientConfig {
    ClientConfig::new(Lab::shared().unwrap().east().kafka().bootstrap())
}

/// Returns a name that no other run has.
fn name(what: &str) -> String {
    format!(
        "{what}-{}",
        std::time::UNIX_EPOCH.elapsed().unwrap().as_micros()
    )
}

fn follower(topic: &str, min_bytes: &str) -> Follower {
    let spec = TopicSpec {
        name: topic.into(),
        partitions: Some(PARTITIONS),
        ..TopicSpec::default()
    };
    let mut log = CompactedLog::open(
        &config().or("fetch.min.bytes", min_bytes),
        &spec,
        "offset.storage.topic",
        "source connector offsets",
        &StopToken::new(),
    )
    .unwrap();
    log.read_to_end(WAIT, &mut |_| ()).unwrap();
    log.follow(|record| drop(record.unwrap())).unwrap()
}

/// Writes transactions as a task does, with a new producer after every error.
fn write(id: &str, topic: &str, over: &AtomicBool) {
    let mut next: Option<TransactionalProducer> = None;
    let mut number = 0u64;
    while !over.load(Ordering::Relaxed) {
        let outcome = (|| {
            if next.is_none() {
                let mut fresh = TransactionalProducer::new(&config(), id, StopToken::new())?;
                fresh.init()?;
                next = Some(fresh);
            }
            let Some(producer) = &mut next else {
                return Ok(());
            };
            producer.begin()?;
            for _ in 0..3 {
                number += 1;
                let key = format!("{id} {}", number % 50);
                producer.send_one(topic, Partition::ByKey, Some(key.as_bytes()), Some(b"{}"))?;
            }
            producer.commit()
        })();
        if outcome.is_err() {
            next = None;
        }
    }
}

#[test]
fn followed_logs_go_on_after_a_broker_died() {
    let rounds = std::env::var("WALBRIDGE_TEST_RESTARTS").ok();
    let rounds = rounds.and_then(|text| text.parse().ok()).unwrap_or(FEW);
    let lab = Lab::shared().unwrap();
    let _harm = lab.harm();
    let forgotten = || {
        (lab.east().kafka().log().lines())
            .filter(|line| line.contains(Kafka::FORGETS))
            .count()
    };
    let forgotten_before = forgotten();
    let topics: Vec<_> = (0..4).map(|_| name("restarts")).collect();
    let followers: Vec<_> = (topics.iter())
        .flat_map(|topic| [follower(topic, "65536"), follower(topic, "1")])
        .collect();
    let over = Arc::new(AtomicBool::new(false));
    std::thread::scope(|scope| {
        for (at, topic) in topics.iter().enumerate().skip(1) {
            let over = Arc::clone(&over);
            scope.spawn(move || write(&name(&format!("restarts-{at}")), topic, &over));
        }
        let stop = StopAtEnd(&over);
        for round in 0..rounds {
            lab.east().kafka().kill().unwrap();
            lab.east().kafka().start().unwrap();
            let began = Instant::now();
            // The first topic's writer comes anew every time, as a restarted task's does.
            let id = format!("{}-first", topics[0]);
            let mut producer = None;
            wait_until("a producer", 3 * WAIT, || {
                let mut fresh =
                    TransactionalProducer::new(&config(), &id, StopToken::new()).unwrap();
                let well = fresh.init().is_ok();
                producer = well.then_some(fresh);
                well
            })
            .unwrap();
            for (at, follower) in followers.iter().enumerate() {
                if let Err(error) = follower.read_to_written_end(WAIT) {
                    panic!(
                        "round {round}, follower {at} of topic {}: {error}",
                        topics[at / 2]
                    );
                }
            }
            println!(
                "round {round}: all at their ends after {:?}",
                began.elapsed()
            );
        }
        drop(stop);
    });
    assert_eq!(
        forgotten(),
        forgotten_before,
        "the broker forgot to end transactions, see its log"
    );
}

/// Ends the writers, also when the test fails.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
