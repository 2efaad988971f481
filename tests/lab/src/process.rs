//! Facts about processes, read from `/proc`, and signals.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

/// A process named so that a number used again for another process is not mistaken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The process id.
    pub pid: u32,
    /// When it started, in the kernel's ticks since boot.
    pub started: u64,
}

/// What a process, or a tree of them, has used so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Processor time in user and kernel mode.
    pub cpu: Duration,
    /// Resident memory now, in bytes.
    pub resident: u64,
    /// The largest resident memory of any one process so far, in bytes.
    pub peak: u64,
}

/// A signal to send.
#[derive(Debug, Clone, Copy)]
pub enum Signal {
    /// Asks to end (SIGTERM).
    Term,
    /// Asks to end fast, in PostgreSQL's sense (SIGINT).
    Int,
    /// Ends PostgreSQL at once but with its shared memory freed (SIGQUIT).
    Quit,
    /// Ends without a word (SIGKILL).
    Kill,
    /// Freezes (SIGSTOP).
    Stop,
    /// Goes on after a freeze (SIGCONT).
    Continue,
}

impl Identity {
    /// Reads the identity of a process that runs now.
    pub fn of(pid: u32) -> Option<Self> {
        let started = stat(pid)?.get(19)?.parse().ok()?;
        Some(Self { pid, started })
    }

    /// Reads a pid file: the number and the start time.
    pub fn read(path: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(path).ok()?;
        let mut words = text.split_whitespace();
        let pid = words.next()?.parse().ok()?;
        let started = words.next()?.parse().ok()?;
        Some(Self { pid, started })
    }

    /// Writes a pid file.
    pub fn write(self, path: &Path) -> Result<()> {
        std::fs::write(path, format!("{} {}\n", self.pid, self.started))
            .with_context(|| format!("writing {}", path.display()))
    }

    /// Tells whether exactly this process still runs; one that waits to be reaped does not.
    pub fn is_running(self) -> bool {
        let Some(fields) = stat(self.pid) else {
            return false;
        };
        let state = fields.first().map_or("X", String::as_str);
        // A killed process's first thread may be done while others still hold files and sockets.
        let threads: u32 = fields.get(17).and_then(|t| t.parse().ok()).unwrap_or(0);
        (!matches!(state, "Z" | "X") || threads > 1)
            && fields.get(19).and_then(|text| text.parse().ok()) == Some(self.started)
    }

    /// Sends a signal, unless the process is gone.
    pub fn signal(self, signal: Signal) {
        if self.is_running() {
            send(self.pid, signal);
        }
    }
}

/// Lists a process and everything below it, parents first.
pub fn tree(root: u32) -> Vec<Identity> {
    let parents: Vec<(u32, u32)> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter_map(|pid| Some((pid, stat(pid)?.get(1)?.parse().ok()?)))
        .collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(
            parents
                .iter()
                .filter(|(_, of)| *of == parent)
                .map(|(pid, _)| *pid),
        );
        next += 1;
    }
    found.into_iter().filter_map(Identity::of).collect()
}

/// Adds up what a process and everything below it has used.
///
/// Time of children that ended and were waited for counts as their parent's.
pub fn usage(root: u32) -> Usage {
    let mut total = Usage::default();
    for process in tree(root) {
        let Some(fields) = stat(process.pid) else {
            continue;
        };
        let ticks: u64 = fields
            .iter()
            .skip(11)
            .take(4)
            .filter_map(|f| f.parse::<u64>().ok())
            .sum();
        // The kernel reports to user space in hundredths of a second on every Linux in use.
        total.cpu += Duration::from_millis(ticks * 10);
        total.resident += memory(process.pid, "VmRSS:");
        total.peak = total.peak.max(memory(process.pid, "VmHWM:"));
    }
    total
}

/// Reads a line such as `VmRSS:` of a process's status, in bytes.
fn memory(pid: u32, label: &str) -> u64 {
    std::fs::read_to_string(format!("/proc/{pid}/status"))
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with(label))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        })
        .map_or(0, |kib| kib * 1024)
}

/// Reads the fields of `/proc/<pid>/stat` that follow the command's name.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

#[allow(unsafe_code)]
fn send(pid: u32, signal: Signal) {
    let number = match signal {
        Signal::Term => libc::SIGTERM,
        Signal::Int => libc::SIGINT,
        Signal::Quit => libc::SIGQUIT,
        Signal::Kill => libc::SIGKILL,
        Signal::Stop => libc::SIGSTOP,
        Signal::Continue => libc::SIGCONT,
    };
    let Ok(pid) = libc::pid_t::try_from(pid) else {
        return;
    };
    // SAFETY: kill takes plain numbers and touches no memory of ours; a process that is gone
    // makes it fail, which is what the caller wanted anyway.
    unsafe {
        libc::kill(pid, number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_a_living_process_from_a_dead_one() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let identity = Identity::of(child.id()).unwrap();
        assert!(identity.is_running());
        assert!(
            !Identity {
                started: identity.started + 1,
                ..identity
            }
            .is_running()
        );
        identity.signal(Signal::Kill);
        child.wait().unwrap();
        assert!(!identity.is_running());
    }

    #[test]
    fn finds_the_children_of_a_process() {
        let mut shell = std::process::Command::new("sh")
            .args(["-c", "sleep 60 & wait"])
            .spawn()
            .unwrap();
        crate::deadline::wait_until("a child", Duration::from_secs(10), || {
            tree(shell.id()).len() == 2
        })
        .unwrap();
        for process in tree(shell.id()) {
            process.signal(Signal::Kill);
        }
        shell.wait().unwrap();
    }
}
