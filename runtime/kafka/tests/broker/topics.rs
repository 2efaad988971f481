//! Topics: created, grown, described.

use walbridge_connector_api::{StopToken, TopicSpec};
use walbridge_kafka::{Admin, ClientConfig, CreateOutcome, ErrorKind};

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
