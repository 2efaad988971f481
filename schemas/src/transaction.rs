//! The records that say where transactions begin and end.

use crate::AvroError;
use crate::avro::{Reader, write_long, write_str};

/// The schema of a transaction record's key.
pub const KEY_SCHEMA: &str = concat!(
    r#"{"type":"record","name":"TransactionMetadataKey","namespace":"io.debezium.connector.common","#,
    r#""fields":[{"name":"id","type":"string"}],"#,
    r#""connect.version":1,"connect.name":"io.debezium.connector.common.TransactionMetadataKey"}"#
);

/// The schema of a transaction record's value.
pub const VALUE_SCHEMA: &str = concat!(
    r#"{"type":"record","name":"TransactionMetadataValue","namespace":"io.debezium.connector.common","#,
    r#""fields":[{"name":"status","type":"string"},{"name":"id","type":"string"},"#,
    r#"{"name":"event_count","type":["null","long"],"default":null},"#,
    r#"{"name":"data_collections","type":["null",{"type":"array","items":["null",{"type":"record","#,
    r#""name":"collection","namespace":"event","fields":[{"name":"data_collection","type":"string"},"#,
    r#"{"name":"event_count","type":"long"}],"connect.version":1,"connect.name":"event.collection"}]}],"#,
    r#""default":null},{"name":"ts_ms","type":"long"}],"#,
    r#""connect.version":1,"connect.name":"io.debezium.connector.common.TransactionMetadataValue"}"#
);

/// Whether a transaction begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// `BEGIN`.
    Begin,
    /// `END`.
    End,
}

/// How many events of one table a transaction has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collection<'a> {
    /// The table, `schema.table`.
    pub name: &'a str,
    /// Its events.
    pub event_count: u64,
}

/// A transaction record, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionEvent<'a> {
    /// Whether it begins or ends.
    pub status: Status,
    /// `<xid>:<lsn>`, or `snapshot:<lsn>`.
    pub id: &'a str,
    /// The events of all tables; only at the end.
    pub event_count: Option<u64>,
    /// The events per table; only at the end.
    pub collections: Vec<Collection<'a>>,
    /// When it was committed, in ms since 1970.
    pub ts_ms: i64,
}

/// Appends a record's key.
pub fn write_key(out: &mut Vec<u8>, id: &str) {
    write_str(out, id);
}

/// Appends the value that says that a transaction begins.
pub fn write_begin(out: &mut Vec<u8>, id: &str, ts_ms: i64) {
    write_str(out, "BEGIN");
    write_str(out, id);
    out.extend_from_slice(&[0, 0]);
    write_long(out, ts_ms);
}

/// Appends the value that says that a transaction ended, with what it contained.
pub fn write_end<'a>(
    out: &mut Vec<u8>,
    id: &str,
    ts_ms: i64,
    collections: impl ExactSizeIterator<Item = Collection<'a>> + Clone,
) {
    write_str(out, "END");
    write_str(out, id);
    out.push(2);
    write_long(
        out,
        collections.clone().map(|c| c.event_count).sum::<u64>() as i64,
    );
    out.push(2);
    if collections.len() > 0 {
        write_long(out, collections.len() as i64);
        for collection in collections {
            out.push(2);
            write_str(out, collection.name);
            write_long(out, collection.event_count as i64);
        }
    }
    out.push(0);
    write_long(out, ts_ms);
}

impl<'a> TransactionEvent<'a> {
    /// Reads a value written under [`VALUE_SCHEMA`].
    pub fn read(bytes: &'a [u8]) -> Result<Self, AvroError> {
        let mut reader = Reader::new(bytes);
        let status = match reader.bytes()? {
            b"BEGIN" => Status::Begin,
            b"END" => Status::End,
            _ => {
                return Err(AvroError::Value(
                    "a transaction's status is neither BEGIN nor END",
                ));
            }
        };
        let id = reader.str()?;
        let event_count = if is_present(&mut reader)? {
            Some(count(&mut reader)?)
        } else {
            None
        };
        let mut collections = Vec::new();
        if is_present(&mut reader)? {
            loop {
                let items = reader.block()?;
                if items == 0 {
                    break;
                }
                for _ in 0..items {
                    if is_present(&mut reader)? {
                        let name = reader.str()?;
                        collections.push(Collection {
                            name,
                            event_count: count(&mut reader)?,
                        });
                    }
                }
            }
        }
        let ts_ms = reader.long()?;
        reader.finish()?;
        Ok(Self {
            status,
            id,
            event_count,
            collections,
            ts_ms,
        })
    }
}

fn is_present(reader: &mut Reader<'_>) -> Result<bool, AvroError> {
    match reader.long()? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(AvroError::Branch(other)),
    }
}

fn count(reader: &mut Reader<'_>) -> Result<u64, AvroError> {
    u64::try_from(reader.long()?).map_err(|_| AvroError::Value("a count is negative"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle;
    use apache_avro::types::Value;
    use proptest::prelude::*;

    #[test]
    fn begins_are_read_back() {
        let mut out = Vec::new();
        write_begin(&mut out, "7:42", 5);
        let read = TransactionEvent::read(&out).unwrap();
        assert_eq!(
            (read.status, read.id, read.event_count, read.ts_ms),
            (Status::Begin, "7:42", None, 5)
        );
        let mut key = Vec::new();
        write_key(&mut key, "7:42");
        let value = oracle::read(KEY_SCHEMA, &key);
        assert_eq!(
            value,
            Value::Record(vec![("id".into(), Value::String("7:42".into()))])
        );
    }

    proptest! {
        #[test]
        fn ends_are_read_back_by_us_and_by_avro(id: String, ts_ms: i64, tables: Vec<(String, u32)>) {
            let collections: Vec<_> =
                tables.iter().map(|(name, n)| Collection { name, event_count: u64::from(*n) }).collect();
            let mut out = Vec::new();
            write_end(&mut out, &id, ts_ms, collections.iter().copied());
            let read = TransactionEvent::read(&out).unwrap();
            prop_assert_eq!(read.event_count, Some(tables.iter().map(|t| u64::from(t.1)).sum()));
            prop_assert_eq!((read.status, read.id, read.ts_ms), (Status::End, id.as_str(), ts_ms));
            prop_assert_eq!(read.collections, collections);
            oracle::read(VALUE_SCHEMA, &out);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = TransactionEvent::read(&bytes);
        }
    }
}
