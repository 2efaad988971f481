//! FileStream without Kafka: where it goes on, whatever crashes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

use serde_json::{Value, json};
use walbridge_connector_api::data::{ConnectRecord, SchemaAndValue};
use walbridge_connector_api::{Disposition, OffsetEntry};
use walbridge_connector_testkit::{SinkKit, SourceKit, problems};
use walbridge_file::{FileStreamSink, FileStreamSource};

fn source(file: &Path) -> SourceKit {
    let file = file.display().to_string();
    let config = [
        ("file", file.as_str()),
        ("topic", "lines"),
        ("batch.size", "4"),
    ];
    SourceKit::new(FileStreamSource, &config).unwrap()
}

#[test]
fn every_line_comes_once_and_in_order_whatever_crashes() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("in.txt");
    let lines: String = (0..50).map(|n| format!("line {n}\r\n")).collect();
    std::fs::write(&file, lines).unwrap();
    SourceKit::survives_crashes(|| Ok(source(&file)), 50).unwrap();

    let mut kit = source(&file);
    let mut run = kit.start().unwrap();
    run.commit_until(50).unwrap();
    assert!(run.poll().unwrap().is_none());
    run.stop();
    let texts: Vec<_> = kit
        .written()
        .iter()
        .map(|r| r.value.text().unwrap())
        .collect();
    let wanted: Vec<_> = (0..50).map(|n| format!("line {n}")).collect();
    assert_eq!(texts, wanted);
    let length = std::fs::metadata(&file).unwrap().len();
    let stored = kit.offsets()[0].offset.clone();
    assert_eq!(stored, json!({ "position": length }).as_object().cloned());
}

#[test]
fn offsets_that_people_store_are_checked_and_started_from() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("in.txt");
    std::fs::write(&file, "one\ntwo\nthree\n").unwrap();
    let mut kit = source(&file);
    let entry = |position: Value| OffsetEntry {
        partition: json!({ "filename": file.display().to_string() })
            .as_object()
            .cloned()
            .unwrap(),
        offset: json!({ "position": position }).as_object().cloned(),
    };
    let refused = kit.alter_offsets(vec![entry(json!("4"))]).unwrap_err();
    assert!(refused.contains("expected to be a Long"), "{refused}");
    kit.alter_offsets(vec![entry(json!(4))]).unwrap();
    kit.start().unwrap().commit_until(2).unwrap();
    assert_eq!(kit.written()[0].value.text().unwrap(), "two");
    // A file that is shorter than what was read of it is another one.
    std::fs::write(&file, "x").unwrap();
    let refused = kit.start().unwrap().next().unwrap_err();
    assert_eq!(refused.name(), "FileShrunk");
}

#[test]
fn a_sink_writes_each_line_at_least_once_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("out.txt");
    let name = file.display().to_string();
    let mut kit = SinkKit::new(FileStreamSink, &[("file", &name)]).unwrap();
    for number in 0..20 {
        let value = SchemaAndValue::schemaless(format!("line {number}"));
        kit.write(ConnectRecord::new("lines", value));
    }
    let mut run = kit.start().unwrap();
    run.put(5).unwrap();
    run.precommit().unwrap();
    run.put(5).unwrap();
    run.crash();
    // What was not committed comes again, what was does not.
    assert_eq!(kit.committed().values().copied().collect::<Vec<_>>(), [5]);
    let mut run = kit.start().unwrap();
    run.drain().unwrap();
    run.stop().unwrap();
    assert!(kit.is_done());
    let text = std::fs::read_to_string(&file).unwrap();
    let wanted: String = (0..10)
        .chain(5..20)
        .map(|n| format!("line {n}\n"))
        .collect();
    assert_eq!(text, wanted);
}

#[test]
fn what_is_no_file_fails_and_one_that_is_not_there_yet_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("plain");
    std::fs::write(&plain, "").unwrap();
    let long = dir.path().join("x".repeat(300));
    let bad = [
        dir.path(),
        &plain.join("below"),
        Path::new("with\0nul"),
        &long,
    ];
    for path in bad {
        let error = source(path).start().unwrap().next().unwrap_err();
        assert_eq!(error.name(), "FileUnreadable");
        assert_eq!(error.disposition(), Disposition::Stop, "{error}");
        let name = path.display().to_string();
        let kit = SinkKit::new(FileStreamSink, &[("file", &name)])
            .unwrap()
            .start()
            .map(drop);
        assert_eq!(kit.unwrap_err().disposition(), Disposition::Stop, "{name}");
    }
    let later = dir.path().join("later");
    let mut kit = source(&later);
    let mut run = kit.start().unwrap();
    assert!(run.poll().unwrap().is_none());
    std::fs::write(&later, "one\n").unwrap();
    run.commit_until(1).unwrap();
}

#[test]
fn validate_names_every_mistake() {
    let found = problems(&FileStreamSource, &[("batch.size", "0"), ("fil", "x")]);
    let keys: Vec<_> = found.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["topic", "batch.size", "fil"]);
}
