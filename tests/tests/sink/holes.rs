//! Whatever is missing stops the task, by name.

use std::time::Duration;

use walbridge_connector_api::{ConnectorError, Disposition, TopicSpec};

use crate::rig::{Database, Rig};
use crate::stream::{Stream, TRANSACTIONS, Table, V, s};

use V::I;

fn table(partitions: i32) -> (Stream, Table) {
    let mut stream = Stream::new();
    let t = stream.table("t", &[("id", "bigint"), ("a", "text")], &[0], partitions);
    stream.snapshot(&[(&t, &[&[I(1), s("x")]])]);
    (stream, t)
}

fn count(database: &Database) -> Vec<String> {
    database.rows("SELECT count(*) FROM public.t")
}

#[test]
fn a_row_removed_from_its_topic_is_missed_when_a_later_one_comes() {
    let (mut stream, t) = table(1);
    stream.begin();
    (2..=4).for_each(|n| stream.insert(&t, &[I(n), s("x")]));
    stream.commit();
    let at = stream.log.len() - 3;
    stream.log.remove(at);
    stream.begin();
    stream.insert(&t, &[I(5), s("x")]);
    stream.commit();
    let database = Database::create("removed");
    let mut rig = Rig::open(&database, &stream, &[]).unwrap();
    let error = rig.feed_all(&stream).unwrap_err();
    assert_eq!(error.name(), "CountMismatch");
    assert_eq!(error.disposition(), Disposition::Stop);
    for part in [
        "east.public.t",
        "transaction 701",
        "3 rows",
        "1 were found",
        "partition 0",
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(count(&database), ["1"]);
}

#[test]
fn a_row_that_does_not_come_is_waited_for_and_then_missed() {
    let (mut stream, t) = table(2);
    stream.begin();
    stream.insert(&t, &[I(2), s("x")]);
    stream.miscount(&t, 1);
    stream.commit();
    let database = Database::create("late");
    let grace = [("missing.rows.grace.ms", "300")];
    let mut rig = Rig::open(&database, &stream, &grace).unwrap();
    rig.feed_all(&stream).unwrap();
    // While the cluster is away nothing is said to be missing, however long it takes.
    std::thread::sleep(Duration::from_millis(400));
    rig.control.unreachable = true;
    assert_eq!(rig.put(None).unwrap_err().name(), "Unreachable");
    rig.control.unreachable = false;
    let error = rig.put(None).unwrap_err();
    assert_eq!(error.name(), "CountMismatch");
    assert_eq!(error.disposition(), Disposition::Stop);
    assert!(error.to_string().contains("row 2 is missing"), "{error}");
    assert_eq!(count(&database), ["1"]);
}

/// As if a mirror left the topic out.
#[test]
fn a_topic_that_is_not_there_is_named_at_once() {
    let (mut stream, t) = table(1);
    stream.begin();
    stream.insert(&t, &[I(2), s("x")]);
    stream.commit();
    stream.log.retain(|w| w.topic.name == TRANSACTIONS);
    let partitions = &stream.partitions()[..1];
    let database = Database::create("absent");
    let grace = [("missing.rows.grace.ms", "300")];
    let mut rig = Rig::open_with(&database, &stream, partitions, &grace).unwrap();
    // Long before people are told of rows that are only late.
    let error = loop {
        if let Err(error) = rig.feed_all(&stream) {
            break error;
        }
    };
    let told = rig.metrics.facts()["waiting for"].clone();
    assert!(
        told.contains("east.public.t") && told.contains("the topic is not there"),
        "{told}"
    );
    assert_eq!(error.name(), "CountMismatch");
    assert!(error.to_string().contains("topics.exclude"), "{error}");
}

#[test]
fn a_transaction_that_is_missing_is_a_gap_in_the_chain() {
    let (mut stream, t) = table(1);
    stream.begin();
    stream.insert(&t, &[I(2), s("x")]);
    stream.commit();
    let end = stream.log.len();
    stream.begin();
    stream.insert(&t, &[I(3), s("x")]);
    stream.commit();
    stream.log.drain(end - 3..end);
    let database = Database::create("gap");
    let mut rig = Rig::open(&database, &stream, &[]).unwrap();
    let error = rig.feed_all(&stream).unwrap_err();
    assert_eq!(error.name(), "ChainGap");
    // 1100 is the snapshot's position, 1200 the missing transaction's.
    assert!(
        error.to_string().contains("0/44C") && error.to_string().contains("0/4B0"),
        "{error}"
    );
    assert_eq!(count(&database), ["1"]);
}

#[test]
fn a_stream_without_its_beginning_is_refused() {
    let (mut stream, t) = table(1);
    stream.log.clear();
    stream.begin();
    stream.insert(&t, &[I(2), s("x")]);
    stream.commit();
    let database = Database::create("headless");
    let mut rig = Rig::open(&database, &stream, &[]).unwrap();
    assert_eq!(rig.feed_all(&stream).unwrap_err().name(), "ChainGap");
}

#[test]
fn topics_that_changed_behind_the_sink_are_noticed_at_the_start() {
    let (stream, _) = table(1);
    let database = Database::create("topics");
    let mut rig = Rig::open(&database, &stream, &[]).unwrap();
    rig.feed_all(&stream).unwrap();
    drop(rig);
    let open = |change: &dyn Fn(&mut Vec<walbridge_connector_api::PartitionInfo>)| {
        let mut partitions = stream.partitions();
        change(&mut partitions);
        // A task after a stop looks for a later snapshot first.
        let mut errors = (0..2).map(|_| {
            let mut rig = Rig::open_with(&database, &stream, &partitions, &[]).unwrap();
            rig.put(None).err()
        });
        let looked = |error: &Option<ConnectorError>| {
            (error.as_ref()).is_some_and(|error| error.name() == "NoLaterSnapshot")
        };
        let found = errors.find(|error| !looked(error)).flatten();
        found.map_or(String::new(), |error| error.to_string())
    };
    let error = open(&|all| {
        (all[1].first, all[1].end) = (5, 9);
    });
    assert!(error.starts_with("TopicTruncated"), "{error}");
    assert!(
        error.contains("east.public.t partition 0: offsets 1 to 4"),
        "{error}"
    );
    let error = open(&|all| all[1].topic_id = "another".into());
    assert!(error.starts_with("TopicRecreated"), "{error}");
    let error = open(&|all| all[0].end = 0);
    assert!(error.starts_with("TopicTruncated"), "{error}");
    let error = open(&|all| drop(all.remove(1)));
    assert!(error.starts_with("TopicDeleted"), "{error}");
    assert_eq!(open(&|_| {}), "");
}

#[test]
fn a_registry_that_answers_with_another_schema_is_noticed() {
    let columns = [("id", "bigint"), ("a", "text"), ("b", "text")];
    let exchanged = [("id", "bigint"), ("b", "text"), ("a", "text")];
    let mut stream = Stream::new();
    let other = stream.table("other", &exchanged, &[0], 1);
    let t = stream.table("t", &columns, &[0], 1);
    stream.snapshot(&[(&t, &[&[I(1), s("a"), s("b")]]), (&other, &[])]);
    let database = Database::create("confused");
    let mut rig = Rig::open(&database, &stream, &[]).unwrap();
    rig.feed_all(&stream).unwrap();
    drop(rig);

    // The bytes can be read by both, with the values in each other's columns.
    stream.schemas.confuse(&t, &other);
    stream.begin();
    stream.insert(&t, &[I(2), s("a"), s("b")]);
    stream.commit();
    let mut rig = Rig::open(&database, &stream, &[]).unwrap();
    let error = rig.feed_all(&stream).unwrap_err();
    assert_eq!(error.name(), "SchemaDiffers", "{error}");
    assert_eq!(error.disposition(), Disposition::Stop);
    for part in [
        "topic east.public.t partition 0 offset",
        "table public.t",
        "id, b, a",
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(database.rows("SELECT id, a, b FROM public.t"), ["1|a|b"]);
}

#[test]
fn bytes_that_are_not_avro_are_named() {
    for (name, value) in [
        ("east.public.t", b"{\"id\": 1}".to_vec()),
        ("east.public.t", vec![0, 0, 0, 0, 10, 2, 2]),
        (TRANSACTIONS, b"hello".to_vec()),
    ] {
        let (mut stream, t) = table(1);
        let topic = std::sync::Arc::new(TopicSpec {
            name: name.into(),
            ..TopicSpec::default()
        });
        stream.begin();
        stream.write(&topic, 0, None, Some(value), &[]);
        stream.insert(&t, &[I(2), s("x")]);
        stream.commit();
        let database = Database::create("not_avro");
        let mut rig = Rig::open(&database, &stream, &[]).unwrap();
        let error = rig.feed_all(&stream).unwrap_err();
        assert_eq!(error.name(), "NotAvro", "{error}");
        assert!(
            error
                .to_string()
                .contains(&format!("topic {name} partition 0 offset")),
            "{error}"
        );
    }
}

#[test]
fn a_row_of_another_table_in_the_topic_is_not_applied() {
    for redefined in [false, true] {
        let mut stream = Stream::new();
        let columns = [("id", "bigint"), ("a", "text")];
        let t = stream.table("a?b", &columns, &[0], 1);
        stream.snapshot(&[(&t, &[&[I(1), s("x")]])]);
        let other = stream.table("a*b", &columns, &[0], 1);
        stream.begin();
        stream.update(&t, &[I(1), s("y")]);
        stream.commit();
        stream.begin();
        match redefined {
            true => stream.insert_redefined(&other, &[I(5), s("foreign")]),
            false => stream.update(&other, &[I(1), s("foreign")]),
        }
        stream.commit();
        let database = Database::create("foreign");
        let mut rig = Rig::open(&database, &stream, &[]).unwrap();
        let error = rig.feed_all(&stream).unwrap_err();
        assert_eq!(error.name(), "ForeignRow", "{error}");
        assert!(
            error
                .to_string()
                .contains("public.a*b in the topic of table public.a?b"),
            "{error}"
        );
        drop(rig);
        let rows = database.rows("SELECT * FROM public.\"a?b\"");
        assert!(rows == ["1|x"] || rows == ["1|y"], "{rows:?}");
    }
}
