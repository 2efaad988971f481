//! The task: what the runtime holds while threads read.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use walbridge_connector_api::{
    Batch, ConnectorError, OffsetEntry, Result, Settings, SourceTask, TaskContext, fail_point,
};
use walbridge_postgres::Lsn;
use walbridge_postgres::sqlstate;
use walbridge_schemas::postgresql::SourceBlock;

use crate::catalog::{Catalog, number};
use crate::config::Options;
use crate::names::Names;
use crate::offset::{Position, Stored};
use crate::reader::Reader;
use crate::records::TransactionTopic;
use crate::relations::Relations;
use crate::replay::Replay;
use crate::shared::{Shared, now_us};
use crate::start::{self, Decision, Facts};
use crate::transaction::Transactions;
use crate::wire::Wire;
use crate::{monitor, publication, registry, slot, snapshot};

/// How long a stop waits for the threads, which look every 100 ms.
const JOIN: Duration = Duration::from_secs(3);
/// How long to wait for the next batch, rather than end a Kafka transaction, while much comes.
const MORE: Duration = Duration::from_millis(50);
/// How often a snapshot is begun anew at once when tables are rewritten under it.
const ATTEMPTS: u32 = 5;

/// A running source.
pub(crate) struct Task {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    sequence: Option<u64>,
}

impl Task {
    /// Checks the server against what is stored, and starts to read.
    pub(crate) fn start(settings: &Settings, context: &TaskContext) -> Result<Self> {
        let mut options = Options::read(settings)?;
        // A task that takes over knows its predecessor's connection by it.
        options.database.application_name =
            format!("walbridge source {} {}", context.group, context.connector);
        let registry = registry::open(settings)?;
        let stored = Stored::find(&context.offsets, &options.server)?;
        let metrics = Arc::clone(&context.metrics);
        let shared = Arc::new(Shared::new(
            options,
            registry,
            metrics,
            context.stop.clone(),
        ));
        let work = Work::prepare(&shared, stored.as_ref())?;
        let mut task = Self {
            shared: Arc::clone(&shared),
            threads: Vec::new(),
            sequence: None,
        };
        task.spawn("source", move |shared| {
            if let Err(error) = work.run(shared) {
                shared.queue.fail(error);
            }
        })?;
        task.spawn("source-monitor", monitor::run)?;
        Ok(task)
    }

    fn spawn(&mut self, name: &str, body: impl FnOnce(&Shared) + Send + 'static) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let span = tracing::Span::current();
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || span.in_scope(|| body(&shared)))
            .map_err(|error| sqlstate::from_io(error, "starting a thread"))?;
        self.threads.push(thread);
        Ok(())
    }
}

impl SourceTask for Task {
    fn poll(&mut self, wait: Duration) -> Result<Option<Batch>> {
        // Each Kafka transaction costs brokers and workers the same, be it small or large.
        let wait = if self.shared.is_busy() {
            wait.max(MORE)
        } else {
            wait
        };
        let batch = self.shared.queue.pop(wait)?;
        let metrics = &self.shared.metrics;
        metrics
            .last_progress_ms
            .store(now_us() / 1000, Ordering::Relaxed);
        let Some(batch) = batch else { return Ok(None) };
        fail_point!("source-before-batch");
        let rows = batch
            .records()
            .iter()
            .filter(|record| !record.value.is_null())
            .count() as u64;
        metrics.rows.fetch_add(
            rows.saturating_sub(batch.transactions * 2),
            Ordering::Relaxed,
        );
        metrics
            .bytes
            .fetch_add(batch.size() as u64, Ordering::Relaxed);
        metrics
            .transactions
            .fetch_add(batch.transactions, Ordering::Relaxed);
        let waiting = i64::try_from(self.shared.queue.bytes()).unwrap_or(i64::MAX);
        metrics.buffered_bytes.store(waiting, Ordering::Relaxed);
        Ok(Some(batch))
    }

    fn recycle(&mut self, batch: Batch) {
        self.shared.queue.recycle(batch);
    }

    fn committed(&mut self, offsets: &[OffsetEntry]) -> Result<()> {
        fail_point!("source-before-confirm");
        let metrics = &self.shared.metrics;
        for entry in offsets {
            let position = Stored::confirmable(entry);
            self.shared.confirm(position);
            if let Some(lsn) = position {
                metrics
                    .position
                    .store(i64::try_from(lsn.0).unwrap_or(i64::MAX), Ordering::Relaxed);
            }
            let number = |key: &str| entry.offset.as_ref()?.get(key)?.as_i64();
            let Some(sequence) = number("seq").and_then(|seq| u64::try_from(seq).ok()) else {
                continue;
            };
            if self.sequence.replace(sequence) != Some(sequence) {
                metrics.sequence.store(
                    i64::try_from(sequence).unwrap_or(i64::MAX),
                    Ordering::Relaxed,
                );
            }
        }
        Ok(())
    }

    fn stop(&mut self) {
        self.shared.stop.stop();
        self.shared.queue.close();
        let limit = Instant::now() + JOIN;
        for thread in self.threads.drain(..) {
            while !thread.is_finished() && Instant::now() < limit {
                std::thread::sleep(Duration::from_millis(5));
            }
            // One that hangs in a call that cannot be called off ends by itself later.
            if thread.is_finished() && thread.join().is_err() {
                tracing::error!("a thread of the source panicked");
            }
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What the reading thread begins with.
struct Work {
    wire: Wire,
    catalog: Catalog,
    facts: Facts,
    decision: Decision,
    names: Names,
}

impl Work {
    fn prepare(shared: &Shared, stored: Option<&Stored>) -> Result<Self> {
        let options = &shared.options;
        let mut catalog = Catalog::open(&options.database, &shared.stop)?;
        start::check_server(&mut catalog)?;
        let mut wire = Wire::open(&options.database, true, &shared.stop)?;
        let mut facts = start::inspect(&mut catalog, &mut wire, options, stored)?;
        if let Some(pid) = facts.slot.as_ref().and_then(|slot| slot.active_pid)
            && slot::evict(&mut catalog, pid)?
        {
            facts = start::inspect(&mut catalog, &mut wire, options, stored)?;
        }
        let decision = start::decide(&facts, stored, options)?;
        if let Decision::Resume(at) = &decision {
            shared.resume(at.lsn);
            shared
                .metrics
                .position
                .store(at.lsn.0 as i64, Ordering::Relaxed);
            shared
                .metrics
                .sequence
                .store(at.seq as i64, Ordering::Relaxed);
        }
        let captured = publication::prepare(&mut catalog, options, facts.version, &shared.stop)?;
        let names = crate::names::check(&mut catalog, options, &captured)?;
        Ok(Self {
            wire,
            catalog,
            facts,
            decision,
            names,
        })
    }

    /// Reads the snapshot if there is one to take, then the stream, until the task stops.
    fn run(mut self, shared: &Shared) -> Result<()> {
        let options = &shared.options;
        let name = crate::names::transaction_topic(options);
        let topic = TransactionTopic::new(name, &shared.registry)?;
        let version = env!("CARGO_PKG_VERSION");
        let source = SourceBlock::new(version, &options.server, &options.database.dbname);
        let (position, confirmed, last_commit) = match self.decision.clone() {
            Decision::Resume(at) => {
                let slot = self.facts.slot.as_ref();
                let confirmed = slot.and_then(|slot| slot.confirmed).unwrap_or_default();
                let last = at.lsn.0;
                (at, confirmed, Some(last))
            }
            Decision::Create {
                drop_first,
                snapshot,
            } => {
                let at = self.create(shared, &topic, &source, drop_first, snapshot)?;
                let lsn = at.lsn;
                (at, lsn, None)
            }
        };
        let timeout = self.sender_timeout()?;
        let replay = Replay::new(&position, confirmed, &options.publication);
        let position = Position {
            origin: self.facts.origin.clone(),
            ..position
        };
        let transactions = Transactions::new(topic, source, position, last_commit);
        let Self {
            mut wire,
            catalog,
            names,
            ..
        } = self;
        let binary = options.binary && !crate::columns::needs_text(options);
        let relations = Relations::new(catalog, names, binary);
        Reader::start(shared, &mut wire, relations, transactions, replay, timeout)?.run(&mut wire)
    }

    /// Creates the slot, after it is on record that it is ours, and takes the snapshot.
    fn create(
        &mut self,
        shared: &Shared,
        topic: &TransactionTopic,
        source: &SourceBlock,
        drop_first: bool,
        with_rows: bool,
    ) -> Result<Position> {
        let options = &shared.options;
        let origin = self.facts.origin.clone();
        let mark = Stored::Snapshotting(origin.clone());
        send_offset(shared, &mark)?;
        while !shared.is_marked() {
            shared.check_stop()?;
            std::thread::sleep(Duration::from_millis(2));
        }
        if drop_first {
            tracing::info!(slot = %options.slot, "dropping our slot, whose snapshot was not completed");
            slot::drop(&mut self.catalog, &options.slot)?;
        }
        shared.metrics.fact("phase", slot::CREATING);
        tracing::info!(slot = %options.slot, "creating the slot; this waits for open transactions to end");
        let mut created = slot::create(&mut self.wire, &mut self.catalog, &options.slot)?;
        if with_rows {
            let (version, mut moving) = (self.facts.version, Vec::new());
            let mut attempts = 0;
            loop {
                let taken = snapshot::take(
                    shared,
                    &origin,
                    &created,
                    topic,
                    source,
                    version,
                    &mut moving,
                );
                match taken {
                    Err(error) if error.name() == "TableRewritten" && attempts < ATTEMPTS => {
                        tracing::warn!(%error, "the snapshot begins anew, with this table first");
                    }
                    done => return done,
                }
                attempts += 1;
                slot::drop(&mut self.catalog, &options.slot)?;
                created = slot::create(&mut self.wire, &mut self.catalog, &options.slot)?;
            }
        }
        let lsn = created.consistent_point;
        let position = Position {
            origin,
            lsn,
            lsn_commit: lsn,
            seq: 0,
            xid: None,
            ts_us: now_us(),
            snapshot_lsn: Lsn::ZERO,
        };
        send_offset(shared, &Stored::Streaming(position.clone()))?;
        Ok(position)
    }

    fn sender_timeout(&mut self) -> Result<Duration> {
        let sql = "SELECT setting FROM pg_settings WHERE name = 'wal_sender_timeout'";
        let millis: u64 = number(&self.catalog.row(sql)?, 0);
        Ok(Duration::from_millis(millis))
    }
}

fn send_offset(shared: &Shared, stored: &Stored) -> Result<(), ConnectorError> {
    let mut batch = shared.queue.blank();
    batch.boundary = true;
    batch.offsets.push(stored.entry(&shared.options.server));
    shared.hand_over(batch, || Ok(()))
}
