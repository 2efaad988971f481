//! How a task learns that it must end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Tells every holder of a clone that the task is to stop.
#[derive(Debug, Clone, Default)]
pub struct StopToken {
    stopped: Arc<AtomicBool>,
    parent: Option<Arc<StopToken>>,
}

impl StopToken {
    /// Creates a token that says go on.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a token that stops with this one, and can be stopped without it.
    ///
    /// A part that ends its own threads so does not tell its owner that everything is to end.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            stopped: Arc::default(),
            parent: Some(Arc::new(self.clone())),
        }
    }

    /// Tells all holders to stop.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    /// Returns whether to stop.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
            || self
                .parent
                .as_ref()
                .is_some_and(|parent| parent.is_stopped())
    }

    /// Sleeps for `time` unless told to stop; returns whether to stop.
    pub fn sleep(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        while !self.is_stopped() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            std::thread::sleep(left.min(Duration::from_millis(20)));
        }
        self.is_stopped()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_stops_with_its_parent_but_not_the_other_way() {
        let parent = StopToken::new();
        let (one, other) = (parent.child(), parent.child());
        one.stop();
        assert!(one.is_stopped() && !parent.is_stopped() && !other.is_stopped());
        parent.stop();
        assert!(other.is_stopped());
    }
}
