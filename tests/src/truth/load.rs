//! The load: sessions that write sealed transactions until they are told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::operations::{self, Events, PIECES, Piece, Writing};
use super::shapes;
use crate::sql::Sql;

/// How the load behaves.
#[derive(Debug, Clone)]
pub struct Pace {
    /// How many sessions write.
    pub writers: u32,
    /// How many transactions all of them together try per second.
    pub rate: u32,
    /// Where the choices start; the same seed makes the same choices per session.
    pub seed: u64,
    /// Every how many transactions (of a session) a big one comes; 0 for never.
    pub big_every: u64,
    /// How many rows a big transaction has.
    pub big_rows: u32,
    /// After how many transactions a column is added to a table; 0 for never.
    pub alter_after: u64,
    /// Which shapes the transactions have.
    pub shapes: Shapes,
}

/// Which pieces the load's transactions are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shapes {
    /// Those that native logical replication carries.
    Native,
    /// All of them: definitions change inside transactions, and rows without a key are equal and
    /// not alike.
    All,
}

impl Shapes {
    /// Lists the pieces to choose from, with how often each is chosen.
    fn pieces(self) -> impl Iterator<Item = &'static (u32, Piece)> {
        let beyond: &[_] = match self {
            Self::Native => &[],
            Self::All => shapes::BEYOND_NATIVE,
        };
        PIECES.iter().chain(shapes::CARRIED).chain(beyond)
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            writers: 3,
            rate: 60,
            seed: 1,
            big_every: 150,
            big_rows: 5000,
            alter_after: 100,
            shapes: Shapes::All,
        }
    }
}

/// Creates the tables, the digests and the first rows in an empty database.
///
/// # Errors
/// If the database refuses.
pub fn prepare(conninfo: &str) -> Result<()> {
    let sql = Sql::connect(conninfo)?;
    sql.run(include_str!("schema.sql"))
        .context("cannot create the recorder's tables")?;
    sql.run(&format!("begin; {} commit", operations::SEED))
        .context("cannot fill the tables")
}

/// A running load.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    writers: Vec<JoinHandle<Result<()>>>,
}

/// What the sessions share with who started them.
#[derive(Debug)]
struct Shared {
    conninfo: String,
    pace: Pace,
    stop: AtomicBool,
    sealed: AtomicU64,
    undone: AtomicU64,
    lost: AtomicU64,
}

/// What a load has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Transactions sealed and known to be committed.
    pub sealed: u64,
    /// Transactions rolled back, on purpose or by the server.
    pub undone: u64,
    /// Times the server was away.
    pub lost: u64,
}

impl Load {
    /// Starts writing to a database that [`prepare`] has been at.
    #[must_use]
    pub fn start(conninfo: &str, pace: Pace) -> Self {
        let shared = Arc::new(Shared {
            conninfo: conninfo.to_owned(),
            stop: AtomicBool::new(false),
            sealed: AtomicU64::new(0),
            undone: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            pace,
        });
        let writers = (0..shared.pace.writers)
            .map(|number| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || Writer::new(shared, number).run())
            })
            .collect();
        Self { shared, writers }
    }

    /// Returns what has been done so far.
    pub fn written(&self) -> Written {
        Written {
            sealed: self.shared.sealed.load(Ordering::Relaxed),
            undone: self.shared.undone.load(Ordering::Relaxed),
            lost: self.shared.lost.load(Ordering::Relaxed),
        }
    }

    /// Lets every session finish its transaction and returns what was done.
    ///
    /// # Errors
    /// If a session met an error that no fault explains.
    pub fn stop(mut self) -> Result<Written> {
        self.shared.stop.store(true, Ordering::Relaxed);
        for writer in self.writers.drain(..) {
            writer
                .join()
                .map_err(|_| anyhow::anyhow!("a writer panicked"))??;
        }
        Ok(self.written())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

/// One session of the load.
struct Writer {
    shared: Arc<Shared>,
    number: u32,
    dice: StdRng,
    tried: u64,
}

impl Writer {
    fn new(shared: Arc<Shared>, number: u32) -> Self {
        let dice = StdRng::seed_from_u64(shared.pace.seed.wrapping_mul(1000) + u64::from(number));
        Self {
            shared,
            number,
            dice,
            tried: 0,
        }
    }

    /// Writes until told to stop; a server that is away is waited for.
    fn run(mut self) -> Result<()> {
        let step = Duration::from_secs_f64(
            f64::from(self.shared.pace.writers) / f64::from(self.shared.pace.rate.max(1)),
        );
        while !self.stopped() {
            let Ok(sql) = Sql::connect(&self.shared.conninfo) else {
                self.shared.lost.fetch_add(1, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(200));
                continue;
            };
            let mut next = Instant::now();
            let mut usable = true;
            while !self.stopped() && usable {
                thread::sleep(next.saturating_duration_since(Instant::now()));
                next = Instant::now().max(next + step);
                usable = self.transaction(&sql)?;
            }
        }
        Ok(())
    }

    fn stopped(&self) -> bool {
        self.shared.stop.load(Ordering::Relaxed)
    }

    /// Writes one transaction and takes back what the server refuses for a reason it may refuse;
    /// returns whether the session can go on.
    fn transaction(&mut self, sql: &Sql) -> Result<bool> {
        self.tried += 1;
        match self.attempt(sql) {
            Ok(true) => {
                self.shared.sealed.fetch_add(1, Ordering::Relaxed);
                return Ok(true);
            }
            Ok(false) => {}
            // The outcome is not known; `judge.txn` will tell.
            Err(error) if Sql::is_lost(&error) => {
                self.shared.lost.fetch_add(1, Ordering::Relaxed);
                return Ok(false);
            }
            Err(error) if expected(&error) => sql.run("rollback")?,
            Err(error) => {
                return Err(error.context("the load met an error that no fault explains"));
            }
        }
        self.shared.undone.fetch_add(1, Ordering::Relaxed);
        Ok(true)
    }

    /// Writes one transaction; returns whether it was sealed and committed.
    fn attempt(&mut self, sql: &Sql) -> Result<bool> {
        let pace = &self.shared.pace;
        let is_big = pace.big_every > 0
            && self.tried % pace.big_every == (u64::from(self.number) * 7 + 40) % pace.big_every;
        let is_alter = pace.alter_after > 0
            && self.number == 0
            && self.tried == pace.alter_after / u64::from(pace.writers.max(1)) + 1;
        sql.run("begin")?;
        let big = pace.big_rows;
        let mut writing = Writing {
            sql,
            events: Events::new(),
            dice: &mut self.dice,
            big,
        };
        if is_alter {
            operations::add_column(&mut writing)?;
        } else if is_big {
            // Only one at a time, or two would wait for each other's rows.
            sql.run("select pg_advisory_xact_lock(4712)")?;
            operations::big(&mut writing)?;
        } else {
            usual(&mut writing, pace.shapes)?;
        }
        if writing.dice.random_bool(0.05) {
            sql.run("rollback")?;
            return Ok(false);
        }
        let mut events = writing.events;
        *events.entry("public.truth".into()).or_default() += 1;
        let events = serde_json::to_string(&events)?;
        sql.run(&format!("select judge.seal('{events}')"))?;
        sql.run("commit")?;
        Ok(true)
    }
}

/// Writes one to four pieces, some of them behind savepoints.
fn usual(writing: &mut Writing<'_>, shapes: Shapes) -> Result<()> {
    for _ in 0..writing.dice.random_range(1..=4) {
        let piece = choose(writing.dice, shapes);
        match writing.dice.random_range(0..10) {
            0 => {
                writing.taken_back(piece)?;
                // So that no transaction is empty but for its seal too often.
                choose(writing.dice, shapes)(writing)?;
            }
            1 => writing.nested(piece)?,
            _ => piece(writing)?,
        }
    }
    Ok(())
}

fn choose(dice: &mut StdRng, shapes: Shapes) -> Piece {
    let total: u32 = shapes.pieces().map(|(weight, _)| weight).sum();
    let mut at = dice.random_range(0..total);
    for (weight, piece) in shapes.pieces() {
        if at < *weight {
            return *piece;
        }
        at -= weight;
    }
    PIECES[0].1
}

/// Tells whether the server may well have refused: sessions in each other's way, or a shutdown.
fn expected(error: &anyhow::Error) -> bool {
    // 40: deadlock, serialisation; 23505: two sessions took one key; 57P0x: shutting down.
    Sql::code(error)
        .is_some_and(|code| code.starts_with("40") || code == "23505" || code == "55P03")
}
