//! What is missing is named, never skipped.

use std::time::{Duration, Instant};

use walbridge_connector_api::{Disposition, StopToken, TopicSpec};

use crate::bridge::*;

fn started(what: &str, count: i64) -> (Bridge, TopicSpec, Run) {
    let mut bridge = Bridge::new(what);
    let topic = bridge.topic("", 1);
    let records: Vec<_> = (0..count).map(|i| numbered(0, i)).collect();
    bridge.write(&topic, &records);
    let mut run = bridge.start().unwrap();
    bridge.run_until(&mut run, count as usize);
    (bridge, topic, run)
}

#[test]
fn records_deleted_while_it_was_down() {
    let (mut bridge, topic, run) = started("down", 10);
    drop(run);
    bridge.write(
        &topic,
        &(10..30).map(|i| numbered(0, i)).collect::<Vec<_>>(),
    );
    bridge
        .east
        .delete_records(&part(&topic.name, 0), 20)
        .unwrap();
    let error = bridge.start().err().unwrap();
    assert_eq!(
        (error.name(), error.disposition()),
        ("TopicTruncated", Disposition::Stop)
    );
    // Offset 10 is the first transaction's marker.
    assert!(
        error.trace().contains("offsets 10 to 19"),
        "{}",
        error.trace()
    );
}

#[test]
fn records_deleted_under_it() {
    let (mut bridge, topic, mut run) = started("under", 10);
    // Not polled meanwhile; larger than what a client fetches ahead.
    let mut record = numbered(0, 1);
    record.value = Some(
        (0..500_000_u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect(),
    );
    for _ in 0..30 {
        bridge.write(&topic, &vec![record.clone(); 2]);
    }
    let end = bridge.east.inspect(&[part(&topic.name, 0)]).unwrap()[0].end;
    bridge
        .east
        .delete_records(&part(&topic.name, 0), end)
        .unwrap();
    let error = bridge.run_to_error(&mut run);
    assert_eq!(error.name(), "TopicTruncated", "{}", error.trace());
}

#[test]
fn an_empty_partition_that_was_filled_and_emptied_while_it_was_down() {
    let mut bridge = Bridge::new("unseen");
    let topic = bridge.topic("", 2);
    bridge.write(&topic, &[numbered(0, 1)]);
    let mut run = bridge.start().unwrap();
    bridge.run_until(&mut run, 1);
    drop(run);
    bridge.write(&topic, &[numbered(1, 2), numbered(1, 3)]);
    bridge
        .east
        .delete_records(&part(&topic.name, 1), 2)
        .unwrap();
    let error = bridge.start().err().unwrap();
    assert_eq!(error.name(), "TopicTruncated");
    assert!(
        error.trace().contains("partition 1 begins at offset 2"),
        "{}",
        error.trace()
    );
}

#[test]
fn a_topic_that_never_was_seen_begins_where_it_begins() {
    let mut bridge = Bridge::new("late");
    let topic = bridge.topic("", 1);
    bridge.write(&topic, &(0..10).map(|i| numbered(0, i)).collect::<Vec<_>>());
    bridge
        .east
        .delete_records(&part(&topic.name, 0), 4)
        .unwrap();
    let mut run = bridge.start().unwrap();
    bridge.run_until(&mut run, 6);
}

#[test]
fn markers_alone_are_not_missed_when_they_expire() {
    let (mut bridge, topic, mut run) = started("markers", 3);
    bridge.write_aborted(&topic, &[numbered(0, 9)]);
    // Progress without records is stored after a few seconds.
    let deadline = Instant::now() + Duration::from_secs(20);
    let at_end = |bridge: &Bridge| bridge.stored[0].offset.as_ref().unwrap()["offset"] == 5;
    while !at_end(&bridge) {
        assert_eq!(bridge.step(&mut run).unwrap(), 0);
        assert!(Instant::now() < deadline, "{:?}", bridge.stored);
    }
    drop(run);
    bridge
        .east
        .delete_records(&part(&topic.name, 0), 6)
        .unwrap();
    let mut run = bridge.start().unwrap();
    bridge.write(&topic, &[numbered(0, 10)]);
    bridge.run_until(&mut run, 1);
}

#[test]
fn a_topic_deleted_under_it() {
    let (mut bridge, topic, mut run) = started("deleted", 3);
    bridge.east.delete(&topic.name).unwrap();
    let error = bridge.run_to_error(&mut run);
    assert_eq!(error.name(), "TopicDeleted", "{}", error.trace());
    assert!(error.trace().contains(&topic.name));
}

#[test]
fn a_topic_deleted_while_it_was_down() {
    let (mut bridge, topic, run) = started("gone", 3);
    drop(run);
    bridge.east.delete(&topic.name).unwrap();
    let mut run = bridge.start().unwrap();
    let error = bridge.run_to_error(&mut run);
    assert_eq!(error.name(), "TopicDeleted", "{}", error.trace());
}

fn recreate(bridge: &Bridge, topic: &TopicSpec) {
    bridge.east.delete(&topic.name).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while bridge.east.create(topic, &StopToken::new()).is_err() {
        assert!(Instant::now() < deadline);
    }
}

#[test]
fn a_topic_created_anew_while_it_was_down() {
    let (mut bridge, topic, run) = started("anew", 3);
    drop(run);
    recreate(&bridge, &topic);
    bridge.write(
        &topic,
        &(100..150).map(|i| numbered(0, i)).collect::<Vec<_>>(),
    );
    let error = bridge.start().err().unwrap();
    assert_eq!(error.name(), "TopicRecreated", "{}", error.trace());
}

#[test]
fn a_topic_created_anew_under_it() {
    let (mut bridge, topic, mut run) = started("anew-live", 3);
    recreate(&bridge, &topic);
    bridge.write(
        &topic,
        &(100..150).map(|i| numbered(0, i)).collect::<Vec<_>>(),
    );
    let error = bridge.run_to_error(&mut run);
    assert!(
        matches!(error.name(), "TopicRecreated" | "TopicDeleted"),
        "{}",
        error.trace()
    );
    assert_eq!(bridge.read_west(&topic).len(), 3);
}
