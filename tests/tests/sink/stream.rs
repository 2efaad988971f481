//! A source's topics, written by hand: what the sink reads without a Kafka between.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use walbridge_connector_api::{
    Batch, ConnectorError, Partition, PartitionInfo, Record, Result, Span, TopicPartition,
    TopicSpec, push_header,
};
use walbridge_postgres_sink::Schemas;
use walbridge_schemas::envelope::{TransactionBlock, write_image, write_tail};
use walbridge_schemas::postgresql::{Commit, SOURCE_SCHEMA, Snapshot, SourceBlock, TableBlock};
use walbridge_schemas::transaction::{Collection, write_begin, write_end};
use walbridge_schemas::{Field, FieldType, Op, TableSchema, avro, fingerprint, frame, marks, name};

/// The topics' prefix.
pub(crate) const PREFIX: &str = "east";
/// The transaction topic.
pub(crate) const TRANSACTIONS: &str = "east.transaction";

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum V {
    /// NULL.
    Null,
    /// A number.
    I(i64),
    /// A text.
    S(String),
    /// Not sent: unchanged, or not known.
    Unset,
}

/// Makes a text value.
pub(crate) fn s(text: &str) -> V {
    V::S(text.to_owned())
}

/// A table as the source has it; all columns are `bigint` or `text`.
#[derive(Clone)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) topic: Arc<TopicSpec>,
    pub(crate) partitions: i32,
    columns: Vec<(&'static str, &'static str)>,
    key: Vec<usize>,
    schema: TableSchema,
    id: u32,
}

impl Table {
    /// Returns the definition as the source writes it.
    pub(crate) fn definition(&self) -> serde_json::Value {
        let columns: Vec<_> = self
            .columns
            .iter()
            .enumerate()
            .map(|(at, (name, ty))| {
                serde_json::json!({"name": name, "type": ty, "nullable": !self.key.contains(&at)})
            })
            .collect();
        let key: Vec<_> = self.key.iter().map(|at| self.columns[*at].0).collect();
        serde_json::json!({"schema": "public", "table": self.name, "columns": columns,
            "key": key, "identity": "full",
            "layout": fingerprint(self.schema.fields())})
    }

    fn row(&self, out: &mut Vec<u8>, row: &[V]) {
        for (value, field) in row.iter().zip(self.schema.fields()) {
            match value {
                V::Null => out.extend_from_slice(field.nulls.null_branch().unwrap_or(&[])),
                other => {
                    out.extend_from_slice(field.nulls.value_branch());
                    match (other, &field.ty) {
                        (V::I(number), _) => avro::write_long(out, *number),
                        (V::S(text), _) => avro::write_str(out, text),
                        (_, FieldType::String) => avro::write_str(out, "__unavailable"),
                        _ => avro::write_long(out, 0),
                    }
                }
            }
        }
    }

    fn key_bytes(&self, row: &[V]) -> Option<Vec<u8>> {
        if self.key.is_empty() {
            return None;
        }
        let mut out = Vec::new();
        frame::write(&mut out, self.id + 1);
        for at in &self.key {
            match &row[*at] {
                V::I(number) => avro::write_long(&mut out, *number),
                V::S(text) => avro::write_str(&mut out, text),
                V::Null | V::Unset => {}
            }
        }
        Some(out)
    }

    fn partition(&self, row: &[V]) -> i32 {
        match row.first() {
            Some(V::I(number)) => number.rem_euclid(i64::from(self.partitions)) as i32,
            _ => 0,
        }
    }
}

/// One record as it lies in a topic.
#[derive(Clone)]
pub(crate) struct Written {
    pub(crate) topic: Arc<TopicSpec>,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<u8>,
}

/// Everything the source has written, in order.
pub(crate) struct Stream {
    pub(crate) log: Vec<Written>,
    pub(crate) schemas: Known,
    pub(crate) offsets: HashMap<(String, i32), i64>,
    transactions: Arc<TopicSpec>,
    tables: Vec<Table>,
    source: SourceBlock,
    block: TransactionBlock,
    pub(crate) lsn: u64,
    prev: u64,
    pub(crate) seq: u64,
    xid: u64,
    /// The source's time, µs since 1970.
    clock: i64,
    /// How much older than here the times are of transactions that come from another server, µs.
    relayed: Option<i64>,
    counts: Vec<(&'static str, u64)>,
}

/// The schemas of a stream, by id.
#[derive(Clone, Default)]
pub(crate) struct Known(Arc<Mutex<HashMap<u32, Arc<str>>>>);

impl Known {
    /// Lets the registry answer for one table as it should for another.
    pub(crate) fn confuse(&self, table: &Table, other: &Table) {
        let mut all = self.0.lock().unwrap();
        let wrong = Arc::clone(&all[&other.id]);
        all.insert(table.id, wrong);
    }
}

impl Schemas for Known {
    fn json(&self, id: u32, _: &str) -> Result<Arc<str>> {
        let all = self.0.lock().unwrap();
        let found = all.get(&id).cloned();
        found.ok_or_else(|| ConnectorError::stop("SchemaUnknown", format!("no schema {id}")))
    }
}

impl Stream {
    pub(crate) fn new() -> Self {
        Self {
            log: Vec::new(),
            schemas: Known::default(),
            offsets: HashMap::new(),
            transactions: topic(TRANSACTIONS),
            tables: Vec::new(),
            source: SourceBlock::new("3.6.3.Final", PREFIX, "bank"),
            block: TransactionBlock::default(),
            lsn: 1000,
            prev: 0,
            seq: 0,
            xid: 700,
            clock: now_us(),
            relayed: None,
            counts: Vec::new(),
        }
    }

    /// Makes a table, or a new version of one.
    pub(crate) fn table(
        &mut self,
        name: &'static str,
        columns: &[(&'static str, &'static str)],
        key: &[usize],
        partitions: i32,
    ) -> Table {
        let path = format!("{PREFIX}.public.{name}");
        let fields = columns
            .iter()
            .enumerate()
            .map(|(at, (name, ty))| {
                let ty = if *ty == "text" {
                    FieldType::String
                } else {
                    FieldType::Int64
                };
                Field::new(*name, ty, !key.contains(&at), None)
            })
            .collect();
        let schema = TableSchema::new(&path, fields, key);
        let mut all = self.schemas.0.lock().unwrap();
        let id = 10 + 2 * all.len() as u32;
        all.insert(id, schema.value_json(SOURCE_SCHEMA).into());
        drop(all);
        let table = Table {
            name,
            topic: topic(&name::topic(&path)),
            partitions,
            columns: columns.to_vec(),
            key: key.to_vec(),
            schema,
            id,
        };
        self.tables.retain(|known| known.name != name);
        self.tables.push(table.clone());
        table
    }

    /// Returns all partitions as a cluster would show them.
    pub(crate) fn partitions(&self) -> Vec<PartitionInfo> {
        let mut all = vec![(Arc::clone(&self.transactions), 0)];
        for table in &self.tables {
            // Two tables may have one topic.
            if all.iter().all(|(topic, _)| topic.name != table.topic.name) {
                all.extend((0..table.partitions).map(|n| (Arc::clone(&table.topic), n)));
            }
        }
        all.into_iter()
            .map(|(topic, partition)| PartitionInfo {
                partition: TopicPartition {
                    topic: topic.name.as_str().into(),
                    partition,
                },
                topic_id: format!("id of {}", topic.name),
                first: 0,
                end: *self
                    .offsets
                    .get(&(topic.name.clone(), partition))
                    .unwrap_or(&0),
            })
            .collect()
    }

    pub(crate) fn write(
        &mut self,
        topic: &Arc<TopicSpec>,
        partition: i32,
        key: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
        headers: &[(&str, Vec<u8>)],
    ) {
        let next = self
            .offsets
            .entry((topic.name.clone(), partition))
            .or_default();
        let mut packed = Vec::new();
        for (name, value) in headers {
            push_header(&mut packed, name, Some(value));
        }
        self.log.push(Written {
            topic: Arc::clone(topic),
            partition,
            offset: *next,
            key,
            value,
            headers: packed,
        });
        // A transaction's marker takes an offset, too.
        *next += 1;
    }

    fn marker(&mut self, end: bool, id: &str, more: &[(&str, Vec<u8>)]) {
        let mut value = Vec::new();
        frame::write(&mut value, 1);
        let late = self.relayed.filter(|_| !id.starts_with("snapshot:"));
        let ts = self.clock - late.unwrap_or_default();
        if end {
            let counts: Vec<_> = self
                .counts
                .iter()
                .map(|(name, count)| (format!("public.{name}"), *count))
                .collect();
            let collections: Vec<_> = counts
                .iter()
                .map(|(name, count)| Collection {
                    name,
                    event_count: *count,
                })
                .collect();
            write_end(&mut value, id, ts / 1000, collections.into_iter());
        } else {
            write_begin(&mut value, id, ts / 1000);
        }
        let number = |n: u64| n.to_be_bytes().to_vec();
        let mut headers = vec![
            ("wb.epoch", number(1)),
            ("wb.lsn", number(self.lsn)),
            ("wb.prev", number(self.prev)),
            ("wb.seq", number(self.seq)),
            ("wb.ts", number(ts as u64)),
        ];
        headers.extend_from_slice(more);
        let topic = Arc::clone(&self.transactions);
        self.write(&topic, 0, None, Some(value), &headers);
    }

    /// Goes on as another server would: its positions and transactions begin anew.
    pub(crate) fn change_server(&mut self) {
        (self.lsn, self.xid) = (10, 700);
    }

    /// Lets transactions come from another server from now on, each this much later than it was made.
    pub(crate) fn relay(&mut self, late_us: i64) {
        self.relayed = Some(late_us);
    }

    /// Moves the source's clock on and reads it.
    fn tick(&mut self) -> i64 {
        self.clock += 1;
        self.clock
    }

    /// Begins a snapshot of these tables.
    pub(crate) fn begin_snapshot(&mut self, tables: &[&Table]) {
        self.lsn += 100;
        (self.prev, self.seq) = (self.lsn, 0);
        let since = self.tick();
        self.counts = tables.iter().map(|table| (table.name, 0)).collect();
        let all: Vec<_> = tables.iter().map(|table| table.definition()).collect();
        let json = serde_json::to_vec(&all).unwrap();
        let lsn = self.lsn;
        let ts_us = self.tick();
        self.source.begin(&Commit {
            ts_us,
            ..Commit::default()
        });
        let more = [
            ("wb.tables", json),
            ("wb.snapshot", lsn.to_be_bytes().to_vec()),
            ("wb.since", since.to_be_bytes().to_vec()),
        ];
        self.marker(false, &format!("snapshot:{lsn}"), &more);
    }

    /// Writes a row of the snapshot.
    pub(crate) fn read(&mut self, table: &Table, row: &[V]) {
        self.event(table, Op::Read, None, Some(row), &[]);
    }

    /// Ends the snapshot.
    pub(crate) fn end_snapshot(&mut self) {
        let lsn = self.lsn;
        self.marker(true, &format!("snapshot:{lsn}"), &[]);
    }

    /// Writes a whole snapshot.
    pub(crate) fn snapshot(&mut self, tables: &[(&Table, &[&[V]])]) {
        let names: Vec<_> = tables.iter().map(|(table, _)| *table).collect();
        self.begin_snapshot(&names);
        for (table, rows) in tables {
            rows.iter().for_each(|row| self.read(table, row));
        }
        self.end_snapshot();
    }

    pub(crate) fn begin(&mut self) {
        self.prev = self.lsn;
        self.lsn += 100;
        self.seq += 1;
        self.xid += 1;
        self.counts.clear();
        let commit = Commit {
            ts_us: self.tick() - self.relayed.unwrap_or_default(),
            origin: self.relayed.map(|_| ("elsewhere", 5)),
            tx_id: Some(self.xid),
            ..Commit::default()
        };
        self.source.begin(&commit);
        self.block.begin(self.xid);
        let id = format!("{}:{}", self.xid, self.lsn);
        self.marker(false, &id, &[]);
    }

    pub(crate) fn commit(&mut self) {
        let id = format!("{}:{}", self.xid, self.lsn);
        self.marker(true, &id, &[]);
    }

    /// Makes END count rows of a table that were never written.
    pub(crate) fn miscount(&mut self, table: &Table, more: u64) {
        self.count(table.name, more);
    }

    fn count(&mut self, name: &'static str, more: u64) -> u64 {
        let at = self.counts.iter().position(|(known, _)| *known == name);
        let at = at.unwrap_or_else(|| {
            self.counts.push((name, 0));
            self.counts.len() - 1
        });
        self.counts[at].1 += more;
        self.counts[at].1
    }

    pub(crate) fn insert(&mut self, table: &Table, row: &[V]) {
        self.event(table, Op::Create, None, Some(row), &[]);
    }

    /// Updates with only the new image known.
    pub(crate) fn update(&mut self, table: &Table, row: &[V]) {
        self.event(table, Op::Update, None, Some(row), &[]);
    }

    /// Updates as with `REPLICA IDENTITY FULL`.
    pub(crate) fn update_full(&mut self, table: &Table, before: &[V], row: &[V]) {
        self.event(table, Op::Update, Some(before), Some(row), &[]);
    }

    pub(crate) fn delete(&mut self, table: &Table, before: &[V]) {
        self.event(table, Op::Delete, Some(before), None, &[]);
        self.tombstone(table, before);
    }

    /// Moves a row to another key, as Debezium writes it.
    pub(crate) fn rekey(&mut self, table: &Table, before: &[V], after: &[V]) {
        let mark = |name| [(name, b"Struct{}".to_vec())];
        self.event(
            table,
            Op::Delete,
            Some(before),
            None,
            &mark("__debezium.newkey"),
        );
        self.tombstone(table, before);
        self.event(
            table,
            Op::Create,
            None,
            Some(after),
            &mark("__debezium.oldkey"),
        );
    }

    pub(crate) fn truncate(&mut self, table: &Table) {
        self.event(table, Op::Truncate, None, None, &[]);
    }

    /// Inserts the first row under a new definition.
    pub(crate) fn insert_redefined(&mut self, table: &Table, row: &[V]) {
        let json = table.definition().to_string().into_bytes();
        self.event(
            table,
            Op::Create,
            None,
            Some(row),
            &[(marks::RELATION, json)],
        );
    }

    fn tombstone(&mut self, table: &Table, row: &[V]) {
        let topic = Arc::clone(&table.topic);
        self.write(
            &topic,
            table.partition(row),
            table.key_bytes(row),
            None,
            &[],
        );
    }

    fn event(
        &mut self,
        table: &Table,
        op: Op,
        before: Option<&[V]>,
        after: Option<&[V]>,
        more: &[(&str, Vec<u8>)],
    ) {
        let order = self.count(table.name, 1);
        let total: u64 = self.counts.iter().map(|(_, count)| count).sum();
        let mut value = Vec::new();
        frame::write(&mut value, table.id);
        for image in [before, after] {
            write_image(&mut value, image.is_some());
            if let Some(row) = image {
                table.row(&mut value, row);
            }
        }
        let snapshot = if op == Op::Read {
            Snapshot::True
        } else {
            Snapshot::False
        };
        let block = TableBlock::new("public", table.name);
        self.source.write(&mut value, &block, self.lsn, snapshot);
        if op == Op::Read {
            TransactionBlock::write_none(&mut value);
        } else {
            self.block.write(&mut value, self.lsn, total, order);
        }
        write_tail(&mut value, op, now_us());
        let mut headers = more.to_vec();
        if op == Op::Read && table.key.is_empty() {
            headers.push((marks::ROW, order.to_be_bytes().to_vec()));
        }
        for (image, name) in [(before, marks::UNKNOWN), (after, marks::UNAVAILABLE)] {
            let unset = image.into_iter().flatten().enumerate();
            let mut list = Vec::new();
            for (at, _) in unset.filter(|(_, value)| **value == V::Unset) {
                marks::push_field(&mut list, at as u16);
            }
            if !list.is_empty() {
                headers.push((name, list));
            }
        }
        let row = after.or(before).unwrap_or(&[]);
        let key = if row.is_empty() {
            None
        } else {
            table.key_bytes(row)
        };
        let topic = Arc::clone(&table.topic);
        self.write(&topic, table.partition(row), key, Some(value), &headers);
    }
}

/// Puts records into a batch, as the runtime's consumer does.
pub(crate) fn batch_of<'a>(records: impl Iterator<Item = &'a Written>) -> Batch {
    let mut batch = Batch::default();
    for written in records {
        let topic = batch.topic(&written.topic);
        let mut put = |bytes: Option<&[u8]>| match bytes {
            Some(bytes) => {
                let mark = batch.mark();
                batch.buffer().extend_from_slice(bytes);
                batch.span(mark)
            }
            None => Span::NULL,
        };
        let record = Record {
            topic,
            partition: Partition::Fixed(written.partition),
            offset: written.offset,
            timestamp: 0,
            key: put(written.key.as_deref()),
            value: put(written.value.as_deref()),
            headers: put((!written.headers.is_empty()).then_some(&written.headers)),
        };
        batch.push(record);
    }
    batch
}

fn topic(name: &str) -> Arc<TopicSpec> {
    Arc::new(TopicSpec {
        name: name.to_owned(),
        ..TopicSpec::default()
    })
}

fn now_us() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_micros() as i64
}
