//! The `source` block of PostgreSQL events: where a change comes from.

use crate::avro::{write_long, write_str};
use crate::envelope::{Decimal, write_optional_long, write_optional_str};

/// The schema of the `source` block, as Debezium 3.5 and 3.6 register it.
pub const SOURCE_SCHEMA: &str = concat!(
    r#"{"type":"record","name":"Source","namespace":"io.debezium.connector.postgresql","fields":["#,
    r#"{"name":"version","type":"string"},{"name":"connector","type":"string"},{"name":"name","type":"string"},"#,
    r#"{"name":"ts_ms","type":"long"},{"name":"snapshot","type":[{"type":"string","connect.version":1,"#,
    r#""connect.parameters":{"allowed":"true,first,first_in_data_collection,last_in_data_collection,last,false,"#,
    r#"incremental"},"connect.default":"false","connect.name":"io.debezium.data.Enum"},"null"],"default":"false"},"#,
    r#"{"name":"db","type":"string"},{"name":"sequence","type":["null","string"],"default":null},"#,
    r#"{"name":"ts_us","type":["null","long"],"default":null},{"name":"ts_ns","type":["null","long"],"default":null},"#,
    r#"{"name":"schema","type":"string"},{"name":"table","type":"string"},"#,
    r#"{"name":"txId","type":["null","long"],"default":null},{"name":"lsn","type":["null","long"],"default":null},"#,
    r#"{"name":"xmin","type":["null","long"],"default":null},{"name":"origin","type":["null","string"],"default":null},"#,
    r#"{"name":"origin_lsn","type":["null","long"],"default":null}],"#,
    r#""connect.version":1,"connect.name":"io.debezium.connector.postgresql.Source"}"#
);

/// Where in a snapshot a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Snapshot {
    /// In none: a streamed change.
    False,
    /// The very first row.
    First,
    /// The first row of a table.
    FirstInTable,
    /// Any other row.
    True,
    /// The last row of a table.
    LastInTable,
    /// The very last row.
    Last,
    /// A row of an incremental snapshot.
    Incremental,
}

impl Snapshot {
    /// Returns the text that stands for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Snapshot::False => "false",
            Snapshot::First => "first",
            Snapshot::FirstInTable => "first_in_data_collection",
            Snapshot::True => "true",
            Snapshot::LastInTable => "last_in_data_collection",
            Snapshot::Last => "last",
            Snapshot::Incremental => "incremental",
        }
    }
}

/// What all changes of one transaction (or of one snapshot) share.
#[derive(Debug, Clone, Copy, Default)]
pub struct Commit<'a> {
    /// When it was committed, µs since 1970.
    pub ts_us: i64,
    /// The transaction's xid.
    pub tx_id: Option<u64>,
    /// The end LSN of the transaction committed before it, if one is known.
    pub last_commit: Option<u64>,
    /// The replication origin it came through, and the commit LSN there.
    pub origin: Option<(&'a str, u64)>,
}

/// The two names of a table, encoded once.
#[derive(Debug, Clone)]
pub struct TableBlock {
    bytes: Vec<u8>,
}

impl TableBlock {
    /// Encodes the names.
    pub fn new(schema: &str, table: &str) -> Self {
        let mut bytes = Vec::new();
        write_str(&mut bytes, schema);
        write_str(&mut bytes, table);
        Self { bytes }
    }
}

/// Writes `source` blocks: what is constant is encoded once per connector, transaction or table.
#[derive(Debug, Clone)]
pub struct SourceBlock {
    connector: Vec<u8>,
    database: Vec<u8>,
    head: Vec<u8>,
    sequence: Vec<u8>,
    times: Vec<u8>,
    tx_id: Vec<u8>,
    origin: Vec<u8>,
}

impl SourceBlock {
    /// Encodes what all changes of a connector share: our version, `topic.prefix`, the database.
    pub fn new(version: &str, name: &str, database: &str) -> Self {
        let mut connector = Vec::new();
        write_str(&mut connector, version);
        write_str(&mut connector, "postgresql");
        write_str(&mut connector, name);
        let mut bytes = Vec::new();
        write_str(&mut bytes, database);
        let mut block = Self {
            connector,
            database: bytes,
            head: Vec::new(),
            sequence: Vec::new(),
            times: Vec::new(),
            tx_id: Vec::new(),
            origin: Vec::new(),
        };
        block.begin(&Commit::default());
        block
    }

    /// Encodes what all changes of a transaction share.
    pub fn begin(&mut self, commit: &Commit<'_>) {
        self.head.clear();
        self.head.extend_from_slice(&self.connector);
        write_long(&mut self.head, commit.ts_us.div_euclid(1000));
        self.times.clear();
        write_optional_long(&mut self.times, Some(commit.ts_us));
        write_optional_long(&mut self.times, Some(commit.ts_us.saturating_mul(1000)));
        self.sequence.clear();
        match commit.last_commit {
            Some(lsn) => {
                self.sequence.extend_from_slice(b"[\"");
                self.sequence.extend_from_slice(Decimal::of(lsn).as_bytes());
                self.sequence.extend_from_slice(b"\",\"");
            }
            None => self.sequence.extend_from_slice(b"[null,\""),
        }
        self.tx_id.clear();
        write_optional_long(&mut self.tx_id, commit.tx_id.map(|id| id as i64));
        self.origin.clear();
        // No xmin: it would have to be asked for.
        self.origin.push(0);
        write_optional_str(&mut self.origin, commit.origin.map(|(name, _)| name));
        write_optional_long(&mut self.origin, commit.origin.map(|(_, lsn)| lsn as i64));
    }

    /// Appends the block of one change of `table` at `lsn`.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>, table: &TableBlock, lsn: u64, snapshot: Snapshot) {
        out.extend_from_slice(&self.head);
        match snapshot {
            Snapshot::False => out.extend_from_slice(b"\x00\x0afalse"),
            other => {
                out.push(0);
                write_str(out, other.as_str());
            }
        }
        out.extend_from_slice(&self.database);
        let digits = Decimal::of(lsn);
        out.push(2);
        write_long(
            out,
            (self.sequence.len() + digits.as_bytes().len() + 2) as i64,
        );
        out.extend_from_slice(&self.sequence);
        out.extend_from_slice(digits.as_bytes());
        out.extend_from_slice(b"\"]");
        out.extend_from_slice(&self.times);
        out.extend_from_slice(&table.bytes);
        out.extend_from_slice(&self.tx_id);
        out.push(2);
        write_long(out, lsn as i64);
        out.extend_from_slice(&self.origin);
    }
}
