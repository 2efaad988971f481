//! The loop of a source that delivers at least once: batches on their way without waiting, offsets stored
//! for what Kafka has acknowledged.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use walbridge_connector_api::{Batch, OffsetEntry, Result, fail_point};
use walbridge_kafka::{AckedProducer, Receipt};

use super::exactly_once::PATIENCE;
use super::source::SourceLoop;
use super::watermark::Watermark;

/// Offsets on their way into their topic.
struct Storing {
    began: Instant,
    receipt: Receipt,
    offsets: Vec<OffsetEntry>,
}

/// One task at work.
pub(super) struct AtLeastOnce<'a, 'b> {
    task: &'a mut SourceLoop<'b>,
    producer: AckedProducer,
    watermark: Watermark<Receipt>,
    storing: Option<Storing>,
    stored: Instant,
}

impl<'a, 'b> AtLeastOnce<'a, 'b> {
    pub(super) fn new(task: &'a mut SourceLoop<'b>, producer: AckedProducer) -> Self {
        Self {
            task,
            producer,
            watermark: Watermark::default(),
            storing: None,
            stored: Instant::now(),
        }
    }

    pub(super) fn go(&mut self) -> Result<()> {
        let interval = self.task.shared.config.limits.flush_interval;
        while self.task.shared.lease.wait(&self.task.stop) {
            let part = self.task.poll(PATIENCE.min(interval))?;
            self.task.metrics.turn(part.is_some());
            match part.map(|part| self.send(part.batch)) {
                // Told to stop while there was no room: what is not sent is read again.
                Some(Err(_)) if self.task.stop.is_stopped() => break,
                Some(sent) => sent?,
                None => self.task.creator.rest(),
            }
            self.producer.serve(Duration::ZERO)?;
            self.settle()?;
            if self.stored.elapsed() >= interval {
                self.store()?;
            }
        }
        self.finish()
    }

    fn send(&mut self, mut batch: Batch) -> Result<()> {
        self.task.creator.ensure(&batch)?;
        let receipt = self.producer.send(&batch)?;
        fail_point!("records-sent");
        self.task.tracker.note(&batch);
        self.task.counts.written.add(batch.records().len() as u64);
        self.watermark
            .add(receipt, std::mem::take(&mut batch.offsets));
        self.task.input.recycle(batch);
        Ok(())
    }

    /// Stores the offsets of what has been acknowledged since they were last stored.
    fn store(&mut self) -> Result<()> {
        if self.storing.is_some() {
            // Kafka is slow. There is no hurry and no failure in that: the next ones say more.
            return Ok(());
        }
        self.stored = Instant::now();
        let producer = &self.producer;
        let offsets = self.watermark.take(|receipt| producer.is_acked(*receipt));
        if offsets.is_empty() {
            return Ok(());
        }
        fail_point!("offsets-before-store");
        let mut records = Vec::with_capacity(offsets.len());
        let task = &self.task;
        task.store
            .each(task.shared, &offsets, |record| -> Result<()> {
                records.push(record);
                Ok(())
            })?;
        let receipt = self.producer.send_all(&records)?;
        self.storing = Some(Storing {
            began: self.stored,
            receipt,
            offsets,
        });
        Ok(())
    }

    /// Tells the source of offsets that are stored.
    fn settle(&mut self) -> Result<()> {
        let is_acked = |storing: &mut Storing| self.producer.is_acked(storing.receipt);
        if let Some(Storing { began, offsets, .. }) = self.storing.take_if(is_acked) {
            fail_point!("offsets-stored");
            self.task.metrics.batches.fetch_add(1, Ordering::Relaxed);
            self.task.counts.commit_done(began.elapsed());
            self.task.input.committed(&offsets)?;
        }
        Ok(())
    }

    /// Waits for what is on its way, as long as the end may take, and stores the last offsets.
    fn finish(&mut self) -> Result<()> {
        let until = Instant::now() + self.task.shared.config.limits.shutdown / 2;
        for _ in 0..2 {
            let left = until.saturating_duration_since(Instant::now());
            let flushed = self.producer.flush(left)?;
            self.settle()?;
            if !flushed {
                tracing::warn!(
                    "Kafka did not acknowledge everything in time; what it did not is read again"
                );
            }
            // A worker that has lost its place stores nothing: somebody else may be further.
            if !self.task.shared.lease.is_held() {
                return Ok(());
            }
            self.store()?;
        }
        let left = until.saturating_duration_since(Instant::now());
        self.producer.flush(left.max(PATIENCE))?;
        self.settle()
    }
}
