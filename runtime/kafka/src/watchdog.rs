//! A thread for calls that may never come back.
//!
//! librdkafka's transaction calls take a time limit and have been seen to ignore it (its issue 5456).
//! They run here, so that the task can give up on them and start anew with another client, which
//! fences whatever the lost one may still do.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

type Job = Box<dyn FnOnce() + Send>;

/// Says that a call did not come back in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hung;

/// Runs calls one at a time on a thread of its own.
#[derive(Debug)]
pub(crate) struct Watchdog {
    jobs: Sender<Job>,
}

impl Watchdog {
    pub(crate) fn new(name: &str) -> std::io::Result<Self> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        thread::Builder::new()
            .name(format!("kafka-{name}"))
            .spawn(move || {
                while let Ok(job) = inbox.recv() {
                    job();
                }
            })?;
        Ok(Self { jobs })
    }

    /// Runs `call` and waits at most `limit` for it; a call that hangs keeps the thread.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        limit: Duration,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Hung> {
        let (answer, wait) = mpsc::sync_channel(1);
        let job = Box::new(move || {
            // Nobody listens any more once the limit has passed.
            let _ = answer.send(call());
        });
        self.jobs.send(job).map_err(|_| Hung)?;
        match wait.recv_timeout(limit) {
            Ok(value) => Ok(value),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Err(Hung),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_up_on_a_call_that_hangs() {
        let watchdog = Watchdog::new("test").unwrap();
        assert_eq!(watchdog.run(Duration::from_secs(5), || 7), Ok(7));
        let (release, held) = mpsc::channel::<()>();
        let hung = watchdog.run(Duration::from_millis(20), move || {
            let _ = held.recv();
        });
        assert_eq!(hung, Err(Hung));
        drop(release);
    }
}
