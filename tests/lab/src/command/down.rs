//! `lab down`: ends every process of the lab and removes its folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use walbridge_lab::{Identity, Signal, tree, wait_until};

/// Processes end in this order: who writes first, who stores last. The rest has no order.
const ORDER: [&str; 4] = ["load", "worker", "registry", "kafka"];

/// How long processes may take to end by themselves.
const LIMIT: Duration = Duration::from_secs(20);

/// Ends the lab in `dir`; works from the pid files alone, whatever state the lab is in.
pub(super) fn run(dir: &Path) -> Result<()> {
    let pids = dir.join("pids");
    if !pids.exists() {
        println!("no lab runs in {}", dir.display());
        return Ok(());
    }
    let mut files: Vec<PathBuf> = std::fs::read_dir(&pids)?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    files.sort_by_key(|file| rank(&name(file)));
    while let Some(first) = files.first() {
        let rank_now = rank(&name(first));
        let later = files.iter().position(|file| rank(&name(file)) != rank_now);
        let rest = files.split_off(later.unwrap_or(files.len()));
        end(&files)?;
        files = rest;
    }
    std::fs::remove_dir_all(dir).with_context(|| format!("removing {}", dir.display()))?;
    println!("the lab is down and {} is gone", dir.display());
    Ok(())
}

fn name(file: &Path) -> String {
    file.file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn rank(name: &str) -> usize {
    ORDER
        .iter()
        .position(|kind| name.contains(kind))
        .unwrap_or(ORDER.len())
}

/// Asks these processes to end, waits, and kills what does not.
fn end(files: &[PathBuf]) -> Result<()> {
    let running: Vec<(String, Identity)> = files
        .iter()
        .filter_map(|file| Some((name(file), Identity::read(file)?)))
        .filter(|(_, identity)| identity.is_running())
        .collect();
    for (name, identity) in &running {
        println!("ending {name}");
        // A frozen process would not hear the rest.
        identity.signal(Signal::Continue);
        // PostgreSQL waits for its clients at SIGTERM and sends them away at SIGINT.
        let fast = name.contains("postgres") || name == "load";
        identity.signal(if fast { Signal::Int } else { Signal::Term });
    }
    let gone = || running.iter().all(|(_, identity)| !identity.is_running());
    if wait_until("processes to end", LIMIT, gone).is_ok() {
        return Ok(());
    }
    for (name, identity) in running.iter().filter(|(_, identity)| identity.is_running()) {
        println!("killing {name}");
        tree(identity.pid)
            .into_iter()
            .for_each(|member| member.signal(Signal::Kill));
    }
    wait_until("killed processes to be gone", LIMIT, gone)
}
