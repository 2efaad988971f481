//! Large transactions in bounded memory, and how fast rows go in.

use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::rig::{Database, Rig};
use crate::stream::{Stream, V, batch_of, s};

use V::I;

/// Feeds one transaction of `rows` rows without ever holding it whole; returns the largest buffer.
fn giant(rows: i64, more: &[(&str, &str)]) -> i64 {
    let mut stream = Stream::new();
    let columns = [
        ("id", "bigint"),
        ("a", "text"),
        ("b", "bigint"),
        ("c", "text"),
    ];
    let t = stream.table("t", &columns, &[0], 1);
    stream.snapshot(&[(&t, &[])]);
    let database = Database::create("giant");
    let mut rig = Rig::open(&database, &stream, more).unwrap();
    rig.feed_all(&stream).unwrap();
    stream.begin();
    let mut most = 0;
    for n in 0..rows {
        stream.insert(
            &t,
            &[I(n), s("some text of a usual length"), I(n * 7), V::Null],
        );
        if stream.log.len() >= 2000 || n == rows - 1 {
            if n == rows - 1 {
                stream.commit();
            }
            let batch = batch_of(stream.log.iter());
            stream.log.clear();
            rig.put(Some(batch)).unwrap();
            most = most.max(rig.metrics.buffered_bytes.load(Ordering::Relaxed));
            if n < rows - 1 {
                assert_eq!(database.rows("SELECT count(*) FROM public.t"), ["0"]);
            }
        }
    }
    rig.put(None).unwrap();
    assert_eq!(
        database.rows("SELECT count(*) FROM public.t"),
        [rows.to_string()]
    );
    most
}

#[test]
fn a_transaction_larger_than_the_buffer_streams_through_it() {
    let most = giant(
        40_000,
        &[("buffer.bytes", "2097152"), ("batch.max.bytes", "262144")],
    );
    assert!(most < 2 << 20, "{most} bytes were buffered");
}

#[test]
#[ignore = "takes a minute; run by hand for the measurement"]
fn two_million_rows_in_one_transaction() {
    let start = Instant::now();
    let most = giant(2_000_000, &[]);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    println!(
        "2,000,000 rows in {:?}, buffered {most} bytes, {peak}",
        start.elapsed()
    );
}

#[test]
#[ignore = "a measurement, to be run by hand"]
fn rows_per_second() {
    let mut stream = Stream::new();
    let columns: Vec<(&str, &str)> = (0..12)
        .map(|n| {
            let name: &'static str = [
                "id", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9", "ca", "cb",
            ][n];
            (name, if n % 2 == 0 { "bigint" } else { "text" })
        })
        .collect();
    let t = stream.table("t", &columns, &[0], 1);
    stream.snapshot(&[(&t, &[])]);
    let database = Database::create("speed");
    let mut rig = Rig::open(&database, &stream, &[("synchronous.commit", "off")]).unwrap();
    rig.feed_all(&stream).unwrap();
    let row = |id: i64, n: i64| -> Vec<V> {
        (0..12)
            .map(|at| match at {
                0 => I(id),
                at if at % 2 == 0 => I(n * at),
                _ => s("a text of some length"),
            })
            .collect()
    };
    const ROWS: i64 = 200_000;
    for what in ["insert", "update", "delete"] {
        stream.log.clear();
        for n in 0..ROWS {
            if n % 1000 == 0 {
                stream.begin();
            }
            match what {
                "insert" => stream.insert(&t, &row(n, n)),
                "update" => stream.update(&t, &row(n, n + 1)),
                _ => stream.delete(&t, &row(n, n)),
            }
            if n % 1000 == 999 {
                stream.commit();
            }
        }
        let batches: Vec<_> = stream
            .log
            .chunks(4000)
            .map(|chunk| batch_of(chunk.iter()))
            .collect();
        let (start, cpu) = (Instant::now(), cpu_us());
        for batch in batches {
            rig.task.put(Some(batch), &mut rig.control).unwrap();
        }
        rig.put(None).unwrap();
        let (wall, cpu) = (start.elapsed(), cpu_us() - cpu);
        println!(
            "{what}: {:.0} rows/s, {:.2} us CPU of the sink per row",
            ROWS as f64 / wall.as_secs_f64(),
            cpu as f64 / ROWS as f64
        );
    }
    // One small transaction at a time.
    let mut times = Vec::new();
    for n in 0..2000 {
        stream.log.clear();
        stream.begin();
        (0..4).for_each(|m| stream.insert(&t, &row(ROWS + 4 * n + m, n)));
        stream.commit();
        let batch = batch_of(stream.log.iter());
        let start = Instant::now();
        rig.task.put(Some(batch), &mut rig.control).unwrap();
        times.push(start.elapsed());
    }
    times.sort();
    println!(
        "one transaction of 4 rows: p50 {:?}, p99 {:?}",
        times[1000], times[1980]
    );
}

/// Returns the CPU time of this thread.
fn cpu_us() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse::<u64>().unwrap() / 1000
}

#[test]
#[ignore = "a measurement, to be run by hand"]
fn rows_without_a_key_go_many_at_once() {
    const ROWS: i64 = 20_000;
    let mut stream = Stream::new();
    let t = stream.table("t", &[("id", "bigint"), ("a", "text")], &[], 1);
    let rows: Vec<_> = (0..ROWS).map(|n| [I(n), s("some text")]).collect();
    let all: Vec<&[V]> = rows.iter().map(|row| &row[..]).collect();
    stream.snapshot(&[(&t, &all)]);
    let database = Database::create("keyless");
    let mut rig = Rig::open(&database, &stream, &[]).unwrap();
    rig.feed_all(&stream).unwrap();
    stream.begin();
    for row in &rows {
        stream.delete(&t, row);
    }
    stream.commit();
    let start = Instant::now();
    rig.feed_all(&stream).unwrap();
    println!("{ROWS} rows deleted in {:?}", start.elapsed());
    assert_eq!(database.rows("SELECT count(*) FROM public.t"), ["0"]);
}
