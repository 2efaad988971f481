//! From the commit in east to the moment a reader in west sees it, at a fixed rate.
//!
//! Open loop: the transactions' times are fixed beforehand, a slow one delays no other's. The clock
//! of a transaction starts when its COMMIT has returned to the writer and stops when the reader,
//! who looks every millisecond or two, has the row in hand.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls, Statement};
use walbridge_lab::Session;

use crate::Arguments;
use crate::backlog::TABLE;
use crate::chain::Rivals;
use crate::native;
use crate::pair::Pair;
use crate::report::percentile;

const WRITERS: usize = 4;
const PAUSE: Duration = Duration::from_millis(1);

/// Measures and prints.
pub(crate) fn run(pair: &Pair, arguments: &Arguments) -> Result<()> {
    let rivals = Rivals::prepare(pair, "latency", arguments)?;
    let mut lines = String::new();
    if !arguments.alone {
        native::enable(&rivals.subscriber)?;
        lines.push_str(&line(
            "subscription",
            &mut measure(pair, "latency", "latency_native", arguments)?,
        ));
        native::disable(&rivals.subscriber, &rivals.east)?;
    }
    rivals.resume()?;
    let first = rivals
        .east
        .one::<i64>(&format!("select max(id) from {TABLE}"))?;
    native::wait_row(&rivals.standby, first, crate::pair::SOON, &|| {
        rivals.check()
    })?;
    lines.push_str(&line(
        "walbridge chain",
        &mut measure(pair, "latency", "latency", arguments)?,
    ));
    if !arguments.alone {
        native::enable(&rivals.subscriber)?;
        let last = rivals
            .east
            .one::<i64>(&format!("select max(id) from {TABLE}"))?;
        native::wait_row(&rivals.subscriber, last, crate::pair::SOON, &|| Ok(()))?;
        rivals.verify()?;
    }
    rivals.end()?;
    println!(
        "### Latency: commit in east to visible in west at {} transactions/s for {} s, after {} s\n\n\
         | | transactions | p50 ms | p90 ms | p99 ms | most ms |\n|---|---|---|---|---|---|\n{lines}",
        arguments.rate, arguments.seconds, arguments.warm_up
    );
    Ok(())
}

fn line(name: &str, samples: &mut [f64]) -> String {
    let shown: Vec<String> = [0.5, 0.9, 0.99, 1.0]
        .map(|share| format!("{:.1}", percentile(samples, share)))
        .into();
    format!("| {name} | {} | {} |\n", samples.len(), shown.join(" | "))
}

/// Writes at the rate and returns the latencies in milliseconds.
fn measure(pair: &Pair, from: &str, to: &str, arguments: &Arguments) -> Result<Vec<f64>> {
    let first = 1 + pair
        .east()
        .postgres()
        .session(from)?
        .one::<i64>(&format!("select max(id) from {TABLE}"))?;
    let total = i64::from(arguments.rate) * i64::try_from(arguments.seconds + arguments.warm_up)?;
    let urls = (
        pair.east().postgres().url(from),
        pair.west().postgres().url(to),
    );
    let next = AtomicI64::new(0);
    let reader = Reader::open(&urls.1)?;
    let start = Instant::now() + Duration::from_millis(100);
    let schedule = Schedule {
        next: &next,
        start,
        rate: arguments.rate,
        first,
        total,
    };
    let (written, seen) = std::thread::scope(|scope| {
        let reader = scope.spawn(move || reader.run(first, total));
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| scope.spawn(|| write(&urls.0, &schedule)))
            .collect();
        let mut written = BTreeMap::new();
        for writer in writers {
            written.extend(writer.join().map_err(|_| anyhow!("a writer panicked"))??);
        }
        let seen = reader
            .join()
            .map_err(|_| anyhow!("the reader panicked"))??;
        Ok::<_, anyhow::Error>((written, seen))
    })?;
    let warm = first + i64::from(arguments.rate) * i64::try_from(arguments.warm_up)?;
    let counted = written.range(warm..);
    counted
        .map(|(id, commit)| {
            let visible = seen
                .get(id)
                .with_context(|| format!("row {id} was never seen"))?;
            // The reader can be faster than the answer to the writer.
            Ok(visible.saturating_duration_since(*commit).as_secs_f64() * 1e3)
        })
        .collect()
}

/// When each transaction is due.
#[derive(Debug)]
struct Schedule<'a> {
    next: &'a AtomicI64,
    start: Instant,
    rate: u32,
    first: i64,
    total: i64,
}

fn write(url: &str, schedule: &Schedule<'_>) -> Result<BTreeMap<i64, Instant>> {
    let session = Session::open(url)?;
    let mut commits = BTreeMap::new();
    loop {
        let number = schedule.next.fetch_add(1, Ordering::Relaxed);
        if number >= schedule.total {
            return Ok(commits);
        }
        let due =
            schedule.start + Duration::from_secs_f64(number as f64 / f64::from(schedule.rate));
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let id = schedule.first + number;
        session.run(&format!(
            "insert into {TABLE} values ({id}, {number}, 19.99, 'EUR', 'new', false, 0.25, 'order number {id}',
                 gen_random_uuid(), '{{\"k\": {id}}}', now(), current_date)"
        ))?;
        commits.insert(id, Instant::now());
    }
}

/// Looks for rows in west.
struct Reader {
    runtime: Runtime,
    client: Client,
    statement: Statement,
}

impl Reader {
    fn open(url: &str) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (client, statement) = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            tokio::spawn(connection);
            // The table grows faster than its statistics: left to itself, the planner sorts it all.
            client
                .batch_execute(
                    "set enable_seqscan = off; set enable_bitmapscan = off; set enable_sort = off",
                )
                .await?;
            let statement = client
                .prepare(&format!(
                    "select id from {TABLE} where id >= $1 order by id limit 1000"
                ))
                .await?;
            Ok::<_, tokio_postgres::Error>((client, statement))
        })?;
        Ok(Self {
            runtime,
            client,
            statement,
        })
    }

    /// Returns when each row was first seen, once all are.
    fn run(self, first: i64, total: i64) -> Result<BTreeMap<i64, Instant>> {
        let mut seen = BTreeMap::new();
        // Rows become visible in the order of their commits, which is nearly that of their keys.
        let mut missing = first;
        let mut last_news = Instant::now();
        while missing < first + total {
            std::thread::sleep(PAUSE);
            let rows = self
                .runtime
                .block_on(self.client.query(&self.statement, &[&missing]))?;
            let now = Instant::now();
            for row in rows {
                let id: i64 = row.try_get(0)?;
                seen.entry(id).or_insert_with(|| {
                    last_news = now;
                    now
                });
            }
            while seen.contains_key(&missing) {
                missing += 1;
            }
            ensure!(
                last_news.elapsed() < crate::pair::SOON,
                "row {missing} is not visible"
            );
        }
        Ok(seen)
    }
}
