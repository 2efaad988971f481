//! The REST API under load: a thousand connectors created, listed, changed and deleted.
//!
//! They are created stopped, so what is measured is the API, the config topic and the group, and not
//! the connectors' own work.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use serde_json::{Value, json};
use walbridge_lab::Http;

use crate::Arguments;
use crate::pair::Pair;
use crate::report::percentile;

/// How many clients ask at once in the parts with several.
const CLIENTS: usize = 8;

/// Measures and prints.
pub(crate) fn run(pair: &Pair, arguments: &Arguments) -> Result<()> {
    pair.start_worker("east")?;
    let url = format!("{}/connectors", pair.east().connect_url());
    let config = pair.source("rest", arguments);
    let count = arguments.connectors;
    let create = |http: &Http, number: usize| {
        let body = json!({ "name": name(number), "config": config, "initial_state": "STOPPED" });
        http.post(&url, &body).map(drop)
    };
    let change = |http: &Http, number: usize| {
        let mut changed = config.clone();
        changed["heartbeat.interval.ms"] = json!("60000");
        http.put(&format!("{url}/{}/config", name(number)), &changed)
            .map(drop)
    };
    let status = |http: &Http, number: usize| {
        http.get(&format!("{url}/{}/status", name(number)))
            .map(drop)
    };
    let delete = |http: &Http, number: usize| http.delete(&format!("{url}/{}", name(number)));
    let mut lines = String::new();
    let (half, rest) = (count / 2, count);
    let mut part = |what: &str,
                    clients: usize,
                    numbers: std::ops::Range<usize>,
                    one: &(dyn Fn(&Http, usize) -> Result<()> + Sync)| {
        lines.push_str(&measure(what, clients, numbers, one)?);
        anyhow::Ok(())
    };
    part("create", 1, 0..half, &create)?;
    part("create", CLIENTS, half..rest, &create)?;
    part("status", CLIENTS, 0..count, &status)?;
    part(
        "list with expand=info&expand=status",
        1,
        0..20,
        &|http, _| {
            let all: Value = http.get(&format!("{url}?expand=info&expand=status"))?;
            let found = all.as_object().map_or(0, serde_json::Map::len);
            ensure!(found == count, "{found} of {count} are listed");
            Ok(())
        },
    )?;
    part("change", CLIENTS, 0..count, &change)?;
    part("delete", CLIENTS, 0..count, &delete)?;
    let left: Value = Http::new()?.get(&url)?;
    ensure!(left == json!([]), "{left} are left");
    println!(
        "### REST: {count} stopped connectors at one worker\n\n\
         | | clients | requests | per second | p50 ms | p99 ms | most ms |\n|---|---|---|---|---|---|---|\n{lines}"
    );
    Ok(())
}

fn name(number: usize) -> String {
    format!("rest-{number:04}")
}

/// Sends one request for each number and returns a line of the table.
fn measure(
    what: &str,
    clients: usize,
    numbers: std::ops::Range<usize>,
    one: &(dyn Fn(&Http, usize) -> Result<()> + Sync),
) -> Result<String> {
    let next = AtomicUsize::new(numbers.start);
    let began = Instant::now();
    let worked = std::thread::scope(|scope| {
        let client = || -> Result<Vec<Duration>> {
            let http = Http::new()?;
            let mut times = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= numbers.end {
                    return Ok(times);
                }
                let asked = Instant::now();
                one(&http, number)?;
                times.push(asked.elapsed());
            }
        };
        let all: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        let joined = all.into_iter().map(|thread| {
            thread
                .join()
                .map_err(|_| anyhow!("a client panicked"))
                .flatten()
        });
        joined.collect::<Result<Vec<_>>>()
    })?;
    let elapsed = began.elapsed();
    let mut times: Vec<f64> = worked
        .into_iter()
        .flatten()
        .map(|time| time.as_secs_f64() * 1000.0)
        .collect();
    let shown: Vec<String> = [0.5, 0.99, 1.0]
        .map(|share| format!("{:.1}", percentile(&mut times, share)))
        .into();
    let rate = times.len() as f64 / elapsed.as_secs_f64();
    Ok(format!(
        "| {what} | {clients} | {} | {rate:.0} | {} |\n",
        times.len(),
        shown.join(" | ")
    ))
}
