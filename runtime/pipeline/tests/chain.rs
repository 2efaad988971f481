//! Chains made from a connector's settings.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;

use walbridge_connector_api::data::{ConnectRecord, SchemaAndValue, Value};
use walbridge_pipeline::transforms::chain;

fn settings(text: &str) -> BTreeMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.trim().split_once('='));
    pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

fn record(topic: &str) -> ConnectRecord {
    let pairs = vec![(Value::from("id"), Value::from(7i64))];
    ConnectRecord::new(topic, SchemaAndValue::schemaless(Value::Map(pairs)))
}

#[test]
fn without_transforms_a_record_comes_out_as_it_went_in() {
    let chain = chain::build(&settings("topics=a")).unwrap();
    assert!(chain.is_empty());
    assert_eq!(chain.apply(record("a")).unwrap(), Some(record("a")));
}

#[test]
fn transforms_work_in_order_and_behind_their_predicates() {
    let chain = chain::build(&settings(
        "transforms=route, key ,drop
         transforms.route.type=org.apache.kafka.connect.transforms.RegexRouter
         transforms.route.regex=(.*)
         transforms.route.replacement=new.$1
         transforms.route.predicate=old
         transforms.key.type=ValueToKey
         transforms.key.fields=id
         transforms.key.predicate=old
         transforms.key.negate=true
         transforms.drop.type=Filter
         transforms.drop.predicate=gone
         predicates=old,gone
         predicates.old.type=TopicNameMatches
         predicates.old.pattern=old.*
         predicates.gone.type=org.apache.kafka.connect.transforms.predicates.RecordIsTombstone",
    ))
    .unwrap();
    // The router has changed the topic when the second asks for it.
    let routed = chain.apply(record("old1")).unwrap().unwrap();
    assert_eq!(&*routed.topic, "new.old1");
    assert_eq!(routed.key.value.entry("id"), Some(&Value::Int64(7)));
    let mut tombstone = record("old1");
    tombstone.value = SchemaAndValue::NULL;
    // ValueToKey cannot take it: the error names the transform.
    let error = chain.apply(tombstone).unwrap_err();
    assert_eq!(
        (error.alias.as_str(), error.class),
        ("key", "org.apache.kafka.connect.transforms.ValueToKey")
    );
}

#[test]
fn every_problem_is_reported_by_its_key() {
    let problems = chain::build(&settings(
        "transforms=a,b,c,a,d
         transforms.a.type=Nothing
         transforms.b.type=Cast$Value
         transforms.b.spec=x:int128
         transforms.b.predicate=p
         transforms.c.type=TimestampRouter
         transforms.c.timestamp.format=bb
         transforms.c.negate=true
         predicates=q
         predicates.q.type=HasHeaderKey",
    ))
    .err()
    .unwrap();
    let keys: Vec<&str> = problems
        .iter()
        .map(|problem| problem.key.as_str())
        .collect();
    assert_eq!(
        keys,
        [
            "transforms",
            "predicates.q.name",
            "transforms.a.type",
            "transforms.b.predicate",
            "transforms.b.spec",
            "transforms.c.negate",
            "transforms.c.timestamp.format",
            "transforms.d.type",
        ]
    );
}

#[test]
fn what_a_regular_expression_cannot_be_is_named() {
    for (regex, named) in [
        ("(?x)a b", "the flag (?x) is not supported"),
        ("\\Ga", "\\G is not supported"),
        ("\\p{javaLowerCase}", "\\p{javaLowerCase} is not supported"),
        ("[^a[b]]", "a class inside a negated class is not supported"),
        ("\\p{", "not supported"),
        ("a\\", "a backslash ends the pattern"),
        ("(?i)ä", "(?i) with letters beyond ASCII is not supported"),
    ] {
        let text = format!(
            "transforms=r\ntransforms.r.type=RegexRouter\ntransforms.r.replacement=x\ntransforms.r.regex={regex}"
        );
        let problems = chain::build(&settings(&text)).err().unwrap();
        assert!(problems[0].message.contains(named), "{problems:?}");
        assert_eq!(problems[0].key, "transforms.r.regex");
    }
}
