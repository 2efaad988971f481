//! Avro: schemas of a registry and the bytes of records.

use std::sync::Arc;

use walbridge_connector_api::Headers;
use walbridge_pipeline::converters::Converter as _;
use walbridge_pipeline::converters::avro::{
    AvroConverter, AvroOptions, SchemaStore, SubjectNames, Writing,
};
use walbridge_schemas::registry::RegistryError;
use walbridge_schemas::transaction::TransactionEvent;
use walbridge_schemas::{RowSchema, ValueSchema, avro, frame, marks};

use crate::halves;

/// A registry that has one schema under every id.
struct One(Arc<str>);

impl SchemaStore for One {
    fn register(&self, _: &str, _: &str) -> Result<u32, RegistryError> {
        Ok(1)
    }

    fn find(&self, _: &str, _: &str) -> Result<u32, RegistryError> {
        Ok(1)
    }

    fn latest(&self, _: &str) -> Result<(u32, Arc<str>), RegistryError> {
        Ok((1, Arc::clone(&self.0)))
    }

    fn schema(&self, _: u32) -> Result<Arc<str>, RegistryError> {
        Ok(Arc::clone(&self.0))
    }
}

/// The converter: a schema, a zero byte, and a record's bytes without their frame. What was read can be
/// written again, or is refused with a reason.
pub fn avro_converter(data: &[u8]) {
    let (schema, bytes) = halves(data);
    let Ok(schema) = std::str::from_utf8(schema) else {
        return;
    };
    let mut framed = Vec::new();
    frame::write(&mut framed, 1);
    framed.extend_from_slice(bytes);
    for enhanced in [false, true] {
        let options = AvroOptions {
            key: false,
            subjects: SubjectNames::Topic,
            writing: Writing::Register,
            metadata: true,
            enhanced,
            cache: 10,
        };
        let mut converter = AvroConverter::new(Box::new(One(schema.into())), options);
        if let Ok(read) = converter.decode("topic", Some(&framed)) {
            let _ = converter.encode("topic", &read);
            let writing = Writing::Latest { strict: true };
            let options = AvroOptions { writing, ..options };
            let mut latest = AvroConverter::new(Box::new(One(schema.into())), options);
            let _ = latest.encode("topic", &read);
        }
    }
}

/// What the PostgreSQL sink reads: a schema, a zero byte, and a row, an envelope or a transaction's mark.
pub fn avro_rows(data: &[u8]) {
    let (schema, bytes) = halves(data);
    if let Ok(schema) = std::str::from_utf8(schema) {
        if let Ok(row) = RowSchema::parse(schema) {
            split(&row, bytes);
        }
        if let Ok(value) = ValueSchema::parse(schema)
            && let Ok(change) = value.read(bytes)
        {
            for row in [change.before, change.after].into_iter().flatten() {
                split(value.row(), row);
            }
        }
    }
    let _ = TransactionEvent::read(bytes);
    let _ = frame::read(bytes);
    let _ = marks::fields(bytes).map(Iterator::count);
    let _ = marks::specials(bytes).count();
    let _ = Headers::last(&Headers::new(bytes), "wb.lsn");
    longs(bytes);
}

fn split(row: &RowSchema, bytes: &[u8]) {
    let mut parts = Vec::new();
    if row.split(bytes, &mut parts).is_ok() {
        let whole: usize = parts.iter().map(|part| part.len()).sum();
        assert_eq!(whole, bytes.len(), "parts of a row are not the row");
        for (field, part) in row.fields().iter().zip(parts) {
            let _ = field.value(part);
        }
    }
}

/// A number that is read and written again reads the same.
fn longs(bytes: &[u8]) {
    let mut reader = avro::Reader::new(bytes);
    while let Ok(long) = reader.long() {
        let mut written = Vec::new();
        avro::write_long(&mut written, long);
        assert_eq!(avro::Reader::new(&written).long(), Ok(long));
    }
}
