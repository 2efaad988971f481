//! Records of the transaction topic: where transactions and snapshots begin and end.

use std::sync::Arc;

use walbridge_connector_api::{Batch, Partition, Record, Result, TopicSpec, push_header};
use walbridge_postgres::Lsn;
use walbridge_schemas::registry::Registry;
use walbridge_schemas::{frame, transaction};

use crate::offset::EPOCH;
use crate::registry::register;

/// The transaction topic and its schemas.
#[derive(Debug, Clone)]
pub(crate) struct TransactionTopic {
    spec: Arc<TopicSpec>,
    key_schema: u32,
    value_schema: u32,
}

/// What makes the transactions a chain: the same on BEGIN and END.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    pub(crate) lsn: Lsn,
    pub(crate) previous: Lsn,
    pub(crate) seq: u64,
    pub(crate) ts_us: i64,
}

/// What only a snapshot's BEGIN and END say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// The definitions of all captured tables, JSON.
    pub(crate) definitions: &'a str,
    /// The server's time before the snapshot, µs since 1970: a reader that begins with this snapshot
    /// passes over what was committed earlier.
    pub(crate) since_us: i64,
}

impl TransactionTopic {
    /// Registers the schemas.
    pub(crate) fn new(name: String, registry: &Registry) -> Result<Self> {
        let key_schema = register(registry, &format!("{name}-key"), transaction::KEY_SCHEMA)?;
        let value_schema = register(
            registry,
            &format!("{name}-value"),
            transaction::VALUE_SCHEMA,
        )?;
        // One partition is what keeps the order of all transactions.
        let spec = TopicSpec {
            name,
            partitions: Some(1),
            ..TopicSpec::default()
        };
        Ok(Self {
            spec: Arc::new(spec),
            key_schema,
            value_schema,
        })
    }

    /// Appends a BEGIN record.
    pub(crate) fn begin(
        &self,
        batch: &mut Batch,
        id: &str,
        link: &Link,
        scope: Option<&Scope<'_>>,
    ) {
        self.write(batch, id, link, scope, |out| {
            transaction::write_begin(out, id, link.ts_us.div_euclid(1000));
        });
    }

    /// Appends an END record with the number of events per table.
    pub(crate) fn end<'a>(
        &self,
        batch: &mut Batch,
        id: &str,
        link: &Link,
        scope: Option<&Scope<'_>>,
        counts: impl ExactSizeIterator<Item = (&'a str, u64)> + Clone,
    ) {
        self.write(batch, id, link, scope, |out| {
            let collections =
                counts.map(|(name, event_count)| transaction::Collection { name, event_count });
            transaction::write_end(out, id, link.ts_us.div_euclid(1000), collections);
        });
    }

    fn write(
        &self,
        batch: &mut Batch,
        id: &str,
        link: &Link,
        scope: Option<&Scope<'_>>,
        value: impl FnOnce(&mut Vec<u8>),
    ) {
        let mark = batch.mark();
        frame::write(batch.buffer(), self.key_schema);
        transaction::write_key(batch.buffer(), id);
        let key = batch.span(mark);
        let mark = batch.mark();
        frame::write(batch.buffer(), self.value_schema);
        value(batch.buffer());
        let value = batch.span(mark);
        let mark = batch.mark();
        let out = batch.buffer();
        if let Some(scope) = scope {
            push_header(out, "wb.snapshot", Some(&link.lsn.0.to_be_bytes()));
            push_header(out, "wb.since", Some(&scope.since_us.to_be_bytes()));
            push_header(out, "wb.tables", Some(scope.definitions.as_bytes()));
        }
        push_header(out, "wb.epoch", Some(&EPOCH.to_be_bytes()));
        push_header(out, "wb.lsn", Some(&link.lsn.0.to_be_bytes()));
        push_header(out, "wb.prev", Some(&link.previous.0.to_be_bytes()));
        push_header(out, "wb.seq", Some(&link.seq.to_be_bytes()));
        push_header(out, "wb.ts", Some(&link.ts_us.to_be_bytes()));
        let headers = batch.span(mark);
        let topic = batch.topic(&self.spec);
        batch.push(Record {
            topic,
            partition: Partition::Fixed(0),
            offset: -1,
            timestamp: -1,
            key,
            value,
            headers,
        });
    }
}
