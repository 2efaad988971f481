//! Loading snapshots.

use crate::rig::{Database, Rig};
use crate::stream::{Stream, TRANSACTIONS, Table, V, Written, s};

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

/// Partitions come through a mirror in any order: rows of a snapshot that was given up may come when the
/// next one has ended, in a partition that the next one wrote nothing to.
#[test]
fn rows_of_a_snapshot_given_up_may_come_after_the_next_has_ended() {
    let (mut stream, t) = table();
    stream.begin_snapshot(&[&t]);
    let late = stream.log.len()..stream.log.len() + 3;
    for n in [2, 4, 6] {
        stream.read(&t, &[I(n), s("stale")]);
    }
    stream.begin_snapshot(&[&t]);
    stream.read(&t, &[I(1), s("fresh")]);
    stream.end_snapshot();
    let stale: Vec<_> = stream.log.drain(late).collect();
    stream.log.extend(stale);
    stream.begin();
    stream.insert(&t, &[I(2), s("streamed")]);
    stream.commit();
    let database = Database::create("late");
    let mut rig = Rig::open(&database, &stream, &[]).unwrap();
    rig.feed(&stream, 1).unwrap();
    assert_eq!(all(&database), ["1|fresh", "2|streamed"]);
    // A task that starts anew between the two knows of it, too.
    let other = Database::create("late_restart");
    let whole = stream.log.clone();
    stream.log.truncate(whole.len() - 4);
    let mut rig = Rig::open(&other, &stream, &[]).unwrap();
    rig.feed(&stream, 1).unwrap();
    drop(rig);
    stream.log = whole;
    let mut rig = Rig::open(&other, &stream, &[]).unwrap();
    rig.feed(&stream, 1).unwrap();
    assert_eq!(all(&other), ["1|fresh", "2|streamed"]);
}

/// A new server's positions have nothing to do with those of the one before.
#[test]
fn rows_of_the_next_snapshot_may_come_early_and_from_lower_positions() {
    let (mut stream, t) = table();
    stream.snapshot(&[(&t, &[&[I(1), s("old")]])]);
    stream.begin();
    let late = stream.log.len();
    stream.insert(&t, &[I(2), s("old")]);
    stream.commit();
    stream.change_server();
    stream.snapshot(&[(&t, &[&[I(3), s("new")], &[I(4), s("new")]])]);
    // Partition 0 comes last, and the transaction topic before partition 1.
    let of = |written: &Written| (written.topic.name != TRANSACTIONS, written.partition == 0);
    let row = stream.log[late].clone();
    assert_eq!(of(&row), (true, true));
    stream.log.sort_by_key(of);
    let database = Database::create("early");
    let mut rig = Rig::open(&database, &stream, &[]).unwrap();
    rig.feed(&stream, 1).unwrap();
    assert_eq!(all(&database), ["3|new", "4|new"]);
}

#[test]
fn rows_that_a_snapshot_did_not_count_are_refused() {
    let (mut stream, t) = table();
    stream.snapshot(&[(&t, &[&[I(1), s("x")]])]);
    // Of the same snapshot, which has ended.
    stream.read(&t, &[I(2), s("x")]);
    stream.begin();
    stream.insert(&t, &[I(4), s("y")]);
    stream.commit();
    let database = Database::create("uncounted");
    let mut rig = Rig::open(&database, &stream, &[]).unwrap();
    let error = rig.feed(&stream, 1).unwrap_err();
    assert_eq!(error.name(), "StreamRepeats");
    let text = error.to_string();
    assert!(
        text.contains("east.public.t partition 0 offset 0"),
        "{text}"
    );
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
