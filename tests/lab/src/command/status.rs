//! `lab status`: what runs, and how far the standby is.

use std::time::{Duration, UNIX_EPOCH};

use anyhow::Result;
use serde_json::Value;
use walbridge_lab::{Http, Identity, Lab, usage};

use super::reading::Reader;

/// Prints every process of the lab, the network, the connectors and the lag.
pub(super) fn run(lab: &Lab) -> Result<()> {
    println!(
        "{:<16} {:>8} {:>9} {:>9}",
        "process", "pid", "memory", "cpu"
    );
    let mut files: Vec<_> = std::fs::read_dir(lab.dir().join("pids"))?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    files.sort();
    for file in files {
        let name = file
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        match Identity::read(&file).filter(|identity| identity.is_running()) {
            None => println!("{name:<16} {:>8}", "down"),
            Some(Identity { pid, .. }) => {
                let used = usage(pid);
                let (mib, cpu) = (used.resident >> 20, used.cpu.as_secs_f64());
                println!("{name:<16} {pid:>8} {mib:>5} MiB {cpu:>7.1} s");
            }
        }
    }
    match lab.link().describe() {
        Ok(network) => println!("\nnetwork: {network}"),
        Err(error) => println!("\nnetwork: {error:#}"),
    }
    let http = Http::new()?;
    for site in [lab.east(), lab.west()] {
        connectors(&http, site.name(), &site.connect_url());
    }
    match Reader::open(lab).and_then(|reader| reader.read()) {
        Ok(reading) => println!(
            "lag: {} transactions, {} bytes, {} ms ({} committed east, {} applied west)",
            reading.behind(),
            reading
                .bytes
                .map_or("—".to_owned(), |bytes| bytes.to_string()),
            reading.millis,
            reading.committed,
            reading.applied
        ),
        Err(error) => println!("lag: unknown, because a database cannot be asked: {error:#}"),
    }
    Ok(())
}

/// Prints the state of a worker's connectors, nothing if there is no worker.
fn connectors(http: &Http, site: &str, url: &str) {
    let Ok(names) = http.get(&format!("{url}/connectors")) else {
        return;
    };
    for name in names
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str())
    {
        let Ok(status) = http.get(&format!("{url}/connectors/{name}/status")) else {
            continue;
        };
        let tasks = status["tasks"].as_array().cloned().unwrap_or_default();
        let states: Vec<String> = tasks.iter().map(state).collect();
        println!("{site}: {name} {}", states.join(", "));
        for trace in tasks.iter().filter_map(|task| task["trace"].as_str()) {
            println!("    {}", trace.lines().next().unwrap_or_default());
        }
    }
}

/// Says in which state a task is, and since when nobody knows how far it is behind.
fn state(task: &Value) -> String {
    let state = task["state"].as_str().unwrap_or_default();
    let details = &task["details"];
    match details["lag_unknown_since_ms"].as_u64() {
        None => state.to_owned(),
        Some(since) => {
            let age = UNIX_EPOCH.elapsed().unwrap_or_default();
            let age = age.saturating_sub(Duration::from_millis(since));
            let most = details["lag_ms"].as_u64().unwrap_or_default();
            let age = age.as_secs();
            format!("{state} (lag unknown for {age} s, at most {most} ms behind)")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_lag_that_nobody_knows_is_said_to_be_unknown() {
        let known = json!({ "state": "RUNNING", "details": { "lag_ms": 3 } });
        assert_eq!(state(&known), "RUNNING");
        let details = json!({ "lag_ms": 70_000, "lag_unknown_since_ms": 1 });
        let unknown = json!({ "state": "FAILED", "details": details });
        let words = state(&unknown);
        assert!(words.starts_with("FAILED (lag unknown for "), "{words}");
        assert!(words.ends_with(", at most 70000 ms behind)"), "{words}");
    }
}
