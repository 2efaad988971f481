//! Batches on their way from the reading threads to the task, bounded by bytes.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use walbridge_connector_api::{Batch, ConnectorError, Result};

/// A queue of batches with a byte budget, the batches' memory, and the readers' last word.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    budget: usize,
    arena: usize,
}

#[derive(Debug, Default)]
struct State {
    batches: VecDeque<Batch>,
    bytes: usize,
    spare: Vec<Batch>,
    failure: Option<ConnectorError>,
    closed: bool,
}

impl Queue {
    /// Creates a queue that takes batches until they hold `budget` bytes; `arena` is a batch's size.
    pub(crate) fn new(budget: usize, arena: usize) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            budget,
            arena,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns an empty batch, one that has served before if there is one.
    pub(crate) fn blank(&self) -> Batch {
        self.lock()
            .spare
            .pop()
            .unwrap_or_else(|| Batch::with_capacity(self.arena + self.arena / 8))
    }

    /// Adds a batch, or gives it back when the queue stays full for `wait`.
    ///
    /// A queue that holds nothing takes a batch of any size.
    pub(crate) fn push(&self, batch: Batch, wait: Duration) -> Option<Batch> {
        let limit = Instant::now() + wait;
        let mut state = self.lock();
        while state.bytes > 0 && state.bytes + batch.size() > self.budget && !state.closed {
            let left = limit.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Some(batch);
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        state.bytes += batch.size();
        state.batches.push_back(batch);
        drop(state);
        self.changed.notify_all();
        None
    }

    /// Returns whether everything handed over has been taken.
    pub(crate) fn is_drained(&self) -> bool {
        self.lock().batches.is_empty()
    }

    /// Returns the bytes waiting.
    pub(crate) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Takes the next batch, waiting at most `wait`; after the last one comes the readers' failure.
    pub(crate) fn pop(&self, wait: Duration) -> Result<Option<Batch>> {
        let limit = Instant::now() + wait;
        let mut state = self.lock();
        loop {
            if let Some(batch) = state.batches.pop_front() {
                state.bytes -= batch.size();
                drop(state);
                self.changed.notify_all();
                return Ok(Some(batch));
            }
            if let Some(failure) = state.failure.take() {
                return Err(failure);
            }
            let left = limit.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Takes a batch's memory back; more than the budget needs is freed.
    pub(crate) fn recycle(&self, mut batch: Batch) {
        let mut state = self.lock();
        let enough = state.spare.len() * self.arena >= self.budget;
        if !enough && batch.capacity() <= self.arena * 2 {
            batch.clear();
            state.spare.push(batch);
        }
    }

    /// Leaves the error that ends the task; the first one counts.
    pub(crate) fn fail(&self, error: ConnectorError) {
        let mut state = self.lock();
        if state.failure.is_none() {
            state.failure = Some(error);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Lets everybody go who waits for room: nobody takes batches any more.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(bytes: usize) -> Batch {
        let mut batch = Batch::default();
        batch.buffer().resize(bytes, 0);
        batch
    }

    #[test]
    fn full_means_wait_and_a_huge_batch_passes_alone() {
        let queue = Queue::new(100, 10);
        assert!(queue.push(batch(1000), Duration::ZERO).is_none());
        let back = queue.push(batch(10), Duration::from_millis(1));
        assert_eq!(back.map(|b| b.size()), Some(10));
        assert_eq!(
            queue.pop(Duration::ZERO).unwrap().map(|b| b.size()),
            Some(1000)
        );
        assert!(queue.push(batch(10), Duration::ZERO).is_none());
    }

    #[test]
    fn a_failure_comes_after_what_was_read() {
        let queue = Queue::new(100, 10);
        assert!(queue.push(batch(1), Duration::ZERO).is_none());
        queue.fail(ConnectorError::stop("A", ""));
        queue.fail(ConnectorError::stop("B", ""));
        assert!(queue.pop(Duration::ZERO).unwrap().is_some());
        assert_eq!(queue.pop(Duration::ZERO).unwrap_err().name(), "A");
    }
}
