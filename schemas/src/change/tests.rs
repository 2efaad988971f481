use apache_avro::types::Value;
use proptest::prelude::*;

use super::*;
use crate::envelope::{TransactionBlock, write_image, write_tail};
use crate::postgresql::{Commit, SOURCE_SCHEMA, Snapshot, SourceBlock, TableBlock};
use crate::{Field, FieldDefault, FieldType, TableSchema, avro, oracle};

/// A table with a field of every type, each required, optional, and optional with a default.
fn table() -> TableSchema {
    let types = [
        FieldType::Boolean,
        FieldType::Int16,
        FieldType::Int32,
        FieldType::Int64,
        FieldType::Float,
        FieldType::Double,
        FieldType::String,
        FieldType::Bytes,
        FieldType::Decimal {
            precision: Some(5),
            scale: 2,
        },
        FieldType::Decimal {
            precision: None,
            scale: 2,
        },
        FieldType::VariableScaleDecimal,
        FieldType::Uuid,
        FieldType::Json,
        FieldType::Enum {
            allowed: vec!["a".into(), "b c".into()],
        },
        FieldType::Date,
        FieldType::Time,
        FieldType::MicroTime,
        FieldType::Timestamp,
        FieldType::MicroTimestamp,
        FieldType::ZonedTimestamp,
        FieldType::ZonedTime,
        FieldType::MicroDuration,
        FieldType::Interval,
        FieldType::Bits { length: 5 },
        FieldType::Point,
        FieldType::array_of(FieldType::Int32, true),
        FieldType::array_of(FieldType::VariableScaleDecimal, true),
        FieldType::array_of(
            FieldType::Enum {
                allowed: vec!["a".into()],
            },
            false,
        ),
        FieldType::array_of(FieldType::array_of(FieldType::String, true), true),
    ];
    let mut fields = Vec::new();
    for (i, ty) in types.into_iter().enumerate() {
        let default = match ty {
            FieldType::Int32 => Some(FieldDefault {
                json: "5".into(),
                avro: vec![10],
            }),
            _ => None,
        };
        fields.push(Field::new(format!("required{i}"), ty.clone(), false, None));
        fields.push(Field::new(format!("optional{i}"), ty, true, default));
    }
    TableSchema::new("srv.public.all types", fields, &[2, 0])
}

/// Writes a row of zeros; the optional fields hold a value where `set` says so.
fn row(table: &TableSchema, set: u64) -> Vec<u8> {
    let mut out = Vec::new();
    for (i, field) in table.fields().iter().enumerate() {
        match field.nulls.null_branch() {
            Some(null) if set >> (i % 64) & 1 == 0 => out.extend_from_slice(null),
            _ => {
                out.extend_from_slice(field.nulls.value_branch());
                field.ty.write_zero(&mut out);
            }
        }
    }
    out
}

#[test]
fn what_is_written_is_parsed_as_the_same_fields() {
    let table = table();
    let schema = ValueSchema::parse(&table.value_json(SOURCE_SCHEMA)).unwrap();
    assert_eq!(schema.row().name(), "srv.public.all_types.Value");
    for (read, written) in schema.row().fields().iter().zip(table.fields()) {
        assert_eq!(
            (&read.name, &read.ty, read.nulls),
            (&written.name, &written.ty, written.nulls)
        );
        assert_eq!(
            read.default.as_ref().map(|d| &d.json),
            written.default.as_ref().map(|d| &d.json)
        );
    }
    assert_eq!(
        crate::fingerprint(schema.row().fields()),
        crate::fingerprint(table.fields())
    );
    let key = RowSchema::parse(&table.key_json().unwrap()).unwrap();
    assert_eq!(
        key.fields()
            .iter()
            .map(|f| f.name.as_str())
            .collect::<Vec<_>>(),
        ["required1", "required0"]
    );
}

#[test]
fn schemas_that_are_no_events_are_refused() {
    let refused = |json: &str| ValueSchema::parse(json).unwrap_err();
    assert!(matches!(refused("{"), SchemaError::Json(_)));
    assert!(matches!(refused(r#""string""#), SchemaError::NotAnEvent(_)));
    assert!(matches!(
        refused(r#"{"type":"record","name":"a","fields":[{"name":"x","type":"what"}]}"#),
        SchemaError::Avro(_)
    ));
    assert!(matches!(
        refused(crate::transaction::VALUE_SCHEMA),
        SchemaError::NotAnEvent(_)
    ));
    assert!(matches!(refused(&"[".repeat(100)), SchemaError::Json(_)));
}

fn field<'a>(record: &'a Value, name: &str) -> &'a Value {
    let Value::Record(fields) = record else {
        panic!("{record:?} is no record")
    };
    match &fields.iter().find(|(n, _)| n == name).unwrap().1 {
        Value::Union(_, value) => value,
        value => value,
    }
}

proptest! {
    #[test]
    fn events_are_read_back_by_us_and_by_avro(
        before: Option<u64>, after: Option<u64>, lsn: u64, xid: u32, total: u32, order: u32,
        ts_us in -4_000_000_000_000_000i64..4_000_000_000_000_000, now_us in 0i64..4_000_000_000_000_000,
        last_commit: Option<u64>, origin: Option<String>, streamed: bool,
    ) {
        let table = table();
        let json = table.value_json(SOURCE_SCHEMA);
        let rows = [before, after].map(|set| set.map(|set| row(&table, set)));
        let mut out = Vec::new();
        for image in &rows {
            write_image(&mut out, image.is_some());
            out.extend_from_slice(image.as_deref().unwrap_or_default());
        }
        let mut source = SourceBlock::new("1", "srv", "db");
        let origin = origin.as_deref().map(|name| (name, lsn));
        source.begin(&Commit { ts_us, tx_id: Some(u64::from(xid)), last_commit, origin });
        let snapshot = if streamed { Snapshot::False } else { Snapshot::LastInTable };
        source.write(&mut out, &TableBlock::new("public", "all types"), lsn, snapshot);
        let mut transaction = TransactionBlock::default();
        transaction.begin(u64::from(xid));
        if streamed {
            transaction.write(&mut out, lsn, u64::from(total), u64::from(order));
        } else {
            TransactionBlock::write_none(&mut out);
        }
        write_tail(&mut out, Op::Update, now_us);

        let schema = ValueSchema::parse(&json).unwrap();
        let change = schema.read(&out).unwrap();
        prop_assert_eq!(change.op, Op::Update);
        prop_assert_eq!(change.before, rows[0].as_deref());
        prop_assert_eq!(change.after, rows[1].as_deref());
        prop_assert_eq!(change.source.lsn, Some(lsn as i64));
        prop_assert_eq!(change.source.tx_id, Some(i64::from(xid)));
        prop_assert_eq!(change.source.ts_us, Some(ts_us));
        prop_assert_eq!(change.source.snapshot, Some(snapshot.as_str()));
        prop_assert_eq!((change.source.schema, change.source.table), (Some("public"), Some("all types")));
        prop_assert_eq!(change.ts_ms, Some(now_us / 1000));
        let id = format!("{xid}:{lsn}");
        prop_assert_eq!(change.transaction, streamed.then_some(TransactionRef {
            id: &id, total_order: i64::from(total), collection_order: i64::from(order),
        }));
        for image in rows.iter().flatten() {
            let mut fields = Vec::new();
            schema.row().split(image, &mut fields).unwrap();
            prop_assert_eq!(fields.len(), table.fields().len());
            prop_assert_eq!(&fields.concat(), image);
        }

        let value = oracle::read(&json, &out);
        let source = field(&value, "source");
        let commit = last_commit.map_or("null".to_owned(), |lsn| format!("\"{lsn}\""));
        prop_assert_eq!(field(source, "sequence"), &Value::String(format!("[{commit},\"{lsn}\"]")));
        prop_assert_eq!(field(source, "lsn"), &Value::Long(lsn as i64));
        prop_assert_eq!(field(source, "ts_ms"), &Value::Long(ts_us.div_euclid(1000)));
        prop_assert_eq!(field(source, "connector"), &Value::String("postgresql".into()));
        prop_assert_eq!(field(&value, "op"), &Value::String("u".into()));
        prop_assert_eq!(field(&value, "ts_ns"), &Value::Long(now_us * 1000));

        // Whatever is cut off or changed is refused or read as something else, never a panic.
        for end in 0..out.len() {
            prop_assert!(schema.read(&out[..end]).is_err());
        }
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let schema = ValueSchema::parse(&table().value_json(SOURCE_SCHEMA)).unwrap();
        let _ = schema.read(&bytes);
        let _ = schema.row().split(&bytes, &mut Vec::new());
    }

    #[test]
    fn damaged_events_do_not_panic(at: prop::sample::Index, byte: u8) {
        let table = table();
        let schema = ValueSchema::parse(&table.value_json(SOURCE_SCHEMA)).unwrap();
        let mut bytes = row(&table, u64::MAX);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = schema.row().split(&bytes, &mut Vec::new());
    }
}

#[test]
fn hostile_counts_end() {
    let json = r#"{"type":"record","name":"r","fields":[{"name":"a","type":{"type":"array","items":"null"}}]}"#;
    let schema = RowSchema::parse(json).unwrap();
    let mut bytes = Vec::new();
    avro::write_long(&mut bytes, i64::MAX);
    assert_eq!(
        schema.split(&bytes, &mut Vec::new()),
        Err(AvroError::Length)
    );

    let json = r#"{"type":"record","name":"r","fields":[{"name":"next","type":["null","r"]}]}"#;
    let schema = RowSchema::parse(json).unwrap();
    assert_eq!(
        schema.split(&[2; 1000], &mut Vec::new()),
        Err(AvroError::Depth)
    );
}
