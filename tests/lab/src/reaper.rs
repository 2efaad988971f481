//! The end of a lab whose process ends, however it ends.
//!
//! A small shell, in a process group of its own, reads from a pipe that only this process holds.
//! When the pipe closes (exit, panic, kill -9) it kills the lab's servers by their pid files and
//! removes the folder. PR_SET_PDEATHSIG would not do: it follows the thread that started a server,
//! and a test's thread ends long before the test process.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// PostgreSQL gets SIGQUIT, which ends it at once but frees its shared memory.
const SCRIPT: &str = r#"
cat > /dev/null
cd /
for file in "$1"/pids/*.pid; do
    [ -f "$file" ] || continue
    read -r pid started < "$file"
    [ "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d' ' -f20)" = "$started" ] || continue
    case "$file" in
        *postgres*) kill -CONT "$pid"; kill -QUIT "$pid"; last="$last $pid" ;;
        *) kill -KILL "$pid" ;;
    esac
done 2>/dev/null
for pid in $last; do
    tries=100
    while [ "$tries" -gt 0 ] && kill -0 "$pid" 2>/dev/null; do sleep 0.1; tries=$((tries - 1)); done
done
[ -n "$KEEP" ] || rm -rf "$1"
"#;

/// Holds the pipe; dropping it ends the lab.
#[derive(Debug)]
pub struct Reaper {
    shell: Child,
}

impl Reaper {
    /// Watches over the lab in `dir`. With `WALBRIDGE_LAB_KEEP` set the folder is left for a look.
    pub fn watch(dir: &Path) -> Result<Self> {
        let keep = std::env::var_os("WALBRIDGE_LAB_KEEP").unwrap_or_default();
        let shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "reaper"])
            .arg(dir)
            .env("KEEP", keep)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("starting the lab's reaper")?;
        Ok(Self { shell })
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // Nothing is left to do about a reaper that failed.
        let _ = self.shell.wait();
    }
}
