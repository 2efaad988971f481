//! Reads a connector's stream into nothing and says how fast: `drain key=value…`, keys as in its
//! configuration, and `rows=N` for how many rows to wait for. Everything read is confirmed at once,
//! unless `confirm=no` leaves the slot where it is for another round.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use walbridge_connector_api::{Connector, StopToken, TaskContext, TaskMetrics};
use walbridge_postgres_source::PostgresSource;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config: BTreeMap<String, String> = std::env::args()
        .skip(1)
        .filter_map(|arg| {
            arg.split_once('=')
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
        })
        .collect();
    let wanted: u64 = config.remove("rows").map_or(Ok(0), |rows| rows.parse())?;
    let confirm = config.remove("confirm").is_none_or(|text| text != "no");
    let offsets = config
        .remove("offset")
        .map(|text| serde_json::from_str(&text))
        .transpose()?;
    let server = config.get("topic.prefix").cloned().unwrap_or_default();
    let partition = serde_json::Map::from_iter([("server".to_owned(), server.into())]);
    let offsets = offsets.map(|offset| walbridge_connector_api::OffsetEntry {
        partition,
        offset: Some(offset),
    });
    let metrics = Arc::new(TaskMetrics::default());
    let context = TaskContext {
        connector: "drain".into(),
        task: 0,
        group: "drain".into(),
        offsets: offsets.into_iter().collect(),
        kafka: BTreeMap::new(),
        metrics: Arc::clone(&metrics),
        stop: StopToken::new(),
    };
    let settings = PostgresSource.config().settings(&config);
    let mut task = PostgresSource.source(&settings, context)?;
    let (mut rows, mut bytes, mut batches) = (0u64, 0u64, 0u64);
    let (mut started, mut cpu) = (Instant::now(), 0.0);
    let mut last = None;
    loop {
        let batch = task.poll(Duration::from_secs(5))?;
        let Some(batch) = batch else { break };
        if rows == 0 {
            (started, cpu) = (Instant::now(), cpu_seconds());
        }
        let values = batch
            .records()
            .iter()
            .filter(|record| !record.value.is_null())
            .count() as u64;
        rows += values.saturating_sub(2 * batch.transactions);
        bytes += batch.size() as u64;
        batches += 1;
        let mark = batch.offsets.iter().any(|entry| {
            entry
                .offset
                .as_ref()
                .is_some_and(|offset| offset.get("snapshot_completed") == Some(&false.into()))
        });
        if batch.boundary && (confirm || mark) {
            task.committed(&batch.offsets)?;
        }
        last = batch
            .offsets
            .last()
            .and_then(|entry| entry.offset.clone())
            .or(last);
        task.recycle(batch);
        if wanted > 0 && rows >= wanted {
            break;
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let cpu = cpu_seconds() - cpu;
    println!(
        "{rows} rows in {seconds:.2} s: {:.0} rows/s, {:.2} µs CPU/row, {:.0} B/row, {batches} batches",
        rows as f64 / seconds,
        cpu * 1e6 / rows.max(1) as f64,
        bytes as f64 / rows.max(1) as f64,
    );
    if let Some(last) = last {
        println!("{}", serde_json::Value::from(last));
    }
    std::thread::sleep(Duration::from_millis(if confirm { 600 } else { 0 }));
    task.stop();
    Ok(())
}

/// Returns the CPU time this process has used.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or("");
    let ticks: u64 = after
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|text| text.parse::<u64>().ok())
        .sum();
    ticks as f64 / 100.0
}
