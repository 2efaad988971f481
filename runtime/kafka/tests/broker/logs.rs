//! Compacted logs: what was committed before the call is read, whatever follows it.

use std::sync::mpsc;
use std::time::Duration;

use walbridge_connector_api::{Partition, StopToken, TopicSpec};
use walbridge_kafka::{ClientConfig, CompactedLog, ErrorKind, LogRecord};

use crate::site::*;

const WAIT: Duration = Duration::from_secs(20);

fn open(name: &str, partitions: i32) -> CompactedLog {
    open_with(&config(), name, partitions)
}

fn open_with(config: &ClientConfig, name: &str, partitions: i32) -> CompactedLog {
    let spec = TopicSpec {
        name: name.into(),
        partitions: Some(partitions),
        ..TopicSpec::default()
    };
    CompactedLog::open(
        config,
        &spec,
        "offset.storage.topic",
        "source connector offsets",
        &StopToken::new(),
    )
    .unwrap()
}

fn rest(log: &mut CompactedLog) -> Vec<LogRecord> {
    let mut all = Vec::new();
    log.read_to_end(WAIT, &mut |record| all.push(record))
        .unwrap();
    all
}

#[test]
fn reads_to_the_end_past_markers_and_aborted_records() {
    let topic = name("log");
    let mut log = open(&topic, 5);
    assert_eq!(rest(&mut log), []);
    let mut producer = producer(&topic);
    producer.begin().unwrap();
    for i in 0..20 {
        producer
            .send_one(
                &topic,
                Partition::ByKey,
                Some(format!("k{i}").as_bytes()),
                Some(b"v"),
            )
            .unwrap();
    }
    producer.commit().unwrap();
    producer.begin().unwrap();
    producer
        .send_one(&topic, Partition::ByKey, Some(b"k1"), Some(b"aborted"))
        .unwrap();
    producer.flush().unwrap();
    producer.abort().unwrap();
    let read = rest(&mut log);
    assert_eq!(read.len(), 20);
    assert!(read.iter().all(|r| r.value.as_deref() == Some(b"v")));
    log.put(b"k1", None).unwrap();
    let read = rest(&mut log);
    assert_eq!(read.len(), 1);
    assert_eq!(
        (read[0].key.as_slice(), &read[0].value),
        (&b"k1"[..], &None)
    );
    // Another reader sees the same from the start, also while a transaction is open.
    let mut producer = crate::site::producer(&name("logs-open"));
    producer.begin().unwrap();
    producer
        .send_one(&topic, Partition::ByKey, Some(b"open"), Some(b"open"))
        .unwrap();
    let read = rest(&mut open(&topic, 5));
    assert!(
        read.len() >= 20 && read.iter().all(|r| r.key != b"open"),
        "{}",
        read.len()
    );
    producer.abort().unwrap();
}

#[test]
fn a_follower_hands_over_and_waits_for_the_end() {
    let topic = name("follow");
    let mut log = open(&topic, 1);
    log.put(b"before", Some(b"1")).unwrap();
    assert_eq!(rest(&mut log).len(), 1);
    let (tell, told) = mpsc::channel();
    let follower = log
        .follow(move |record| drop(tell.send(record.unwrap())))
        .unwrap();
    for i in 0..10 {
        follower
            .put(b"key", Some(format!("{i}").as_bytes()))
            .unwrap();
        follower.read_to_end(WAIT).unwrap();
        let record = told
            .try_recv()
            .expect("handed over before the end was reached");
        assert_eq!(record.value, Some(format!("{i}").into_bytes()));
    }
    drop(follower);
    assert!(told.try_recv().is_err());
}

#[test]
fn what_one_wrote_is_read_back_without_waiting_for_an_empty_fetch() {
    let topic = name("follow-own");
    // Only a fetch that comes back empty shows an end, and here one never does in time.
    let slow = config().or("fetch.wait.max.ms", "50000");
    let log = open_with(&slow, &topic, 1);
    let (tell, told) = mpsc::channel();
    let follower = log
        .follow(move |record| drop(tell.send(record.unwrap())))
        .unwrap();
    let mut producer = producer(&name("follow-own"));
    for i in 0..5 {
        let value = format!("{i}");
        producer.begin().unwrap();
        for value in ["first", &value] {
            producer
                .send_one(
                    &topic,
                    Partition::Fixed(0),
                    Some(b"key"),
                    Some(value.as_bytes()),
                )
                .unwrap();
        }
        producer.commit().unwrap();
        follower.read_past(0, producer.last_offset(), WAIT).unwrap();
        let read: Vec<_> = told.try_iter().map(|r| r.value.unwrap()).collect();
        assert_eq!(read, [b"first".to_vec(), value.into_bytes()]);
    }
    let error = follower
        .read_to_written_end(Duration::from_secs(1))
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("its end was not reached in time"),
        "{error}"
    );
}

#[test]
fn a_topic_that_is_not_compacted_is_refused_in_connects_words() {
    let spec = topic("plain", 1);
    let error = CompactedLog::open(
        &config(),
        &spec,
        "config.storage.topic",
        "connector configurations",
        &StopToken::new(),
    )
    .unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Refused);
    let text = error.to_string();
    assert!(text.contains("supplied via the 'config.storage.topic' property is required to have 'cleanup.policy=compact'"), "{text}");
    assert!(
        text.contains("found the topic currently has 'cleanup.policy=delete'"),
        "{text}"
    );
}

#[test]
fn what_holds_a_follower_up_is_named() {
    let topic = name("held");
    let mut log = open(&topic, 2);
    assert_eq!(rest(&mut log), []);
    let follower = log.follow(|record| drop(record.unwrap())).unwrap();
    let mut open = producer(&name("held-open"));
    open.begin().unwrap();
    open.send_one(&topic, Partition::Fixed(1), Some(b"k"), Some(b"v"))
        .unwrap();
    open.flush().unwrap();
    // What was committed can be read to its end; what was written cannot.
    follower.read_to_end(WAIT).unwrap();
    let error = follower
        .read_to_written_end(Duration::from_millis(500))
        .unwrap_err();
    assert!(error.is_retriable());
    let text = error.to_string();
    let begins = format!(
        "topic {topic}: its end was not reached in time: partition 1 is read up to 0 of 1, where a \
         transaction is open; "
    );
    assert!(text.starts_with(&begins), "{text}");
    assert!(
        text.contains("kafka-transactions.sh find-hanging"),
        "{text}"
    );
    open.abort().unwrap();
    follower.read_to_written_end(WAIT).unwrap();
}
