//! A row's record, read as far as its turn and its images.

use walbridge_connector_api::{ConnectorError, Headers, Result};
use walbridge_schemas::{AvroError, Op, frame, marks};

use crate::definition::Definition;
use crate::rows::{Image, Marks, Rows};
use crate::stopped::REMEDY;

/// When a row's turn is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// In this snapshot; as this one of its table's rows, if they are numbered.
    Snapshot { lsn: u64, number: Option<u64> },
    /// In this transaction, as this one of its table's rows.
    Streamed { xid: u64, order: u64 },
}

/// When and where the source has a change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    /// When it was committed, µs since 1970; the maximum if nobody says so.
    committed_us: i64,
    lsn: u64,
    /// Whether it came to the source's server from another one, whose time it has.
    relayed: bool,
}

impl Written {
    /// Makes one of the source's own server.
    #[cfg(test)]
    pub(crate) fn at(committed_us: i64, lsn: u64) -> Self {
        Self {
            committed_us,
            lsn,
            relayed: false,
        }
    }

    /// Returns whether it certainly lies before a snapshot at `lsn` that was begun after `since_us`.
    ///
    /// Times can be compared between servers, positions cannot. What was relayed may have been committed
    /// elsewhere long before it was here.
    pub(crate) fn is_before(&self, since_us: i64, lsn: u64) -> bool {
        self.committed_us < since_us && (!self.relayed || self.lsn < lsn)
    }

    /// Returns whether it may belong to what was committed at this time.
    pub(crate) fn may_be_of(&self, ts_us: i64) -> bool {
        self.committed_us == ts_us || self.committed_us == i64::MAX
    }

    /// Returns whether it was committed before this time.
    pub(crate) fn is_older(&self, ts_us: i64) -> bool {
        self.committed_us < ts_us
    }
}

/// One change of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event {
    pub(crate) op: Op,
    pub(crate) turn: Turn,
    pub(crate) written: Written,
    pub(crate) plan: u32,
    /// The lane it came through, and its offset there.
    pub(crate) lane: usize,
    pub(crate) offset: i64,
    /// Where the key's Avro bytes lie in the lane.
    pub(crate) key: Option<(u64, u32)>,
    pub(crate) before: Option<Image>,
    pub(crate) after: Option<Image>,
    /// Whether the record carries a table definition.
    pub(crate) redefines: bool,
    /// Whether the row goes on under another key, in the next event of its table.
    pub(crate) leaves: bool,
    /// Whether the row comes from another key.
    pub(crate) arrives: bool,
}

/// Says that a record cannot be read.
pub(crate) fn unreadable(
    rows: &Rows,
    lane: usize,
    cause: &dyn std::fmt::Display,
) -> ConnectorError {
    let lane = &rows.lanes[lane];
    let at = lane.head().map_or(lane.next, |head| head.offset);
    ConnectorError::stop(
        "NotAvro",
        format!(
            "topic {} partition {} offset {at}: {cause}",
            lane.partition.topic, lane.partition.partition
        ),
    )
    .remedy(
        "nothing but the source may write to its topics; look at the record, and if it is foreign, \
         let the source begin a new snapshot into new topics",
    )
}

/// Returns the schema id of a lane's head; `None` for a tombstone.
pub(crate) fn schema_id(rows: &Rows, lane: usize) -> Result<Option<u32>> {
    let source = &rows.lanes[lane];
    let Some(value) = source.head().and_then(|head| head.value()) else {
        return Ok(None);
    };
    let (id, _) = frame::read(source.bytes(value)).map_err(|e| unreadable(rows, lane, &e))?;
    Ok(Some(id))
}

/// Reads a lane's head under a plan; `table` is the topic's, as far as it is known.
pub(crate) fn read(
    rows: &mut Rows,
    lane: usize,
    plan: u32,
    table: Option<&Definition>,
) -> Result<Event> {
    let raw = parse(rows, lane, plan, table).map_err(|e| unreadable(rows, lane, &e))?;
    if let (Some(other), Some(table)) = (raw.foreign, table) {
        return Err(foreign(rows, lane, &other, &table.collection()));
    }
    let (before, after) = raw.images;
    let before = before.map(|(at, marks)| rows.image(lane, plan, at, marks));
    let after = after.map(|(at, marks)| rows.image(lane, plan, at, marks));
    Ok(Event {
        before,
        after,
        ..raw.event
    })
}

type Found = Option<((u64, u32), Marks)>;

struct Raw {
    event: Event,
    /// The table that it is of, if that is not the topic's.
    foreign: Option<String>,
    images: (Found, Found),
}

/// Says that a topic has rows of two tables.
pub(crate) fn foreign(rows: &Rows, lane: usize, other: &str, table: &str) -> ConnectorError {
    let lane = &rows.lanes[lane];
    let at = lane.head().map_or(lane.next, |head| head.offset);
    ConnectorError::stop(
        "ForeignRow",
        format!(
            "topic {} partition {} offset {at}: a row of table {other} in the topic of table {table}",
            lane.partition.topic, lane.partition.partition
        ),
    )
    .remedy(format!(
        "at the source rename one of the two tables or leave it out (table.exclude.list), then {REMEDY}"
    ))
}

fn parse(
    rows: &Rows,
    lane_index: usize,
    plan: u32,
    table: Option<&Definition>,
) -> Result<Raw, AvroError> {
    let lane = &rows.lanes[lane_index];
    let end = AvroError::End;
    let head = lane.head().ok_or(end)?;
    let value = head.value().ok_or(end)?;
    let bytes = lane.bytes(value);
    let (_, body) = frame::read(bytes)?;
    let change = rows.plans[plan as usize].schema.read(body)?;
    let source = &change.source;
    let is_foreign = table.is_some_and(|table| {
        source.schema.is_some_and(|name| name != table.schema)
            || source.table.is_some_and(|name| name != table.table)
    });
    let foreign = is_foreign.then(|| {
        let [schema, name] = [source.schema, source.table].map(Option::unwrap_or_default);
        format!("{schema}.{name}")
    });
    let mut turn = match change.transaction {
        Some(transaction) => Turn::Streamed {
            xid: transaction
                .xid()
                .parse()
                .map_err(|_| AvroError::Value("the transaction's id is not <xid>:<lsn>"))?,
            order: transaction.collection_order.max(0) as u64,
        },
        None if change.op == Op::Read => Turn::Snapshot {
            lsn: change.source.lsn.unwrap_or_default() as u64,
            number: None,
        },
        None => {
            return Err(AvroError::Value(
                "a streamed row without a transaction block (provide.transaction.metadata)",
            ));
        }
    };
    let headers_at = head.headers();
    let headers = Headers::new(if headers_at.1 == 0 {
        &[]
    } else {
        lane.bytes(headers_at)
    });
    let (mut old, mut new) = (Marks::default(), Marks::default());
    let (mut redefines, mut leaves, mut arrives) = (false, false, false);
    for header in headers {
        let value = header.value.unwrap_or_default();
        match header.name {
            marks::UNAVAILABLE => new.unknown = list(value)?,
            marks::UNKNOWN => old.unknown = list(value)?,
            marks::SPECIAL => {
                for special in marks::specials(value) {
                    let special = special?;
                    let side = match special.image {
                        marks::Image::Before => &mut old,
                        marks::Image::After => &mut new,
                    };
                    side.special.push((special.field, special.text.into()));
                }
            }
            marks::RELATION => redefines = true,
            marks::ROW => {
                if let (Turn::Snapshot { number, .. }, Ok(bytes)) = (&mut turn, value.try_into()) {
                    *number = Some(u64::from_be_bytes(bytes));
                }
            }
            "__debezium.newkey" => leaves = true,
            "__debezium.oldkey" => arrives = true,
            _ => {}
        }
    }
    let place = |part: &[u8]| {
        let offset = part.as_ptr() as usize - bytes.as_ptr() as usize;
        (value.0 + offset as u64, part.len() as u32)
    };
    let key = match head.key() {
        Some((start, len)) if len as usize >= frame::LEN => {
            frame::read(lane.bytes((start, len)))?;
            Some((start + frame::LEN as u64, len - frame::LEN as u32))
        }
        Some(_) => return Err(AvroError::NotFramed),
        None => None,
    };
    Ok(Raw {
        foreign,
        event: Event {
            op: change.op,
            turn,
            written: Written {
                committed_us: change.source.ts_us.unwrap_or(i64::MAX),
                lsn: change.source.lsn.unwrap_or_default().cast_unsigned(),
                relayed: change.source.origin_lsn.is_some(),
            },
            plan,
            lane: lane_index,
            offset: head.offset,
            key,
            before: None,
            after: None,
            redefines,
            leaves: leaves && change.op == Op::Delete,
            arrives,
        },
        images: (
            change.before.map(|part| (place(part), old)),
            change.after.map(|part| (place(part), new)),
        ),
    })
}

fn list(value: &[u8]) -> Result<Vec<u16>, AvroError> {
    let fields = marks::fields(value).ok_or(AvroError::Value("a damaged list of fields"))?;
    Ok(fields.collect())
}
