//! What transactions do to rows.

use crate::rig::{Database, Rig};
use crate::stream::{Stream, Table, V, s};

use V::{I, Null, Unset};

const T: &[(&str, &str)] = &[("id", "bigint"), ("a", "text"), ("b", "text")];

/// A table with rows 1 to 3 at the source, and a stream that begins with its snapshot.
fn three(partitions: i32) -> (Stream, Table) {
    let mut stream = Stream::new();
    let table = stream.table("t", T, &[0], partitions);
    let rows = [1, 2, 3].map(|n| [I(n), s(&format!("a{n}")), s(&format!("b{n}"))]);
    stream.snapshot(&[(&table, &[&rows[0], &rows[1], &rows[2]])]);
    (stream, table)
}

fn row(id: i64, a: &str) -> [V; 3] {
    [I(id), s(a), Null]
}

fn all(database: &Database) -> Vec<String> {
    database.rows("SELECT * FROM public.t ORDER BY id, a")
}

/// Applies the stream in several ways; the rows must be the same whatever is folded with what.
fn check(name: &str, stream: &Stream, expected: &[&str]) {
    for (chunk, more) in [
        (usize::MAX, &[][..]),
        (1, &[]),
        (3, &[("batch.max.transactions", "1")]),
        (
            usize::MAX,
            &[("batch.max.bytes", "1024"), ("buffer.bytes", "1048576")],
        ),
    ] {
        let database = Database::create(name);
        let mut rig = Rig::open(&database, stream, more).unwrap();
        rig.feed(stream, chunk).unwrap();
        assert_eq!(all(&database), expected, "{name} by {chunk} with {more:?}");
        assert_eq!(rig.metrics.facts()["phase"], "streaming");
    }
}

#[test]
fn several_changes_to_one_key() {
    let (mut stream, t) = three(2);
    stream.begin();
    stream.update(&t, &row(1, "x"));
    stream.update(&t, &row(1, "y"));
    stream.insert(&t, &row(4, "new"));
    stream.update(&t, &row(4, "newer"));
    stream.insert(&t, &row(5, "gone"));
    stream.delete(&t, &row(5, "gone"));
    stream.delete(&t, &row(2, ""));
    stream.commit();
    stream.begin();
    stream.update(&t, &row(4, "newest"));
    stream.commit();
    check(
        "several",
        &stream,
        &["1|y|NULL", "3|a3|b3", "4|newest|NULL"],
    );
}

#[test]
fn keys_shift_through_each_other() {
    let (mut stream, t) = three(1);
    stream.begin();
    for n in 1..=3 {
        let (a, b) = (s(&format!("a{n}")), s(&format!("b{n}")));
        stream.rekey(&t, &[I(n), a.clone(), b.clone()], &[I(n + 1), a, b]);
    }
    stream.commit();
    check("shift", &stream, &["2|a1|b1", "3|a2|b2", "4|a3|b3"]);
}

#[test]
fn two_keys_are_swapped() {
    let (mut stream, t) = three(3);
    let at = |id, n| [I(id), s(&format!("a{n}")), s(&format!("b{n}"))];
    stream.begin();
    stream.rekey(&t, &at(1, 1), &at(2, 1));
    stream.rekey(&t, &at(2, 2), &at(1, 2));
    stream.commit();
    check("swap", &stream, &["1|a2|b2", "2|a1|b1", "3|a3|b3"]);
}

#[test]
fn a_row_is_deleted_and_inserted_again() {
    let (mut stream, t) = three(1);
    stream.begin();
    stream.delete(&t, &[I(1), Unset, Unset]);
    stream.insert(&t, &row(1, "again"));
    stream.commit();
    stream.begin();
    stream.delete(&t, &[I(1), Unset, Unset]);
    stream.commit();
    stream.begin();
    stream.insert(&t, &row(1, "third"));
    stream.commit();
    check("again", &stream, &["1|third|NULL", "2|a2|b2", "3|a3|b3"]);
}

#[test]
fn a_truncate_stands_in_the_middle() {
    let (mut stream, t) = three(1);
    stream.begin();
    stream.insert(&t, &row(8, "before"));
    stream.truncate(&t);
    stream.insert(&t, &row(1, "after"));
    stream.commit();
    stream.begin();
    stream.truncate(&t);
    stream.insert(&t, &row(9, "last"));
    stream.commit();
    check("truncate", &stream, &["9|last|NULL"]);
    stream.begin();
    stream.truncate(&t);
    stream.commit();
    check("truncate", &stream, &[]);
}

#[test]
fn a_table_without_a_key_takes_inserts_and_whole_rows() {
    let mut stream = Stream::new();
    let t = stream.table("t", T, &[], 1);
    let one = [I(1), s("same"), Null];
    stream.snapshot(&[(&t, &[&one, &one])]);
    stream.begin();
    stream.insert(&t, &one);
    stream.insert(&t, &[Null, Null, Null]);
    stream.commit();
    stream.begin();
    stream.delete(&t, &one);
    stream.update_full(&t, &one, &[I(2), s("other"), s("b")]);
    stream.update_full(&t, &[Null, Null, Null], &[I(7), Null, Null]);
    stream.insert(&t, &[I(8), Null, Null]);
    stream.delete(&t, &[I(8), Null, Null]);
    stream.commit();
    check(
        "keyless",
        &stream,
        &["1|same|NULL", "2|other|b", "7|NULL|NULL"],
    );
}

#[test]
fn values_that_were_not_sent_stay_as_they_are() {
    let (mut stream, t) = three(1);
    stream.begin();
    stream.update(&t, &[I(1), s("x"), Unset]);
    stream.update(&t, &[I(2), s("y"), s("new b")]);
    stream.update(&t, &[I(2), s("z"), Unset]);
    stream.insert(&t, &[I(4), s("four"), s("long")]);
    stream.update(&t, &[I(4), Null, Unset]);
    // The row goes to another key, and the value that is not sent goes with it.
    stream.rekey(&t, &[I(3), Unset, Unset], &[I(30), s("moved"), Unset]);
    stream.rekey(&t, &[I(4), Unset, Unset], &[I(40), s("moved"), Unset]);
    stream.commit();
    check(
        "unsent",
        &stream,
        &["1|x|b1", "2|z|new b", "30|moved|b3", "40|moved|long"],
    );
}

#[test]
fn values_of_a_unique_column_go_round() {
    let (mut stream, t) = three(1);
    let database = Database::create("unique");
    let mut rig = Rig::open(&database, &stream, &[]).unwrap();
    rig.feed_all(&stream).unwrap();
    drop(rig);
    database
        .sql
        .run("CREATE UNIQUE INDEX ON public.t (a)")
        .unwrap();
    stream.begin();
    stream.update(&t, &row(1, "tmp"));
    stream.update(&t, &row(2, "a1"));
    stream.update(&t, &row(1, "a2"));
    stream.rekey(&t, &[I(3), s("a3"), s("b3")], &row(4, "a3"));
    stream.commit();
    let mut rig = Rig::open(&database, &stream, &[]).unwrap();
    rig.feed_all(&stream).unwrap();
    assert_eq!(all(&database), ["1|a2|NULL", "2|a1|NULL", "4|a3|NULL"]);
}

#[test]
fn a_standby_that_was_written_to_is_noticed() {
    for (harm, change) in [
        ("DELETE FROM public.t WHERE id = 2", 0),
        ("DELETE FROM public.t WHERE id = 2", 1),
        ("INSERT INTO public.t VALUES (2000)", 2),
    ] {
        let (mut stream, t) = three(1);
        let database = Database::create("diverged");
        let mut rig = Rig::open(&database, &stream, &[]).unwrap();
        rig.feed_all(&stream).unwrap();
        database.sql.run(harm).unwrap();
        stream.begin();
        stream.update(&t, &row(1, "never"));
        match change {
            0 => stream.update(&t, &row(2, "x")),
            1 => stream.delete(&t, &row(2, "")),
            _ => stream.insert(&t, &row(2000, "x")),
        }
        stream.commit();
        let error = rig.feed_all(&stream).unwrap_err();
        assert_eq!(error.name(), "StandbyDiverged", "{error}");
        assert!(error.to_string().contains("(2"), "{error}");
        assert!(error.to_string().contains("public.t"), "{error}");
        assert!(all(&database).contains(&"1|a1|b1".to_owned()));
    }
}

#[test]
fn many_new_rows_are_copied() {
    let (mut stream, t) = three(4);
    stream.begin();
    for n in 100..1100 {
        stream.insert(&t, &[I(n), s(&"x".repeat(n as usize % 7)), Null]);
    }
    stream.commit();
    stream.begin();
    for n in 100..1100 {
        if n % 2 == 0 {
            stream.delete(&t, &[I(n), Unset, Unset]);
        } else {
            stream.update(&t, &[I(n), s("odd"), Unset]);
        }
    }
    stream.commit();
    let mut expected: Vec<_> = (1..=3).map(|n| format!("{n}|a{n}|b{n}")).collect();
    expected.extend(
        (100..1100)
            .filter(|n| n % 2 == 1)
            .map(|n| format!("{n}|odd|NULL")),
    );
    let expected: Vec<_> = expected.iter().map(String::as_str).collect();
    check("copied", &stream, &expected);
}
