//! What becomes of a link that stopped.

use walbridge_connector_api::{ConnectorError, Disposition};

use crate::rig::{Database, Rig};
use crate::stream::{Stream, TRANSACTIONS, Table, V, s};

use V::I;

/// Returns a stream of one snapshot of one table that has row 1.
fn whole(partitions: i32) -> (Stream, Table) {
    let mut stream = Stream::new();
    let t = stream.table("t", &[("id", "bigint"), ("a", "text")], &[0], partitions);
    stream.snapshot(&[(&t, &[&[I(1), s("kept")]])]);
    (stream, t)
}

/// Returns a stream that breaks off after row 1: a row of the second transaction is not there.
fn broken() -> (Stream, Table) {
    let (mut stream, t) = whole(2);
    write(&mut stream, &t, &[2, 3, 4]);
    let missing = stream.log.len() - 4;
    stream.log.remove(missing);
    // Never to be applied, in both partitions.
    write(&mut stream, &t, &[5, 6]);
    write(&mut stream, &t, &[7, 8]);
    (stream, t)
}

fn write(stream: &mut Stream, table: &Table, ids: &[i64]) {
    stream.begin();
    for id in ids {
        stream.insert(table, &[I(*id), s("streamed")]);
    }
    stream.commit();
}

fn run(database: &Database, stream: &Stream, chunk: usize) -> Result<Rig, ConnectorError> {
    let mut rig = Rig::open(database, stream, &[])?;
    rig.feed(stream, chunk)?;
    Ok(rig)
}

fn rows(database: &Database) -> Vec<String> {
    database.rows("SELECT * FROM public.t ORDER BY id")
}

fn fails(result: Result<Rig, ConnectorError>, name: &str) -> ConnectorError {
    let error = result.err().unwrap();
    assert_eq!(error.name(), name, "{error}");
    error
}

#[test]
fn a_link_goes_on_with_a_later_snapshot_as_soon_as_there_is_one() {
    let (mut stream, t) = broken();
    let database = Database::create("later");
    for _ in 0..2 {
        let error = fails(run(&database, &stream, 1), "CountMismatch");
        assert!(error.to_string().contains("restart this task"), "{error}");
        let noted = database.rows(
            "SELECT reason LIKE 'CountMismatch: topic east.public.t%' FROM walbridge.stopped",
        );
        assert_eq!(noted, ["true"]);
        // The next task looks for a snapshot, finds none, and tries again.
        let error = fails(run(&database, &stream, 1), "NoLaterSnapshot");
        assert_eq!(error.disposition(), Disposition::Rewind);
        assert_eq!(rows(&database), ["1|kept"]);
    }
    fails(run(&database, &stream, 1), "CountMismatch");
    stream.snapshot(&[(&t, &[&[I(10), s("new")]])]);
    write(&mut stream, &t, &[11, 12]);
    let rig = run(&database, &stream, 3).unwrap();
    assert_eq!(rows(&database), ["10|new", "11|streamed", "12|streamed"]);
    assert_eq!(rig.metrics.facts()["phase"], "streaming");
    let stopped = database.rows("SELECT reason, since IS NOT NULL AS since FROM walbridge.stopped");
    assert_eq!(stopped, ["NULL|true"]);
}

/// The rows before it may come when everything else has: after a restart, and from another server, whose
/// transactions have the same numbers.
#[test]
fn no_row_from_before_is_taken_for_one_of_the_snapshot_or_after() {
    let (mut stream, t) = broken();
    let database = Database::create("before");
    fails(run(&database, &stream, usize::MAX), "CountMismatch");
    stream.change_server();
    stream.snapshot(&[(&t, &[&[I(10), s("new")]])]);
    for n in 0..4 {
        write(&mut stream, &t, &[20 + 2 * n, 21 + 2 * n]);
    }
    // The transaction topic comes first.
    let whole = stream.log.clone();
    stream
        .log
        .retain(|written| written.topic.name == TRANSACTIONS);
    let mut rig = Rig::open(&database, &stream, &[]).unwrap();
    rig.feed(&stream, 1).unwrap();
    assert_eq!(rig.metrics.facts()["phase"], "loading");
    drop(rig);
    stream.log = whole;
    run(&database, &stream, 1).unwrap();
    let found = database.rows(
        "SELECT min(id), max(id), count(*), count(*) FILTER (WHERE a = 'streamed') FROM public.t",
    );
    assert_eq!(found, ["10|27|9|8"]);
    // The next snapshot that comes in its turn ends the watch.
    stream.snapshot(&[(&t, &[&[I(30), s("next")]])]);
    run(&database, &stream, 1).unwrap();
    assert_eq!(rows(&database), ["30|next"]);
    assert_eq!(
        database.rows("SELECT since FROM walbridge.stopped"),
        ["NULL"]
    );
}

/// A primary that is a replica itself has the commit times of the server it follows.
#[test]
fn what_the_primary_got_late_from_elsewhere_is_not_passed_over() {
    let (mut stream, t) = broken();
    let database = Database::create("relayed");
    fails(run(&database, &stream, usize::MAX), "CountMismatch");
    stream.relay(1_000_000);
    write(&mut stream, &t, &[9, 10]);
    stream.snapshot(&[(&t, &[&[I(20), s("new")]])]);
    write(&mut stream, &t, &[21, 22]);
    run(&database, &stream, 1).unwrap();
    assert_eq!(rows(&database), ["20|new", "21|streamed", "22|streamed"]);
}

#[test]
fn a_link_whose_topics_were_truncated_goes_on_with_a_later_snapshot() {
    let (mut stream, t) = whole(1);
    let database = Database::create("truncated");
    run(&database, &stream, 1).unwrap();
    write(&mut stream, &t, &[2, 3]);
    stream.snapshot(&[(&t, &[&[I(10), s("new")]])]);
    write(&mut stream, &t, &[11]);
    // The first row is gone, and the transaction that it was of cannot be had whole.
    stream
        .log
        .retain(|w| w.topic.name == TRANSACTIONS || w.offset >= 2);
    let mut partitions = stream.partitions();
    partitions[1].first = 2;
    let mut rig = Rig::open_with(&database, &stream, &partitions, &[]).unwrap();
    rig.feed(&stream, 1).unwrap();
    assert_eq!(rows(&database), ["10|new", "11|streamed"]);
}

#[test]
fn a_new_link_begins_with_the_first_snapshot_that_is_left() {
    let (mut stream, t) = broken();
    // As retention leaves it.
    stream.log.drain(..6);
    let database = Database::create("left");
    fails(run(&database, &stream, 1), "ChainGap");
    stream.snapshot(&[(&t, &[&[I(10), s("new")]])]);
    write(&mut stream, &t, &[11]);
    run(&database, &stream, 1).unwrap();
    assert_eq!(rows(&database), ["10|new", "11|streamed"]);
}

#[test]
fn a_link_whose_reason_is_gone_goes_on_where_it_was() {
    let (mut stream, t) = whole(1);
    let database = Database::create("gone");
    run(&database, &stream, 1).unwrap();
    database
        .sql
        .run("INSERT INTO public.t VALUES (2, 'somebody else''s')")
        .unwrap();
    write(&mut stream, &t, &[2, 3]);
    fails(run(&database, &stream, 1), "StandbyDiverged");
    database
        .sql
        .run("DELETE FROM public.t WHERE id = 2")
        .unwrap();
    fails(run(&database, &stream, 1), "NoLaterSnapshot");
    run(&database, &stream, 1).unwrap();
    assert_eq!(rows(&database), ["1|kept", "2|streamed", "3|streamed"]);
}
