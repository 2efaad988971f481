//! Whatever the record and whatever the settings: an answer or an error, never a panic.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::cell::Cell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use walbridge_connector_api::Kind;
use walbridge_connector_api::data::{
    ConnectHeader, ConnectRecord, Origin, Schema, SchemaAndValue, SchemaBuilder, Struct, Type,
    Value, logical,
};
use walbridge_pipeline::{predicates, transforms};

const NAMES: [&str; 8] = [
    "id", "a.b", "op", "after", "before", "source", "payload", "",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("2024-02-29".to_owned()),
        Just("{\"a\":[1,null,{\"b\":1e400}]}".to_owned()),
        "[-+]?[0-9]{0,25}([.eE][-0-9]{0,12})?",
        "\\PC{0,12}",
    ]
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i8>().prop_map(Value::from),
        any::<i16>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f32>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Value::from),
    ]
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&NAMES[..7])
}

/// Values with schemas that mostly, but not always, fit them.
fn half() -> impl Strategy<Value = SchemaAndValue> {
    let plain = (leaf(), any::<bool>(), 0..6u8).prop_map(|(value, optional, special)| {
        let kind = value.kind().unwrap_or(Type::Int64);
        let schema = match (special, kind) {
            (0, Type::Int64) => logical::timestamp(),
            (0, Type::Int32) => logical::date(),
            (1, Type::Int32) => logical::time(),
            (0, Type::Bytes) => logical::decimal(3),
            (1, Type::Bytes) => SchemaBuilder::new(kind)
                .name(logical::DECIMAL)
                .build()
                .unwrap(),
            (2, _) => Schema::of(Type::String),
            _ => Schema::of(kind),
        };
        let schema = (special != 5).then(|| schema.with_optional(optional));
        SchemaAndValue { schema, value }
    });
    plain.prop_recursive(3, 24, 5, |inner| {
        let pairs = prop::collection::vec((name(), inner), 0..5).boxed();
        let map = pairs.clone().prop_map(|pairs| {
            let pairs = pairs
                .into_iter()
                .map(|(key, half)| (key.into(), half.value));
            SchemaAndValue {
                schema: None,
                value: Value::Map(pairs.collect()),
            }
        });
        let fields =
            (pairs, any::<bool>(), any::<bool>()).prop_map(|(pairs, optional, envelope)| {
                let mut builder = SchemaBuilder::structure().with_optional(optional);
                if envelope {
                    builder = builder.name("t.Envelope").version(2);
                }
                let mut values = Vec::new();
                for (i, (name, half)) in pairs.iter().enumerate() {
                    let taken = pairs[..i].iter().any(|(other, _)| other == name);
                    if let (false, Some(schema)) = (taken, &half.schema) {
                        builder = builder.field(*name, schema.clone());
                        values.push(half.value.clone());
                    }
                }
                let schema = builder.build().unwrap();
                SchemaAndValue::new(schema.clone(), Struct::from_values(schema, values).unwrap())
            });
        prop_oneof![1 => map, 2 => fields]
    })
}

prop_compose! {
    fn record()(
        topic in prop_oneof![Just("db.public.t".to_owned()), "\\PC{0,8}"],
        (key, value) in (half(), half()),
        headers in prop::collection::vec((name(), half()), 0..3),
        timestamp in any::<Option<i64>>(),
        partition in any::<Option<i32>>(),
        sink in any::<bool>(),
    ) -> ConnectRecord {
        let mut record = ConnectRecord::new(topic.as_str(), value).with_key(key);
        record.headers = headers.into_iter().map(|(key, value)| ConnectHeader::new(key, value)).collect();
        record.timestamp = timestamp;
        record.partition = partition;
        record.origin = sink.then(|| Origin { topic: "t".into(), partition: 0, offset: i64::MAX });
        record
    }
}

fn setting() -> impl Strategy<Value = String> {
    let fixed = prop::sample::select(vec![
        "id",
        "after",
        "a.b",
        "payload",
        "op",
        "id,a.b",
        "id:int8,a.b:string",
        "int32",
        "string",
        "float64",
        "move",
        "copy",
        "unix",
        "Date",
        "Time",
        "Timestamp",
        "yyyy-MM-dd HH:mm:ss.SSS Z",
        "G y M d E a h z X",
        "seconds",
        "nanoseconds",
        "(.*)",
        "(.)(.*)",
        "$2x$1",
        "V2",
        "V1",
        "rewrite",
        "delete-to-tombstone",
        "rewrite-with-tombstone",
        "true",
        "false",
        "op:header,id:envelope:x,after:partition",
        "id:new,op:id",
        "[1,2.5]",
        "7",
        "",
    ]);
    prop_oneof![6 => fixed.prop_map(str::to_owned), 1 => text()]
}

#[test]
fn any_record_through_any_chain() {
    let values = prop::collection::vec(prop::option::weighted(0.3, setting()), 16);
    let chosen = prop::collection::vec((0..transforms::KINDS.len(), values), 1..4);
    let predicate = (0..predicates::KINDS.len(), setting());
    let negate = prop::option::of(any::<bool>());
    let (made, passed) = (Cell::new(0), Cell::new(0));
    let cases = 5000;
    TestRunner::new(ProptestConfig::with_cases(cases))
        .run(
            &(record(), chosen, predicate, negate),
            |(record, chosen, (predicate, text), negate)| {
                let settings = settings(&chosen, &predicates::KINDS[predicate], &text, negate);
                if let Ok(chain) = transforms::chain::build(&settings) {
                    made.set(made.get() + 1);
                    passed.set(passed.get() + u32::from(chain.apply(record).is_ok()));
                }
                Ok(())
            },
        )
        .unwrap();
    // Settings that are all refused, or records that are, would try nothing.
    let (made, passed) = (made.get(), passed.get());
    assert!(made > cases / 10, "{made} chains were made");
    assert!(passed > cases / 50, "{passed} records passed");
}

type Chosen = (usize, Vec<Option<String>>);

fn settings(
    chosen: &[Chosen],
    predicate: &predicates::PredicateKind,
    text: &str,
    negate: Option<bool>,
) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    let mut names = Vec::new();
    for (i, (kind, values)) in chosen.iter().enumerate() {
        let kind = &transforms::KINDS[*kind];
        names.push(format!("t{i}"));
        settings.insert(format!("transforms.t{i}.type"), kind.class.to_owned());
        for (key, value) in kind.config().keys.iter().zip(values) {
            // Mostly what is allowed, so that the transform is made.
            let value = match (value, key.allowed, key.kind) {
                (Some(value), [], Kind::Boolean) => (value.len() % 2 == 0).to_string(),
                (Some(value), [], _) => value.clone(),
                (Some(value), allowed, _) => allowed[value.len() % allowed.len()].to_owned(),
                (None, _, _) if !key.required => continue,
                (None, [first, ..], _) => (*first).to_owned(),
                (None, [], _) if key.name == "spec" => "id:string".to_owned(),
                (None, [], _) => "id".to_owned(),
            };
            settings.insert(format!("transforms.t{i}.{}", key.name), value);
        }
        if let Some(negate) = negate {
            settings.insert(format!("transforms.t{i}.predicate"), "p".to_owned());
            settings.insert(format!("transforms.t{i}.negate"), negate.to_string());
        }
    }
    settings.insert("transforms".to_owned(), names.join(","));
    settings.insert("predicates".to_owned(), "p".to_owned());
    let class = predicate.simple_name().to_owned();
    settings.insert("predicates.p.type".to_owned(), class);
    for key in &predicate.config().keys {
        settings.insert(format!("predicates.p.{}", key.name), text.to_owned());
    }
    settings
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    #[test]
    fn any_text_as_any_setting(
        kind in 0..transforms::KINDS.len(),
        values in prop::collection::vec(prop_oneof![text(), "[\\\\\\[\\](){}^$.|?*+a-c&:<>=!0-9'yMdHZ`,\"QExupk-]{0,12}"], 16),
        record in record(),
    ) {
        let kind = &transforms::KINDS[kind];
        let keys = kind.config().keys;
        let settings = keys.iter().zip(values).map(|(key, value)| (key.name.to_owned(), value)).collect();
        if let Ok(transform) = kind.build(&settings, "") {
            let _ = transform.apply(record);
        }
    }
}
