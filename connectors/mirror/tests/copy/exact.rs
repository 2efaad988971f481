//! The copy is exact: every part of every record, once, in order, whatever dies in between.

use std::time::{Duration, Instant};

use walbridge_connector_api::Connector;
use walbridge_mirror::MirrorConnector;

use crate::bridge::*;

#[test]
fn every_part_of_a_record_is_copied() {
    let mut bridge = Bridge::new("parts");
    let topic = bridge.topic("", 3);
    let mut records = Vec::new();
    for i in 0..300 {
        let mut record = numbered((i % 3) as i32, i);
        record.key = record.key.filter(|_| i % 4 != 0);
        record.value = match i % 5 {
            0 => None,
            1 => Some(Vec::new()),
            _ => Some(vec![7; i as usize * 10]),
        };
        if i % 2 == 0 {
            let binary = Some(i.to_be_bytes().to_vec());
            record.headers = vec![
                ("wb.lsn".into(), binary),
                ("n".into(), None),
                ("n".into(), Some(vec![])),
            ];
        }
        records.push(record);
    }
    bridge.write(&topic, &records[..150]);
    bridge.write_aborted(&topic, &records[..10]);
    bridge.write(&topic, &records[150..]);
    let mut run = bridge.start().unwrap();
    bridge.run_until(&mut run, 300);
    records.sort_by_key(|record| record.partition);
    assert_eq!(bridge.read_east(&topic), records);
    assert_eq!(bridge.read_west(&topic), records);
    let partitions = bridge.metrics.partitions();
    assert_eq!(partitions.len(), 3);
    for metrics in partitions {
        let of = &metrics.of;
        assert_eq!(
            (of.source.as_str(), of.target.as_str(), &of.topic),
            ("east", "target", &topic.name)
        );
        let own = records.iter().filter(|r| r.partition == of.partition);
        let bytes: usize = own
            .clone()
            .filter_map(|r| Some(r.value.as_ref()?.len()))
            .sum();
        assert_eq!(metrics.records.get(), own.count() as u64);
        assert_eq!(metrics.bytes.get(), bytes as u64);
        let (age, latency) = (metrics.age_ms.seen(), metrics.latency_ms.seen());
        let (age, latency) = (age.unwrap(), latency.unwrap());
        assert!(age.least <= age.most && latency.least <= latency.most);
    }
}

#[test]
fn nothing_is_lost_or_doubled_when_it_dies() {
    let mut bridge = Bridge::new("dies");
    bridge
        .config
        .insert("max.batch.bytes".into(), "1024".into());
    let topic = bridge.topic("", 2);
    let records: Vec<_> = (0..2000).map(|i| numbered((i % 2) as i32, i)).collect();
    for some in records.chunks(100) {
        bridge.write(&topic, some);
    }
    let mut done = 0;
    let mut round = 0;
    let deadline = Instant::now() + Duration::from_secs(120);
    while done < records.len() {
        assert!(
            Instant::now() < deadline,
            "{done} records after {round} rounds"
        );
        let mut run = bridge.start().unwrap();
        done += bridge.step(&mut run).unwrap();
        round += 1;
        // Dies in turn: before anything is sent, after sending, and after the commit but before
        // anybody has taken note (the positions are in the commit, so they are known all the same).
        if let Some(batch) = run.task.poll(Duration::from_millis(500)).unwrap() {
            if round % 3 != 0 {
                run.producer.begin().unwrap();
                run.producer.send(&batch).unwrap();
            }
            if round % 3 == 2 {
                run.producer.commit().unwrap();
                bridge.keep(&batch.offsets);
                done += batch.records().len();
            }
        }
    }
    let mut run = bridge.start().unwrap();
    for _ in 0..10 {
        assert_eq!(bridge.step(&mut run).unwrap(), 0);
    }
    assert!(round > 3);
    assert_eq!(bridge.read_west(&topic), bridge.read_east(&topic));
    assert_eq!(bridge.read_west(&topic).len(), 2000);
}

#[test]
fn a_record_is_across_within_milliseconds_and_a_backlog_flows() {
    let mut bridge = Bridge::new("speed");
    let topic = bridge.topic("", 1);
    let mut run = bridge.start().unwrap();
    bridge.write(&topic, &[numbered(0, 0)]);
    bridge.run_until(&mut run, 1);
    let mut hops = Vec::new();
    for i in 1..=60 {
        bridge.write(&topic, &[numbered(0, i)]);
        let committed = Instant::now();
        while bridge.step(&mut run).unwrap() == 0 {}
        hops.push(committed.elapsed());
    }
    hops.sort();
    println!(
        "committed east to committed west: p50 {:?} p95 {:?}",
        hops[30], hops[57]
    );
    let mut record = numbered(0, 0);
    record.value = Some(vec![b'x'; 300]);
    let some = vec![record; 20_000];
    for _ in 0..10 {
        bridge.write(&topic, &some);
    }
    let begun = Instant::now();
    bridge.run_until(&mut run, 200_000);
    println!(
        "backlog: {:.0}k records/s",
        200.0 / begun.elapsed().as_secs_f64()
    );
    // What it costs is measured elsewhere: this is only not the wait for something to time out.
    assert!(hops[30] < Duration::from_secs(2), "{hops:?}");
}

#[test]
fn a_cluster_is_not_copied_onto_itself() {
    let mut bridge = Bridge::new("self");
    bridge
        .config
        .insert("source.cluster.bootstrap.servers".into(), servers().1);
    let error = bridge.start().err().unwrap();
    assert_eq!(error.name(), "SameCluster");
}

#[test]
fn answers_to_mirror_makers_name() {
    assert!(
        MirrorConnector
            .aliases()
            .contains(&"org.apache.kafka.connect.mirror.MirrorSourceConnector")
    );
}
