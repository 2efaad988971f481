//! Writing batches in transactions.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use walbridge_connector_api::{Batch, Partition, StopToken, TopicPartition};

use crate::client_config::ClientConfig;
use crate::error::{ErrorKind, KafkaError, Result};
use crate::outbox::{Outbox, settings};
use crate::raw::{Handle, PartitionList};
use crate::watchdog::{Hung, Watchdog};

/// How long one call into librdkafka may take; calls that take longer are resumed.
const SLICE: Duration = Duration::from_secs(1);
/// How long a call may overrun its limit before it counts as hanging, which it sometimes does for
/// ever when a broker dies.
const HANG: Duration = Duration::from_secs(10);
/// How long a commit may still go on once the task is told to stop.
const GRACE: Duration = Duration::from_secs(3);
/// How long the end of a producer may take that leaves a transaction open.
const LAST: Duration = Duration::from_secs(1);
/// How long after a commit the next transaction begins. The cluster answers a commit before it has
/// marked its end in all partitions, refuses partitions of the next transaction until then, and
/// librdkafka asks again only after 20 ms.
const MARKING: Duration = Duration::from_millis(5);

/// Writes batches in Kafka transactions, one writer per transactional id.
///
/// All calls block; a full queue makes [`send`](Self::send) wait. A producer commits one transaction after
/// the other until something fails; then it may [`abort`](Self::abort), and only a new one helps.
#[derive(Debug)]
pub struct TransactionalProducer {
    out: Outbox,
    watchdog: Watchdog,
    id: String,
    open: bool,
    committing: bool,
    aborted: bool,
    committed: Option<Instant>,
    /// How many records had been sent and delivered when the transaction began.
    before: (u64, u64),
}

impl TransactionalProducer {
    /// Creates a producer; nothing is asked of the cluster yet.
    ///
    /// # Errors
    /// If the settings make no sense.
    pub fn new(config: &ClientConfig, transactional_id: &str, stop: StopToken) -> Result<Self> {
        let config = settings(config)
            .with("transactional.id", transactional_id)
            .or("transaction.timeout.ms", "900000")
            // A commit sends what there is at once, so this delays nothing: it only makes batches fuller.
            .or("linger.ms", "100");
        let watchdog = Watchdog::new(transactional_id)
            .map_err(|error| KafkaError::new(ErrorKind::Fatal, format!("no thread: {error}")))?;
        Ok(Self {
            out: Outbox::new(config, stop)?,
            watchdog,
            id: transactional_id.to_owned(),
            open: false,
            committing: false,
            aborted: false,
            committed: None,
            before: (0, 0),
        })
    }

    /// Takes over the transactional id: older producers are fenced, what they left open is aborted.
    ///
    /// # Errors
    /// If the cluster refuses; while it is out of reach this waits until told to stop.
    pub fn init(&mut self) -> Result<()> {
        let doing = format!("taking over transactional id {}", self.id);
        self.resumable(&doing, |handle| handle.init_transactions(SLICE))
    }

    /// Begins a transaction, soonest a few milliseconds after the last commit.
    ///
    /// # Errors
    /// If the producer is not in a state to do so, as after an abort.
    pub fn begin(&mut self) -> Result<()> {
        // librdkafka 2.12 miscounts the sequence numbers of records it threw away: what it sends after
        // an abort may be refused as out of order, or taken for something sent before.
        if self.aborted {
            let text = "this producer has aborted a transaction; another must go on";
            return Err(KafkaError::new(ErrorKind::Fatal, text));
        }
        let since = self.committed.take().map(|at| at.elapsed());
        std::thread::sleep(since.map_or(Duration::ZERO, |since| MARKING.saturating_sub(since)));
        self.out.raw.handle().begin_transaction()?;
        self.out.raw.handle().shared().clear_failure();
        let delivered = self
            .out
            .raw
            .handle()
            .shared()
            .delivered
            .load(Ordering::Relaxed);
        self.before = (self.out.sent, delivered);
        self.open = true;
        Ok(())
    }

    /// Returns the offset of the record that Kafka took last, -1 before the first; of use to who writes to
    /// one partition only.
    pub fn last_offset(&self) -> i64 {
        let shared = self.out.raw.handle().shared();
        shared.last_offset.load(Ordering::Relaxed)
    }

    /// Returns whether a transaction is open.
    pub fn in_transaction(&self) -> bool {
        self.open
    }

    /// Hands over all records of a batch, in order; waits while the queue is full.
    ///
    /// # Errors
    /// If a record cannot be written; the transaction must be aborted then.
    pub fn send(&mut self, batch: &Batch) -> Result<()> {
        self.out.send(batch)
    }

    /// Hands over one record without headers.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_one(
        &mut self,
        topic: &str,
        partition: Partition,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<()> {
        self.out.send_one(topic, partition, key, value)
    }

    /// Makes offsets of a consumer group part of the transaction: what was read up to there counts as read
    /// if and only if the transaction commits. The group must have no members.
    ///
    /// # Errors
    /// If Kafka does not take them; the transaction must be aborted then.
    pub fn send_offsets(&self, group: &str, offsets: &[(TopicPartition, i64)]) -> Result<()> {
        let (group, offsets) = (group.to_owned(), offsets.to_vec());
        self.resumable("noting what was read", move |handle| {
            let list = offsets
                .iter()
                .map(|(tp, offset)| (&*tp.topic, tp.partition, *offset));
            handle.send_offsets(&group, &PartitionList::new(list)?, SLICE)
        })
    }

    /// Commits: returns when Kafka has everything that was sent, for good.
    ///
    /// # Errors
    /// If the transaction did not commit, or nobody knows whether it did (`Stopped`, `Fatal`, `Hung`):
    /// what the next producer of this transactional id reads back is the truth.
    pub fn commit(&mut self) -> Result<()> {
        self.committing = true;
        self.resumable("committing a transaction", |handle| {
            handle.commit_transaction(SLICE)
        })?;
        self.committing = false;
        self.open = false;
        self.committed = Some(Instant::now());
        let shared = self.out.raw.handle().shared();
        let delivered = shared.delivered.load(Ordering::Relaxed);
        if let Some(error) = shared.failure() {
            return Err(KafkaError::new(
                ErrorKind::Fatal,
                format!("committed in spite of: {error}"),
            ));
        }
        let (sent, delivered) = (self.out.sent - self.before.0, delivered - self.before.1);
        if delivered != sent {
            let missing = sent.abs_diff(delivered);
            let text = format!("committed while {missing} records are not accounted for");
            return Err(KafkaError::new(ErrorKind::Fatal, text));
        }
        Ok(())
    }

    /// Waits until Kafka has everything that was sent, and leaves the transaction open.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn flush(&mut self) -> Result<()> {
        loop {
            let flushed = self.out.raw.handle().flush(SLICE);
            self.out.check_deliveries()?;
            if flushed.is_ok() {
                return Ok(());
            }
            self.out.check_stop("waiting for Kafka to take records")?;
        }
    }

    /// Aborts: readers at `read_committed` never see what was sent. The producer is of no further use.
    ///
    /// # Errors
    /// If Kafka cannot be told; it finds out by itself after `transaction.timeout.ms`.
    pub fn abort(&mut self) -> Result<()> {
        if !self.open {
            return Ok(());
        }
        self.aborted = true;
        self.resumable("aborting a transaction", |handle| {
            handle.abort_transaction(SLICE)
        })?;
        self.open = false;
        Ok(())
    }

    /// Runs a call of librdkafka's that takes a time limit and can be resumed until it succeeds.
    fn resumable(
        &self,
        doing: &str,
        call: impl Fn(&Handle) -> Result<()> + Send + Clone + 'static,
    ) -> Result<()> {
        let mut grace: Option<Instant> = None;
        loop {
            let begun = Instant::now();
            let (handle, call) = (Arc::clone(self.out.raw.handle()), call.clone());
            let error = match self.watchdog.run(SLICE + HANG, move || call(&handle)) {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => error,
                Err(Hung) => {
                    let text = format!("{doing} did not come back; giving up on this producer");
                    return Err(KafkaError::new(ErrorKind::Hung, text));
                }
            };
            if !error.is_retriable() {
                return Err(self.reason(error).while_doing(doing));
            }
            let trouble = self.out.raw.handle().shared().trouble();
            if let Some(why) = trouble.filter(|e| *e.kind() == ErrorKind::Authentication) {
                return Err(why.while_doing(doing));
            }
            if self.out.stop.is_stopped()
                && grace.get_or_insert_with(Instant::now).elapsed() >= GRACE
            {
                return Err(KafkaError::new(
                    ErrorKind::Stopped,
                    format!("{doing}: {error}"),
                ));
            }
            if begun.elapsed() < SLICE / 2 {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// Prefers the reason why a record was not delivered to the bare news that one was not.
    fn reason(&self, error: KafkaError) -> KafkaError {
        if !matches!(error.kind(), ErrorKind::Abortable | ErrorKind::Other) {
            return error;
        }
        match self.out.check_deliveries() {
            Err(failure) => failure,
            Ok(()) => error,
        }
    }
}

impl Drop for TransactionalProducer {
    fn drop(&mut self) {
        // What was not committed must not hold up the end of the client.
        self.out.raw.handle().purge();
        if !self.open {
            return;
        }
        // librdkafka 2.12 ends the whole process (an assertion in the handler of AddPartitionsToTxn) if
        // a client is destroyed while partitions still wait to be added: the transaction must be over,
        // or on the way there, before.
        let (handle, committing) = (Arc::clone(self.out.raw.handle()), self.committing);
        let _ = self.watchdog.run(LAST, move || match committing {
            // Another call is refused once this one has begun. Without what was purged it fails.
            true => handle.commit_transaction(LAST / 4),
            false => handle.abort_transaction(LAST / 4),
        });
    }
}
