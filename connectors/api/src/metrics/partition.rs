//! What a task counts of each partition that it copies.

use std::sync::atomic::{AtomicI64, Ordering};

use super::window::{Spread, Total};

/// Which partition is copied, from where to where: the labels of its metrics.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Copied {
    /// The alias of the cluster that is read.
    pub source: String,
    /// The alias of the cluster that is written.
    pub target: String,
    /// The topic's name at the target.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
}

/// The counters of one copied partition: plain atomics, added to once per run of its records in a batch.
#[derive(Debug)]
pub struct PartitionMetrics {
    /// The partition.
    pub of: Copied,
    /// Records copied.
    pub records: Total,
    /// Bytes of their values.
    pub bytes: Total,
    /// How old records were when they were read, in milliseconds.
    pub age_ms: Spread,
    /// How old records were when the target had them, in milliseconds.
    pub latency_ms: Spread,
    /// Records in the source's partition that have not been copied; negative before it is known.
    pub lag: AtomicI64,
}

impl PartitionMetrics {
    pub(super) fn new(of: Copied) -> Self {
        Self {
            of,
            records: Total::default(),
            bytes: Total::default(),
            age_ms: Spread::default(),
            latency_ms: Spread::default(),
            lag: AtomicI64::new(-1),
        }
    }

    /// Returns how many records have not been copied, once that is known.
    pub fn lag(&self) -> Option<i64> {
        let lag = self.lag.load(Ordering::Relaxed);
        (lag >= 0).then_some(lag)
    }

    /// Begins the next half of the windows.
    pub fn slide(&self) {
        self.records.slide();
        self.bytes.slide();
        self.age_ms.slide();
        self.latency_ms.slide();
    }
}
