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
    assert!(error.to_string().contains(r#"DROP COLUMN "a""#), "{error}");
    drop(rig);
    let mut rig = Rig::open(&database, &stream, &[("schema.evolution", "full")]).unwrap();
    rig.feed_all(&stream).unwrap();
    let rows = database.rows("SELECT * FROM public.t ORDER BY id");
    assert_eq!(rows, ["1|NULL", "2|NULL", "3|new", "4|w"]);
}

#[test]
fn another_table_at_the_target_is_refused() {
    let mut stream = Stream::new();
    let t = stream.table("t", &[("id", "bigint"), ("a", "text")], &[0], 1);
    stream.snapshot(&[(&t, &[])]);
    for (have, fix) in [
        (
            "id integer PRIMARY KEY, a text",
            "ALTER COLUMN \"id\" TYPE bigint",
        ),
        (
            "id bigint PRIMARY KEY, a text, more text",
            "DROP COLUMN \"more\"",
        ),
        ("id bigint, a text", "ADD PRIMARY KEY (\"id\")"),
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
