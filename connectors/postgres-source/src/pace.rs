//! How eagerly to read: at once when little comes, in larger gulps when much does.

use std::time::{Duration, Instant};

/// How much within [`WINDOW`] is much. The window is longer than a scheduler's turn, so that a server
/// that is waiting for a core does not look like one with nothing to say.
const MUCH: usize = 20 * 1024;
const WINDOW: Duration = Duration::from_millis(10);

/// How long to let data gather.
const GATHER: Duration = Duration::from_millis(2);

/// A read this large needs no gathering.
const LARGE: usize = 256 * 1024;

/// Decides whether to wait a moment before the next read.
///
/// The server sends every change by itself. Reading each at once wakes this thread per change and
/// takes the core from the server; letting a busy stream gather for a moment costs no latency that
/// anybody can see and halves the work. A quiet stream is never kept waiting.
#[derive(Debug)]
pub(crate) struct Pace {
    since: Instant,
    bytes: usize,
    busy: bool,
    last: usize,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self {
            since: Instant::now(),
            bytes: 0,
            busy: false,
            last: 0,
        }
    }

    /// Waits if there is reason to.
    pub(crate) fn before_read(&self) {
        if self.busy && self.last < LARGE {
            std::thread::sleep(GATHER);
        }
    }

    /// Learns how much was read: 0 when there was nothing.
    pub(crate) fn read(&mut self, bytes: usize) {
        self.note(bytes, Instant::now());
    }

    fn note(&mut self, bytes: usize, now: Instant) {
        self.last = bytes;
        self.bytes += bytes;
        let passed = now.duration_since(self.since);
        if passed >= WINDOW {
            let much = MUCH as u128 * passed.as_micros() / WINDOW.as_micros();
            self.busy = self.bytes as u128 >= much;
            self.bytes = 0;
            self.since = now;
        }
    }

    /// Returns whether much comes.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy
    }

    /// Returns how long what was read may wait for more, if it may.
    pub(crate) fn patience(&self) -> Option<Duration> {
        self.busy.then_some(WINDOW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(pace: &mut Pace, bytes: usize, millis: u64) -> bool {
        let now = pace.since + Duration::from_millis(millis);
        pace.note(bytes, now);
        pace.is_busy()
    }

    #[test]
    fn a_stream_is_busy_by_what_came_in_a_window() {
        let mut pace = Pace::new();
        assert!(!after(&mut pace, 300, 5), "one row");
        assert!(after(&mut pace, 100_000, 10), "much of it");
        assert!(after(&mut pace, 0, 5), "a pause shorter than a window");
        assert!(!after(&mut pace, 0, 10), "a longer one");
        assert!(!after(&mut pace, 50_000, 1000), "much, but over a second");
    }
}
