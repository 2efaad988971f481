//! Tasks that die, and tasks that do not know that they are dead.

use walbridge_connector_api::Disposition;

use crate::rig::{Database, Rig};
use crate::stream::{Stream, Table, V, s};

use V::I;

fn table() -> (Stream, Table) {
    let mut stream = Stream::new();
    let t = stream.table("t", &[("id", "bigint"), ("a", "text")], &[0], 2);
    stream.snapshot(&[(&t, &[])]);
    (stream, t)
}

fn fill(stream: &mut Stream, t: &Table, from: i64, transactions: i64) {
    for n in from..from + transactions {
        stream.begin();
        stream.insert(t, &[I(2 * n), s("x")]);
        stream.insert(t, &[I(2 * n + 1), s("x")]);
        if n > from {
            stream.delete(t, &[I(2 * n - 2), V::Unset]);
        }
        stream.commit();
    }
}

fn state(database: &Database) -> Vec<String> {
    database.rows("SELECT count(*), coalesce(sum(id), 0) FROM public.t")
}

#[test]
fn a_second_task_fences_the_first() {
    let (mut stream, t) = table();
    let database = Database::create("fence");
    let mut first = Rig::open(&database, &stream, &[]).unwrap();
    first.feed_all(&stream).unwrap();
    fill(&mut stream, &t, 1, 3);
    let mut second = Rig::open(&database, &stream, &[]).unwrap();
    let error = first.feed_all(&stream).unwrap_err();
    assert_eq!(error.name(), "Fenced", "{error}");
    assert_eq!(state(&database), ["0|0"]);
    second.feed_all(&stream).unwrap();
    assert_eq!(state(&database), ["4|21"]);
    // The first one is dead and leaves the second alone.
    assert_eq!(
        first.put(None).map(drop).map_err(|e| e.name()),
        Err("Fenced")
    );
    drop(first);
    fill(&mut stream, &t, 10, 1);
    second.feed_all(&stream).unwrap();
}

#[test]
fn a_task_that_dies_anywhere_leaves_no_trace_but_its_commits() {
    let (mut stream, t) = table();
    fill(&mut stream, &t, 1, 40);
    let expected = {
        let database = Database::create("whole");
        let mut rig = Rig::open(&database, &stream, &[]).unwrap();
        rig.feed_all(&stream).unwrap();
        state(&database)
    };
    let database = Database::create("dies");
    let log = stream.log.clone();
    let small = [("batch.max.bytes", "1024"), ("buffer.bytes", "1048576")];
    for end in (3..log.len()).step_by(13) {
        stream.log = log[..end].to_vec();
        let mut rig = Rig::open(&database, &stream, &small).unwrap();
        rig.feed(&stream, 5).unwrap();
        // Only whole transactions are ever seen: each adds two rows and takes one.
        let seq: i64 = database
            .sql
            .one("SELECT seq FROM walbridge.position")
            .unwrap();
        let rows: i64 = database.sql.one("SELECT count(*) FROM public.t").unwrap();
        assert_eq!(rows, if seq == 0 { 0 } else { seq + 1 });
    }
    stream.log = log;
    let mut rig = Rig::open(&database, &stream, &[]).unwrap();
    rig.feed_all(&stream).unwrap();
    assert_eq!(state(&database), expected);
}

#[test]
fn a_lost_connection_is_tried_again() {
    let (mut stream, t) = table();
    let database = Database::create("lost");
    let mut rig = Rig::open(&database, &stream, &[]).unwrap();
    rig.feed_all(&stream).unwrap();
    fill(&mut stream, &t, 1, 3);
    database
        .sql
        .run("SELECT pg_terminate_backend(backend) FROM walbridge.position")
        .unwrap();
    let error = rig.feed_all(&stream).unwrap_err();
    assert_eq!(error.disposition(), Disposition::Retry, "{error}");
    drop(rig);
    let mut rig = Rig::open(&database, &stream, &[]).unwrap();
    rig.feed_all(&stream).unwrap();
    assert_eq!(state(&database), ["4|21"]);
}

#[test]
fn what_is_applied_carries_the_origin() {
    let (mut stream, t) = table();
    let database = Database::create("origin");
    let mut rig = Rig::open(&database, &stream, &[]).unwrap();
    fill(&mut stream, &t, 1, 1);
    rig.feed_all(&stream).unwrap();
    assert_eq!(origins(&database, "s.remote_lsn::text"), ["0/4B0"]);
}

/// Returns something of the origins that belong to a database's links.
fn origins(database: &Database, what: &str) -> Vec<String> {
    database.rows(&format!(
        "SELECT {what} FROM pg_replication_origin o
         LEFT JOIN pg_replication_origin_status s ON o.roident = s.local_id
         WHERE starts_with(o.roname, 'walbridge_' || (SELECT oid FROM pg_database
             WHERE datname = current_database()) || '_')"
    ))
}

#[test]
fn an_origin_is_given_back_when_its_task_ends() {
    let (mut stream, t) = table();
    let database = Database::create("given_back");
    // As a link was called before.
    let old = format!(
        "walbridge_west-{}",
        database.url.rsplit('/').next().unwrap()
    );
    let make = format!("SELECT pg_replication_origin_create('{old}')");
    database.sql.run(&make).unwrap();
    for n in 1..4 {
        fill(&mut stream, &t, n, 1);
        let mut rig = Rig::open(&database, &stream, &[]).unwrap();
        rig.feed_all(&stream).unwrap();
        let there = format!("SELECT 1 FROM pg_replication_origin WHERE roname = '{old}'");
        assert_eq!(database.rows(&there), [""; 0]);
        assert_eq!(origins(&database, "1").len(), 1);
        // Killed tasks leave theirs to the next one.
        if n != 2 {
            rig.task.stop();
            assert_eq!(origins(&database, "1"), [""; 0]);
        }
    }
    // A task that does not come to run gives it back, too.
    let mut partitions = stream.partitions();
    partitions[0].topic_id = "another".into();
    partitions[0].end = 0;
    let rig = Rig::open_with(&database, &stream, &partitions, &[]);
    assert!(rig.is_ok_and(|mut rig| {
        rig.task.stop();
        origins(&database, "1").is_empty()
    }));
}

#[test]
fn links_of_two_databases_may_be_called_alike() {
    let (mut stream, t) = table();
    fill(&mut stream, &t, 1, 3);
    let databases = [Database::create("alike"), Database::create("alike")];
    let name = format!("alike {}", std::process::id());
    let rigs = databases.each_ref().map(|database| {
        let mut rig = Rig::open(database, &stream, &[("link.name", &name)]).unwrap();
        rig.feed_all(&stream).unwrap();
        rig
    });
    for (database, mut rig) in databases.iter().zip(rigs) {
        assert_eq!(origins(database, "s.remote_lsn IS NOT NULL"), ["true"]);
        rig.task.stop();
    }
}

/// As many links as a server has room for were killed, and their connectors deleted.
#[test]
fn origins_that_nobody_uses_make_room() {
    let (mut stream, t) = table();
    fill(&mut stream, &t, 1, 1);
    let database = Database::create("room");
    let full = (0..100).find_map(|n| {
        let name = format!("walbridge_0_left {n}");
        let leave = format!(
            "SELECT pg_replication_origin_create('{name}'); \
             SELECT pg_replication_origin_session_setup('{name}'); \
             SELECT pg_replication_origin_session_reset()"
        );
        database.sql.run(&leave).err()
    });
    let full = format!("{:#}", full.unwrap());
    assert!(full.contains("replication state slot"), "{full}");
    let mut rig = Rig::open(&database, &stream, &[]).unwrap();
    rig.feed_all(&stream).unwrap();
    rig.task.stop();
}
