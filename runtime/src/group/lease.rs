//! How long this worker may take itself for a member without hearing of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use walbridge_connector_api::StopToken;

/// How often one that waits for the lease looks again.
const LOOK: Duration = Duration::from_millis(20);

/// The right to run tasks, for a while; shared by the threads of a worker.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    began: Instant,
    /// Milliseconds after `began` at which it ends.
    until: Arc<AtomicU64>,
}

impl Lease {
    /// Creates a lease that is not held.
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            until: Arc::default(),
        }
    }

    fn millis(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.began);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// Prolongs the lease to this moment.
    pub(super) fn extend(&self, until: Instant) {
        self.until.fetch_max(self.millis(until), Ordering::AcqRel);
    }

    /// Ends the lease.
    pub(super) fn lose(&self) {
        self.until.store(0, Ordering::Release);
    }

    /// Returns whether it is held.
    pub(crate) fn is_held(&self) -> bool {
        self.millis(Instant::now()) < self.until.load(Ordering::Acquire)
    }

    /// Returns for how long it has not been held; nothing while it is.
    pub(crate) fn out_for(&self) -> Duration {
        let now = self.millis(Instant::now());
        Duration::from_millis(now.saturating_sub(self.until.load(Ordering::Acquire)))
    }

    /// Waits until the lease is held; returns false if told to stop before.
    ///
    /// A process that was paused finds its lease ended as soon as it goes on.
    pub(crate) fn wait(&self, stop: &StopToken) -> bool {
        let mut told = false;
        while !stop.is_stopped() {
            if self.is_held() {
                return true;
            }
            if !std::mem::replace(&mut told, true) {
                tracing::warn!("holding still until this worker is known to belong to its group");
            }
            stop.sleep(LOOK);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_by_itself_and_when_lost() {
        let lease = Lease::new();
        assert!(!lease.is_held());
        lease.extend(Instant::now() + Duration::from_secs(60));
        assert!(lease.is_held() && lease.out_for().is_zero());
        // An older record that is read back later takes nothing away.
        lease.extend(Instant::now() + Duration::from_secs(1));
        assert!(lease.is_held());
        lease.lose();
        assert!(!lease.is_held());
        lease.extend(Instant::now());
        assert!(!lease.is_held());
        let stop = StopToken::new();
        stop.stop();
        assert!(!lease.wait(&stop));
    }
}
