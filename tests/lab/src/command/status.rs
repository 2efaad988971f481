//! `lab status`: what runs, and how far the standby is.

use anyhow::Result;
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
    if let Ok(reading) = Reader::open(lab).and_then(|reader| reader.read()) {
        println!(
            "lag: {} transactions, {} bytes, {} ms ({} committed east, {} applied west)",
            reading.behind(),
            reading
                .bytes
                .map_or("—".to_owned(), |bytes| bytes.to_string()),
            reading.millis,
            reading.committed,
            reading.applied
        );
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
        let states: Vec<&str> = tasks
            .iter()
            .filter_map(|task| task["state"].as_str())
            .collect();
        println!("{site}: {name} {}", states.join(", "));
        for trace in tasks.iter().filter_map(|task| task["trace"].as_str()) {
            println!("    {}", trace.lines().next().unwrap_or_default());
        }
    }
}
