//! Schema ids become those of the target's registry.

use walbridge_connector_api::Disposition;
use walbridge_schemas::frame;
use walbridge_schemas::registry::{Registry, RegistrySettings};

use crate::bridge::*;

fn schema(name: &str) -> String {
    format!(r#"{{"type":"record","name":"{name}","fields":[{{"name":"id","type":"long"}}]}}"#)
}

fn framed(id: u32, body: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    frame::write(&mut bytes, id);
    bytes.extend_from_slice(body);
    Some(bytes)
}

fn bridge_with_registries(what: &str) -> (Bridge, Registry, Registry) {
    let mut bridge = Bridge::new(what);
    let (east, west) = registries();
    bridge
        .config
        .insert("source.schema.registry.url".into(), east.clone());
    bridge
        .config
        .insert("target.schema.registry.url".into(), west.clone());
    let client = |url: &str| Registry::new(&RegistrySettings::new(url)).unwrap();
    (bridge, client(&east), client(&west))
}

#[test]
fn ids_are_rewritten_and_the_rest_is_left_alone() {
    let (mut bridge, east, west) = bridge_with_registries("ids");
    let topic = bridge.topic("", 1);
    // So that the two registries disagree about ids.
    for i in 0..3 {
        east.register(
            &name("ahead"),
            &schema(&format!("A{i}X{}", name("x").replace('-', "_"))),
        )
        .unwrap();
    }
    let unique = name("r").replace('-', "_");
    let (key, value) = (schema(&format!("K{unique}")), schema(&format!("V{unique}")));
    let key_id = east.register(&format!("{}-key", topic.name), &key).unwrap();
    let value_id = east
        .register(&format!("{}-value", topic.name), &value)
        .unwrap();
    let mut sent = Vec::new();
    for i in 0..100 {
        let mut record = numbered(0, i);
        record.key = framed(key_id, &[i as u8]);
        record.value = if i % 3 == 0 {
            None
        } else {
            framed(value_id, &[i as u8, 9])
        };
        sent.push(record);
    }
    sent[50].value = Some(b"plain text".to_vec());
    bridge.write(&topic, &sent);
    let mut run = bridge.start().unwrap();
    bridge.run_until(&mut run, 100);
    let new_key = west.register(&format!("{}-key", topic.name), &key).unwrap();
    let new_value = west
        .register(&format!("{}-value", topic.name), &value)
        .unwrap();
    println!("{key_id} became {new_key}, {value_id} became {new_value}");
    for (i, record) in sent.iter_mut().enumerate() {
        record.key = framed(new_key, &[i as u8]);
        if record.value.as_deref().is_some_and(|v| v[0] == 0) {
            record.value = framed(new_value, &[i as u8, 9]);
        }
    }
    assert_eq!(bridge.read_west(&topic), sent);
}

#[test]
fn an_id_that_nobody_knows_stops_by_name() {
    let (mut bridge, east, _) = bridge_with_registries("unknown-id");
    let topic = bridge.topic("", 1);
    let unique = name("u").replace('-', "_");
    east.register(&format!("{}-value", topic.name), &schema(&unique))
        .unwrap();
    let mut record = numbered(0, 0);
    record.value = framed(2_000_000_000, b"?");
    bridge.write(&topic, &[record]);
    let mut run = bridge.start().unwrap();
    let error = bridge.run_to_error(&mut run);
    assert_eq!(
        (error.name(), error.disposition()),
        ("SchemaUnknown", Disposition::Stop)
    );
    assert!(
        error.trace().contains("partition 0, offset 0"),
        "{}",
        error.trace()
    );
}

#[test]
fn what_is_no_schema_id_is_copied_as_it_is() {
    let (mut bridge, east, west) = bridge_with_registries("longs");
    let (longs, avro) = (bridge.topic(".longs", 1), bridge.topic(".avro", 1));
    let unique = name("n").replace('-', "_");
    // Two schemas more at the east, so that ids differ.
    for other in ["a", "b"] {
        east.register(&name(other), &schema(&format!("O{other}{unique}")))
            .unwrap();
    }
    let value = schema(&format!("V{unique}"));
    let id = east
        .register(&format!("{}-value", avro.name), &value)
        .unwrap();
    // Numbers of eight bytes: their first is zero, and the next four may well be somebody's id.
    let numbers = [0, 7, 1_700_000_000, 16_777_217, i64::from(id) << 24, -1];
    let mut plain = Vec::new();
    for (i, number) in numbers.iter().enumerate() {
        let mut record = numbered(0, i as i64);
        record.key = Some(number.to_be_bytes().to_vec());
        record.value = Some([&number.to_be_bytes()[..], b"\0text"].concat());
        plain.push(record);
    }
    let mut written = numbered(0, 0);
    // Its key has no subject, its value has.
    written.key = Some(vec![0, 0, 0, 0, 1]);
    written.value = framed(id, &[4]);
    bridge.write(&longs, &plain);
    bridge.write(&avro, &[written.clone()]);
    let mut run = bridge.start().unwrap();
    bridge.run_until(&mut run, numbers.len() + 1);
    assert_eq!(bridge.read_west(&longs), plain);
    let there = west.find(&format!("{}-value", avro.name), &value).unwrap();
    written.value = framed(there, &[4]);
    assert_eq!(bridge.read_west(&avro), [written]);
    for subject in [&longs.name, &avro.name].map(|topic| format!("{topic}-key")) {
        assert!(west.latest(&subject).is_err(), "{subject} was made up");
    }
}

#[test]
fn topics_that_are_said_to_have_ids_need_no_subject() {
    let (mut bridge, east, west) = bridge_with_registries("said");
    let topic = bridge.topic("", 1);
    (bridge.config).insert("schema.ids.topics".into(), format!("{}.*", bridge.prefix));
    let unique = name("s").replace('-', "_");
    let value = schema(&unique);
    let id = east.register(&unique, &value).unwrap();
    let mut record = numbered(0, 0);
    record.value = framed(id, &[6]);
    bridge.write(&topic, &[record.clone()]);
    let mut run = bridge.start().unwrap();
    bridge.run_until(&mut run, 1);
    let there = west.find(&format!("{}-value", topic.name), &value).unwrap();
    record.value = framed(there, &[6]);
    assert_eq!(bridge.read_west(&topic), [record]);
}

#[test]
fn a_registry_that_is_away_is_waited_for() {
    let (mut bridge, _, _) = bridge_with_registries("registry-away");
    bridge.config.insert(
        "source.schema.registry.url".into(),
        "http://127.0.0.1:9".into(),
    );
    let topic = bridge.topic("", 1);
    let mut record = numbered(0, 0);
    record.value = framed(1, b"?");
    bridge.write(&topic, &[record]);
    let mut run = bridge.start().unwrap();
    let error = bridge.run_to_error(&mut run);
    assert_eq!(
        (error.name(), error.disposition()),
        ("RegistryUnavailable", Disposition::Retry)
    );
    // Not a single position was stored beyond it.
    assert!(
        bridge
            .stored
            .iter()
            .all(|e| e.offset.as_ref().unwrap()["offset"] == -1)
    );
}
