//! The transaction being read, and the chain it belongs to.

use walbridge_connector_api::Batch;
use walbridge_postgres::Lsn;
use walbridge_schemas::envelope::TransactionBlock;
use walbridge_schemas::postgresql::{Commit, SourceBlock};

use crate::emit::Order;
use crate::offset::Position;
use crate::records::{Link, TransactionTopic};
use crate::shared::POSTGRES_EPOCH_US;

/// How many events a table has in the transaction at hand.
#[derive(Debug)]
struct Collection {
    name: String,
    events: u64,
}

/// Counts and frames the rows of one transaction after the other.
#[derive(Debug)]
pub(crate) struct Transactions {
    topic: TransactionTopic,
    pub(crate) source: SourceBlock,
    pub(crate) block: TransactionBlock,
    pub(crate) position: Position,
    last_commit_end: Option<u64>,
    open: Option<Open>,
    /// Tables by the number that plans carry; numbers stay, counts are per transaction.
    collections: Vec<Collection>,
    touched: Vec<usize>,
    total: u64,
}

#[derive(Debug)]
struct Open {
    xid: u32,
    begin_lsn: u64,
    link: Link,
    origin: Option<(String, u64)>,
    begun: bool,
}

impl Transactions {
    pub(crate) fn new(
        topic: TransactionTopic,
        source: SourceBlock,
        position: Position,
        last_commit_end: Option<u64>,
    ) -> Self {
        Self {
            topic,
            source,
            block: TransactionBlock::default(),
            position,
            last_commit_end,
            open: None,
            collections: Vec::new(),
            touched: Vec::new(),
            total: 0,
        }
    }

    /// Returns whether no transaction is open.
    pub(crate) fn is_between(&self) -> bool {
        self.open.is_none()
    }

    /// Returns the xid of the open transaction.
    pub(crate) fn xid(&self) -> Option<u32> {
        self.open.as_ref().map(|open| open.xid)
    }

    /// Returns the LSN of the open transaction's commit, for messages.
    pub(crate) fn commit_lsn(&self) -> Lsn {
        self.open
            .as_ref()
            .map_or(self.position.lsn_commit, |open| open.link.lsn)
    }

    /// Returns the number that stands for a table's name.
    pub(crate) fn collection(&mut self, name: &str) -> usize {
        let found = self
            .collections
            .iter()
            .position(|collection| collection.name == name);
        found.unwrap_or_else(|| {
            self.collections.push(Collection {
                name: name.to_owned(),
                events: 0,
            });
            self.collections.len() - 1
        })
    }

    /// Opens a transaction; nothing is written before its first captured row.
    pub(crate) fn begin(&mut self, lsn: u64, final_lsn: u64, commit_time: i64, xid: u32) {
        let link = Link {
            lsn: Lsn(final_lsn),
            previous: self.position.lsn_commit,
            seq: self.position.seq + 1,
            ts_us: commit_time.saturating_add(POSTGRES_EPOCH_US),
        };
        self.open = Some(Open {
            xid,
            begin_lsn: lsn,
            link,
            origin: None,
            begun: false,
        });
        self.total = 0;
    }

    /// Notes the origin that the transaction came through.
    pub(crate) fn origin(&mut self, name: &str, commit_lsn: u64) {
        if let Some(open) = &mut self.open {
            open.origin = Some((name.to_owned(), commit_lsn));
        }
    }

    /// Writes BEGIN if it is not written, and returns the place of the table's next event.
    #[inline]
    pub(crate) fn next(&mut self, batch: &mut Batch, collection: usize) -> Option<Order> {
        let open = self.open.as_mut()?;
        if !open.begun {
            open.begun = true;
            let origin = open
                .origin
                .as_ref()
                .map(|(name, lsn)| (name.as_str(), *lsn));
            self.source.begin(&Commit {
                ts_us: open.link.ts_us,
                tx_id: Some(u64::from(open.xid)),
                last_commit: self.last_commit_end,
                origin,
            });
            self.block.begin(u64::from(open.xid));
            // Debezium writes 0 for transactions that came through an origin.
            let lsn = if open.origin.is_some() {
                0
            } else {
                open.begin_lsn
            };
            self.topic
                .begin(batch, &format!("{}:{lsn}", open.xid), &open.link, None);
        }
        let events = self.collections.get(collection)?.events;
        Some(Order {
            total: self.total + 1,
            collection: events + 1,
        })
    }

    /// Counts events that were written.
    #[inline]
    pub(crate) fn count(&mut self, collection: usize, events: u64) {
        self.total += events;
        if let Some(entry) = self.collections.get_mut(collection) {
            if entry.events == 0 {
                self.touched.push(collection);
            }
            entry.events += events;
        }
    }

    /// Ends the transaction and moves the position; returns whether anything of it was captured.
    pub(crate) fn commit(&mut self, batch: &mut Batch, lsn: u64, end_lsn: u64) -> bool {
        let Some(open) = self.open.take() else {
            return false;
        };
        self.position.lsn = Lsn(end_lsn);
        if !open.begun {
            return false;
        }
        let collections = &self.collections;
        let counts = self.touched.iter().map(|index| {
            (
                collections[*index].name.as_str(),
                collections[*index].events,
            )
        });
        self.topic.end(
            batch,
            &format!("{}:{lsn}", open.xid),
            &open.link,
            None,
            counts,
        );
        for index in self.touched.drain(..) {
            self.collections[index].events = 0;
        }
        batch.transactions += 1;
        self.position.lsn_commit = open.link.lsn;
        self.position.seq = open.link.seq;
        self.position.xid = Some(open.xid);
        self.position.ts_us = open.link.ts_us;
        self.last_commit_end = Some(end_lsn);
        true
    }
}
