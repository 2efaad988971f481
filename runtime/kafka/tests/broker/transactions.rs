//! Transactions: all or nothing, in order, one writer.

use std::time::Duration;

use walbridge_connector_api::{Batch, Partition, StartAt, StopToken};
use walbridge_kafka::{ErrorKind, TransactionalProducer, partition_for_key};

use crate::site::*;

#[test]
fn committed_records_arrive_in_order_with_all_their_parts() {
    let topic = topic("order", 3);
    let mut producer = producer(&name("order"));
    let mut sent = Vec::new();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64;
    for i in 0..5000 {
        let mut record = Plain::value(i % 3, &format!("value {i}"));
        record.key = (i % 7 != 0).then(|| format!("key {i}").into_bytes());
        if i % 11 == 0 {
            record.headers = vec![
                ("a".into(), Some(vec![1, 2])),
                ("a".into(), None),
                ("e".into(), Some(vec![])),
            ];
        }
        record.value = record.value.filter(|_| i % 13 != 0);
        if i % 17 == 0 {
            record.value = Some(Vec::new());
        }
        record.timestamp = if i % 5 == 0 { now + i64::from(i) } else { -1 };
        sent.push(record);
    }
    producer.begin().unwrap();
    producer.send(&batch(&topic, &sent)).unwrap();
    producer.commit().unwrap();
    let read = read(&mut reader(&topic, StartAt::Beginning), sent.len());
    for partition in 0..3 {
        let pick = |all: &[Plain]| -> Vec<Plain> {
            all.iter()
                .filter(|r| r.partition == Some(partition))
                .cloned()
                .collect()
        };
        let (mut sent, read) = (pick(&sent), pick(&read));
        assert_eq!(sent.len(), read.len());
        for (sent, read) in sent.iter_mut().zip(&read) {
            if sent.timestamp < 0 {
                sent.timestamp = read.timestamp;
            }
            assert_eq!(sent, read);
        }
    }
}

#[test]
fn records_without_partition_go_by_their_key() {
    let topic = topic("by-key", 5);
    let mut producer = producer(&name("by-key"));
    let keys: Vec<Vec<u8>> = (0..100).map(|i| format!("key-{i}").into_bytes()).collect();
    let sent = keys.iter().map(|key| Plain {
        key: Some(key.clone()),
        timestamp: -1,
        ..Plain::default()
    });
    producer.begin().unwrap();
    producer
        .send(&batch(&topic, &sent.collect::<Vec<_>>()))
        .unwrap();
    producer
        .send_one(&topic.name, Partition::ByKey, None, Some(b"anywhere"))
        .unwrap();
    producer.commit().unwrap();
    let read = read(&mut reader(&topic, StartAt::Beginning), 101);
    assert_eq!(read.len(), 101);
    for record in read {
        if let Some(key) = &record.key {
            assert_eq!(record.partition, Some(partition_for_key(key, 5)));
        }
    }
}

#[test]
fn aborted_records_are_never_seen_and_another_producer_goes_on() {
    let (topic, id) = (topic("abort", 1), name("abort"));
    for _ in 0..20 {
        let mut aborting = producer(&id);
        aborting.begin().unwrap();
        aborting
            .send(&batch(&topic, &vec![Plain::value(0, "no"); 500]))
            .unwrap();
        aborting.abort().unwrap();
        let error = aborting.begin().unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Fatal, "{error}");
        let mut next = producer(&id);
        next.begin().unwrap();
        next.send(&batch(&topic, &[Plain::value(0, "yes")]))
            .unwrap();
        next.commit().unwrap();
    }
    let read = read_all(&mut reader(&topic, StartAt::Beginning));
    let yes: Vec<_> = (read.iter())
        .map(|record| record.value.as_deref() == Some(b"yes"))
        .collect();
    assert_eq!(yes, [true; 20]);
}

#[test]
fn an_empty_transaction_commits() {
    let mut producer = producer(&name("empty"));
    for _ in 0..3 {
        producer.begin().unwrap();
        producer.send(&Batch::default()).unwrap();
        producer.commit().unwrap();
    }
}

#[test]
fn a_second_producer_fences_the_first() {
    let topic = topic("fence", 1);
    let id = name("fence");
    let mut first = producer(&id);
    first.begin().unwrap();
    first
        .send(&batch(&topic, &[Plain::value(0, "zombie")]))
        .unwrap();
    let mut second = producer(&id);
    let error = first.commit().unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Fenced, "{error}");
    second.begin().unwrap();
    second
        .send(&batch(&topic, &[Plain::value(0, "heir")]))
        .unwrap();
    second.commit().unwrap();
    let read = read_all(&mut reader(&topic, StartAt::Beginning));
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].value.as_deref(), Some(&b"heir"[..]));
}

#[test]
fn a_transaction_far_larger_than_the_queue_flows() {
    let topic = topic("large", 2);
    let config = config().with("queue.buffering.max.kbytes", "1024");
    let mut producer =
        TransactionalProducer::new(&config, &name("large"), StopToken::new()).unwrap();
    producer.init().unwrap();
    producer.begin().unwrap();
    let text = "x".repeat(1000);
    let some: Vec<_> = (0..2000).map(|i| Plain::value(i % 2, &text)).collect();
    let some = batch(&topic, &some);
    for _ in 0..20 {
        producer.send(&some).unwrap();
    }
    producer.commit().unwrap();
    let mut consumer = reader(&topic, StartAt::Beginning);
    let (mut batch, mut count) = (Batch::default(), 0);
    while count < 40_000 {
        batch.clear();
        let got = consumer
            .poll(&mut batch, 256 * 1024, Duration::from_secs(20))
            .unwrap();
        assert!(
            got > 0 && batch.size() < 300 * 1024,
            "{got} records, {} bytes",
            batch.size()
        );
        count += got;
    }
    assert_eq!(count, 40_000);
}

#[test]
fn a_record_too_large_is_named() {
    let topic = topic("too-large", 1);
    let mut producer = producer(&name("too-large"));
    producer.begin().unwrap();
    // Incompressible enough for the broker's limit of 1 MiB.
    let mut seed = 1_u64;
    let noise: Vec<u8> = (0..3_000_000)
        .map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 56) as u8
        })
        .collect();
    let record = Plain {
        value: Some(noise),
        ..Plain::value(0, "")
    };
    let outcome = producer
        .send(&batch(&topic, &[record]))
        .and_then(|()| producer.commit());
    let error = outcome.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::TooLarge, "{error}");
    producer.abort().unwrap();
}

#[test]
fn a_topic_that_is_not_there_is_named() {
    let mut producer = producer(&name("nowhere"));
    producer.begin().unwrap();
    let error = producer
        .send_one("no-such-topic", Partition::Fixed(0), None, None)
        .unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::UnknownTopic, "{error}");
}

#[test]
fn a_cluster_out_of_reach_waits_until_told_to_stop() {
    let stop = StopToken::new();
    let config = walbridge_kafka::ClientConfig::new("127.0.0.1:9");
    let mut producer = TransactionalProducer::new(&config, "x", stop.clone()).unwrap();
    stop.stop();
    let error = producer.init().unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Stopped, "{error}");
}
