//! How a task learns that it must end.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Tells every holder of a clone that the task is to stop.
#[derive(Clone, Default)]
pub struct StopToken {
    stopped: Arc<AtomicBool>,
    parent: Option<Arc<StopToken>>,
    /// Says so too; for a token whose owner lives on the other side of a border.
    outside: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
}

impl fmt::Debug for StopToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StopToken")
            .field("stopped", &self.is_stopped())
            .finish_non_exhaustive()
    }
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
            outside: None,
        }
    }

    /// Creates a token that is stopped as soon as `outside` says so, or when it is told itself.
    pub fn watching(outside: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self {
            outside: Some(Arc::new(outside)),
            ..Self::default()
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
            || self.outside.as_ref().is_some_and(|outside| outside())
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
    fn a_token_may_be_stopped_from_outside() {
        let flag = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&flag);
        let token = StopToken::watching(move || seen.load(Ordering::Acquire));
        let child = token.child();
        assert!(!token.is_stopped() && !child.is_stopped());
        flag.store(true, Ordering::Release);
        assert!(token.is_stopped() && child.is_stopped());
    }

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
