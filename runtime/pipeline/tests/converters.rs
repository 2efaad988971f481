//! Our converters against what Java's made of the same values: see `goldens/README.md`.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test may panic, in its helpers too"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use walbridge_connector_api::data::{Schema, SchemaAndValue, SchemaBuilder, Struct, Type, Value};
use walbridge_pipeline::converters::avro::{
    AvroConverter, AvroOptions, SchemaStore, SubjectNames, Writing,
};
use walbridge_pipeline::converters::{Converter, ConverterKind, Role};
use walbridge_schemas::registry::RegistryError;

fn goldens() -> Vec<Json> {
    serde_json::from_str(include_str!("goldens/converters.json")).unwrap()
}

fn kind_of(name: &str) -> Type {
    Type::ALL
        .into_iter()
        .find(|kind| kind.as_str() == name)
        .unwrap()
}

/// Reads a schema in the goldens' neutral form.
fn schema(json: &Json) -> Option<Schema> {
    let kind = kind_of(json.get("type")?.as_str()?);
    let mut builder = SchemaBuilder::new(kind)
        .with_optional(json["optional"].as_bool().unwrap())
        .with_name(json["name"].as_str())
        .with_version(
            json["version"]
                .as_i64()
                .map(|version| i32::try_from(version).unwrap()),
        );
    if let Some(doc) = json["doc"].as_str() {
        builder = builder.doc(doc);
    }
    for pair in json["parameters"].as_array().unwrap() {
        builder = builder.parameter(pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
    }
    match kind {
        // An array of unlike things has a schema without that of its elements in Java, and none here.
        Type::Array => builder = builder.element(schema(&json["value"])?),
        Type::Map => {
            let (key, value) = (schema(&json["key"]), schema(&json["value"]));
            builder = builder.pairs(key?, value?);
        }
        Type::Struct => {
            for field in json["fields"].as_array().unwrap() {
                builder = builder.field(field[0].as_str().unwrap(), schema(&field[1]).unwrap());
            }
        }
        _ => {}
    }
    if let Some(default) = json.get("default") {
        let without = builder.clone().build().unwrap();
        builder = builder.default(value(Some(&without), default));
    }
    Some(builder.build().unwrap())
}

/// Reads a value in the goldens' neutral form.
fn value(schema: Option<&Schema>, json: &Json) -> Value {
    let Some((kind, inner)) = json.as_object().and_then(|tagged| tagged.iter().next()) else {
        return Value::Null;
    };
    let text = inner.as_str().unwrap_or_default();
    let list = || inner.as_array().unwrap().iter();
    match kind_of(kind) {
        Type::Boolean => inner.as_bool().unwrap().into(),
        Type::Int8 => Value::Int8(text.parse().unwrap()),
        Type::Int16 => Value::Int16(text.parse().unwrap()),
        Type::Int32 => Value::Int32(text.parse().unwrap()),
        Type::Int64 => Value::Int64(text.parse().unwrap()),
        Type::Float32 => f32::from_bits(text.parse().unwrap()).into(),
        Type::Float64 => f64::from_bits(text.parse().unwrap()).into(),
        Type::String => text.into(),
        Type::Bytes => STANDARD.decode(text).unwrap().into(),
        Type::Array => {
            let element = schema.and_then(Schema::value_schema);
            Value::Array(list().map(|json| value(element, json)).collect())
        }
        Type::Map => {
            let key = schema.and_then(Schema::key_schema);
            let inner = schema.and_then(Schema::value_schema);
            let pairs = list().map(|pair| (value(key, &pair[0]), value(inner, &pair[1])));
            Value::Map(pairs.collect())
        }
        Type::Struct => {
            let schema = schema.unwrap();
            let fields = list().zip(schema.fields());
            let fields = fields.map(|(json, field)| value(Some(&field.schema), json));
            Struct::from_values(schema.clone(), fields.collect())
                .unwrap()
                .into()
        }
    }
}

fn both(json: &Json) -> SchemaAndValue {
    let schema = schema(&json["schema"]);
    let value = value(schema.as_ref(), &json["value"]);
    SchemaAndValue { schema, value }
}

/// Makes values comparable: Java's maps have no order, and a NaN is unlike itself.
fn settled(value: Value) -> Value {
    match value {
        Value::Map(pairs) => {
            let pairs = pairs.into_iter().map(|(k, v)| (settled(k), settled(v)));
            let mut pairs: Vec<_> = pairs.collect();
            pairs.sort_by_key(|(key, _)| format!("{key:?}"));
            Value::Map(pairs)
        }
        Value::Array(all) => Value::Array(all.into_iter().map(settled).collect()),
        Value::Float64(n) if n.is_nan() => "a NaN".into(),
        other => other,
    }
}

fn settings(golden: &Json) -> BTreeMap<String, String> {
    let config = golden["config"].as_object().unwrap().iter();
    config
        .map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned()))
        .collect()
}

/// Puts a value under another schema.
fn rebuilt(data: SchemaAndValue, schema: Schema) -> SchemaAndValue {
    let value = match data.value {
        Value::Struct(fields) => Struct::from_values(schema.clone(), fields.into_values())
            .unwrap()
            .into(),
        value => value,
    };
    SchemaAndValue::new(schema, value)
}

/// Cases in which we differ on purpose, and why.
fn differs(golden: &Json) -> Option<&'static str> {
    let (name, class) = (golden["name"].as_str()?, golden["converter"].as_str()?);
    let bytes = golden["bytes"].as_str().unwrap_or_default();
    let input = String::from_utf8(STANDARD.decode(bytes).unwrap_or_default()).unwrap_or_default();
    let class = class.rsplit('.').next()?;
    let special = ["float64 NaN", "float64 Infinity", "float64 -Infinity"];
    let has_schema = golden["config"]["schemas.enable"] != "false";
    match (class, name) {
        ("StringConverter", "schemaless bytes") => Some("Java prints the array's address"),
        ("AvroConverter", "schemaless bytes") => Some("Java knows no arrays of bytes here"),
        ("BooleanConverter", "read") if input.is_empty() => Some("no byte is no boolean"),
        ("JsonConverter", name) if has_schema && special.contains(&name) => {
            Some("Java reads back 0 for what JSON has no number for")
        }
        ("JsonConverter", "decimal") if input.len() == 31 => {
            Some("Java cuts whole numbers of more than 64 bits")
        }
        ("SimpleHeaderConverter", "array") if input.contains("null") => {
            Some("Java takes a list with a null for text")
        }
        ("SimpleHeaderConverter", "read 2024-02-30") => Some("there is no such day"),
        ("SimpleHeaderConverter", "read 1,2") => Some("Java reads the first number alone"),
        _ => None,
    }
}

/// A registry in memory that gives its schemas the ids 1, 2, …, as the one of the goldens.
#[derive(Clone, Default)]
struct Store(Arc<Mutex<Vec<(String, String)>>>);

impl SchemaStore for Store {
    fn register(&self, subject: &str, schema: &str) -> Result<u32, RegistryError> {
        let mut all = self.0.lock().unwrap();
        all.push((subject.to_owned(), schema.to_owned()));
        Ok(all.len().try_into().unwrap())
    }

    fn find(&self, subject: &str, schema: &str) -> Result<u32, RegistryError> {
        let all = self.0.lock().unwrap();
        let wanted = (subject.to_owned(), schema.to_owned());
        let at = all.iter().position(|known| *known == wanted);
        at.map(|at| at as u32 + 1).ok_or_else(|| missing(subject))
    }

    fn latest(&self, subject: &str) -> Result<(u32, Arc<str>), RegistryError> {
        let all = self.0.lock().unwrap();
        let at = all.iter().rposition(|(known, _)| known == subject);
        let at = at.ok_or_else(|| missing(subject))?;
        Ok((at as u32 + 1, all[at].1.as_str().into()))
    }

    fn schema(&self, id: u32) -> Result<Arc<str>, RegistryError> {
        let all = self.0.lock().unwrap();
        Ok(all[id as usize - 1].1.as_str().into())
    }
}

fn missing(subject: &str) -> RegistryError {
    RegistryError::NotRegistered {
        url: "memory".into(),
        subject: subject.into(),
        what: "no such schema",
    }
}

const AVRO: AvroOptions = AvroOptions {
    writing: Writing::Register,
    key: false,
    subjects: SubjectNames::Topic,
    metadata: true,
    enhanced: false,
    cache: 10,
};

/// Returns the converter of a case, and the registry of one of Avro.
fn converter(golden: &Json) -> (Box<dyn Converter>, Store) {
    let settings = settings(golden);
    let kind = ConverterKind::find(golden["converter"].as_str().unwrap()).unwrap();
    let store = Store::default();
    if kind != ConverterKind::Avro {
        return (kind.create(Role::Value, &settings).unwrap(), store);
    }
    let is = |key: &str, value: &str| settings.get(key).is_some_and(|given| given == value);
    let options = AvroOptions {
        metadata: !is("connect.meta.data", "false"),
        enhanced: is("enhanced.avro.schema.support", "true"),
        ..AVRO
    };
    if golden.get("value").is_none() {
        let text = golden["avro"].as_str().unwrap();
        store.register("topic-value", text).unwrap();
    }
    (
        Box::new(AvroConverter::new(Box::new(store.clone()), options)),
        store,
    )
}

#[test]
fn bytes_and_values_are_those_of_java() {
    let mut wrong = Vec::new();
    let (mut written, mut read) = (0, 0);
    for golden in goldens() {
        let class = golden["converter"].as_str().unwrap();
        if differs(&golden).is_some() {
            continue;
        }
        let (mut converter, store) = converter(&golden);
        let case = format!("{class} {} {}", golden["name"], golden["config"]);
        let error = golden.get("error").is_some();
        if golden.get("value").is_some() {
            let bytes = converter.encode("topic", &both(&golden));
            let expected = golden["bytes"]
                .as_str()
                .map(|text| STANDARD.decode(text).unwrap());
            let same = match &bytes {
                Ok(bytes) => !error && *bytes == expected,
                Err(_) => error,
            };
            written += 1;
            if !same {
                let text = |bytes: Option<Vec<u8>>| {
                    bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                };
                let found = bytes.map(text);
                wrong.push(format!("{case}: wrote {found:?}, not {:?}", text(expected)));
            }
        }
        if let (Some(text), Some((subject, written))) =
            (golden["avro"].as_str(), store.0.lock().unwrap().first())
            && (text != written || subject != "topic-value")
        {
            wrong.push(format!(
                "{case}: {subject} registered as\n{written}, not\n{text}"
            ));
        }
        let bytes = golden["bytes"]
            .as_str()
            .map(|text| STANDARD.decode(text).unwrap());
        if golden.get("back").is_none() && golden.get("value").is_some() {
            continue;
        }
        let found = converter.decode("topic", bytes.as_deref());
        read += 1;
        match (found, error) {
            (Err(_), true) => {}
            (Ok(mut found), false) => {
                let mut expected = both(&golden["back"]);
                if let (true, Some(schema)) = (class.ends_with("AvroConverter"), &expected.schema)
                    && schema.version() == Some(1)
                    && found
                        .schema
                        .as_ref()
                        .is_some_and(|found| found.version().is_none())
                {
                    // Java counts the versions of the subject, which ours does not ask for.
                    let builder = schema.to_builder().with_version(None);
                    expected = rebuilt(expected, builder.build().unwrap());
                }
                found.value = settled(found.value);
                expected.value = settled(expected.value);
                if found != expected {
                    wrong.push(format!("{case}: read {found:?}, not {expected:?}"));
                }
            }
            (found, _) => wrong.push(format!(
                "{case}: read {found:?}, and Java {}",
                golden["error"]
            )),
        }
    }
    let (count, all) = (wrong.len(), wrong.join("\n"));
    assert!(
        wrong.is_empty(),
        "{count} of {written} and {read} differ:\n{all}"
    );
    assert!(
        written > 300 && read > 300,
        "{written} written and {read} read"
    );
}

fn row() -> SchemaAndValue {
    let schema = SchemaBuilder::structure().name("org.example.Row");
    let schema = schema.field("id", Schema::of(Type::Int32)).build().unwrap();
    let value = Struct::new(schema.clone()).unwrap().with("id", 1i32);
    SchemaAndValue::new(schema, value.unwrap())
}

#[test]
fn avro_names_its_subjects_as_it_is_told() {
    let store = Store::default();
    for (key, subjects) in [
        (true, SubjectNames::Topic),
        (false, SubjectNames::Record),
        (false, SubjectNames::TopicRecord),
    ] {
        let options = AvroOptions {
            key,
            subjects,
            ..AVRO
        };
        let mut converter = AvroConverter::new(Box::new(store.clone()), options);
        for _ in 0..2 {
            converter.encode("t", &row()).unwrap();
        }
        let number = SchemaAndValue::new(Schema::of(Type::Int32), 1i32);
        let plain = converter.encode("t", &number);
        assert_eq!(plain.is_ok(), subjects == SubjectNames::Topic);
    }
    let all = store.0.lock().unwrap();
    let subjects: Vec<_> = all.iter().map(|(subject, _)| subject.as_str()).collect();
    // Each once: an id is asked for only the first time.
    assert_eq!(
        subjects,
        ["t-key", "t-key", "org.example.Row", "t-org.example.Row"]
    );
}

#[test]
fn avro_refuses_what_it_cannot_name_and_bytes_that_are_none() {
    let store = Store::default();
    let mut converter = AvroConverter::new(Box::new(store.clone()), AVRO);
    let schema = SchemaBuilder::structure().field("a-b", Schema::of(Type::Int32));
    let schema = schema.build().unwrap();
    let value = Struct::from_values(schema.clone(), vec![1i32.into()]).unwrap();
    let bad = SchemaAndValue::new(schema, value);
    let error = converter.encode("t", &bad).unwrap_err().to_string();
    assert!(error.contains("\"a-b\" cannot be the name"), "{error}");
    let good = converter.encode("t", &row()).unwrap().unwrap();
    for len in 0..good.len() {
        assert!(converter.decode("t", Some(&good[..len])).is_err(), "{len}");
    }
    for text in [
        r#"{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}"#,
        r#"{"type":"record","name":"L"}"#,
        r#""nonsense""#,
        "[",
        "{}",
    ] {
        let id = store.register("s", text).unwrap();
        let mut bytes = vec![0];
        bytes.extend_from_slice(&id.to_be_bytes());
        let error = converter.decode("t", Some(&bytes)).unwrap_err();
        assert!(error.to_string().contains("of the registry cannot be used"));
    }
}

/// A converter that writes with what its subject has.
fn writing(store: &Store, writing: Writing) -> AvroConverter {
    let options = AvroOptions { writing, ..AVRO };
    AvroConverter::new(Box::new(store.clone()), options)
}

#[test]
fn avro_registers_nothing_when_told_not_to() {
    let store = Store::default();
    let error = writing(&store, Writing::Find)
        .encode("t", &row())
        .unwrap_err();
    assert!(
        error.to_string().contains("under subject t-value"),
        "{error}"
    );
    assert!(!error.is_retriable());
    let own = writing(&store, Writing::Register)
        .encode("t", &row())
        .unwrap();
    assert_eq!(
        writing(&store, Writing::Find).encode("t", &row()).unwrap(),
        own
    );
    assert_eq!(store.0.lock().unwrap().len(), 1);
}

/// A newer schema of `row()`: a wider number, a further field with a default, one that may be null, and
/// an enum; the order is another one, too.
const NEWER: &str = r#"{"type":"record","name":"Row","namespace":"org.example","fields":[
    {"name":"kind","type":{"type":"enum","name":"Kind","symbols":["a","b"]},"default":"b"},
    {"name":"note","type":["null","string"],"default":null},
    {"name":"id","type":"long"},
    {"name":"sizes","type":{"type":"map","values":"double"},"default":{}}]}"#;

#[test]
fn avro_writes_with_the_newest_schema_of_the_subject() {
    let store = Store::default();
    store.register("t-value", "\"string\"").unwrap();
    let id = store.register("t-value", NEWER).unwrap();
    let latest = Writing::Latest { strict: true };
    let bytes = writing(&store, latest)
        .encode("t", &row())
        .unwrap()
        .unwrap();
    // kind b, no note, id 1, no sizes: by hand, as the specification lays them out.
    assert_eq!(bytes, [0, 0, 0, 0, id as u8, 2, 0, 2, 0]);
    let back = writing(&store, latest).decode("t", Some(&bytes)).unwrap();
    let back = back.value.as_struct().unwrap().clone();
    assert_eq!(back.get("id"), Some(&Value::Int64(1)));
    assert_eq!(back.get("kind"), Some(&Value::from("b")));

    let schema = SchemaBuilder::structure()
        .name("org.example.Row")
        .field("id", Schema::of(Type::Int64))
        .field("note", Schema::of(Type::String))
        .field("more", Schema::of(Type::String));
    let schema = schema.build().unwrap();
    let fields = vec![Value::Int64(-2), "n".into(), "lost".into()];
    let value = Struct::from_values(schema.clone(), fields).unwrap();
    let wider = SchemaAndValue::new(schema, value);
    let error = writing(&store, latest).encode("t", &wider).unwrap_err();
    assert!(error.to_string().contains("has no field more"), "{error}");
    let loose = Writing::Latest { strict: false };
    let bytes = writing(&store, loose).encode("t", &wider).unwrap().unwrap();
    assert_eq!(bytes[5..], [2, 2, 2, b'n', 3, 0]);
}

#[test]
fn avro_says_what_does_not_fit_the_newest_schema() {
    let latest = Writing::Latest { strict: true };
    for (newest, words) in [
        (
            r#"{"type":"record","name":"R","fields":[{"name":"id","type":"string"}]}"#,
            "field id: the newest",
        ),
        (
            r#"{"type":"record","name":"R","fields":[{"name":"id","type":"int"},{"name":"a","type":"int"}]}"#,
            "a field a without a default",
        ),
        (r#"["null","string"]"#, "wants STRING"),
    ] {
        let store = Store::default();
        store.register("t-value", newest).unwrap();
        let error = writing(&store, latest).encode("t", &row()).unwrap_err();
        assert!(error.to_string().contains(words), "{newest}: {error}");
    }
    let error = writing(&Store::default(), latest).encode("t", &row());
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("under subject t-value")
    );
}

#[test]
fn json_reads_all_values_with_one_schema() {
    let content = r#"{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}]}"#;
    let settings = |enabled: &str, content: &str| {
        let pairs = [("schemas.enable", enabled), ("schema.content", content)];
        let pairs = pairs.map(|(key, value)| (key.to_owned(), value.to_owned()));
        BTreeMap::from(pairs)
    };
    let create = |enabled, content| {
        let settings = settings(enabled, content);
        ConverterKind::Json.create(Role::Value, &settings).unwrap()
    };
    let read = create("true", content)
        .decode("t", Some(br#"{"id":7}"#))
        .unwrap();
    assert_eq!(
        read.value.as_struct().unwrap().get("id"),
        Some(&Value::Int32(7))
    );
    assert!(
        create("true", content)
            .decode("t", Some(br#"{"id":"x"}"#))
            .is_err()
    );
    // What is written has its schema beside it all the same, as in Java.
    let text = create("true", content)
        .encode("t", &row())
        .unwrap()
        .unwrap();
    assert!(text.starts_with(b"{\"schema\":"));
    // Without schemas there is none to read with.
    let read = create("false", content)
        .decode("t", Some(br#"{"id":7}"#))
        .unwrap();
    assert_eq!(read.schema, None);
    let found = ConverterKind::Json.problems(&settings("true", r#"{"type":"what"}"#));
    assert_eq!(found.len(), 1);
    assert!(
        found[0].message.contains("Unknown schema type: what"),
        "{found:?}"
    );
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_avro_panic(bytes: Vec<u8>, which in 0..3usize) {
        let goldens = [
            r#"{"type":"array","items":"boolean"}"#,
            r#"["null","int",{"type":"map","values":{"type":"enum","name":"E","symbols":["A"]}}]"#,
            r#"{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"fixed","name":"F","size":9}},{"name":"b","type":["string","null"]}]}"#,
        ];
        let store = Store::default();
        store.register("s", goldens[which]).unwrap();
        let mut framed = vec![0, 0, 0, 0, 1];
        framed.extend_from_slice(&bytes);
        let _ = AvroConverter::new(Box::new(store), AVRO).decode("t", Some(&framed));
    }
}

/// Returns the default that a field of this type and with this own default is read with.
fn default_of(kind: &str, own: &str) -> Option<Value> {
    let text = format!(
        r#"{{"type":"record","name":"R","fields":[{{"name":"first","type":{kind},"default":{own}}}]}}"#
    );
    let store = Store::default();
    let id = store.register("t-value", &text).unwrap();
    let mut converter = AvroConverter::new(Box::new(store), AVRO);
    let mut bytes = vec![0];
    bytes.extend_from_slice(&id.to_be_bytes());
    // No bytes, 0 or null; behind the branch's number where there is a choice.
    let branch = kind.starts_with('[') && !kind.starts_with("[\"null\"");
    bytes.extend(std::iter::repeat_n(0, 1 + usize::from(branch)));
    let read = converter.decode("t", Some(&bytes)).unwrap();
    read.schema.unwrap().fields()[0].schema.default().cloned()
}

#[test]
fn a_fields_own_default_counts_before_that_of_its_type() {
    // As Debezium wrote it through Confluent's converter: base64 in one place and Avro's bytes in the other.
    let decimal = r#"{"type":"bytes","scale":4,"precision":15,"connect.version":1,
        "connect.parameters":{"scale":"4","connect.decimal.precision":"15"},"connect.default":"AA==",
        "connect.name":"org.apache.kafka.connect.data.Decimal","logicalType":"decimal"}"#;
    let zero = Some(Value::from(vec![0u8]));
    let nullable = format!("[{decimal},\"null\"]");
    assert_eq!(default_of(&nullable, "\"\\u0000\""), zero);
    assert_eq!(default_of(decimal, "\"\\u0000\""), zero);
    // Null is a default, too, and no default of the type takes its place.
    assert_eq!(default_of(&format!("[\"null\",{decimal}]"), "null"), None);
    let number = r#"{"type":"int","connect.default":3}"#;
    assert_eq!(default_of(number, "4"), Some(4i32.into()));
    assert_eq!(
        default_of(&format!("[{number},\"null\"]"), "4"),
        Some(4i32.into())
    );
    // Java knows no default of one that may be null and whose type has none.
    assert_eq!(default_of("[\"int\",\"null\"]", "4"), None);
}
