//! Tables that follow the stream, or cannot.

use crate::rig::{Database, Rig};
use crate::stream::{Stream, TRANSACTIONS, V, s};

use V::I;

#[test]
fn a_column_that_appears_is_added_and_one_that_vanishes_stops() {
    let mut stream = Stream::new();
    let old = stream.table("t", &[("id", "bigint"), ("a", "text")], &[0], 1);
    stream.snapshot(&[(&old, &[&[I(1), s("x")]])]);
    stream.begin();
    stream.insert(&old, &[I(2), s("y")]);
    let new = stream.table(
        "t",
        &[("id", "bigint"), ("a", "text"), ("c", "text")],
        &[0],
        1,
    );
    stream.insert_redefined(&new, &[I(3), s("z"), s("new")]);
    stream.commit();
    let database = Database::create("column");
    let mut rig = Rig::open(&database, &stream, &[]).unwrap();
    rig.feed_all(&stream).unwrap();
    let rows = database.rows("SELECT * FROM public.t ORDER BY id");
    assert_eq!(rows, ["1|x|NULL", "2|y|NULL", "3|z|new"]);

    let less = stream.table("t", &[("id", "bigint"), ("c", "text")], &[0], 1);
    stream.begin();
    stream.insert_redefined(&less, &[I(4), s("w")]);
    stream.commit();
    let error = rig.feed_all(&stream).unwrap_err();
    assert_eq!(error.name(), "IncompatibleTable");
    assert!(error.to_string().contains("dropped or renamed"), "{error}");
    drop(rig);
    let full = [("schema.evolution", "full")];
    let mut rig = Rig::open(&database, &stream, &full).unwrap();
    // There is no later snapshot to go on with; so it tries again where it was.
    let error = rig.feed_all(&stream).unwrap_err();
    assert_eq!(error.name(), "NoLaterSnapshot");
    drop(rig);
    let mut rig = Rig::open(&database, &stream, &full).unwrap();
    rig.feed_all(&stream).unwrap();
    let rows = database.rows("SELECT * FROM public.t ORDER BY id");
    assert_eq!(rows, ["1|NULL", "2|NULL", "3|new", "4|w"]);
}

/// The standby keeps what was committed before the change, and a new snapshot, which the message asks
/// for, is taken whatever the table looked like.
#[test]
fn a_change_that_the_stream_does_not_explain_needs_a_new_snapshot_and_takes_it() {
    let before = [("id", "bigint"), ("a", "text"), ("b", "text")];
    for (name, after, key) in [
        (
            "another type",
            &[("id", "bigint"), ("a", "bigint"), ("b", "text")][..],
            &[0][..],
        ),
        (
            "a rename",
            &[("id", "bigint"), ("a2", "bigint"), ("b", "text")],
            &[0],
        ),
        ("another key", &before, &[0, 1]),
    ] {
        let mut stream = Stream::new();
        let old = stream.table("t", &before, &[0], 1);
        stream.snapshot(&[(&old, &[&[I(1), s("x"), s("b")]])]);
        let database = Database::create("explain");
        let mut rig = Rig::open(&database, &stream, &[]).unwrap();
        rig.feed_all(&stream).unwrap();
        // Both wait together: the first must not be lost with the second.
        stream.begin();
        stream.insert(&old, &[I(2), s("y"), s("b")]);
        stream.commit();
        let new = stream.table("t", after, key, 1);
        let row = |id| match after[1].1 {
            "text" => [I(id), s("z"), s("b")],
            _ => [I(id), I(7), s("b")],
        };
        stream.begin();
        stream.insert_redefined(&new, &row(3));
        stream.commit();
        let error = rig.feed_all(&stream).unwrap_err();
        assert_eq!(error.name(), "IncompatibleTable", "{name}");
        assert!(
            error.to_string().contains("begin a new snapshot"),
            "{name}: {error}"
        );
        drop(rig);
        let all = |column: &str| {
            database.rows(&format!("SELECT id, {column}, b FROM public.t ORDER BY id"))
        };
        assert_eq!(all("a"), ["1|x|b", "2|y|b"], "{name}");
        stream.snapshot(&[(&new, &[&row(1), &row(2), &row(3)])]);
        stream.begin();
        stream.insert(&new, &row(4));
        stream.commit();
        let mut rig = Rig::open(&database, &stream, &[]).unwrap();
        rig.feed_all(&stream).unwrap();
        let value = if after[1].1 == "text" { "z" } else { "7" };
        let expected = [1, 2, 3, 4].map(|id| format!("{id}|{value}|b"));
        assert_eq!(all(after[1].0), expected, "{name}");
    }
}

/// Rows are found in partitions, and are not looked for in tables that inherit.
#[test]
fn tables_of_other_shapes_at_the_target_take_the_same_rows() {
    const T: &[(&str, &str)] = &[("id", "bigint"), ("a", "text")];
    for (made, key, also) in [
        (
            "CREATE TABLE t (id bigint, a text) PARTITION BY HASH (id); \
             CREATE TABLE t0 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 0); \
             CREATE TABLE t1 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
            &[][..],
            0,
        ),
        (
            "CREATE TABLE t (id bigint PRIMARY KEY, a text) PARTITION BY HASH (id); \
             CREATE TABLE t0 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 0); \
             CREATE TABLE t1 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
            &[0],
            0,
        ),
        (
            "CREATE TABLE t (id bigint PRIMARY KEY, a text); CREATE TABLE kid () INHERITS (t); \
             INSERT INTO kid VALUES (1, 'kid'), (2, 'kid'), (5, 'kid')",
            &[0],
            3,
        ),
        (
            "CREATE TABLE t (id bigint, a text); CREATE TABLE kid () INHERITS (t); \
             INSERT INTO kid VALUES (1, 'x'), (2, 'x'), (5, 'x')",
            &[],
            3,
        ),
        (
            "CREATE TABLE t (id bigint NOT NULL UNIQUE, a text, own int DEFAULT 7, more text)",
            &[0],
            0,
        ),
    ] {
        let mut stream = Stream::new();
        let t = stream.table("t", T, key, 1);
        let rows = [1, 2, 3].map(|n| [I(n), s("x")]);
        stream.snapshot(&[(&t, &[&rows[0], &rows[1], &rows[2], &[I(4), s("x")]])]);
        stream.begin();
        stream.update_full(&t, &rows[0], &[I(1), s("new")]);
        stream.delete(&t, &rows[1]);
        stream.insert(&t, &[I(5), s("five")]);
        stream.commit();
        let database = Database::create("shapes");
        database.sql.run(made).unwrap();
        let more = [("snapshot.target.nonempty", "truncate")];
        let mut rig = Rig::open(&database, &stream, &more).unwrap();
        rig.feed_all(&stream).unwrap();
        let own = if also > 0 { "ONLY" } else { "" };
        let all = || database.rows(&format!("SELECT id, a FROM {own} public.t ORDER BY id"));
        assert_eq!(all(), ["1|new", "3|x", "4|x", "5|five"], "{made}");
        stream.begin();
        stream.truncate(&t);
        stream.insert(&t, &[I(2), s("last")]);
        stream.commit();
        rig.feed_all(&stream).unwrap();
        assert_eq!(all(), ["2|last"], "{made}");
        if also > 0 {
            let kids = database.rows("SELECT count(*) FROM public.kid");
            assert_eq!(kids, [also.to_string()], "{made}");
        }
    }
}

#[test]
fn another_table_at_the_target_is_refused_until_what_the_message_says_is_done() {
    let mut stream = Stream::new();
    let t = stream.table("t", &[("id", "bigint"), ("a", "text")], &[0], 1);
    stream.snapshot(&[(&t, &[])]);
    stream.begin();
    stream.insert(&t, &[I(1), s("x")]);
    stream.commit();
    for (have, fix) in [
        (
            "id integer PRIMARY KEY, a text",
            "ALTER COLUMN \"id\" TYPE bigint",
        ),
        (
            "id bigint PRIMARY KEY, a text, more text NOT NULL",
            "ALTER COLUMN \"more\" DROP NOT NULL",
        ),
        ("id bigint, a text", "ADD PRIMARY KEY (\"id\")"),
        (
            "id bigint, a text PRIMARY KEY",
            "CREATE UNIQUE INDEX ON \"public\".\"t\" (\"id\")",
        ),
    ] {
        let database = Database::create("other");
        database
            .sql
            .run(&format!("CREATE TABLE public.t ({have})"))
            .unwrap();
        let mut rig = Rig::open(&database, &stream, &[]).unwrap();
        let error = rig.feed_all(&stream).unwrap_err();
        assert_eq!(error.name(), "IncompatibleTable");
        assert!(error.to_string().contains(fix), "{error}");
        drop(rig);
        // What the message says to do helps.
        let advice = error.advice().unwrap();
        let (_, statement) = advice.split_once("restart the task: ").unwrap();
        database.sql.run(statement).unwrap();
        let mut rig = Rig::open(&database, &stream, &[]).unwrap();
        rig.feed_all(&stream).unwrap();
        let rows = database.rows("SELECT id, a FROM public.t");
        assert_eq!(rows, ["1|x"], "{have}");
    }
}

/// Its topic ends as the transaction topic does, and either may come first.
#[test]
fn a_table_may_be_called_transaction() {
    let mut stream = Stream::new();
    let t = stream.table("transaction", &[("id", "bigint")], &[0], 2);
    stream.snapshot(&[(&t, &[&[I(1)], &[I(2)]])]);
    stream.begin();
    stream.insert(&t, &[I(3)]);
    stream.commit();
    let whole = stream.log.clone();
    for (at, rows_first) in [true, false].into_iter().enumerate() {
        for (prefix, more) in [("", &[][..]), ("prefix", &[("topic.prefix", "east")])] {
            let database = Database::create(&format!("transaction_{at}_{prefix}"));
            stream.log.clone_from(&whole);
            stream
                .log
                .sort_by_key(|w| (w.topic.name == TRANSACTIONS) == rows_first);
            // The second half in a task that starts anew.
            let rest = stream.log.split_off(4);
            let mut rig = Rig::open(&database, &stream, more).unwrap();
            rig.feed(&stream, 1).unwrap();
            drop(rig);
            stream.log.extend(rest);
            let mut rig = Rig::open(&database, &stream, more).unwrap();
            rig.feed(&stream, 1).unwrap();
            assert_eq!(
                database.rows("SELECT * FROM transaction ORDER BY id"),
                ["1", "2", "3"]
            );
            // And a link that stopped finds a later snapshot.
            drop(rig);
            let stop = "INSERT INTO walbridge.stopped SELECT link, 'x' FROM walbridge.position
                 ON CONFLICT (link) DO UPDATE SET reason = 'x'";
            database.sql.run(stop).unwrap();
            stream.snapshot(&[(&t, &[&[I(4)]])]);
            let mut rig = Rig::open(&database, &stream, more).unwrap();
            rig.feed(&stream, 1).unwrap();
            assert_eq!(database.rows("SELECT * FROM transaction"), ["4"]);
        }
    }
}

#[test]
fn topics_that_both_order_transactions_are_refused() {
    let mut stream = Stream::new();
    let t = stream.table("transaction", &[("id", "bigint")], &[0], 1);
    stream.snapshot(&[(&t, &[&[I(1)]])]);
    let database = Database::create("both");
    // As if another source's transaction topic matched, too.
    let markers: Vec<_> = stream
        .log
        .iter()
        .filter(|w| w.topic.name == TRANSACTIONS)
        .cloned()
        .collect();
    stream.log.retain(|w| w.topic.name == TRANSACTIONS);
    for mut marker in markers {
        marker.topic = std::sync::Arc::clone(&t.topic);
        stream.log.push(marker);
    }
    let mut rig = Rig::open(&database, &stream, &[]).unwrap();
    let error = rig.feed(&stream, 1).unwrap_err();
    assert_eq!(error.name(), "ChainGap");
    assert!(error.to_string().contains("transaction.topic"), "{error}");
}

#[test]
fn a_role_without_privileges_is_told_what_to_grant() {
    let mut stream = Stream::new();
    let t = stream.table("t", &[("id", "bigint")], &[0], 1);
    stream.snapshot(&[(&t, &[])]);
    let database = Database::create("role");
    let role = database.url.rsplit('/').next().unwrap().to_owned();
    database
        .sql
        .run(&format!("CREATE ROLE {role} LOGIN PASSWORD 'x'"))
        .unwrap();
    let as_role = [
        ("connection.username", role.as_str()),
        ("connection.password", "x"),
    ];
    let refused = |wanted: &str| {
        let Err(error) = Rig::open(&database, &stream, &as_role) else {
            panic!("it must be refused");
        };
        assert_eq!(error.name(), "MissingPrivilege", "{error}");
        assert!(error.to_string().contains(wanted), "{error}");
    };
    refused("GRANT CREATE ON DATABASE");
    let run = |sql: &str| database.sql.run(sql).unwrap();
    run(&format!("GRANT CREATE ON DATABASE {role} TO {role}"));
    refused("session_replication_role");
    run(&format!(
        "ALTER ROLE {role} SET session_replication_role = origin; DROP OWNED BY {role}"
    ));
    run(&format!("DROP ROLE {role}"));
}
