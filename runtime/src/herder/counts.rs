//! What the loop counts of its own: starts of connectors and tasks, and what the group's changes took.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use walbridge_connector_api::{Spread, Total};

/// How often the window slides that the times are of.
const HALF: Duration = Duration::from_secs(30);

/// How often something was started.
#[derive(Debug, Default)]
pub(crate) struct Startups {
    good: AtomicU64,
    bad: AtomicU64,
}

impl Startups {
    /// Notes an attempt and whether it succeeded.
    pub(super) fn note(&self, good: bool) {
        let counter = if good { &self.good } else { &self.bad };
        counter.fetch_add(1, Relaxed);
    }

    /// Returns how many attempts succeeded.
    pub(crate) fn good(&self) -> u64 {
        self.good.load(Relaxed)
    }

    /// Returns how many attempts failed.
    pub(crate) fn bad(&self) -> u64 {
        self.bad.load(Relaxed)
    }
}

/// The assignment that this worker is on its way to, or has reached.
#[derive(Debug)]
struct Way {
    generation: u64,
    began: Option<Instant>,
    reached: Option<Instant>,
    slid: Instant,
}

/// What a worker counts.
#[derive(Debug)]
pub(crate) struct WorkerCounts {
    /// Connectors whose tasks were made here.
    pub(crate) connectors: Startups,
    /// Tasks that were started here.
    pub(crate) tasks: Startups,
    /// Assignments that this worker has carried out.
    pub(crate) rebalances: Total,
    /// How long each took, in milliseconds.
    pub(crate) rebalance_ms: Spread,
    way: Mutex<Way>,
}

impl Default for WorkerCounts {
    fn default() -> Self {
        Self {
            connectors: Startups::default(),
            tasks: Startups::default(),
            rebalances: Total::default(),
            rebalance_ms: Spread::default(),
            way: Mutex::new(Way {
                generation: 0,
                began: None,
                reached: None,
                slid: Instant::now(),
            }),
        }
    }
}

impl WorkerCounts {
    /// Notes the newest assignment there is.
    pub(super) fn see(&self, generation: u64) {
        let mut way = self.way.lock().unwrap_or_else(PoisonError::into_inner);
        if way.generation != generation {
            way.generation = generation;
            way.began.get_or_insert_with(Instant::now);
        }
        if way.slid.elapsed() >= HALF {
            way.slid = Instant::now();
            self.rebalance_ms.slide();
        }
    }

    /// Notes that nothing runs here any more that this assignment does not give to this worker.
    pub(super) fn reach(&self, generation: u64) {
        let mut way = self.way.lock().unwrap_or_else(PoisonError::into_inner);
        if way.generation == generation
            && let Some(began) = way.began.take()
        {
            way.reached = Some(Instant::now());
            self.rebalances.add(1);
            let took = began.elapsed().as_millis();
            self.rebalance_ms
                .record(u64::try_from(took).unwrap_or(u64::MAX));
        }
    }

    /// Returns whether an assignment is being carried out.
    pub(crate) fn is_rebalancing(&self) -> bool {
        let way = self.way.lock().unwrap_or_else(PoisonError::into_inner);
        way.began.is_some()
    }

    /// Returns how long ago the last assignment was carried out.
    pub(crate) fn since_rebalance(&self) -> Option<Duration> {
        let way = self.way.lock().unwrap_or_else(PoisonError::into_inner);
        way.reached.map(|at| at.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_counts_once_it_is_carried_out() {
        let counts = WorkerCounts::default();
        counts.see(0);
        assert!(!counts.is_rebalancing());
        counts.see(1);
        counts.see(2);
        // Of the one before, which another has overtaken.
        counts.reach(1);
        assert!(counts.is_rebalancing());
        assert_eq!(
            (counts.rebalances.get(), counts.since_rebalance()),
            (0, None)
        );
        counts.reach(2);
        counts.reach(2);
        assert!(!counts.is_rebalancing());
        assert_eq!(counts.rebalances.get(), 1);
        assert!(counts.since_rebalance().is_some() && counts.rebalance_ms.seen().is_some());
    }
}
