//! Topics that are written by more than one: what has been applied comes again.

use walbridge_connector_api::ConnectorError;

use crate::rig::{Database, Rig};
use crate::stream::{Stream, TRANSACTIONS, Table, V, Written, s};

use V::I;

const T: &[(&str, &str)] = &[("id", "bigint"), ("a", "text")];

impl Stream {
    /// Counts the offsets anew, in the order of the log.
    pub(crate) fn renumber(&mut self) {
        self.offsets.clear();
        for written in &mut self.log {
            let lane = (written.topic.name.clone(), written.partition);
            let next = self.offsets.entry(lane).or_default();
            written.offset = *next;
            *next += 1;
        }
    }

    /// Writes records again that have been written, behind all others.
    fn repeat(&mut self, which: impl Fn(&Written) -> bool) {
        let copy: Vec<_> = self.log.iter().filter(|w| which(w)).cloned().collect();
        self.log.extend(copy);
        self.renumber();
    }
}

/// Returns a stream of one snapshot and three transactions.
fn steady() -> (Stream, Table) {
    let mut stream = Stream::new();
    let t = stream.table("t", T, &[0], 2);
    stream.snapshot(&[(&t, &[&[I(1), s("a")], &[I(2), s("b")]])]);
    for id in 3..6 {
        write(&mut stream, &t, id);
    }
    (stream, t)
}

fn write(stream: &mut Stream, table: &Table, id: i64) {
    stream.begin();
    stream.update(table, &[I(1), V::S(format!("at {id}"))]);
    stream.insert(table, &[I(id), s("streamed")]);
    stream.commit();
}

const STEADY: [&str; 5] = ["1|at 5", "2|b", "3|streamed", "4|streamed", "5|streamed"];

fn rows(database: &Database) -> Vec<String> {
    database.rows("SELECT * FROM public.t ORDER BY id, a")
}

fn run(database: &Database, stream: &Stream, chunk: usize) -> Result<Rig, ConnectorError> {
    let mut rig = Rig::open(database, stream, &[])?;
    rig.feed(stream, chunk)?;
    Ok(rig)
}

fn stops(result: Result<Rig, ConnectorError>, name: &str) -> ConnectorError {
    let error = result.err().unwrap();
    assert_eq!(error.name(), name, "{error}");
    error
}

/// Returns the lines of the position that may not go back.
fn position(database: &Database) -> Vec<String> {
    database.rows("SELECT phase, seq, commit_lsn, snapshot_lsn FROM walbridge.position")
}

#[test]
fn a_stream_that_is_fed_twice_stops_the_link_and_leaves_the_standby_alone() {
    let (mut stream, t) = steady();
    let database = Database::create("twice");
    run(&database, &stream, 3).unwrap();
    let at = position(&database);
    stream.repeat(|_| true);
    for _ in 0..2 {
        let error = stops(run(&database, &stream, 3), "StreamRepeats").to_string();
        for part in [
            "topic east.transaction partition 0 offset 8",
            "BEGIN of snapshot 0/44C comes again",
            "transaction 3 at LSN 0/578",
            "applied up to offset 8",
            "describe-producers --topic east.transaction --partition 0",
            "restart this task",
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert_eq!(rows(&database), STEADY);
        assert_eq!(position(&database), at);
        // The snapshot that comes again is not taken for a later one.
        stops(run(&database, &stream, 3), "NoLaterSnapshot");
        assert_eq!(rows(&database), STEADY);
    }
    stops(run(&database, &stream, 3), "StreamRepeats");
    // What its remedy says: the link goes on with a new snapshot behind all that.
    stream.snapshot(&[(&t, &[&[I(9), s("new")]])]);
    stream.begin();
    stream.insert(&t, &[I(10), s("new")]);
    stream.commit();
    run(&database, &stream, 1).unwrap();
    assert_eq!(rows(&database), ["9|new", "10|new"]);
}

/// The row topics are looked at only when a transaction wants to go on in them.
#[test]
fn rows_that_come_again_are_told_from_rows_that_are_missing() {
    for (name, restarts) in [("rows", false), ("rows_restart", true)] {
        let (mut stream, t) = steady();
        stream.repeat(|written| written.topic.name != TRANSACTIONS);
        let database = Database::create(name);
        let mut rig = run(&database, &stream, 3).unwrap();
        assert_eq!(rows(&database), STEADY);
        write(&mut stream, &t, 6);
        if restarts {
            rig = Rig::open(&database, &stream, &[]).unwrap();
        }
        let error = rig.feed(&stream, 3).unwrap_err();
        assert_eq!(error.name(), "StreamRepeats", "{error}");
        assert!(
            error
                .to_string()
                .contains("of snapshot 0/44C, which has ended, comes again"),
            "{error}"
        );
        assert_eq!(rows(&database), STEADY);
    }
    // A transaction's markers, without its rows.
    let (mut stream, _) = steady();
    stream.repeat(|written| written.topic.name == TRANSACTIONS && written.offset > 5);
    let database = Database::create("markers");
    let error = stops(run(&database, &stream, 3), "StreamRepeats");
    let wanted =
        "BEGIN of transaction 3 (xid 703) at LSN 0/578 comes again; the target is at transaction 3";
    assert!(error.to_string().contains(wanted), "{error}");
    assert_eq!(rows(&database), STEADY);
    // Rows of a transaction that has long been applied.
    let (mut stream, t) = steady();
    stream.repeat(|written| written.topic.name != TRANSACTIONS && written.offset > 1);
    let database = Database::create("rows_streamed");
    run(&database, &stream, 3).unwrap();
    write(&mut stream, &t, 6);
    let error = stops(run(&database, &stream, 3), "StreamRepeats");
    assert!(error.to_string().contains("of transaction 70"), "{error}");
    assert_eq!(rows(&database), STEADY);
}

/// Nothing but its number tells a row without a key from its copy.
#[test]
fn a_snapshots_row_that_comes_twice_is_not_loaded_twice() {
    let mut stream = Stream::new();
    let t = stream.table("t", T, &[], 1);
    stream.begin_snapshot(&[&t]);
    stream.read(&t, &[I(1), s("a")]);
    let copy = stream.log[1].clone();
    stream.log.push(copy);
    stream.read(&t, &[I(2), s("b")]);
    stream.read(&t, &[I(3), s("c")]);
    stream.end_snapshot();
    stream.renumber();
    let database = Database::create("keyless");
    stops(run(&database, &stream, 1), "StreamRepeats");
    assert_eq!(
        database.rows("SELECT phase FROM walbridge.position"),
        ["loading"]
    );
}

#[test]
fn a_snapshot_that_is_being_loaded_is_not_begun_anew_by_its_copy() {
    let mut stream = Stream::new();
    let t = stream.table("t", T, &[0], 1);
    stream.begin_snapshot(&[&t]);
    stream.read(&t, &[I(1), s("a")]);
    let database = Database::create("copy");
    stream.repeat(|_| true);
    for _ in 0..2 {
        stops(run(&database, &stream, 1), "StreamRepeats");
        let phase = database.rows("SELECT phase FROM walbridge.position");
        assert_eq!(phase, ["loading"]);
        stops(run(&database, &stream, 1), "NoLaterSnapshot");
    }
}

/// A link that an older version began knows its snapshot by the position alone.
#[test]
fn a_link_from_before_knows_its_snapshot_when_it_comes_again() {
    let (mut stream, t) = steady();
    let database = Database::create("older");
    run(&database, &stream, 3).unwrap();
    database
        .sql
        .run("ALTER TABLE walbridge.position DROP snapshot_ts, DROP snapshot_since")
        .unwrap();
    write(&mut stream, &t, 6);
    run(&database, &stream, 3).unwrap();
    assert_eq!(rows(&database).len(), STEADY.len() + 1);
    let whole = rows(&database);
    stream.repeat(|_| true);
    stops(run(&database, &stream, 3), "StreamRepeats");
    assert_eq!(rows(&database), whole);
    stream.snapshot(&[(&t, &[&[I(9), s("new")]])]);
    run(&database, &stream, 3).unwrap();
    assert_eq!(rows(&database), ["9|new"]);
}
