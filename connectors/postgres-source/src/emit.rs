//! From changed rows to records: key, envelope, headers, in the batch's arena.

use walbridge_connector_api::{Batch, Partition, Record, Span, push_header};
use walbridge_postgres::encode::Encoded;
use walbridge_postgres::{ValueError, Wire};
use walbridge_schemas::envelope::{Op, TransactionBlock, write_image, write_tail};
use walbridge_schemas::frame;
use walbridge_schemas::marks::{self, Image};
use walbridge_schemas::postgresql::{Snapshot, SourceBlock};

use crate::pgoutput::{Column, Old, Tuple};
use crate::plan::{ColumnPlan, Plan};
use crate::structure;

/// Why a row could not be written; the batch is as it was before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A null where the catalog, which may be ahead of the stream, says there is none.
    Null(usize),
    /// The value cannot be read.
    Value {
        /// The column.
        column: usize,
        /// Why not.
        why: String,
    },
    /// The change names no row.
    NoIdentity,
    /// The row has another number of columns than its table.
    Shape,
}

/// What is the same for all rows written in one go.
#[derive(Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) source: &'a SourceBlock,
    /// The transaction; none in a snapshot.
    pub(crate) transaction: Option<&'a TransactionBlock>,
    pub(crate) snapshot: Snapshot,
    /// LSN of the change.
    pub(crate) lsn: u64,
    /// The time of processing, µs since 1970.
    pub(crate) now_us: i64,
}

/// Where a row is written, and as what.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(crate) batch: &'a mut Batch,
    pub(crate) plan: &'a mut Plan,
    pub(crate) around: Surroundings<'a>,
    pub(crate) order: Order,
}

/// The row's place in its transaction, or among its table's rows in a snapshot, counted from 1.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Order {
    pub(crate) total: u64,
    pub(crate) collection: u64,
}

/// Writes rows; keeps the memory it needs between them.
#[derive(Debug, Default)]
pub(crate) struct Emitter {
    /// Whether a delete is followed by a tombstone.
    tombstones: bool,
    /// Where each field of the last image begins and ends in the arena.
    spans: Vec<(usize, usize)>,
    unavailable: Vec<u8>,
    special: Vec<u8>,
    text: Vec<u8>,
}

/// Which columns of an image are to be taken for what they say.
#[derive(Clone, Copy)]
enum Known<'a> {
    /// All of them; unchanged ones may be found in the old row.
    All(Option<Old<'a>>),
    /// Those of the identity.
    Identity,
}

impl Emitter {
    /// Creates one that follows deletes with `tombstones` or does not.
    pub(crate) fn new(tombstones: bool) -> Self {
        Self {
            tombstones,
            ..Self::default()
        }
    }

    /// Writes an insert (or a row of a snapshot).
    pub(crate) fn insert(
        &mut self,
        at: &mut Target<'_>,
        new: Tuple<'_>,
        op: Op,
    ) -> Result<(), Failure> {
        self.all_or_nothing(at, |this, at| {
            this.event(at, op, None, Some((new, Known::All(None))), None)
        })
    }

    /// Writes an update: one record, or delete, tombstone and insert if the key changes.
    ///
    /// Returns how many events it came to.
    pub(crate) fn update(
        &mut self,
        at: &mut Target<'_>,
        old: Option<Old<'_>>,
        new: Tuple<'_>,
    ) -> Result<u64, Failure> {
        let full = old.filter(|old| old.full);
        if at.plan.key.is_empty() && full.is_none() {
            return Err(Failure::NoIdentity);
        }
        let moved = old.filter(|old| key_differs(at.plan, &old.tuple, &new));
        let after = (new, Known::All(old));
        self.all_or_nothing(at, |this, at| {
            let Some(old) = moved else {
                let before = full.map(|old| (old.tuple, Known::All(None)));
                this.event(at, Op::Update, before, Some(after), None)?;
                return Ok(1);
            };
            let (old_key, new_key) = this.key_texts(at, old, after)?;
            let header = Some(("__debezium.newkey", new_key.as_str()));
            this.remove(at, old, header)?;
            at.order.total += 1;
            at.order.collection += 1;
            let header = Some(("__debezium.oldkey", old_key.as_str()));
            this.event(at, Op::Create, None, Some(after), header)?;
            Ok(2)
        })
    }

    /// Writes a delete and its tombstone.
    pub(crate) fn delete(&mut self, at: &mut Target<'_>, old: Old<'_>) -> Result<(), Failure> {
        if at.plan.key.is_empty() && !old.full {
            return Err(Failure::NoIdentity);
        }
        self.all_or_nothing(at, |this, at| this.remove(at, old, None))
    }

    /// Writes a truncate.
    pub(crate) fn truncate(&mut self, at: &mut Target<'_>) -> Result<(), Failure> {
        self.all_or_nothing(at, |this, at| {
            this.event(at, Op::Truncate, None, None, None)
        })
    }

    /// Runs what writes records; if it fails, the batch is as before.
    fn all_or_nothing<T>(
        &mut self,
        at: &mut Target<'_>,
        write: impl FnOnce(&mut Self, &mut Target<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mark = at.batch.mark();
        let records = at.batch.records().len();
        let result = write(self, at);
        if result.is_err() {
            at.batch.undo(records, mark);
        }
        result
    }

    fn remove(
        &mut self,
        at: &mut Target<'_>,
        old: Old<'_>,
        header: Option<(&str, &str)>,
    ) -> Result<(), Failure> {
        let known = if old.full {
            Known::All(None)
        } else {
            Known::Identity
        };
        let before = Some((old.tuple, known));
        self.event(at, Op::Delete, before, None, header)?;
        let deleted = at.batch.records().last().copied();
        let batch = &mut *at.batch;
        if let (true, Some(deleted)) = (self.tombstones && !at.plan.key.is_empty(), deleted) {
            let headers = match header {
                Some((name, text)) => {
                    let mark = batch.mark();
                    push_header(batch.buffer(), name, Some(text.as_bytes()));
                    batch.span(mark)
                }
                None => Span::NULL,
            };
            batch.push(Record {
                value: Span::NULL,
                headers,
                ..deleted
            });
        }
        Ok(())
    }

    /// Writes one event.
    #[inline]
    fn event(
        &mut self,
        at: &mut Target<'_>,
        op: Op,
        before: Option<(Tuple<'_>, Known<'_>)>,
        after: Option<(Tuple<'_>, Known<'_>)>,
        header: Option<(&str, &str)>,
    ) -> Result<(), Failure> {
        self.unavailable.clear();
        self.special.clear();
        let Target {
            batch,
            plan,
            around,
            order,
        } = at;
        let mark = batch.mark();
        let out = batch.buffer();
        frame::write(out, plan.value_schema);
        write_image(out, before.is_some());
        let mut partial = false;
        if let Some((tuple, known)) = before {
            partial = matches!(known, Known::Identity);
            self.image(out, plan, tuple, known, Image::Before)?;
        }
        write_image(out, after.is_some());
        if let Some((tuple, known)) = after {
            self.image(out, plan, tuple, known, Image::After)?;
        }
        around
            .source
            .write(out, &plan.table, around.lsn, around.snapshot);
        match around.transaction {
            Some(block) => block.write(out, around.lsn, order.total, order.collection),
            None => TransactionBlock::write_none(out),
        }
        write_tail(out, op, around.now_us);
        let value = batch.span(mark);
        let key = match op {
            Op::Truncate => Span::NULL,
            _ => self.key(batch, plan),
        };
        let row = (around.transaction.is_none() && plan.numbered).then_some(order.collection);
        let headers = self.headers(batch, plan, partial, row, header);
        let topic = batch.topic(&plan.topic);
        let partition = Partition::ByKey;
        batch.push(Record {
            topic,
            partition,
            offset: -1,
            timestamp: -1,
            key,
            value,
            headers,
        });
        Ok(())
    }

    /// Writes the fields of a row.
    #[inline]
    fn image(
        &mut self,
        out: &mut Vec<u8>,
        plan: &Plan,
        tuple: Tuple<'_>,
        known: Known<'_>,
        image: Image,
    ) -> Result<(), Failure> {
        if tuple.len() != plan.columns.len() {
            return Err(Failure::Shape);
        }
        self.spans.clear();
        match known {
            Known::All(None) => {
                for (index, (column, plan)) in tuple.columns().zip(&plan.columns).enumerate() {
                    self.field(out, plan, index, column, image)?;
                }
            }
            Known::All(Some(old)) => {
                let pairs = tuple.columns().zip(old.tuple.columns()).zip(&plan.columns);
                for (index, ((column, before), plan)) in pairs.enumerate() {
                    // An identity that was not sent again is in the old row, all of it or its part.
                    let found = old.full || plan.identity;
                    let column = if column == Column::Unchanged && found {
                        before
                    } else {
                        column
                    };
                    self.field(out, plan, index, column, image)?;
                }
            }
            Known::Identity => {
                for (index, (column, plan)) in tuple.columns().zip(&plan.columns).enumerate() {
                    if plan.identity {
                        self.field(out, plan, index, column, image)?;
                        continue;
                    }
                    let start = out.len();
                    plan.encoder.zero(out);
                    self.spans.push((start, out.len()));
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn field(
        &mut self,
        out: &mut Vec<u8>,
        plan: &ColumnPlan,
        index: usize,
        column: Column<'_>,
        image: Image,
    ) -> Result<(), Failure> {
        let start = out.len();
        let (wire, bytes) = match column {
            Column::Binary(bytes) => (Wire::Binary, bytes),
            Column::Text(bytes) => (Wire::Text, bytes),
            Column::Null => {
                plan.encoder.null(out).map_err(|_| Failure::Null(index))?;
                self.spans.push((start, out.len()));
                return Ok(());
            }
            Column::Unchanged => {
                plan.encoder.unavailable(out);
                self.spans.push((start, out.len()));
                marks::push_field(&mut self.unavailable, index as u16);
                return Ok(());
            }
        };
        let unreadable = |error: ValueError| Failure::Value {
            column: index,
            why: error.to_string(),
        };
        if plan.encoder.encode(wire, bytes, out).map_err(unreadable)? == Encoded::Special {
            self.text.clear();
            plan.encoder
                .special_text(wire, bytes, &mut self.text)
                .map_err(unreadable)?;
            let special = marks::Special {
                image,
                field: index as u16,
                text: &self.text,
            };
            marks::push_special(&mut self.special, &special);
        }
        self.spans.push((start, out.len()));
        Ok(())
    }

    /// Writes the key out of the last image's fields.
    #[inline]
    fn key(&mut self, batch: &mut Batch, plan: &Plan) -> Span {
        if plan.key.is_empty() {
            return Span::NULL;
        }
        let mark = batch.mark();
        let out = batch.buffer();
        frame::write(out, plan.key_schema);
        for index in &plan.key {
            let field = &plan.schema.fields()[*index];
            plan.columns[*index]
                .canonical
                .append(field, self.spans[*index], out);
        }
        batch.span(mark)
    }

    fn headers(
        &mut self,
        batch: &mut Batch,
        plan: &mut Plan,
        partial: bool,
        row: Option<u64>,
        header: Option<(&str, &str)>,
    ) -> Span {
        let partial = partial && !plan.unknown.is_empty();
        let usual = !plan.announce && !partial && row.is_none() && header.is_none();
        if usual && self.unavailable.is_empty() && self.special.is_empty() {
            return Span::NULL;
        }
        let mark = batch.mark();
        let out = batch.buffer();
        if plan.announce {
            push_header(out, marks::RELATION, Some(plan.relation.as_bytes()));
            plan.announce = false;
        }
        if partial {
            push_header(out, marks::UNKNOWN, Some(&plan.unknown));
        }
        if !self.unavailable.is_empty() {
            push_header(out, marks::UNAVAILABLE, Some(&self.unavailable));
        }
        if !self.special.is_empty() {
            push_header(out, marks::SPECIAL, Some(&self.special));
        }
        if let Some(row) = row {
            push_header(out, marks::ROW, Some(&row.to_be_bytes()));
        }
        if let Some((name, text)) = header {
            push_header(out, name, Some(text.as_bytes()));
        }
        batch.span(mark)
    }

    /// Returns the old and the new key as Debezium's headers show them.
    fn key_texts(
        &mut self,
        at: &mut Target<'_>,
        old: Old<'_>,
        after: (Tuple<'_>, Known<'_>),
    ) -> Result<(String, String), Failure> {
        let Target { batch, plan, .. } = at;
        let mark = batch.mark();
        let known = if old.full {
            Known::All(None)
        } else {
            Known::Identity
        };
        let mut texts = [String::new(), String::new()];
        let images = [(old.tuple, known), after];
        for (text, (tuple, known)) in texts.iter_mut().zip(images) {
            self.image(batch.buffer(), plan, tuple, known, Image::Before)?;
            let bytes: &[u8] = batch.buffer();
            let fields = plan.key.iter().map(|index| {
                let (start, end) = self.spans[*index];
                (&plan.schema.fields()[*index], &bytes[start..end])
            });
            *text = structure::show(fields);
            batch.rewind(mark);
        }
        let [old, new] = texts;
        Ok((old, new))
    }
}

/// Returns whether an update changes the row's key.
fn key_differs(plan: &Plan, old: &Tuple<'_>, new: &Tuple<'_>) -> bool {
    old.columns()
        .zip(new.columns())
        .zip(&plan.columns)
        .any(|((old, new), plan)| plan.key && new != Column::Unchanged && old != new)
}
