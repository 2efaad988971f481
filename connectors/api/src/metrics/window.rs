//! Counters and spreads that are looked at through a sliding window, as Kafka Connect's metrics are.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// A count that only grows, and what it was when the window began.
///
/// The window slides by [`Total::slide`], which whoever owns the count calls about every half minute:
/// what is read of the window is of the last half minute to a minute.
#[derive(Debug, Default)]
pub struct Total {
    value: AtomicU64,
    older: AtomicU64,
    newer: AtomicU64,
}

impl Total {
    /// Adds to the count.
    pub fn add(&self, count: u64) {
        self.value.fetch_add(count, Relaxed);
    }

    /// Returns the whole count.
    pub fn get(&self) -> u64 {
        self.value.load(Relaxed)
    }

    /// Returns how much of the count is of the window.
    pub fn recent(&self) -> u64 {
        self.get().saturating_sub(self.older.load(Relaxed))
    }

    /// Begins the next half of the window.
    pub fn slide(&self) {
        self.older.store(self.newer.load(Relaxed), Relaxed);
        self.newer.store(self.get(), Relaxed);
    }
}

#[derive(Debug)]
struct Half {
    count: AtomicU64,
    sum: AtomicU64,
    least: AtomicU64,
    most: AtomicU64,
}

impl Default for Half {
    fn default() -> Self {
        Self {
            count: AtomicU64::new(0),
            sum: AtomicU64::new(0),
            least: AtomicU64::new(u64::MAX),
            most: AtomicU64::new(0),
        }
    }
}

/// What a [`Spread`] has seen in its window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// The smallest value.
    pub least: u64,
    /// The mean of all.
    pub mean: f64,
    /// The largest value.
    pub most: u64,
}

/// The smallest, the mean and the largest of some values in a sliding window, and the last of all.
///
/// Two who write at the moment at which the window slides may be counted in either half.
#[derive(Debug, Default)]
pub struct Spread {
    halves: [Half; 2],
    current: AtomicUsize,
    last: AtomicU64,
}

impl Spread {
    /// Takes in a value.
    pub fn record(&self, value: u64) {
        let half = &self.halves[self.current.load(Relaxed) & 1];
        half.count.fetch_add(1, Relaxed);
        half.sum.fetch_add(value, Relaxed);
        half.least.fetch_min(value, Relaxed);
        half.most.fetch_max(value, Relaxed);
        self.last.store(value, Relaxed);
    }

    /// Returns what was seen in the window; `None` if that was nothing.
    pub fn seen(&self) -> Option<Seen> {
        let all = |read: fn(&Half) -> u64| self.halves.each_ref().map(read);
        let [one, other] = all(|half| half.count.load(Relaxed));
        let count = one + other;
        let [least, most] = [
            all(|half| half.least.load(Relaxed)),
            all(|half| half.most.load(Relaxed)),
        ];
        let [sum, more] = all(|half| half.sum.load(Relaxed));
        (count > 0).then(|| Seen {
            least: least[0].min(least[1]),
            mean: sum.saturating_add(more) as f64 / count as f64,
            most: most[0].max(most[1]),
        })
    }

    /// Returns the last value of all; 0 before the first.
    pub fn last(&self) -> u64 {
        self.last.load(Relaxed)
    }

    /// Begins the next half of the window and forgets the older one.
    pub fn slide(&self) {
        let next = (self.current.load(Relaxed) + 1) & 1;
        let half = &self.halves[next];
        half.count.store(0, Relaxed);
        half.sum.store(0, Relaxed);
        half.least.store(u64::MAX, Relaxed);
        half.most.store(0, Relaxed);
        self.current.store(next, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_tells_the_window_from_the_whole() {
        let total = Total::default();
        total.add(3);
        assert_eq!((total.get(), total.recent()), (3, 3));
        total.slide();
        total.add(2);
        assert_eq!((total.get(), total.recent()), (5, 5));
        total.slide();
        assert_eq!((total.get(), total.recent()), (5, 2));
        total.slide();
        assert_eq!((total.get(), total.recent()), (5, 0));
    }

    #[test]
    fn a_spread_forgets_what_has_left_the_window() {
        let spread = Spread::default();
        assert_eq!(spread.seen(), None);
        spread.record(10);
        spread.slide();
        spread.record(2);
        spread.record(3);
        let seen = Seen {
            least: 2,
            mean: 5.0,
            most: 10,
        };
        assert_eq!(spread.seen(), Some(seen));
        spread.slide();
        let seen = Seen {
            least: 2,
            mean: 2.5,
            most: 3,
        };
        assert_eq!(spread.seen(), Some(seen));
        spread.slide();
        assert_eq!((spread.seen(), spread.last()), (None, 3));
    }
}
