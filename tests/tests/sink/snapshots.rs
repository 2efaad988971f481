//! Loading snapshots.

use crate::rig::{Database, Rig};
use crate::stream::{Stream, Table, V, s};

use V::I;

const T: &[(&str, &str)] = &[("id", "bigint"), ("a", "text")];

fn table() -> (Stream, Table) {
    let mut stream = Stream::new();
    let table = stream.table("t", T, &[0], 2);
    (stream, table)
}

fn all(database: &Database) -> Vec<String> {
    database.rows("SELECT * FROM public.t ORDER BY id")
}

#[test]
fn a_snapshot_begun_anew_discards_what_was_loaded() {
    let (mut stream, t) = table();
    stream.begin_snapshot(&[&t]);
    (1..=50).for_each(|n| stream.read(&t, &[I(n), s("stale")]));
    let database = Database::create("anew");
    let mut rig = Rig::open(&database, &stream, &[]).unwrap();
    rig.feed(&stream, 7).unwrap();
    assert_eq!(rig.metrics.facts()["phase"], "loading");
    // The second half of the stale rows comes only after the new snapshot has begun.
    (51..=60).for_each(|n| stream.read(&t, &[I(n), s("stale")]));
    stream.begin_snapshot(&[&t]);
    (1..=20).for_each(|n| stream.read(&t, &[I(n), s("fresh")]));
    stream.end_snapshot();
    rig.feed(&stream, 7).unwrap();
    assert_eq!(rig.metrics.facts()["phase"], "streaming");
    let expected: Vec<_> = (1..=20).map(|n| format!("{n}|fresh")).collect();
    assert_eq!(all(&database), expected);
}

#[test]
fn a_snapshot_goes_on_where_a_killed_task_left_it() {
    let (mut stream, t) = table();
    stream.begin_snapshot(&[&t]);
    (1..=500).for_each(|n| stream.read(&t, &[I(n), s("x")]));
    stream.end_snapshot();
    stream.begin();
    stream.insert(&t, &[I(501), s("x")]);
    stream.commit();
    let database = Database::create("resume");
    let partial = stream.log.clone();
    for end in [1, 2, 100, 101, 333, 502, 503, 504] {
        let whole = std::mem::replace(&mut stream.log, partial[..end].to_vec());
        let mut rig = Rig::open(&database, &stream, &[]).unwrap();
        rig.feed(&stream, 40).unwrap();
        drop(rig);
        stream.log = whole;
    }
    let mut rig = Rig::open(&database, &stream, &[]).unwrap();
    rig.feed(&stream, 40).unwrap();
    let rows = database.rows("SELECT count(*), min(id), max(id) FROM public.t");
    assert_eq!(rows, ["501|1|501"]);
}

#[test]
fn rows_that_the_link_never_wrote_are_not_truncated_unasked() {
    let (mut stream, t) = table();
    stream.snapshot(&[(&t, &[&[I(1), s("x")]])]);
    let database = Database::create("nonempty");
    database
        .sql
        .run("CREATE TABLE public.t (id bigint PRIMARY KEY, a text); INSERT INTO public.t VALUES (9)")
        .unwrap();
    let mut rig = Rig::open(&database, &stream, &[]).unwrap();
    let error = rig.feed_all(&stream).unwrap_err();
    assert_eq!(error.name(), "SnapshotTargetNotEmpty");
    assert_eq!(all(&database), ["9|NULL"]);
    drop(rig);
    let more = [("snapshot.target.nonempty", "truncate")];
    let mut rig = Rig::open(&database, &stream, &more).unwrap();
    rig.feed_all(&stream).unwrap();
    assert_eq!(all(&database), ["1|x"]);
    // Another snapshot finds only the link's own rows.
    stream.snapshot(&[(&t, &[&[I(2), s("y")]])]);
    drop(rig);
    let mut rig = Rig::open(&database, &stream, &[]).unwrap();
    rig.feed_all(&stream).unwrap();
    assert_eq!(all(&database), ["2|y"]);
}
