//! Heartbeats of both clusters: each gets across, and none goes round.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use walbridge_connector_api::{Connector, StopToken, TaskContext, TopicSpec};
use walbridge_kafka::{ClientConfig, TransactionalProducer};
use walbridge_mirror::HeartbeatConnector;

use crate::bridge::*;

#[test]
fn heartbeats_get_the_sources_name_in_front_and_copies_do_not_come_back() {
    let mut bridge = Bridge::new("beats");
    // The topic is everybody's, so the aliases are this test's own.
    let (east, west) = (name("east"), name("west"));
    let echo = TopicSpec {
        name: format!("{west}.heartbeats"),
        partitions: Some(1),
        ..TopicSpec::default()
    };
    bridge.east.create(&echo, &StopToken::new()).unwrap();
    let heartbeats = TopicSpec {
        name: "heartbeats".into(),
        partitions: Some(1),
        ..TopicSpec::default()
    };
    bridge.east.create(&heartbeats, &StopToken::new()).unwrap();
    bridge.write(&echo, &[numbered(0, 1)]);
    beat(&east, &west);
    for (key, value) in [
        ("source.cluster.alias", east.as_str()),
        ("target.cluster.alias", west.as_str()),
        ("topics", &format!("heartbeats,{}", echo.name)),
    ] {
        bridge.config.insert(key.to_owned(), value.to_owned());
    }
    let mut run = bridge.start().unwrap();
    let all = bridge.read_east(&heartbeats).len();
    bridge.run_until(&mut run, all);
    let copy = TopicSpec {
        name: format!("{east}.heartbeats"),
        ..heartbeats.clone()
    };
    assert_eq!(bridge.read_west(&copy), bridge.read_east(&heartbeats));
    // The copy of what came from the west stays where it is.
    assert!(bridge.west.describe(&[&echo.name]).map_or(true, |found| {
        found.iter().all(|topic| topic.partitions == 0)
    }));
}

/// Writes one heartbeat to the east.
fn beat(source: &str, target: &str) {
    let values: BTreeMap<String, String> = [
        ("source.cluster.alias", source),
        ("target.cluster.alias", target),
        ("heartbeats.topic.replication.factor", "1"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    let connector = HeartbeatConnector;
    assert_eq!(connector.config().check(&values), []);
    let settings = connector.config().settings(&values);
    let context = TaskContext {
        connector: "beats".into(),
        task: 0,
        group: "test".into(),
        offsets: Vec::new(),
        kafka: BTreeMap::new(),
        metrics: Arc::default(),
        stop: StopToken::new(),
    };
    let mut task = connector.source(&settings, context).unwrap();
    let batch = task.poll(Duration::from_millis(100)).unwrap().unwrap();
    let config = ClientConfig::new(servers().0);
    let id = format!("beats-{source}");
    let mut producer = TransactionalProducer::new(&config, &id, StopToken::new()).unwrap();
    producer.init().unwrap();
    producer.begin().unwrap();
    producer.send(&batch).unwrap();
    producer.commit().unwrap();
}
