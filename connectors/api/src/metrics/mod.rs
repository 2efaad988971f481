//! What a task counts while it runs.

mod partition;
mod window;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

pub use partition::{Copied, PartitionMetrics};
pub use window::{Seen, Spread, Total};

macro_rules! task_metrics {
    (counters { $($(#[$cdoc:meta])* $counter:ident,)* } gauges { $($(#[$gdoc:meta])* $gauge:ident,)* }) => {
        /// The counters and gauges of one task: plain atomics, added to once per batch, never per row.
        #[derive(Debug)]
        pub struct TaskMetrics {
            $($(#[$cdoc])* pub $counter: AtomicU64,)*
            $($(#[$gdoc])* pub $gauge: AtomicI64,)*
            turns: AtomicU64,
            turned_ms: AtomicU64,
            moves: AtomicU64,
            facts: Mutex<BTreeMap<&'static str, String>>,
            partitions: Mutex<BTreeMap<Copied, Arc<PartitionMetrics>>>,
        }

        impl Default for TaskMetrics {
            fn default() -> Self {
                Self {
                    $($counter: AtomicU64::new(0),)*
                    $($gauge: AtomicI64::new(-1),)*
                    turns: AtomicU64::new(0),
                    turned_ms: AtomicU64::new(0),
                    moves: AtomicU64::new(0),
                    facts: Mutex::default(),
                    partitions: Mutex::default(),
                }
            }
        }

        impl TaskMetrics {
            /// Returns every counter with its name.
            pub fn counters(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($counter), self.$counter.load(Ordering::Relaxed)),)*]
            }

            /// Adds to a counter by its name; returns whether there is one.
            pub fn add(&self, counter: &str, more: u64) -> bool {
                match counter {
                    $(stringify!($counter) => self.$counter.fetch_add(more, Ordering::Relaxed),)*
                    _ => return false,
                };
                true
            }

            /// Sets a gauge by its name; returns whether there is one.
            pub fn set(&self, gauge: &str, value: i64) -> bool {
                match gauge {
                    $(stringify!($gauge) => self.$gauge.store(value, Ordering::Relaxed),)*
                    _ => return false,
                }
                true
            }

            /// Returns every gauge that has been set, with its name.
            pub fn gauges(&self) -> Vec<(&'static str, i64)> {
                [$((stringify!($gauge), self.$gauge.load(Ordering::Relaxed)),)*]
                    .into_iter().filter(|(_, value)| *value >= 0).collect()
            }
        }
    };
}

task_metrics! {
    counters {
        /// Row changes (source, sink) or records (mirror) since the task started.
        rows,
        /// Bytes of keys and values since the task started.
        bytes,
        /// Batches: Kafka transactions of a source, target transactions of a sink.
        batches,
        /// Source transactions since the task started.
        transactions,
    }
    gauges {
        /// Bytes of write-ahead log (or of a topic) between the newest known position and the task's.
        lag_bytes,
        /// Source transactions known but not yet done; records for a mirror.
        lag_transactions,
        /// Records known but not yet done.
        lag_records,
        /// Age of the oldest change not yet done, in milliseconds; 0 when all is done. Who says
        /// `lag_behind_since_ms` leaves it out.
        lag_ms,
        /// When the far end was last asked how far it is, in milliseconds since 1970.
        lag_measured_ms,
        /// Since when something has been undone, in milliseconds since 1970; 0 if all was done at the last look.
        lag_behind_since_ms,
        /// Write-ahead log the server keeps because of this task's slot, in bytes.
        retained_wal_bytes,
        /// How much more write-ahead log the server may keep before the slot is lost, in bytes.
        safe_wal_bytes,
        /// Published tables whose updates and deletes the server refuses.
        tables_without_identity,
        /// Number of the last source transaction that is done, counted since the snapshot.
        sequence,
        /// Position in the write-ahead log up to which all is done.
        position,
        /// Milliseconds since 1970 at which the task last made progress or found nothing to do.
        last_progress_ms,
        /// Bytes held in the task's own buffers.
        buffered_bytes,
    }
}

impl TaskMetrics {
    /// Sets a fact for people, such as `phase` = `loading`; it is shown in the task's status. An empty
    /// value takes it back.
    pub fn fact(&self, name: &'static str, value: impl Into<String>) {
        let value = value.into();
        if let Ok(mut facts) = self.facts.lock() {
            if value.is_empty() {
                facts.remove(name);
            } else {
                facts.insert(name, value);
            }
        }
    }

    /// Notes that the far end was asked just now, and since when something has been undone.
    pub fn measured(&self, now_ms: i64, behind_since_ms: Option<i64>) {
        let since = behind_since_ms.map_or(0, |since| since.clamp(1, now_ms.max(1)));
        self.lag_behind_since_ms.store(since, Ordering::Relaxed);
        self.lag_measured_ms.store(now_ms, Ordering::Relaxed);
    }

    /// Notes that the task's loop has come round once more, and whether there was a batch in it.
    pub fn turn(&self, batch: bool) {
        let now = UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        self.turned_ms.store(now, Ordering::Relaxed);
        self.turns.fetch_add(1, Ordering::Relaxed);
        self.moves.fetch_add(u64::from(batch), Ordering::Relaxed);
    }

    /// Returns when the task's loop last came round, in milliseconds since 1970; 0 before the first time.
    pub fn turned_ms(&self) -> u64 {
        self.turned_ms.load(Ordering::Relaxed)
    }

    /// Returns two numbers: one changes as long as the task's loop goes round, the other as long as
    /// batches move or anything is counted.
    pub fn pulse(&self) -> (u64, u64) {
        let counted = self.counters().into_iter().map(|(_, value)| value);
        let moves = counted.fold(self.moves.load(Ordering::Relaxed), u64::wrapping_add);
        (
            self.turns.load(Ordering::Relaxed).wrapping_add(moves),
            moves,
        )
    }

    /// Forgets all facts: they are of one run of the task.
    pub fn forget_facts(&self) {
        if let Ok(mut facts) = self.facts.lock() {
            facts.clear();
        }
    }

    /// Returns the facts.
    pub fn facts(&self) -> BTreeMap<&'static str, String> {
        self.facts
            .lock()
            .map(|facts| facts.clone())
            .unwrap_or_default()
    }

    /// Returns the counters of a partition that the task copies, the same ones each time it is asked for.
    pub fn partition(&self, of: Copied) -> Arc<PartitionMetrics> {
        let mut all = self
            .partitions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let metrics = all
            .entry(of)
            .or_insert_with_key(|of| Arc::new(PartitionMetrics::new(of.clone())));
        Arc::clone(metrics)
    }

    /// Returns the partitions that the task copies.
    pub fn partitions(&self) -> Vec<Arc<PartitionMetrics>> {
        let all = self.partitions.lock();
        let all = all.unwrap_or_else(PoisonError::into_inner);
        all.values().map(Arc::clone).collect()
    }
}
