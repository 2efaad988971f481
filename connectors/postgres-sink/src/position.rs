//! What the sink remembers, in the target database itself.
//!
//! Everything here changes in the same transaction as the rows it speaks of: that is what makes each
//! change have its effect exactly once, whatever dies when.

use walbridge_connector_api::{ConnectorError, Result};
use walbridge_postgres::Lsn;
use walbridge_postgres::connect::Session;

use crate::definition::Definition;

/// Creates what is missing of the sink's own tables.
const TABLES: &str = "\
CREATE SCHEMA IF NOT EXISTS walbridge;
CREATE TABLE IF NOT EXISTS walbridge.position (
    link text PRIMARY KEY,
    fence bigint NOT NULL DEFAULT 0,
    epoch bigint NOT NULL DEFAULT 0,
    commit_lsn pg_lsn NOT NULL DEFAULT '0/0',
    seq bigint NOT NULL DEFAULT 0,
    commit_ts timestamptz,
    phase text NOT NULL DEFAULT 'new',
    snapshot_lsn pg_lsn NOT NULL DEFAULT '0/0',
    backend integer,
    applied_at timestamptz,
    snapshot_ts timestamptz,
    snapshot_since timestamptz
) WITH (fillfactor = 20);
CREATE TABLE IF NOT EXISTS walbridge.sink_offset (
    link text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    topic_id text NOT NULL,
    PRIMARY KEY (link, topic, partition)
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS walbridge.relation (
    link text NOT NULL,
    topic text NOT NULL,
    definition jsonb NOT NULL,
    loaded bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (link, topic)
);
CREATE TABLE IF NOT EXISTS walbridge.given_up (
    link text NOT NULL,
    snapshot_lsn pg_lsn NOT NULL,
    PRIMARY KEY (link, snapshot_lsn)
);
CREATE TABLE IF NOT EXISTS walbridge.stopped (
    link text PRIMARY KEY,
    reason text,
    at timestamptz,
    since timestamptz
);
COMMENT ON SCHEMA walbridge IS 'Positions of the replication links that write into this database';
";

/// Adds what tables from an older version lack.
const COLUMNS: &str = "\
ALTER TABLE walbridge.position ADD COLUMN IF NOT EXISTS snapshot_ts timestamptz, \
ADD COLUMN IF NOT EXISTS snapshot_since timestamptz";

/// Moves the position; affects one row unless another task has taken the fence.
pub(crate) const ADVANCE: &str = "\
WITH p AS (
    UPDATE walbridge.position
    SET epoch = $3, commit_lsn = $4, seq = $5, commit_ts = $6, phase = $7, snapshot_lsn = $8,
        applied_at = clock_timestamp()
    WHERE link = $1 AND fence = $2 RETURNING 1
), o AS (
    INSERT INTO walbridge.sink_offset (link, topic, partition, next_offset, topic_id)
    SELECT $1, s.topic, s.partition, s.next_offset, s.topic_id
    FROM unnest($9::text[], $10::int[], $11::bigint[], $12::text[])
        AS s(topic, partition, next_offset, topic_id)
    ON CONFLICT (link, topic, partition)
    DO UPDATE SET next_offset = EXCLUDED.next_offset, topic_id = EXCLUDED.topic_id
)
SELECT 1 FROM p";

/// How far the target is with the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing has ever been applied.
    New,
    /// A snapshot is being loaded: no standby yet.
    Loading,
    /// The target equals the source as of the position.
    Streaming,
}

impl Phase {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Loading => "loading",
            Self::Streaming => "streaming",
        }
    }
}

/// The position row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) fence: i64,
    pub(crate) epoch: u64,
    pub(crate) commit_lsn: Lsn,
    pub(crate) seq: u64,
    /// When the last transaction was committed at the source, µs since 1970.
    pub(crate) commit_ts: i64,
    pub(crate) phase: Phase,
    pub(crate) snapshot_lsn: Lsn,
    /// When the snapshot was taken, µs since 1970; unknown of one that an older version began.
    pub(crate) snapshot_ts: Option<i64>,
    /// The server's time before it; unknown as well.
    pub(crate) snapshot_since: Option<i64>,
}

#[cfg(test)]
impl Position {
    /// Makes that of a link to which nothing has ever come.
    pub(crate) fn new(fence: i64) -> Self {
        Self {
            fence,
            epoch: 0,
            commit_lsn: Lsn(0),
            seq: 0,
            commit_ts: 0,
            phase: Phase::New,
            snapshot_lsn: Lsn(0),
            snapshot_ts: None,
            snapshot_since: None,
        }
    }
}

/// Where a partition goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredOffset {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) next: i64,
    pub(crate) topic_id: String,
}

/// Creates the sink's tables and takes the fence: whoever held it cannot commit any more.
pub(crate) fn take(session: &Session, link: &str) -> Result<Position> {
    create(session)?;
    // First of all: an INSERT waits for a transaction that has moved the row.
    evict(session, link)?;
    session.query(
        "INSERT INTO walbridge.position (link) VALUES ($1) ON CONFLICT DO NOTHING",
        &[&link],
    )?;
    // Waits for a transaction of the former holder to end, one way or the other.
    let rows = session.query(
        "UPDATE walbridge.position SET fence = fence + 1, backend = pg_backend_pid()
         WHERE link = $1
         RETURNING fence, epoch, (commit_lsn - '0/0')::text, seq,
            coalesce((extract(epoch FROM commit_ts) * 1000000)::bigint, 0), phase,
            (snapshot_lsn - '0/0')::text,
            (extract(epoch FROM snapshot_ts) * 1000000)::bigint,
            (extract(epoch FROM snapshot_since) * 1000000)::bigint",
        &[&link],
    )?;
    let row = rows.first().ok_or_else(|| {
        ConnectorError::retry(
            "Interrupted",
            format!("the position of link {link} vanished"),
        )
    })?;
    Ok(Position {
        fence: row.get(0),
        epoch: row.get::<_, i64>(1).unsigned_abs(),
        commit_lsn: lsn(row.get(2)),
        seq: row.get::<_, i64>(3).unsigned_abs(),
        commit_ts: row.get(4),
        phase: match row.get::<_, &str>(5) {
            "loading" => Phase::Loading,
            "streaming" => Phase::Streaming,
            _ => Phase::New,
        },
        snapshot_lsn: lsn(row.get(6)),
        snapshot_ts: row.get(7),
        snapshot_since: row.get(8),
    })
}

fn lsn(number: &str) -> Lsn {
    Lsn(number.parse().unwrap_or_default())
}

fn create(session: &Session) -> Result<()> {
    let there = session.query(
        "SELECT count(*), coalesce(bool_or(EXISTS (SELECT FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attname = 'snapshot_since')), false)
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = 'walbridge'
            AND relname IN ('position', 'sink_offset', 'relation', 'given_up', 'stopped')",
        &[],
    )?;
    let found = there.first().map(|row| (row.get(0), row.get(1)));
    let (tables, columns): (i64, bool) = found.unwrap_or_default();
    if tables < 5 {
        session.execute(TABLES).map_err(|error| match error.name() {
            "MissingPrivilege" => error.remedy(
                "GRANT CREATE ON DATABASE to the sink's user, or create the schema walbridge owned by it",
            ),
            _ => error,
        })?;
    }
    if columns || tables == 0 {
        return Ok(());
    }
    session
        .execute(COLUMNS)
        .map_err(|error| match error.name() {
            "MissingPrivilege" => error.remedy(format!("as the table's owner: {COLUMNS}")),
            _ => error,
        })
}

/// Ends the connection of the task that holds the fence, should it still be there.
fn evict(session: &Session, link: &str) -> Result<()> {
    let gone = "SELECT count(*) FROM (
            SELECT pg_terminate_backend(a.pid, 5000)
            FROM walbridge.position p JOIN pg_stat_activity a ON a.pid = p.backend
            WHERE p.link = $1 AND a.pid <> pg_backend_pid() AND a.datname = current_database()
              AND a.application_name = current_setting('application_name')
        ) AS t";
    match session.query(gone, &[&link]) {
        Err(error) if error.name() == "MissingPrivilege" => Ok(()),
        other => other.map(drop),
    }
}

/// Returns the fence as it is now.
pub(crate) fn fence(session: &Session, link: &str) -> Result<Option<i64>> {
    let rows = session.query(
        "SELECT fence FROM walbridge.position WHERE link = $1",
        &[&link],
    )?;
    Ok(rows.first().map(|row| row.get(0)))
}

/// Returns where every partition goes on.
pub(crate) fn offsets(session: &Session, link: &str) -> Result<Vec<StoredOffset>> {
    let rows = session.query(
        "SELECT topic, partition, next_offset, topic_id FROM walbridge.sink_offset WHERE link = $1",
        &[&link],
    )?;
    Ok(rows
        .iter()
        .map(|row| StoredOffset {
            topic: row.get(0),
            partition: row.get(1),
            next: row.get(2),
            topic_id: row.get(3),
        })
        .collect())
}

/// Returns the snapshots that were begun and given up for another, whose rows are nobody's.
pub(crate) fn given_up(session: &Session, link: &str) -> Result<Vec<Lsn>> {
    let rows = session.query(
        "SELECT (snapshot_lsn - '0/0')::text FROM walbridge.given_up WHERE link = $1",
        &[&link],
    )?;
    Ok(rows.iter().map(|row| lsn(row.get(0))).collect())
}

/// Returns the stored definitions by topic, with the rows loaded by the snapshot at hand.
pub(crate) fn relations(session: &Session, link: &str) -> Result<Vec<(String, Definition, u64)>> {
    let rows = session.query(
        "SELECT topic, definition::text, loaded FROM walbridge.relation WHERE link = $1",
        &[&link],
    )?;
    rows.iter()
        .map(|row| {
            let definition = serde_json::from_str(row.get(1)).map_err(|error| {
                ConnectorError::stop(
                    "PositionDamaged",
                    format!("walbridge.relation of link {link} holds no table definition: {error}"),
                )
            })?;
            Ok((row.get(0), definition, row.get::<_, i64>(2).unsigned_abs()))
        })
        .collect()
}
