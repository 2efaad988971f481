//! Topics appear, grow, and have their configuration at the target.

use std::time::{Duration, Instant};

use walbridge_connector_api::{StopToken, TopicSpec};

use crate::bridge::*;

#[test]
fn new_topics_and_partitions_are_picked_up_within_seconds() {
    let mut bridge = Bridge::new("new");
    bridge.config.remove("refresh.topics.interval.seconds");
    let mut run = bridge.start().unwrap();
    assert_eq!(bridge.step(&mut run).unwrap(), 0);
    let topic = bridge.topic(".first", 1);
    bridge.write(&topic, &[numbered(0, 1)]);
    let begun = Instant::now();
    bridge.run_until(&mut run, 1);
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    bridge.east.grow(&topic.name, 3, &StopToken::new()).unwrap();
    let topic = TopicSpec {
        partitions: Some(3),
        ..topic
    };
    bridge.write(&topic, &[numbered(2, 2), numbered(1, 3), numbered(0, 4)]);
    let begun = Instant::now();
    bridge.run_until(&mut run, 3);
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(bridge.read_west(&topic), bridge.read_east(&topic));
    let west = &bridge.west.describe(&[&topic.name]).unwrap()[0];
    assert_eq!(west.partitions, 3);
}

#[test]
fn configuration_is_taken_over_but_for_what_is_the_clusters_own() {
    let mut bridge = Bridge::new("configured");
    let spec = TopicSpec {
        name: format!("{}.t", bridge.prefix),
        partitions: Some(2),
        config: vec![
            ("cleanup.policy".into(), "compact".into()),
            ("min.insync.replicas".into(), "1".into()),
            ("segment.bytes".into(), "2097152".into()),
        ],
        ..TopicSpec::default()
    };
    bridge.east.create(&spec, &StopToken::new()).unwrap();
    let mut run = bridge.start().unwrap();
    bridge.step(&mut run).unwrap();
    let mut own = bridge.west.own_configs(&spec.name).unwrap();
    own.sort();
    let expected: [(String, String); 2] = [
        ("cleanup.policy".into(), "compact".into()),
        ("segment.bytes".into(), "2097152".into()),
    ];
    assert_eq!(own, expected);
}

#[test]
fn topics_get_a_prefix_when_asked_for() {
    let mut bridge = Bridge::new("prefixed");
    let policy = "org.apache.kafka.connect.mirror.DefaultReplicationPolicy";
    bridge
        .config
        .insert("replication.policy.class".into(), policy.into());
    let topic = bridge.topic("", 1);
    bridge.write(&topic, &[numbered(0, 1), numbered(0, 2)]);
    let mut run = bridge.start().unwrap();
    bridge.run_until(&mut run, 2);
    let at_west = TopicSpec {
        name: format!("east.{}", topic.name),
        ..topic.clone()
    };
    assert_eq!(bridge.read_west(&at_west), bridge.read_east(&topic));
}
