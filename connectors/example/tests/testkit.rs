//! The example's connectors in the test kit: what `docs/plugins.md` shows.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value as Json, json};
use walbridge_connector_api::OffsetEntry;
use walbridge_connector_api::data::{ConnectRecord, SchemaAndValue, Value};
use walbridge_connector_testkit::{SinkKit, SourceKit, problems};
use walbridge_example::{LatestSink, OrdersSource};

const ORDERS: [(&str, &str); 3] = [("topic", "orders"), ("limit", "25"), ("interval.ms", "0")];

#[test]
fn orders_come_once_each_and_go_on_where_they_were() {
    let mut kit = SourceKit::new(OrdersSource, &ORDERS).unwrap();
    let mut run = kit.start().unwrap();
    run.commit_until(10).unwrap();
    // Polled, and in no transaction that was committed: it comes again.
    let lost = run.next().unwrap();
    assert_eq!(lost.records.len(), 10);
    run.crash();
    assert_eq!(
        kit.offsets()[0].offset,
        json!({ "next": 10 }).as_object().cloned()
    );

    let mut run = kit.start().unwrap();
    run.commit_until(25).unwrap();
    // The limit is reached.
    assert!(run.poll().unwrap().is_none());
    run.stop();
    let ids: Vec<_> = kit.written().iter().map(id).collect();
    assert_eq!(ids, (0..25).collect::<Vec<_>>());
}

fn id(record: &ConnectRecord) -> i64 {
    let order = record.value.value.as_struct().unwrap();
    order.get("id").and_then(Value::as_i64).unwrap()
}

#[test]
fn orders_survive_a_crash_at_every_point() {
    SourceKit::survives_crashes(|| SourceKit::new(OrdersSource, &ORDERS), 25).unwrap();
}

#[test]
fn validate_names_every_mistake_and_offsets_are_checked() {
    let found = problems(
        &OrdersSource,
        &[("topic", "a b"), ("limit", "-1"), ("limt", "3")],
    );
    let keys: Vec<_> = found.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["limit", "limt", "topic"]);

    let mut kit = SourceKit::new(OrdersSource, &ORDERS).unwrap();
    let entry = |offset: Json| OffsetEntry {
        partition: json!({ "generator": "orders" })
            .as_object()
            .cloned()
            .unwrap(),
        offset: offset.as_object().cloned(),
    };
    let refused = kit.alter_offsets(vec![entry(json!({ "next": "7" }))]);
    assert!(refused.unwrap_err().contains("an offset is {"));
    kit.alter_offsets(vec![entry(json!({ "next": 20 }))])
        .unwrap();
    kit.start().unwrap().commit_until(5).unwrap();
    assert_eq!(id(&kit.written()[0]), 20);
}

/// Returns the rows of a table: key, latest value, how many records.
fn rows(file: &Path) -> BTreeMap<String, (String, u64)> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|_| "{}".into());
    let all: Json = serde_json::from_str(&text).unwrap();
    let rows = all["rows"].as_object().cloned().unwrap_or_default();
    let row = |row: Json| {
        (
            row["value"].as_str().unwrap().to_owned(),
            row["records"].as_u64().unwrap(),
        )
    };
    rows.into_iter()
        .map(|(key, value)| (key, row(value)))
        .collect()
}

fn written(key: Option<&str>, value: &str, partition: i32) -> ConnectRecord {
    let record = ConnectRecord::new("changes", SchemaAndValue::schemaless(value));
    let mut record = record.with_key(SchemaAndValue::schemaless(key));
    record.partition = Some(partition);
    record
}

/// A sink with 40 records of 3 keys in 2 partitions, and what its table holds.
fn kit(folder: &Path) -> (SinkKit, impl Fn() -> BTreeMap<String, (String, u64)>) {
    let file = folder.join("table.json");
    let name = file.display().to_string();
    let mut kit = SinkKit::new(LatestSink, &[("file", &name)]).unwrap();
    for number in 0..40 {
        let key = format!("key-{}", number % 3);
        kit.write(written(
            Some(&key),
            &format!("value {number}"),
            number % 3 % 2,
        ));
    }
    (kit, move || rows(&file))
}

#[test]
fn the_table_has_each_record_once_whatever_crashes() {
    let folders: Vec<_> = (0..20).map(|_| tempfile::tempdir().unwrap()).collect();
    let mut next = folders.iter();
    SinkKit::survives_crashes(|| Ok(kit(next.next().unwrap().path()))).unwrap();
    let (first, seen) = kit(folders[0].path());
    drop(first);
    let of_key_0 = ("value 39".to_owned(), 14);
    assert_eq!(seen()["key-0"], of_key_0);
}

#[test]
fn a_record_without_a_key_is_reported_and_the_others_go_on() {
    for tolerant in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let (kit, seen) = kit(folder.path());
        let mut kit = kit.tolerant(tolerant);
        kit.write(written(None, "of nobody", 0));
        let mut run = kit.start().unwrap();
        let put = run.drain();
        assert_eq!(put.is_ok(), tolerant);
        drop(run);
        assert_eq!(
            (kit.errant().len(), kit.errant()[0].error.name()),
            (1, "NoKey")
        );
        assert_eq!((kit.is_done(), seen().len() == 3), (tolerant, tolerant));
    }
}

#[test]
fn another_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("table.json");
    std::fs::write(&file, "{\"rows\": 7}").unwrap();
    let (mut kit, _) = kit(folder.path());
    let Err(error) = kit.start() else {
        panic!("it started")
    };
    assert_eq!(error.name(), "NoTable");
    assert_eq!(std::fs::read(&file).unwrap(), b"{\"rows\": 7}");
}
