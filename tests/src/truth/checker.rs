//! The checker: a reader at the standby that believes nothing but the rows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Result, anyhow, bail};

use super::{Record, TABLES};
use crate::sql::Sql;

/// Tells, inside a snapshot, whether the standby calls itself still loading.
pub type Loading = fn(&Sql) -> Result<bool>;

/// Asks walbridge's own position row.
///
/// # Errors
/// If the standby cannot be asked.
pub fn loading_of_walbridge(sql: &Sql) -> Result<bool> {
    if sql.number(
        "select count(*) from pg_class c join pg_namespace n on n.oid = relnamespace \
        where nspname = 'walbridge' and relname = 'position'",
    )? == 0
    {
        return Ok(true);
    }
    Ok(sql.number("select count(*) from walbridge.position where phase = 'streaming'")? == 0)
}

/// Asks PostgreSQL's own subscription whether every table has been copied.
///
/// # Errors
/// If the standby cannot be asked.
pub fn loading_of_subscription(sql: &Sql) -> Result<bool> {
    let ready = "select (count(*) > 0 and bool_and(srsubstate = 'r'))::int::bigint from pg_subscription_rel";
    Ok(sql.number(ready)? == 0)
}

/// What was seen in one snapshot.
#[derive(Debug, Clone)]
struct Seen {
    seq: i64,
    claimed: String,
    sums: BTreeMap<String, String>,
    computed: String,
}

/// A running checker.
#[derive(Debug)]
pub struct Checker {
    stop: Arc<AtomicBool>,
    seq: Arc<AtomicI64>,
    thread: JoinHandle<Watch>,
}

/// What the checker has gathered.
#[derive(Debug, Default)]
struct Watch {
    snapshots: u64,
    loading: u64,
    away: u64,
    last: Option<i64>,
    /// One state per transaction number, and every state that is wrong in itself.
    states: BTreeMap<i64, Seen>,
    wrong: Vec<Seen>,
    violations: Vec<String>,
}

/// What a checker found.
#[derive(Debug)]
pub struct Verdict {
    /// How many snapshots were compared.
    pub snapshots: u64,
    /// How many snapshots found the standby still loading.
    pub loading: u64,
    /// How many times the standby was not there to be asked.
    pub away: u64,
    /// How many different states were seen.
    pub states: usize,
    /// The last transaction seen.
    pub last: i64,
    /// What must not be.
    pub violations: Vec<String>,
}

/// How many findings are kept: one would do, a few show the pattern.
const ENOUGH: usize = 10;

impl Checker {
    /// Starts looking at a standby, with `pause` between two snapshots.
    #[must_use]
    pub fn start(conninfo: &str, loading: Loading, pause: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seq = Arc::new(AtomicI64::new(-1));
        let (conninfo, stopped, reached) =
            (conninfo.to_owned(), Arc::clone(&stop), Arc::clone(&seq));
        let thread = thread::spawn(move || {
            let mut watch = Watch::default();
            while !stopped.load(Ordering::Relaxed) {
                watch.session(&conninfo, loading, pause, &stopped, &reached);
            }
            watch
        });
        Self { stop, seq, thread }
    }

    /// Returns the number of the last transaction seen, -1 while there is none.
    pub fn seq(&self) -> i64 {
        self.seq.load(Ordering::Relaxed)
    }

    /// Ends the checker and judges what it saw by what the primary recorded.
    ///
    /// # Errors
    /// If the checker's thread died.
    pub fn finish(self, record: &Record) -> Result<Verdict> {
        self.stop.store(true, Ordering::Relaxed);
        let watch = self
            .thread
            .join()
            .map_err(|_| anyhow!("the checker panicked"))?;
        Ok(watch.judge(record))
    }
}

impl Watch {
    /// Looks on until told to stop or the session is lost.
    fn session(
        &mut self,
        conninfo: &str,
        loading: Loading,
        pause: Duration,
        stop: &AtomicBool,
        reached: &AtomicI64,
    ) {
        // The checker, not the link, is to give way where both wait for each other's locks.
        let sql = Sql::connect(conninfo)
            .and_then(|sql| sql.run("set deadlock_timeout = '50ms'").map(|()| sql));
        let Ok(sql) = sql else {
            self.away += 1;
            thread::sleep(Duration::from_millis(200));
            return;
        };
        while !stop.load(Ordering::Relaxed) {
            match look(&sql, loading) {
                Ok(Some(seen)) => {
                    self.take(seen);
                    reached.store(self.last.unwrap_or(-1), Ordering::Relaxed);
                }
                Ok(None) => self.loading += 1,
                Err(error) if Sql::is_lost(&error) => {
                    self.away += 1;
                    return;
                }
                // Deadlock: the checker gave way. Anything else is a finding.
                Err(error) if Sql::code(&error) == Some("40P01") => {}
                Err(error) => self.complain(format!("a snapshot could not be read: {error:#}")),
            }
            if sql.run("rollback").is_err() {
                return;
            }
            thread::sleep(pause);
        }
    }

    fn take(&mut self, seen: Seen) {
        self.snapshots += 1;
        if let Some(last) = self.last
            && seen.seq < last
        {
            self.complain(format!(
                "the sequence went back from {last} to {}",
                seen.seq
            ));
        }
        self.last = Some(seen.seq);
        if seen.claimed == seen.computed {
            self.states.entry(seen.seq).or_insert(seen);
        } else if self.wrong.len() < ENOUGH {
            self.wrong.push(seen);
        }
    }

    fn complain(&mut self, violation: String) {
        if self.violations.len() < ENOUGH && self.violations.last() != Some(&violation) {
            self.violations.push(violation);
        }
    }

    fn judge(mut self, record: &Record) -> Verdict {
        for seen in std::mem::take(&mut self.wrong) {
            self.violations.push(format!(
                "a snapshot that says transaction {} is no state of the primary: {}",
                seen.seq,
                record.explain(seen.seq, &seen.sums)
            ));
        }
        for (seq, seen) in &self.states {
            let sealed = record.sealed.get(seq);
            if sealed.is_none_or(|sealed| sealed.digest != seen.computed) {
                self.violations.push(format!(
                    "the state after transaction {seq} is not the primary's: {}",
                    record.explain(*seq, &seen.sums)
                ));
            }
        }
        Verdict {
            snapshots: self.snapshots,
            loading: self.loading,
            away: self.away,
            states: self.states.len(),
            last: self.last.unwrap_or(-1),
            violations: self.violations,
        }
    }
}

/// Takes one snapshot; `None` while the standby says it is loading.
fn look(sql: &Sql, loading: Loading) -> Result<Option<Seen>> {
    sql.run("begin isolation level repeatable read read only")?;
    // TRUNCATE and ALTER TABLE do not respect snapshots: hold them off before taking one.
    let lock = format!(
        "lock table truth, {} in access share mode",
        TABLES.join(", ")
    );
    if let Err(error) = sql.run(&lock) {
        let missing = Sql::code(&error) == Some("42P01");
        sql.run("rollback")?;
        return if missing && loading(sql)? {
            Ok(None)
        } else {
            Err(error)
        };
    }
    if loading(sql)? {
        return Ok(None);
    }
    let truth = sql.query("select seq, digest::text from truth where id = 1", &[])?;
    let [truth] = truth.as_slice() else {
        bail!("truth has {} rows", truth.len())
    };
    let parts: Vec<_> = TABLES
        .iter()
        .map(|table| {
            format!(
                "select '{table}', coalesce(sum(hashtextextended('{table}' || \
                 jsonb_strip_nulls(to_jsonb(a_row))::text, 0)::numeric), 0) from public.{table} a_row"
            )
        })
        .collect();
    let query = format!(
        "with sums(tab, sum) as ({}) select tab, sum::text, (select sum(sum) from sums)::text from sums",
        parts.join(" union all ")
    );
    let rows = sql.query(&query, &[])?;
    let sums = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let computed = rows.first().map(|row| row.get(2)).unwrap_or_default();
    Ok(Some(Seen {
        seq: truth.get(0),
        claimed: truth.get(1),
        sums,
        computed,
    }))
}
