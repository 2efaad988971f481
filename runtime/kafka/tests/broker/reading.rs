//! Reading: nothing skipped, nothing reset, every trouble by name.

use std::time::{Duration, Instant};

use walbridge_connector_api::{Batch, StartAt, StopToken};
use walbridge_kafka::{Admin, ErrorKind, KafkaError, LogWriter};

use crate::site::*;

fn wait_for_error(consumer: &mut walbridge_kafka::Consumer) -> KafkaError {
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut batch = Batch::default();
    loop {
        if let Err(error) = consumer.poll(&mut batch, usize::MAX, Duration::from_millis(100)) {
            return error;
        }
        assert!(
            Instant::now() < deadline,
            "no error came; {} records",
            batch.records().len()
        );
    }
}

fn fill(topic: &std::sync::Arc<walbridge_connector_api::TopicSpec>, from: i32, count: i32) {
    let mut producer = producer(&name("fill"));
    producer.begin().unwrap();
    let records: Vec<_> = (from..from + count)
        .map(|i| Plain::value(0, &i.to_string()))
        .collect();
    producer.send(&batch(topic, &records)).unwrap();
    producer.commit().unwrap();
}

#[test]
fn a_position_before_the_first_offset_is_truncated() {
    let topic = topic("truncated", 1);
    fill(&topic, 0, 100);
    Admin::new(&config())
        .unwrap()
        .delete_records(&part(&topic, 0), 40)
        .unwrap();
    let error = wait_for_error(&mut reader(&topic, StartAt::Offset(10)));
    let expected = ErrorKind::Truncated {
        topic: topic.name.clone(),
        partition: 0,
        position: 10,
        first: 40,
        end: 101,
    };
    assert_eq!(*error.kind(), expected, "{error}");
}

#[test]
fn a_position_after_the_end_is_truncated() {
    let topic = topic("beyond", 1);
    fill(&topic, 0, 3);
    let error = wait_for_error(&mut reader(&topic, StartAt::Offset(1000)));
    let ErrorKind::Truncated {
        position,
        first,
        end,
        ..
    } = *error.kind()
    else {
        panic!("{error}")
    };
    assert_eq!((position, first, end), (1000, 0, 4));
}

#[test]
fn truncation_behind_a_running_reader_is_noticed() {
    let topic = topic("truncated-live", 1);
    fill(&topic, 0, 10);
    let mut consumer = reader(&topic, StartAt::Beginning);
    assert_eq!(read(&mut consumer, 10).len(), 10);
    consumer.pause(&[part(&topic, 0)]).unwrap();
    fill(&topic, 10, 100);
    Admin::new(&config())
        .unwrap()
        .delete_records(&part(&topic, 0), 60)
        .unwrap();
    consumer.resume(&[part(&topic, 0)]).unwrap();
    let error = wait_for_error(&mut consumer);
    assert!(
        matches!(error.kind(), ErrorKind::Truncated { first: 60, .. }),
        "{error}"
    );
}

#[test]
fn a_deleted_topic_is_noticed() {
    let topic = topic("deleted", 1);
    fill(&topic, 0, 10);
    let mut consumer = reader(&topic, StartAt::Beginning);
    assert_eq!(read(&mut consumer, 10).len(), 10);
    Admin::new(&config()).unwrap().delete(&topic.name).unwrap();
    let error = wait_for_error(&mut consumer);
    assert_eq!(*error.kind(), ErrorKind::UnknownTopic, "{error}");
}

#[test]
fn a_topic_created_anew_is_noticed_before_its_first_record() {
    let topic = topic("recreated", 1);
    fill(&topic, 0, 10);
    let mut consumer = reader(&topic, StartAt::Beginning);
    assert_eq!(read(&mut consumer, 10).len(), 10);
    let admin = Admin::new(&config()).unwrap();
    admin.delete(&topic.name).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while admin.create(&topic, &StopToken::new()).is_err() {
        assert!(Instant::now() < deadline);
    }
    // It has grown past the old position, so that no offset is out of range.
    fill(&topic, 1000, 50);
    let mut batch = Batch::default();
    let deadline = Instant::now() + Duration::from_secs(60);
    let error = loop {
        match consumer.poll(&mut batch, usize::MAX, Duration::from_millis(100)) {
            Ok(_) => assert!(Instant::now() < deadline, "nothing noticed"),
            Err(error) => break error,
        }
    };
    assert_eq!(
        plain(&batch).len(),
        0,
        "records of the new topic were handed out"
    );
    let known = matches!(
        error.kind(),
        ErrorKind::Recreated { .. } | ErrorKind::UnknownTopic
    );
    assert!(known, "{error}");
}

#[test]
fn pause_resume_and_seek_keep_the_order() {
    let topic = topic("seek", 1);
    fill(&topic, 0, 1000);
    let mut consumer = reader(&topic, StartAt::Beginning);
    let mut batch = Batch::default();
    consumer
        .poll(&mut batch, 100, Duration::from_secs(10))
        .unwrap();
    assert!(batch.records().len() < 1000);
    consumer.pause(&[part(&topic, 0)]).unwrap();
    consumer.resume(&[part(&topic, 0)]).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while batch.records().len() < 1000 && Instant::now() < deadline {
        consumer
            .poll(&mut batch, usize::MAX, Duration::from_millis(100))
            .unwrap();
    }
    let offsets: Vec<_> = batch.records().iter().map(|r| r.offset).collect();
    assert_eq!(offsets, (0..1000).collect::<Vec<_>>());
    consumer.seek(&[(part(&topic, 0), 990)]).unwrap();
    let again = read(&mut consumer, 10);
    assert_eq!(again.len(), 10);
    assert_eq!(again[0].value.as_deref(), Some(&b"990"[..]));
}

/// The end of a partition comes as an event between records; it must not be counted as one.
#[test]
fn a_pause_at_the_end_skips_nothing() {
    let (full, empty) = (topic("pause-full", 1), topic("pause-empty", 1));
    fill(&full, 0, 5);
    let parts = [part(&full, 0), part(&empty, 0)];
    let mut consumer = reader(&full, StartAt::Beginning);
    consumer
        .assign_more(&[(parts[1].clone(), StartAt::Beginning)])
        .unwrap();
    let mut values = Vec::new();
    for round in 0..4 {
        let deadline = Instant::now() + Duration::from_secs(20);
        let wanted = [5 + 2 * round, 2 * round];
        loop {
            values.extend(read_all(&mut consumer).into_iter().map(|r| r.value));
            let ends = consumer.ends();
            let at_end = parts.iter().zip(wanted).all(|(tp, records)| {
                // Every batch is followed by a marker of its transaction.
                ends.get(tp).is_some_and(|end| *end >= i64::from(records))
            });
            if at_end && values.len() as i32 >= wanted[0] + wanted[1] {
                break;
            }
            assert!(
                Instant::now() < deadline,
                "round {round}: {} of {wanted:?} records; {ends:?}",
                values.len()
            );
        }
        consumer.pause(&parts).unwrap();
        fill(&full, 5 + 2 * round, 2);
        fill(&empty, 2 * round, 2);
        consumer.resume(&parts).unwrap();
    }
}

/// Partitions are paused and resumed at any moment, in the middle of batches: what comes of each is
/// every record, in order.
#[test]
fn pausing_all_the_time_skips_nothing() {
    const EACH: i32 = 40_000;
    let topic = topic("pause-often", 3);
    let mut producer = producer(&name("fill"));
    for part in 0..10 {
        producer.begin().unwrap();
        let range = part * EACH / 10..(part + 1) * EACH / 10;
        let records: Vec<_> = range
            .flat_map(|i| (0..3).map(move |p| Plain::value(p, &format!("{i} {}", "x".repeat(200)))))
            .collect();
        producer.send(&batch(&topic, &records)).unwrap();
        producer.commit().unwrap();
    }
    let mut consumer = reader(&topic, StartAt::Beginning);
    let parts = [0, 1, 2].map(|p| self::part(&topic, p));
    let (mut next, mut seen) = ([0i64; 3], [0i32; 3]);
    let mut paused = [false; 3];
    let mut random = 7u32;
    let deadline = Instant::now() + Duration::from_secs(120);
    while seen.iter().any(|seen| *seen < EACH) {
        assert!(Instant::now() < deadline, "{seen:?} of {EACH}");
        let mut batch = Batch::default();
        consumer
            .poll(&mut batch, 100_000, Duration::from_millis(20))
            .unwrap();
        for record in batch.records() {
            let walbridge_connector_api::Partition::Fixed(p) = record.partition else {
                panic!("no partition")
            };
            let p = p as usize;
            if record.offset < next[p] {
                continue;
            }
            next[p] = record.offset + 1;
            let value = std::str::from_utf8(batch.bytes(record.value).unwrap()).unwrap();
            let number: i32 = value.split(' ').next().unwrap().parse().unwrap();
            assert_eq!(number, seen[p], "partition {p} offset {}", record.offset);
            seen[p] += 1;
        }
        for p in 0..3 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if random >> 30 == 0 {
                match paused[p] {
                    true => consumer.resume(&parts[p..=p]).unwrap(),
                    false => consumer.pause(&parts[p..=p]).unwrap(),
                }
                paused[p] = !paused[p];
            }
        }
    }
}

#[test]
fn partitions_can_be_added_and_taken_away() {
    let (one, two) = (topic("one", 1), topic("two", 1));
    fill(&one, 0, 1);
    fill(&two, 100, 1);
    let mut consumer = reader(&one, StartAt::Beginning);
    assert_eq!(read(&mut consumer, 1).len(), 1);
    consumer
        .assign_more(&[(part(&two, 0), StartAt::Beginning)])
        .unwrap();
    assert_eq!(
        read(&mut consumer, 1)[0].value.as_deref(),
        Some(&b"100"[..])
    );
    consumer.unassign(&[part(&one, 0)]).unwrap();
    fill(&one, 1, 1);
    fill(&two, 101, 1);
    assert_eq!(
        read_all(&mut consumer)[0].value.as_deref(),
        Some(&b"101"[..])
    );
}

#[test]
fn inspect_tells_ids_and_offsets() {
    let topic = topic("inspect", 2);
    fill(&topic, 0, 7);
    let consumer = reader(&topic, StartAt::Beginning);
    let infos = consumer
        .inspect(&[part(&topic, 1), part(&topic, 0)])
        .unwrap();
    assert_eq!((infos[0].first, infos[0].end), (0, 0));
    assert_eq!((infos[1].first, infos[1].end), (0, 8));
    let described = Admin::new(&config())
        .unwrap()
        .describe(&[&topic.name])
        .unwrap();
    assert_eq!(infos[0].topic_id, described[0].id);
    assert!(
        consumer
            .inspect(&[part(
                &walbridge_connector_api::TopicSpec {
                    name: "none".into(),
                    ..Default::default()
                },
                0
            )])
            .is_err()
    );
}

#[test]
fn a_slow_log_is_read_at_once_when_a_record_comes() {
    let topic = topic("idle", 1);
    let writer = LogWriter::new(&config(), &topic.name).unwrap();
    let mut consumer = reader(&topic, StartAt::Beginning);
    let mut waits = Vec::new();
    let mut batch = Batch::default();
    consumer
        .poll(&mut batch, usize::MAX, Duration::from_millis(300))
        .unwrap();
    for _ in 0..20 {
        writer.put(b"k", Some(b"v")).unwrap();
        let begun = Instant::now();
        consumer
            .poll(&mut batch, usize::MAX, Duration::from_secs(5))
            .unwrap();
        waits.push(begun.elapsed());
    }
    waits.sort();
    println!(
        "acknowledged to read: p50 {:?}, max {:?}",
        waits[10], waits[19]
    );
    assert!(waits[10] < Duration::from_millis(40), "{waits:?}");
}
