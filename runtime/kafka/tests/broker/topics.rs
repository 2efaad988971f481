//! Topics: created, grown, described.

use std::sync::Arc;
use std::time::Duration;

use walbridge_connector_api::{StartAt, StopToken, TopicSpec};
use walbridge_kafka::{AckedProducer, Admin, ClientConfig, CreateOutcome, ErrorKind};

use crate::site::*;

#[test]
fn creates_grows_and_describes() {
    let admin = Admin::new(&config()).unwrap();
    let stop = StopToken::new();
    let spec = TopicSpec {
        name: name("made"),
        partitions: Some(2),
        replication_factor: None,
        config: vec![("cleanup.policy".into(), "compact".into())],
    };
    assert_eq!(admin.create(&spec, &stop).unwrap(), CreateOutcome::Created);
    assert_eq!(admin.create(&spec, &stop).unwrap(), CreateOutcome::Existed);
    assert_eq!(admin.own_configs(&spec.name).unwrap(), spec.config);
    admin.grow(&spec.name, 4, &stop).unwrap();
    admin.grow(&spec.name, 3, &stop).unwrap();
    let all = admin.topics().unwrap();
    let made = all.iter().find(|t| t.name == spec.name).unwrap();
    assert_eq!((made.partitions, made.internal), (4, false));
    assert!(!made.id.is_empty());
    assert!(!admin.cluster_id().unwrap().is_empty());
    assert_eq!(admin.describe(&["none-such"]).unwrap(), []);
    let bad = TopicSpec {
        config: vec![("no.such".into(), "1".into())],
        name: name("bad"),
        ..spec
    };
    let error = admin.create(&bad, &stop).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Refused, "{error}");
}

#[test]
fn a_cluster_out_of_reach_says_so() {
    let admin = Admin::new(&ClientConfig::new("127.0.0.1:9")).unwrap();
    let error = admin.cluster_id().unwrap_err();
    assert!(
        error.is_retriable() && error.to_string().contains("127.0.0.1:9"),
        "{error}"
    );
}

/// Kafka takes any first sequence number in a partition that is empty: of several requests in flight the
/// first may be refused while the leader does not know the partition yet, and the second taken.
#[test]
fn records_for_a_topic_just_made_come_whole_and_in_their_order() {
    let admin = Admin::new(&config()).unwrap();
    let stop = StopToken::new();
    let mut producer = AckedProducer::new(&config().with("linger.ms", "0"), stop.clone()).unwrap();
    let mut write = |topic: &Arc<TopicSpec>, records: &[Plain]| {
        producer.send(&batch(topic, records))?;
        producer.flush(Duration::from_secs(10))
    };
    // The first has its topic's metadata to wait for.
    write(&topic("warm", 1), &[Plain::value(0, "w")]).unwrap();
    let filling = "x".repeat(100_000);
    for round in 0..12 {
        let spec = Arc::new(TopicSpec {
            name: name("just-made"),
            partitions: Some(20),
            ..TopicSpec::default()
        });
        admin.create(&spec, &stop).unwrap();
        // So large that they are several requests.
        let records: Vec<_> = (10..22)
            .map(|n| Plain::value(19, &format!("{n}{filling}")))
            .collect();
        let written = write(&spec, &records);
        assert!(matches!(written, Ok(true)), "round {round}: {written:?}");
        let found = read(&mut reader(&spec, StartAt::Beginning), records.len());
        let numbers = |all: &[Plain]| -> Vec<_> {
            let number = |record: &Plain| record.value.as_ref().map(|value| value[..2].to_vec());
            all.iter().map(number).collect()
        };
        assert_eq!(numbers(&found), numbers(&records), "round {round}");
    }
}
