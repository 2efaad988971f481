//! How long a transaction takes and how much fits through.

use std::time::{Duration, Instant};

use walbridge_connector_api::{Batch, StartAt};

use crate::site::*;

#[test]
fn a_small_transaction_is_committed_and_seen_within_milliseconds() {
    let topic = topic("latency", 1);
    let mut producer = producer(&name("latency"));
    let mut consumer = reader(&topic, StartAt::Beginning);
    let record = batch(&topic, &[Plain::value(0, &"x".repeat(300))]);
    let (mut commits, mut seen) = (Vec::new(), Vec::new());
    let mut read = Batch::default();
    consumer
        .poll(&mut read, usize::MAX, Duration::from_millis(500))
        .unwrap();
    for round in 0..220 {
        let begun = Instant::now();
        producer.begin().unwrap();
        producer.send(&record).unwrap();
        producer.commit().unwrap();
        let committed = begun.elapsed();
        read.clear();
        consumer
            .poll(&mut read, usize::MAX, Duration::from_secs(10))
            .unwrap();
        if round >= 20 {
            commits.push(committed);
            seen.push(begun.elapsed());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    commits.sort();
    seen.sort();
    let at = |all: &[Duration], p: usize| all[all.len() * p / 100];
    println!(
        "begin to committed p50 {:?} p95 {:?}; to seen p50 {:?} p95 {:?}",
        at(&commits, 50),
        at(&commits, 95),
        at(&seen, 50),
        at(&seen, 95)
    );
    // What it costs is measured elsewhere: this is only not the wait for something to time out.
    assert!(
        at(&commits, 50) < Duration::from_secs(1),
        "{:?}",
        at(&commits, 50)
    );
}

#[test]
fn bulk_flows() {
    let topic = topic("bulk", 1);
    let mut producer = producer(&name("bulk"));
    let some: Vec<_> = (0..20_000)
        .map(|i| Plain::value(0, &format!("{i:0300}")))
        .collect();
    let some = batch(&topic, &some);
    let begun = Instant::now();
    for _ in 0..10 {
        producer.begin().unwrap();
        producer.send(&some).unwrap();
        producer.commit().unwrap();
    }
    let wrote = begun.elapsed();
    let mut consumer = reader(&topic, StartAt::Beginning);
    let (mut batch, mut count) = (Batch::default(), 0);
    let begun = Instant::now();
    while count < 200_000 {
        batch.clear();
        count += consumer
            .poll(&mut batch, 1 << 20, Duration::from_secs(10))
            .unwrap();
    }
    let rate = |time: Duration| 200.0 / time.as_secs_f64();
    println!(
        "wrote {:.0}k/s, read {:.0}k/s",
        rate(wrote),
        rate(begun.elapsed())
    );
}
