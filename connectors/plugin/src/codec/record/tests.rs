use proptest::prelude::*;
use serde_json::json;
use walbridge_connector_api::data::{
    Schema, SchemaAndValue, SchemaBuilder, Struct, Type, Value, logical,
};

use super::*;

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        any::<i8>().prop_map(Value::Int8),
        any::<i16>().prop_map(Value::Int16),
        any::<i32>().prop_map(Value::Int32),
        any::<i64>().prop_map(Value::Int64),
        // Bits that are no number are not equal to themselves.
        (-1e30f32..1e30).prop_map(Value::Float32),
        (-1e300..1e300).prop_map(Value::Float64),
        ".*".prop_map(Value::String),
        any::<Vec<u8>>().prop_map(Value::Bytes),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let pairs = prop::collection::vec((inner.clone(), inner.clone()), 0..6);
        let fields = prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(Value::Array),
            pairs.prop_map(Value::Map),
            fields.prop_map(|values| {
                let mut builder = SchemaBuilder::structure().name("of a test");
                for (place, value) in values.iter().enumerate() {
                    let schema = match value {
                        Value::Struct(fields) => fields.schema().clone(),
                        value => Schema::optional_of(value.kind().unwrap_or(Type::String)),
                    };
                    builder = builder.field(format!("f{place}"), schema);
                }
                let schema = builder.build().unwrap();
                Value::Struct(Struct::from_values(schema, values).unwrap())
            }),
        ]
    })
}

fn source_record() -> impl Strategy<Value = SourceRecord> {
    let schema = prop_oneof![
        Just(None),
        prop::sample::select(Type::ALL.to_vec()).prop_map(|kind| Some(Schema::of(kind))),
        Just(Some(logical::decimal(2))),
        Just(Some(logical::timestamp().optional())),
    ];
    let data = (schema, value()).prop_map(|(schema, value)| SchemaAndValue { schema, value });
    let data = data.boxed();
    let place = (
        "[a-c]",
        any::<Option<i32>>(),
        any::<Option<i64>>(),
        any::<Option<(i32, i64)>>(),
    );
    let headers = prop::collection::vec((".*", data.clone()), 0..3);
    (place, data.clone(), data, headers).prop_map(
        |((topic, partition, timestamp, origin), key, value, headers)| {
            let mut record = ConnectRecord::new(topic.as_str(), value).with_key(key);
            record.partition = partition;
            record.timestamp = timestamp;
            let headers = headers.into_iter();
            record.headers = headers
                .map(|(key, value)| ConnectHeader::new(key, value))
                .collect();
            record.origin = origin.map(|(partition, offset)| Origin {
                topic: "origin".into(),
                partition,
                offset,
            });
            let offset = timestamp.map(|at| OffsetEntry {
                partition: json!({ "p": topic }).as_object().cloned().unwrap(),
                offset: json!({ "at": at, "text": "ü" }).as_object().cloned(),
            });
            SourceRecord { record, offset }
        },
    )
}

proptest! {
    #[test]
    fn records_come_back_message_after_message(
        messages in prop::collection::vec(prop::collection::vec(source_record(), 0..8), 0..5),
    ) {
        let (mut there, mut here) = (SchemasOut::default(), SchemasIn::default());
        for records in messages {
            let mut bytes = Vec::new();
            write_source_records(&records, &mut there, &mut bytes).unwrap();
            let mut from = Reader::new(&bytes);
            let read = read_source_records(&mut from, &mut here).unwrap();
            from.end().unwrap();
            prop_assert_eq!(read, records);
        }
    }

    #[test]
    fn any_bytes_end_without_panic(
        bytes: Vec<u8>, records in prop::collection::vec(source_record(), 1..4), at: usize, byte: u8,
    ) {
        let _ = read_records(&mut Reader::new(&bytes), &mut SchemasIn::default());
        let mut nearly = Vec::new();
        write_source_records(&records, &mut SchemasOut::default(), &mut nearly).unwrap();
        let at = at % nearly.len();
        nearly[at] = byte;
        let _ = read_source_records(&mut Reader::new(&nearly), &mut SchemasIn::default());
        let cut = &nearly[..at];
        prop_assert!(read_source_records(&mut Reader::new(cut), &mut SchemasIn::default()).is_err());
    }
}

fn row(kind: u32) -> SourceRecord {
    let schema = SchemaBuilder::structure()
        .name(format!("row{kind}"))
        .version(3)
        .doc("what it is")
        .parameter("a", "1")
        .field("id", Schema::of(Type::Int64))
        .field(
            "tags",
            Schema::map(
                Schema::of(Type::String),
                Schema::array(Schema::of(Type::Int8)),
            ),
        )
        .field(
            "most",
            SchemaBuilder::new(Type::Int32)
                .default(7.into())
                .build()
                .unwrap(),
        )
        .build()
        .unwrap();
    let values = vec![5i64.into(), Value::Map(vec![]), Value::Int32(1)];
    let value = Struct::from_values(schema.clone(), values).unwrap();
    SourceRecord {
        record: ConnectRecord::new("t", SchemaAndValue::new(schema, value)),
        offset: None,
    }
}

#[test]
fn a_schema_crosses_once_and_is_the_same_for_all_records() {
    let (mut there, mut here) = (SchemasOut::default(), SchemasIn::default());
    let mut sizes = Vec::new();
    let mut schemas = Vec::new();
    for _ in 0..2 {
        let mut bytes = Vec::new();
        write_source_records(&[row(1), row(1)], &mut there, &mut bytes).unwrap();
        sizes.push(bytes.len());
        for read in read_source_records(&mut Reader::new(&bytes), &mut here).unwrap() {
            assert_eq!(read, row(1));
            schemas.push(read.record.value.schema.unwrap());
        }
    }
    assert!(sizes[1] + 100 < sizes[0], "{sizes:?}");
    assert!(schemas.iter().all(|schema| schema.same(&schemas[0])));
}

#[test]
fn schemas_without_end_are_forgotten_on_both_sides() {
    let (mut there, mut here) = (SchemasOut::default(), SchemasIn::default());
    for kind in 0..3000 {
        let mut bytes = Vec::new();
        write_source_records(&[row(kind)], &mut there, &mut bytes).unwrap();
        let read = read_source_records(&mut Reader::new(&bytes), &mut here).unwrap();
        assert_eq!(read, [row(kind)]);
    }
}

#[test]
fn what_is_nested_too_deep_is_refused_and_not_a_crash() {
    let mut deep = Value::Null;
    for _ in 0..100_000 {
        deep = Value::Array(vec![deep]);
    }
    let record = ConnectRecord::new("t", SchemaAndValue::schemaless(0i64));
    let mut deep_record = record.clone();
    deep_record.value.value = deep;
    let mut bytes = Vec::new();
    let refused = write_records(
        std::slice::from_ref(&deep_record),
        &mut SchemasOut::default(),
        &mut bytes,
    );
    assert!(refused.is_err());
    // Dropping it piece by piece: its own destructor would go as deep as it is.
    let mut rest = std::mem::take(&mut deep_record.value.value);
    while let Value::Array(mut inner) = rest {
        rest = inner.pop().unwrap_or_default();
    }
}
