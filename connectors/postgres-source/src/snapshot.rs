//! The initial state: all rows of all captured tables as of the slot's consistent point.
//!
//! Each thread reads one table after the other by COPY inside the slot's exported snapshot. Where in
//! the snapshot a row stands (first, last) is only known when the next one comes, so each thread
//! holds one row back, and the last rows of tables wait for one another.
//!
//! Nothing is locked longer than its own copy lasts: a lock held for the whole snapshot would make a
//! TRUNCATE wait, and everybody else behind it. A table that was truncated or rewritten before its
//! turn is found out by its file, and the snapshot begins anew, with that table first; small tables
//! come before large ones for the same reason.

mod table;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use walbridge_connector_api::{Batch, ConnectorError, Result, fail_point};
use walbridge_postgres::Lsn;
use walbridge_postgres::ident::literal;
use walbridge_schemas::envelope::Op;
use walbridge_schemas::postgresql::{Commit, Snapshot, SourceBlock};

use crate::catalog::{Catalog, number};
use crate::copy::{CopyReader, to_tuple};
use crate::cursor::Malformed;
use crate::emit::{Emitter, Failure, Order, Surroundings, Target};
use crate::offset::{Origin, Position, Stored};
use crate::plan::Plan;
use crate::publication;
use crate::records::{Link, Scope, TransactionTopic};
use crate::shared::{Shared, now_us};
use crate::slot::Created;
use crate::snapshot::table::Table;
use crate::wire::Wire;

/// A row that waits until it is known whether another one follows.
struct Held {
    row: Vec<u8>,
    table: Arc<Table>,
    /// Which row of the table it is, counted from 1.
    number: u64,
}

/// What the reading threads share.
struct Work<'a> {
    shared: &'a Shared,
    tables: Mutex<VecDeque<Arc<Table>>>,
    source: SourceBlock,
    lsn: Lsn,
    snapshot: &'a str,
    mark: Stored,
    /// Whether the very first row is written.
    begun: AtomicBool,
    /// The last row of the table that ended last.
    last: Mutex<Option<Held>>,
    failed: AtomicBool,
    /// Tables that turned out to be others than the snapshot saw.
    rewritten: Mutex<Vec<String>>,
}

/// Reads the initial state, from BEGIN to END, and returns where the stream goes on.
///
/// A table that was rewritten under the snapshot is added to `moving`, which holds those to be read
/// first.
///
/// # Errors
/// `TableRewritten` if that has happened: another snapshot may succeed.
pub(crate) fn take(
    shared: &Shared,
    origin: &Origin,
    created: &Created,
    topic: &TransactionTopic,
    source: &SourceBlock,
    version: u32,
    moving: &mut Vec<String>,
) -> Result<Position> {
    shared.metrics.fact("phase", "snapshot");
    let options = &shared.options;
    let mut catalog = Catalog::open(&options.database, &shared.stop)?;
    begin(&mut |sql| catalog.query(sql).map(|_| ()), &created.snapshot)?;
    let mut source = source.clone();
    // Not before the server's clock said so, if that is ahead of ours: times tell snapshots apart.
    let ts_us = now_us().max(created.since_us);
    source.begin(&Commit {
        ts_us,
        tx_id: snapshot_xid(&mut catalog)?,
        ..Commit::default()
    });
    let mut published = publication::captured(&mut catalog, options, version)?;
    crate::names::check(&mut catalog, options, &published)?;
    published.sort_by_key(|table| {
        let name = format!("{}.{}", table.schema, table.name);
        (!moving.contains(&name), table.pages)
    });
    let mut tables = Vec::with_capacity(published.len());
    for table in &published {
        tables.push(Arc::new(table::plan(&mut catalog, shared, table)?));
    }
    let definitions: Vec<_> = tables
        .iter()
        .map(|table| lock(&table.plan).relation.clone())
        .collect();
    let definitions = format!("[{}]", definitions.join(","));
    let lsn = created.consistent_point;
    let id = format!("snapshot:{}", lsn.0);
    let link = Link {
        lsn,
        previous: lsn,
        seq: 0,
        ts_us,
    };
    let mark = Stored::Snapshotting(origin.clone());
    tracing::info!(tables = tables.len(), position = %lsn, "the snapshot begins");
    let mut batch = shared.queue.blank();
    let scope = Scope {
        definitions: &definitions,
        since_us: created.since_us,
    };
    topic.begin(&mut batch, &id, &link, Some(&scope));
    send(shared, batch, &mark)?;

    let work = Work {
        shared,
        tables: Mutex::new(tables.iter().cloned().collect()),
        source,
        lsn,
        snapshot: &created.snapshot,
        mark: mark.clone(),
        begun: AtomicBool::new(false),
        last: Mutex::new(None),
        failed: AtomicBool::new(false),
        rewritten: Mutex::new(Vec::new()),
    };
    let threads = options.snapshot_threads.min(tables.len().max(1));
    let span = tracing::Span::current();
    let read = std::thread::scope(|scope| -> Result<()> {
        let spawn = |_| {
            std::thread::Builder::new()
                .name("snapshot".into())
                .spawn_scoped(scope, || span.in_scope(|| work.run()))
        };
        let handles: Vec<_> = (0..threads)
            .map(spawn)
            .collect::<std::io::Result<_>>()
            .map_err(|error| walbridge_postgres::sqlstate::from_io(error, "starting a thread"))?;
        let mut result = Ok(());
        for handle in handles {
            let ended = handle.join().unwrap_or_else(|_| {
                Err(ConnectorError::stop(
                    "Bug",
                    "a thread of the snapshot panicked",
                ))
            });
            // The others only say that they were called off.
            if result.is_ok() || ended.as_ref().is_err_and(|error| error.name() != "Stopped") {
                result = ended.and(result);
            }
        }
        result
    });
    let rewritten = work.rewritten.lock();
    moving.append(&mut rewritten.unwrap_or_else(PoisonError::into_inner));
    read?;

    let mut batch = shared.queue.blank();
    let last = work
        .last
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some(held) = last {
        work.write(
            &mut Emitter::default(),
            &mut batch,
            &held,
            Snapshot::Last,
            &mut Vec::new(),
        )?;
    }
    fail_point!("snapshot-before-end");
    let counts: Vec<_> = tables
        .iter()
        .map(|table| (table.name.as_str(), table.rows.load(Ordering::Acquire)))
        .collect();
    let rows: u64 = counts.iter().map(|(_, rows)| rows).sum();
    topic.end(&mut batch, &id, &link, Some(&scope), counts.iter().copied());
    batch.transactions = 1;
    let position = Position {
        origin: origin.clone(),
        lsn,
        lsn_commit: lsn,
        seq: 0,
        xid: None,
        ts_us,
        snapshot_lsn: lsn,
    };
    tracing::info!(rows, position = %lsn, "the snapshot ends");
    send(shared, batch, &Stored::Streaming(position.clone()))?;
    Ok(position)
}

fn send(shared: &Shared, mut batch: Batch, stored: &Stored) -> Result<()> {
    batch.boundary = true;
    batch.offsets.push(stored.entry(&shared.options.server));
    shared.hand_over(batch, || Ok(()))
}

fn begin(query: &mut impl FnMut(&str) -> Result<()>, snapshot: &str) -> Result<()> {
    query("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
    query(&format!("SET TRANSACTION SNAPSHOT {}", literal(snapshot)))
}

fn snapshot_xid(catalog: &mut Catalog) -> Result<Option<u64>> {
    let row = catalog
        .row("SELECT mod(pg_snapshot_xmax(pg_current_snapshot())::text::numeric, 4294967296)")?;
    Ok(Some(number(&row, 0)))
}

fn lock(plan: &Mutex<Plan>) -> std::sync::MutexGuard<'_, Plan> {
    plan.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Work<'_> {
    /// Reads tables until there are none left.
    fn run(&self) -> Result<()> {
        let result = self.read_tables();
        if result.is_err() {
            self.failed.store(true, Ordering::Release);
        }
        result
    }

    fn read_tables(&self) -> Result<()> {
        let options = &self.shared.options;
        let mut wire = Wire::open(&options.database, false, &self.shared.stop)?;
        let mut batch = self.shared.queue.blank();
        let mut emitter = Emitter::default();
        loop {
            let next = self
                .tables
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front();
            let Some(table) = next else { break };
            begin(&mut |sql| wire.query(sql).map(|_| ()), self.snapshot)?;
            self.read_table(&mut wire, &mut emitter, &mut batch, &table)?;
            wire.query("COMMIT")?;
        }
        if !batch.is_empty() {
            send(self.shared, batch, &self.mark)?;
        }
        Ok(())
    }

    fn read_table(
        &self,
        wire: &mut Wire,
        emitter: &mut Emitter,
        batch: &mut Batch,
        table: &Arc<Table>,
    ) -> Result<()> {
        if !table.start_copy(wire)? {
            return Err(self.rewritten(table));
        }
        let mut reader = CopyReader::default();
        let mut held = Held {
            row: Vec::new(),
            table: Arc::clone(table),
            number: 0,
        };
        let mut scratch = Vec::new();
        let mut rows = 0u64;
        loop {
            let frame = wire.wait_frame()?;
            match frame.tag {
                b'd' => reader.take(wire.inbox.body(&frame), |row| -> Result<(), Failed> {
                    if rows > 0 {
                        let mark = self.mark_of(&held);
                        self.write(emitter, batch, &held, mark, &mut scratch)?;
                        if batch.size() >= self.shared.options.batch_bytes {
                            self.hand_over(batch)?;
                        }
                    }
                    held.row.clear();
                    held.row.extend_from_slice(row);
                    rows += 1;
                    held.number = rows;
                    Ok(())
                })?,
                b'Z' => break,
                _ => {}
            }
        }
        if !reader.is_complete() {
            return Err(ConnectorError::retry(
                "Unreachable",
                "the copy of a table ended too early",
            ));
        }
        if table.is_other(wire)? {
            return Err(self.rewritten(table));
        }
        table.rows.store(rows, Ordering::Release);
        if rows == 0 {
            return Ok(());
        }
        if lock(&table.plan).numbered && !batch.is_empty() {
            // Another thread may write the last row, and rows that are numbered stay in their order.
            self.hand_over(batch)?;
        }
        // Whichever table ends last has the very last row; the one before it is now known not to.
        let before = self
            .last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(held);
        if let Some(before) = before {
            let first = !self.begun.swap(true, Ordering::AcqRel);
            let mark = if first {
                Snapshot::First
            } else {
                Snapshot::LastInTable
            };
            self.write(emitter, batch, &before, mark, &mut scratch)?;
        }
        Ok(())
    }

    fn rewritten(&self, table: &Table) -> ConnectorError {
        let mut found = self
            .rewritten
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        found.push(table.name.clone());
        ConnectorError::rewind(
            "TableRewritten",
            format!(
                "{} was truncated, rewritten or renamed while the snapshot at {} was read",
                table.name, self.lsn
            ),
        )
    }

    fn mark_of(&self, held: &Held) -> Snapshot {
        if !self.begun.load(Ordering::Relaxed) && !self.begun.swap(true, Ordering::AcqRel) {
            return Snapshot::First;
        }
        if held.number == 1 {
            Snapshot::FirstInTable
        } else {
            Snapshot::True
        }
    }

    fn hand_over(&self, batch: &mut Batch) -> Result<()> {
        if self.failed.load(Ordering::Acquire) {
            return Err(ConnectorError::retry(
                "Stopped",
                "another thread of the snapshot failed",
            ));
        }
        let full = std::mem::replace(batch, self.shared.queue.blank());
        send(self.shared, full, &self.mark)?;
        fail_point!("snapshot-mid");
        Ok(())
    }

    fn write(
        &self,
        emitter: &mut Emitter,
        batch: &mut Batch,
        held: &Held,
        mark: Snapshot,
        scratch: &mut Vec<u8>,
    ) -> Result<()> {
        let tuple = to_tuple(&held.row, &held.table.text, scratch).map_err(Failed::from)?;
        let mut plan = lock(&held.table.plan);
        let mut at = Target {
            batch,
            plan: &mut plan,
            around: Surroundings {
                source: &self.source,
                transaction: None,
                snapshot: mark,
                lsn: self.lsn.0,
                now_us: now_us(),
            },
            order: Order {
                collection: held.number,
                ..Order::default()
            },
        };
        emitter.insert(&mut at, tuple, Op::Read).map_err(|failure| {
            let (column, why) = match failure {
                Failure::Value { column, why } => (plan.column(column).to_owned(), why),
                Failure::Null(column) => (
                    plan.column(column).to_owned(),
                    "null where none may be".into(),
                ),
                other => (String::new(), format!("{other:?}")),
            };
            ConnectorError::stop(
                "ValueUnreadable",
                format!(
                    "column \"{column}\" of {} in the snapshot: {why}",
                    held.table.name
                ),
            )
        })
    }
}

/// Lets malformed data and failed hand-overs leave a COPY the same way.
struct Failed(ConnectorError);

impl From<Malformed> for Failed {
    fn from(error: Malformed) -> Self {
        Self(
            ConnectorError::retry("ProtocolBroken", format!("the server's copy: {error}"))
                .because(error),
        )
    }
}

impl From<ConnectorError> for Failed {
    fn from(error: ConnectorError) -> Self {
        Self(error)
    }
}

impl From<Failed> for ConnectorError {
    fn from(failed: Failed) -> Self {
        failed.0
    }
}
