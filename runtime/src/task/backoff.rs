//! How long a task waits before it starts again.

use std::time::{Duration, Instant};

use rand::Rng as _;

/// Rewinds within this time count against the limit.
const WINDOW: Duration = Duration::from_secs(30);

/// Rewinds within the window that happen at once; further ones wait as retries do.
const FREE_REWINDS: usize = 5;

/// Pauses that double up to a limit, with jitter so that many tasks do not return at one instant.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    max: Duration,
    attempt: u32,
    rewinds: Vec<Instant>,
}

impl Backoff {
    pub(super) fn new(first: Duration, max: Duration) -> Self {
        Self {
            first,
            max: max.max(first),
            attempt: 0,
            rewinds: Vec::new(),
        }
    }

    /// Returns how many attempts in a row have failed.
    pub(super) fn attempts(&self) -> u32 {
        self.attempt
    }

    /// Forgets earlier failures: the task has made progress.
    pub(super) fn reset(&mut self) {
        self.attempt = 0;
    }

    /// Returns how long to wait after a failure.
    pub(super) fn next(&mut self) -> Duration {
        let whole = self
            .first
            .saturating_mul(1u32 << self.attempt.min(20))
            .min(self.max);
        self.attempt = self.attempt.saturating_add(1);
        whole.mul_f64(rand::rng().random_range(0.5..=1.0))
    }

    /// Returns how long to wait before going back to the stored position: not at all, unless it
    /// happens too often.
    pub(super) fn rewind(&mut self, now: Instant) -> Duration {
        self.rewinds.retain(|at| now.duration_since(*at) < WINDOW);
        self.rewinds.push(now);
        if self.rewinds.len() <= FREE_REWINDS {
            Duration::ZERO
        } else {
            self.next()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_limit_with_jitter() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        for whole in [100, 200, 400, 800, 1000, 1000] {
            let wait = backoff.next();
            assert!(wait <= Duration::from_millis(whole), "{wait:?} of {whole}");
            assert!(
                wait >= Duration::from_millis(whole / 2),
                "{wait:?} of {whole}"
            );
        }
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(100));
    }

    #[test]
    fn rewinds_are_free_until_they_are_many() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        let now = Instant::now();
        for _ in 0..FREE_REWINDS {
            assert_eq!(backoff.rewind(now), Duration::ZERO);
        }
        assert!(backoff.rewind(now) > Duration::ZERO);
        assert_eq!(backoff.rewind(now + WINDOW), Duration::ZERO);
    }
}
