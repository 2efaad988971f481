//! Tables that follow the stream, or cannot.

use crate::rig::{Database, Rig};
use crate::stream::{Stream, V, s};

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
