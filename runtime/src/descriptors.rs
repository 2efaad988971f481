//! File descriptors: as many as the system gives, and some that no task may take.
//!
//! A task that finds none left fails in the middle of something. So none starts unless there is room for
//! it, and what is kept free is for the REST API and for the worker's own clients.

use std::collections::VecDeque;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use walbridge_connector_api::{ConnectorError, Result};

/// How many are kept free of tasks.
const RESERVE: u64 = 48;
/// How many a task takes, about.
const TASK: u64 = 16;
/// How long a task that has started has not yet opened all that it will.
const SETTLES: Duration = Duration::from_secs(10);

/// Raises the limit of this process to the highest that it may have.
pub(crate) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    let wanted = Rlimit {
        current: limit.maximum,
        ..limit
    };
    match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => tracing::debug!(from = limit.current, to = limit.maximum, "file descriptors"),
        Err(error) => {
            let limit = limit.current;
            tracing::warn!(%error, limit, "the limit of file descriptors stays as it is");
        }
    }
}

/// Makes room for a task that starts.
///
/// # Errors
/// If too few descriptors are left; some may be free later.
pub(crate) fn admit() -> Result<()> {
    static STARTS: LazyLock<Mutex<VecDeque<Instant>>> = LazyLock::new(Mutex::default);
    let Some(limit) = getrlimit(Resource::Nofile).current else {
        return Ok(());
    };
    // Linux alone lists them; elsewhere there is nothing to go by.
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else {
        return Ok(());
    };
    let open = open.count() as u64;
    let mut starts = STARTS.lock().unwrap_or_else(PoisonError::into_inner);
    admit_at(Instant::now(), &mut starts, limit, open)
}

fn admit_at(now: Instant, starts: &mut VecDeque<Instant>, limit: u64, open: u64) -> Result<()> {
    while starts
        .front()
        .is_some_and(|start| now.duration_since(*start) >= SETTLES)
    {
        starts.pop_front();
    }
    let promised = starts.len() as u64 * TASK;
    if limit.saturating_sub(open + promised) < RESERVE + TASK {
        return Err(ConnectorError::retry(
            "OutOfDescriptors",
            format!(
                "{open} of {limit} file descriptors are in use; a task takes up to {TASK}, and the last \
                 {RESERVE} are kept for the worker itself"
            ),
        )
        .remedy(
            "raise the hard limit of open files for the worker (LimitNOFILE= of systemd, ulimit -Hn, or the \
             container's), or run more workers",
        ));
    }
    starts.push_back(now);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_that_start_together_share_what_is_left() {
        let (mut starts, began) = (VecDeque::new(), Instant::now());
        let mut started = 0;
        while admit_at(began, &mut starts, 400, 100).is_ok() {
            started += 1;
        }
        assert_eq!(started, (300 - RESERVE) / TASK);
        // Once they have opened theirs, what is open says how many there are.
        let later = began + SETTLES;
        assert!(admit_at(later, &mut starts, 400, 400 - RESERVE - TASK).is_ok());
        let error = admit_at(later, &mut starts, 400, 350).unwrap_err();
        assert_eq!(error.name(), "OutOfDescriptors");
    }
}
