//! What the sink says of itself: how far the target is.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use walbridge_postgres::Lsn;

use crate::position::Phase;
use crate::sink::Sink;
use crate::task::now_us;

impl Sink {
    /// Shows how far the target is.
    pub(crate) fn report(&mut self) {
        let metrics = Arc::clone(&self.context.metrics);
        let at = &self.position;
        let applied = match self.pending.transactions {
            0 => at.commit_lsn,
            _ => Lsn(metrics.position.load(Relaxed).max(0) as u64),
        };
        if self.pending.transactions == 0 {
            metrics.position.store(at.commit_lsn.0 as i64, Relaxed);
            metrics.sequence.store(at.seq as i64, Relaxed);
        }
        let (lsn, seq, _) = self.newest;
        let done = metrics.sequence.load(Relaxed).max(0) as u64;
        let behind = seq.saturating_sub(done);
        metrics
            .lag_bytes
            .store(lsn.saturating_sub(applied.0) as i64, Relaxed);
        metrics.lag_transactions.store(behind as i64, Relaxed);
        metrics
            .buffered_bytes
            .store(self.buffered() as i64, Relaxed);
        metrics.fact("phase", at.phase.as_str());
        metrics.fact("commit_lsn", applied.to_string());
        let behind_since = self.behind_since(behind);
        metrics.lag_behind_since_ms.store(behind_since, Relaxed);
    }

    /// Returns since when something that is in the topics has not been applied, in milliseconds since 1970; 0 if
    /// all has been.
    fn behind_since(&mut self, behind: u64) -> i64 {
        let (now, phase) = (now_us(), self.position.phase);
        if behind == 0 && phase != Phase::Loading {
            self.even_us = now;
            return 0;
        }
        let began = self.current.as_ref().map(|current| current.begin.ts_us);
        let oldest = match (began, phase) {
            // What the snapshot holds was there before it began.
            (_, Phase::Loading) => self.even_us,
            (Some(began), _) => began.max(self.even_us),
            // While the sink was even, there was nothing older.
            (None, _) => self.position.commit_ts.max(self.even_us),
        };
        (oldest.min(now) / 1000).max(1)
    }
}
