//! Many producers that commit, abort and die in any order: what was committed is there, nothing else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use walbridge_connector_api::{Batch, StartAt, TopicSpec};

use crate::site::*;

const TOPICS: usize = 4;
const PARTITIONS: i32 = 3;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// What one producer has committed, per topic and partition.
type Committed = Vec<Vec<Vec<String>>>;

/// How many records each producer commits at least, however slow the machine is.
const LEAST: usize = 40;

/// Writes transactions until the time is up.
fn write(own: usize, topics: &[Arc<TopicSpec>], until: Instant) -> Committed {
    let id = name(&format!("storm-{own}"));
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ (own as u64 + 1));
    let mut committed = vec![vec![Vec::new(); PARTITIONS as usize]; topics.len()];
    let mut next = producer(&id);
    let (mut number, mut done) = (0, 0);
    while Instant::now() < until || done < LEAST {
        next.begin().unwrap();
        let mut sent = Vec::new();
        for _ in 0..=dice.below(3) {
            let mut batch = Batch::default();
            for _ in 0..=dice.below(4) {
                let at = dice.below(topics.len() as u64) as usize;
                let partition = dice.below(PARTITIONS as u64) as i32;
                let text = format!("{own}:{number}");
                number += 1;
                let mut record = Plain::value(partition, &text);
                if dice.below(2) == 0 {
                    record.headers.push(("alone".into(), None));
                }
                append(&mut batch, &topics[at], &[record]);
                sent.push((at, partition as usize, text));
            }
            next.send(&batch).unwrap();
            match dice.below(8) {
                0 => std::thread::sleep(Duration::from_millis(dice.below(30))),
                1 => next.flush().unwrap(),
                _ => {}
            }
        }
        match dice.below(8) {
            0 => {
                next.abort().unwrap();
                next = producer(&id);
            }
            1 => {
                drop(next);
                next = producer(&id);
            }
            2 => next = producer(&id),
            _ => {
                next.commit().unwrap();
                done += sent.len();
                for (at, partition, text) in sent {
                    committed[at][partition].push(text);
                }
            }
        }
    }
    committed
}

#[test]
fn what_was_committed_is_there_and_nothing_else() {
    let seconds = std::env::var("WALBRIDGE_TEST_STORM").ok();
    let seconds = seconds.and_then(|text| text.parse().ok()).unwrap_or(5);
    let topics: Vec<_> = (0..TOPICS).map(|_| topic("storm", PARTITIONS)).collect();
    let until = Instant::now() + Duration::from_secs(seconds);
    let all: Vec<Committed> = std::thread::scope(|scope| {
        let topics = &topics;
        let spawn = |own| scope.spawn(move || write(own, topics, until));
        let threads: Vec<_> = (0..3).map(spawn).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| thread.join().unwrap();
        threads.into_iter().map(join).collect()
    });
    let mut records = 0;
    for (at, topic) in topics.iter().enumerate() {
        let mut wanted = 0;
        for committed in &all {
            wanted += committed[at].iter().map(Vec::len).sum::<usize>();
        }
        records += wanted;
        let mut consumer = reader(topic, StartAt::Beginning);
        let mut found = read(&mut consumer, wanted);
        found.extend(read_all(&mut consumer));
        for (own, committed) in all.iter().enumerate() {
            for (partition, wanted) in committed[at].iter().enumerate() {
                let prefix = format!("{own}:");
                let found: Vec<_> = (found.iter())
                    .filter(|record| record.partition == i32::try_from(partition).ok())
                    .map(|record| String::from_utf8(record.value.clone().unwrap()).unwrap())
                    .filter(|text| text.starts_with(&prefix))
                    .collect();
                assert_eq!(
                    &found, wanted,
                    "topic {at} partition {partition} of producer {own}"
                );
            }
        }
    }
    assert!(records > 100, "only {records} records");
    println!("{records} records");
}
