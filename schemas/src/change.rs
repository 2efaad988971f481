//! A change event, read without copying.

use serde_json::Value;

use crate::avro::Reader;
use crate::shape::{Shape, ShapeParser, Shapes, names_of};
use crate::{AvroError, Op, RowSchema, SchemaError};

/// What a member of the envelope, or of one of its blocks, is to us.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Role {
    Before,
    After,
    Source,
    Transaction,
    Op,
    TsMs,
    Lsn,
    Snapshot,
    SourceTsMs,
    SourceTsUs,
    TxId,
    OriginLsn,
    Schema,
    Table,
    Id,
    TotalOrder,
    CollectionOrder,
    Other,
}

/// One member of a record: its role and its shape.
#[derive(Debug, Clone, PartialEq)]
struct Member {
    role: Role,
    shape: Shape,
}

/// A table's value schema, compiled for reading; Debezium's own are read as well as ours.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueSchema {
    row: RowSchema,
    envelope: Vec<Member>,
    source: Vec<Member>,
    transaction: Vec<Member>,
    shapes: Shapes,
}

/// One change event; everything is borrowed from the record's bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change<'a> {
    /// What happened.
    pub op: Op,
    /// The row as it was, to be split by [`ValueSchema::row`].
    pub before: Option<&'a [u8]>,
    /// The row as it is now.
    pub after: Option<&'a [u8]>,
    /// Where the change comes from.
    pub source: Source<'a>,
    /// The transaction it belongs to.
    pub transaction: Option<TransactionRef<'a>>,
    /// When the source handled it, in ms since 1970.
    pub ts_ms: Option<i64>,
}

/// What is read of a `source` block.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Source<'a> {
    /// The row's place in a snapshot; `"false"` for a streamed change.
    pub snapshot: Option<&'a str>,
    /// The change's position in the source's log.
    pub lsn: Option<i64>,
    /// The commit's time in ms since 1970.
    pub ts_ms: Option<i64>,
    /// The commit's time in µs since 1970.
    pub ts_us: Option<i64>,
    /// The source's number of the transaction.
    pub tx_id: Option<i64>,
    /// The commit's position at the server that it was replicated from, if it was: its time is that
    /// server's, too.
    pub origin_lsn: Option<i64>,
    /// The table's schema.
    pub schema: Option<&'a str>,
    /// The table's name.
    pub table: Option<&'a str>,
}

/// A row's place in its transaction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TransactionRef<'a> {
    /// `<xid>:<lsn>`; the part before the colon names the transaction.
    pub id: &'a str,
    /// The row's number in the transaction, from 1.
    pub total_order: i64,
    /// The row's number among those of its table in the transaction, from 1.
    pub collection_order: i64,
}

impl TransactionRef<'_> {
    /// Returns the part of the id that all rows of the transaction share.
    pub fn xid(&self) -> &str {
        self.id.split(':').next().unwrap_or(self.id)
    }
}

impl ValueSchema {
    /// Reads a table's registered value schema.
    pub fn parse(json: &str) -> Result<Self, SchemaError> {
        let json: Value =
            serde_json::from_str(json).map_err(|e| SchemaError::Json(e.to_string()))?;
        let mut parser = ShapeParser::default();
        let Shape::Record(envelope) = parser.parse(&json, "")? else {
            return Err(SchemaError::NotAnEvent(
                "the value is not a record".to_owned(),
            ));
        };
        let member = |name: &str| {
            json["fields"]
                .as_array()?
                .iter()
                .find(|f| f["name"] == name)
                .map(|f| &f["type"])
        };
        let missing = |name: &str| SchemaError::NotAnEvent(format!("it has no record {name}"));
        let namespace = names_of(&json, "")
            .map(|(_, inner)| inner)
            .unwrap_or_default();

        let before = member("before")
            .and_then(record_in)
            .ok_or_else(|| missing("before"))?;
        let row = RowSchema::of_record(before, &namespace, &parser)?;
        let source = member("source")
            .and_then(record_in)
            .ok_or_else(|| missing("source"))?;
        let transaction = member("transaction").and_then(record_in);
        if !["after", "op"].iter().all(|name| member(name).is_some()) {
            return Err(SchemaError::NotAnEvent("it has no after or op".to_owned()));
        }

        let members = |json: &Value, roles: &[(&str, Role)]| -> Option<Vec<Member>> {
            let index = parser.shape_of(&names_of(json, &namespace)?.0)?;
            let names = json["fields"]
                .as_array()?
                .iter()
                .map(|f| f["name"].as_str().unwrap_or_default());
            let shapes = parser.shapes.records.get(index)?.iter();
            Some(
                names
                    .zip(shapes)
                    .map(|(name, shape)| Member {
                        role: role_of(name, roles),
                        shape: shape.clone(),
                    })
                    .collect(),
            )
        };
        debug_assert!(envelope == 0, "the envelope is the first record read");
        Ok(Self {
            envelope: members(&json, ENVELOPE).ok_or_else(|| missing("Envelope"))?,
            source: members(source, SOURCE).ok_or_else(|| missing("source"))?,
            transaction: transaction
                .and_then(|json| members(json, TRANSACTION))
                .unwrap_or_default(),
            row,
            shapes: parser.shapes,
        })
    }

    /// Returns the schema of the rows in `before` and `after`.
    pub fn row(&self) -> &RowSchema {
        &self.row
    }

    /// Reads one event from the bytes behind Confluent's frame.
    pub fn read<'a>(&self, bytes: &'a [u8]) -> Result<Change<'a>, AvroError> {
        let mut reader = Reader::new(bytes);
        let mut op = None;
        let (mut before, mut after, mut transaction, mut ts_ms) = (None, None, None, None);
        let mut source = Source::default();
        for member in &self.envelope {
            match member.role {
                Role::Before => before = self.optional_row(&member.shape, &mut reader)?,
                Role::After => after = self.optional_row(&member.shape, &mut reader)?,
                Role::Source => source = self.read_source(&mut reader)?,
                Role::Transaction => {
                    transaction = self.read_transaction(&member.shape, &mut reader)?
                }
                Role::Op => op = Some(Op::from_code(reader.bytes()?)?),
                Role::TsMs => ts_ms = self.long(&member.shape, &mut reader)?,
                _ => self.shapes.skip(&member.shape, &mut reader)?,
            }
        }
        reader.finish()?;
        Ok(Change {
            op: op.ok_or(AvroError::Op)?,
            before,
            after,
            source,
            transaction,
            ts_ms,
        })
    }

    fn optional_row<'a>(
        &self,
        shape: &Shape,
        reader: &mut Reader<'a>,
    ) -> Result<Option<&'a [u8]>, AvroError> {
        let Some(shape) = choose(shape, reader)? else {
            return Ok(None);
        };
        let start = reader.rest();
        self.shapes.skip(shape, reader)?;
        Ok(Some(&start[..start.len() - reader.rest().len()]))
    }

    fn read_source<'a>(&self, reader: &mut Reader<'a>) -> Result<Source<'a>, AvroError> {
        let mut source = Source::default();
        for member in &self.source {
            let shape = &member.shape;
            match member.role {
                Role::Lsn => source.lsn = self.long(shape, reader)?,
                Role::TxId => source.tx_id = self.long(shape, reader)?,
                Role::OriginLsn => source.origin_lsn = self.long(shape, reader)?,
                Role::SourceTsMs => source.ts_ms = self.long(shape, reader)?,
                Role::SourceTsUs => source.ts_us = self.long(shape, reader)?,
                Role::Snapshot => source.snapshot = self.text(shape, reader)?,
                Role::Schema => source.schema = self.text(shape, reader)?,
                Role::Table => source.table = self.text(shape, reader)?,
                _ => self.shapes.skip(shape, reader)?,
            }
        }
        Ok(source)
    }

    fn read_transaction<'a>(
        &self,
        shape: &Shape,
        reader: &mut Reader<'a>,
    ) -> Result<Option<TransactionRef<'a>>, AvroError> {
        if choose(shape, reader)?.is_none() {
            return Ok(None);
        }
        let mut transaction = TransactionRef {
            id: "",
            total_order: 0,
            collection_order: 0,
        };
        for member in &self.transaction {
            let shape = &member.shape;
            match member.role {
                Role::Id => transaction.id = self.text(shape, reader)?.unwrap_or_default(),
                Role::TotalOrder => {
                    transaction.total_order = self.long(shape, reader)?.unwrap_or_default()
                }
                Role::CollectionOrder => {
                    transaction.collection_order = self.long(shape, reader)?.unwrap_or_default()
                }
                _ => self.shapes.skip(shape, reader)?,
            }
        }
        Ok(Some(transaction))
    }

    /// Reads a long that may be null; a member of another type counts as null.
    fn long(&self, shape: &Shape, reader: &mut Reader<'_>) -> Result<Option<i64>, AvroError> {
        match choose(shape, reader)? {
            Some(Shape::Long) => reader.long().map(Some),
            Some(other) => self.shapes.skip(other, reader).map(|()| None),
            None => Ok(None),
        }
    }

    /// Reads a string that may be null; a member of another type counts as null.
    fn text<'a>(
        &self,
        shape: &Shape,
        reader: &mut Reader<'a>,
    ) -> Result<Option<&'a str>, AvroError> {
        match choose(shape, reader)? {
            Some(Shape::Bytes) => reader.str().map(Some),
            Some(other) => self.shapes.skip(other, reader).map(|()| None),
            None => Ok(None),
        }
    }
}

/// Reads a union's branch, if it is a union; `None` for its null.
#[inline]
fn choose<'s>(shape: &'s Shape, reader: &mut Reader<'_>) -> Result<Option<&'s Shape>, AvroError> {
    let Shape::Union(branches) = shape else {
        return Ok(Some(shape));
    };
    let branch = reader.long()?;
    let chosen = usize::try_from(branch)
        .ok()
        .and_then(|i| branches.get(i))
        .ok_or(AvroError::Branch(branch))?;
    Ok(if *chosen == Shape::Null {
        None
    } else {
        Some(chosen)
    })
}

/// Returns the record definition in a type that may be a union with null.
fn record_in(json: &Value) -> Option<&Value> {
    let candidates = json
        .as_array()
        .map_or(std::slice::from_ref(json), Vec::as_slice);
    candidates.iter().find(|c| c["type"] == "record")
}

fn role_of(name: &str, roles: &[(&str, Role)]) -> Role {
    roles
        .iter()
        .find(|(known, _)| *known == name)
        .map_or(Role::Other, |(_, role)| *role)
}

const ENVELOPE: &[(&str, Role)] = &[
    ("before", Role::Before),
    ("after", Role::After),
    ("source", Role::Source),
    ("transaction", Role::Transaction),
    ("op", Role::Op),
    ("ts_ms", Role::TsMs),
];
const SOURCE: &[(&str, Role)] = &[
    ("lsn", Role::Lsn),
    ("txId", Role::TxId),
    ("origin_lsn", Role::OriginLsn),
    ("ts_ms", Role::SourceTsMs),
    ("ts_us", Role::SourceTsUs),
    ("snapshot", Role::Snapshot),
    ("schema", Role::Schema),
    ("table", Role::Table),
];
const TRANSACTION: &[(&str, Role)] = &[
    ("id", Role::Id),
    ("total_order", Role::TotalOrder),
    ("data_collection_order", Role::CollectionOrder),
];

#[cfg(test)]
mod tests;
