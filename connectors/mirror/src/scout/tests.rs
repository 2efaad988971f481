//! The scout on the lab's two clusters.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Duration;

use walbridge_kafka::ClientConfig;
use walbridge_lab::Lab;

use super::*;
use crate::settings::{OtherWriters, definition};
use crate::watch::Watch;

/// Makes a scout from east to west that looks for these topics.
fn scout(topics: &str) -> Scout {
    let lab = Lab::shared().unwrap();
    let at = |site: &walbridge_lab::Site| {
        Admin::new(&ClientConfig::new(site.kafka().bootstrap())).unwrap()
    };
    let values = BTreeMap::from([
        ("source.cluster.alias".to_owned(), "east".to_owned()),
        (
            "source.cluster.bootstrap.servers".to_owned(),
            lab.east().kafka().bootstrap(),
        ),
        ("topics".to_owned(), topics.to_owned()),
        ("replication.factor".to_owned(), "1".to_owned()),
    ]);
    Scout::new(
        Arc::new(Plan::new(&definition().settings(&values)).unwrap()),
        at(lab.east()),
        at(lab.west()),
        HashMap::new(),
        Arc::default(),
        StopToken::new(),
    )
}

fn spec(name: &str, partitions: i32) -> TopicSpec {
    TopicSpec {
        name: name.to_owned(),
        partitions: Some(partitions),
        ..TopicSpec::default()
    }
}

#[test]
fn what_a_broken_survey_found_is_told_by_the_next() {
    let topic = format!("survey-{}", std::process::id());
    let mut scout = scout(&format!("{topic}|ghost"));
    assert_eq!(scout.survey().unwrap().starts.len(), 0);
    let stop = StopToken::new();
    scout.source.create(&spec(&topic, 2), &stop).unwrap();
    // Nobody can say where this one ends.
    let ghost = Known {
        id: "1".into(),
        partitions: 1,
        missing: 0,
    };
    scout.known.insert("ghost".into(), ghost);
    assert!(scout.survey().is_err());
    scout.known.remove("ghost");
    let numbers = |news: News| -> Vec<_> {
        (news.starts.iter())
            .map(|start| start.partition.partition)
            .collect()
    };
    assert_eq!(numbers(scout.survey().unwrap()), [0, 1]);
    assert_eq!(numbers(scout.survey().unwrap()), [0; 0]);
}

#[test]
fn what_a_survey_found_is_told_though_the_target_cannot_be_looked_at() {
    let (topic, ghost) = (
        format!("told-{}", std::process::id()),
        format!("ghost-{}", std::process::id()),
    );
    let mut scout = scout(&format!("{topic}|{ghost}"));
    let stop = StopToken::new();
    for name in [&topic, &ghost] {
        scout.source.create(&spec(name, 1), &stop).unwrap();
    }
    // Known to be mirrored, and not there at the target.
    let id = scout.source.describe(&[&ghost]).unwrap()[0].id.clone();
    let known = Known {
        id,
        partitions: 1,
        missing: 0,
    };
    scout.known.insert(ghost, known);
    let (tell, told) = mpsc::channel();
    let watch = Watch {
        stop,
        lag: Arc::default(),
        metrics: Arc::default(),
        interval: Duration::from_millis(100),
        others: OtherWriters::Stop,
        tell,
    };
    watch.run(scout);
    let news = told.recv().unwrap().unwrap();
    assert_eq!(&*news.starts[0].partition.topic, topic);
    let error = told.recv().unwrap().unwrap_err();
    assert!(error.to_string().contains("target"), "{error}");
}
