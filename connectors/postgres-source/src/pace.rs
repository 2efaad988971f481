//! How eagerly to read: at once when little comes, in larger gulps when much does.

use std::time::{Duration, Instant};

/// How much within [`WINDOW`] is much.
const MUCH: usize = 16 * 1024;
const WINDOW: Duration = Duration::from_millis(2);

/// How long to let data gather. A timer adds about 50 µs to it.
const GATHER: Duration = Duration::from_micros(120);

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

    /// Learns how much was read.
    pub(crate) fn read(&mut self, bytes: usize) {
        self.last = bytes;
        self.bytes += bytes;
        let passed = self.since.elapsed();
        if passed >= WINDOW {
            let window = WINDOW.as_micros().max(1);
            let much = MUCH as u128 * passed.as_micros() / window;
            self.busy = self.bytes as u128 >= much;
            self.bytes = 0;
            self.since = Instant::now();
        }
    }

    /// Learns that there was nothing to read.
    pub(crate) fn idle(&mut self) {
        self.busy = false;
        self.last = 0;
    }
}
