//! What both sides have, read at one moment.

use anyhow::{Context, Result};
use serde_json::Value;
use walbridge_lab::{DATABASE, Lab, Session};

/// The state of both databases.
#[derive(Debug, Clone, Default)]
pub(super) struct Reading {
    /// Transactions of the load that east has committed.
    pub(super) committed: i64,
    /// Transactions of the load that west shows.
    pub(super) applied: i64,
    /// WAL that east has written since the last commit that west has.
    pub(super) bytes: Option<i64>,
    /// How far the newest commit at west is behind the newest at east.
    pub(super) millis: i64,
    /// The TPC-B sums at west, all from one snapshot.
    pub(super) sums: Option<Sums>,
    /// What the sink says of itself, such as `loading` or `streaming`.
    pub(super) phase: Option<String>,
}

/// The four sums that TPC-B keeps equal in every state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) accounts: i64,
    pub(super) tellers: i64,
    pub(super) branches: i64,
    pub(super) history: i64,
}

impl Sums {
    /// Tells whether they agree.
    pub(super) fn agree(self) -> bool {
        [self.tellers, self.branches, self.history] == [self.accounts; 3]
    }
}

impl Reading {
    /// Returns how many committed transactions west does not show yet.
    pub(super) fn behind(&self) -> i64 {
        (self.committed - self.applied).max(0)
    }

    /// Returns whether west is still taking the snapshot in, and so is no standby yet.
    pub(super) fn is_loading(&self) -> bool {
        self.phase.as_deref() != Some("streaming")
    }
}

/// A connection to either database.
#[derive(Debug)]
pub(super) struct Reader {
    east: Session,
    west: Session,
}

impl Reader {
    /// Connects to both databases.
    pub(super) fn open(lab: &Lab) -> Result<Self> {
        Ok(Self {
            east: lab.east().postgres().session(DATABASE)?,
            west: lab.west().postgres().session(DATABASE)?,
        })
    }

    /// Reads east first, so that west is never blamed for what came later.
    pub(super) fn read(&self) -> Result<Reading> {
        let newest = self.east.query(
            "select count(*), max(mtime)::timestamp, pg_current_wal_lsn() - '0/0'::pg_lsn \
             from pgbench_history",
            &[],
        );
        let row = newest?.pop().context("east answers nothing")?;
        let mut reading = Reading {
            committed: row.try_get(0)?,
            ..Reading::default()
        };
        let newest: Option<std::time::SystemTime> = row.try_get(1)?;
        let written = self
            .east
            .one::<i64>("select (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint")?;
        self.west
            .run("begin isolation level repeatable read read only")?;
        let read = self.read_west(&mut reading, newest, written);
        self.west.run("rollback")?;
        read.map(|()| reading)
    }

    fn read_west(
        &self,
        reading: &mut Reading,
        newest: Option<std::time::SystemTime>,
        written: i64,
    ) -> Result<()> {
        if self
            .west
            .one("select to_regclass('walbridge.position') is not null")?
        {
            self.read_position(reading, written)?;
        }
        if !self
            .west
            .one("select to_regclass('pgbench_history') is not null")?
        {
            return Ok(());
        }
        let row = self
            .west
            .query(SUMS, &[])?
            .pop()
            .context("west answers nothing")?;
        reading.applied = row.try_get(0)?;
        reading.sums = Some(Sums {
            accounts: row.try_get(1)?,
            tellers: row.try_get(2)?,
            branches: row.try_get(3)?,
            history: row.try_get(4)?,
        });
        let shown: Option<std::time::SystemTime> = row.try_get(5)?;
        // Of the same snapshot as the sums: while loading they cannot agree yet.
        reading.phase = row.try_get(6)?;
        if reading.behind() == 0 {
            reading.bytes = reading.bytes.map(|_| 0);
        } else if let (Some(newest), Some(shown)) = (newest, shown) {
            let behind = newest.duration_since(shown).unwrap_or_default();
            reading.millis = i64::try_from(behind.as_millis())?;
        }
        Ok(())
    }

    fn read_position(&self, reading: &mut Reading, written: i64) -> Result<()> {
        let rows = self
            .west
            .query("select to_jsonb(p)::text from walbridge.position p", &[])?;
        let Some(row) = rows.first() else {
            return Ok(());
        };
        let position: Value = serde_json::from_str(row.try_get(0)?)?;
        reading.phase = position["phase"].as_str().map(str::to_owned);
        reading.bytes = lsn(&position["commit_lsn"]).map(|commit| (written - commit).max(0));
        Ok(())
    }
}

/// Reads an LSN that stands as a number or in PostgreSQL's notation.
fn lsn(value: &Value) -> Option<i64> {
    if let Some(number) = value.as_i64() {
        return Some(number);
    }
    let (high, low) = value.as_str()?.split_once('/')?;
    Some(i64::from_str_radix(high, 16).ok()? << 32 | i64::from_str_radix(low, 16).ok()?)
}

/// TPC-B's sums; a table that is not there yet would fail the whole, so history comes last to be
/// created and is asked for first.
const SUMS: &str = "\
select (select count(*) from pgbench_history),
       (select coalesce(sum(abalance), 0)::bigint from pgbench_accounts),
       (select coalesce(sum(tbalance), 0)::bigint from pgbench_tellers),
       (select coalesce(sum(bbalance), 0)::bigint from pgbench_branches),
       (select coalesce(sum(delta), 0)::bigint from pgbench_history),
       (select max(mtime)::timestamp from pgbench_history),
       (select phase from walbridge.position limit 1)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_an_lsn_in_either_form() {
        assert_eq!(lsn(&Value::from("1/10")), Some((1 << 32) + 16));
        assert_eq!(lsn(&Value::from(42)), Some(42));
        assert_eq!(lsn(&Value::Null), None);
    }
}
