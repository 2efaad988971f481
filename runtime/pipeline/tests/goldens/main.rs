//! What Kafka Connect's and Debezium's own transforms answered, asked of ours.
//!
//! `tests/goldens/transforms/README.md` says where `cases.json` comes from.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod allowed;
mod form;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;
use walbridge_connector_api::ConfigProblem;
use walbridge_connector_api::data::ConnectRecord;
use walbridge_pipeline::{predicates, transforms};

fn cases() -> Json {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join("tests/goldens/transforms/cases.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn config(case: &Json) -> BTreeMap<String, String> {
    serde_json::from_value(case["config"].clone()).unwrap()
}

#[test]
fn every_case_ends_as_in_java() {
    let all = cases();
    let records: BTreeMap<&str, ConnectRecord> = all["records"]
        .as_object()
        .unwrap()
        .iter()
        .filter_map(|(name, json)| match form::record(json) {
            Ok(record) => Some((name.as_str(), record)),
            // The model has no structs as defaults of structs.
            Err(_) if name == "v:structdefault" => None,
            Err(why) => panic!("{name}: {why}"),
        })
        .collect();
    let mut differences = Vec::new();
    let mut count = 0;
    for case in all["cases"].as_array().unwrap() {
        for (input, wrong) in run(case, &records, &mut count) {
            let what = case["transform"]
                .as_str()
                .or(case["predicate"].as_str())
                .unwrap();
            let what = what.rsplit('.').next().unwrap();
            let line = format!("{what} {} {input}: {wrong}", case["config"]);
            differences.push(line);
        }
    }
    assert!(count > 13_000, "only {count} cases");
    let shown = differences.iter().take(80).cloned().collect::<Vec<_>>();
    assert!(
        differences.is_empty(),
        "{} of {count} differ:\n{}",
        differences.len(),
        shown.join("\n")
    );
}

/// Returns the inputs of a case that end differently, and how.
fn run(
    case: &Json,
    records: &BTreeMap<&str, ConnectRecord>,
    count: &mut usize,
) -> Vec<(String, String)> {
    let values = config(case);
    let Some(class) = case["transform"].as_str() else {
        return predicate(case, &values, records, count);
    };
    let kind = transforms::find(class).unwrap();
    let built = kind.build(&values, "transforms.t.");
    if case["refused"].is_object() {
        *count += 1;
        let problems = built.err();
        return refusal(case, problems)
            .map(|wrong| ("config".into(), wrong))
            .into_iter()
            .collect();
    }
    let results = case["results"].as_array().unwrap();
    let mut wrong = Vec::new();
    for result in results {
        let (name, expected) = (result[0].as_str().unwrap(), &result[1]);
        if !records.contains_key(name) {
            continue;
        }
        *count += 1;
        let got = match &built {
            Ok(transform) => transform.apply(records[name].clone()),
            Err(problems) => {
                // What Java throws at every record may be refused with the settings.
                let all: Vec<_> = problems.iter().map(|p| p.message.clone()).collect();
                if !allowed::refused_early(&all.join(" "), expected) {
                    wrong.push((name.to_owned(), format!("refused: {all:?}, not {expected}")));
                }
                continue;
            }
        };
        let difference = match (&got, &expected["error"]) {
            (Ok(record), Json::Null) => {
                let expected = form::output(&records[name], &expected["output"]);
                match expected {
                    Ok(expected) => allowed::difference(name, record.as_ref(), expected.as_ref()),
                    Err(no_form) => Some(format!(
                        "Java's record has no form here ({no_form}), ours is {record:?}"
                    )),
                }
            }
            (Err(error), Json::Null) => {
                let no_form = form::output(&records[name], &expected["output"]).is_err();
                (!no_form && !allowed::instead_of_output(error))
                    .then(|| format!("fails ({error}), Java does not: {}", expected["output"]))
            }
            (Ok(record), error) => (!allowed::instead_of_error(error))
                .then(|| format!("Java fails ({error}), ours is {record:?}")),
            (Err(error), expected) => allowed::error(error, expected),
        };
        wrong.extend(difference.map(|difference| (name.to_owned(), difference)));
    }
    wrong
}

fn predicate(
    case: &Json,
    values: &BTreeMap<String, String>,
    records: &BTreeMap<&str, ConnectRecord>,
    count: &mut usize,
) -> Vec<(String, String)> {
    let kind = predicates::find(case["predicate"].as_str().unwrap()).unwrap();
    let built = kind.build(values, "transforms.t.");
    if case["refused"].is_object() {
        *count += 1;
        return refusal(case, built.err())
            .map(|wrong| ("config".into(), wrong))
            .into_iter()
            .collect();
    }
    let predicate = match built {
        Ok(predicate) => predicate,
        Err(problems) => return vec![("config".into(), format!("refused: {problems:?}"))],
    };
    let mut wrong = Vec::new();
    for result in case["results"].as_array().unwrap() {
        *count += 1;
        let name = result[0].as_str().unwrap();
        let got = predicate.test(&records[name]).unwrap();
        if Some(got) != result[1].as_bool() {
            wrong.push((name.to_owned(), format!("{got}, not {}", result[1])));
        }
    }
    wrong
}

/// Compares what is refused with what a connector's validation or `configure` says.
fn refusal(case: &Json, problems: Option<Vec<ConfigProblem>>) -> Option<String> {
    let Some(problems) = problems else {
        return Some(format!("taken, Java refuses: {}", case["refused"]));
    };
    let mut missing = Vec::new();
    let empty = serde_json::Map::new();
    let by_key = case["validation"].as_object().unwrap_or(&empty);
    for (key, messages) in by_key {
        // The first is the one that a person acts on; Java adds what a null is not.
        let first = messages[0].as_str().unwrap();
        let found = problems
            .iter()
            .any(|problem| problem.key == *key && allowed::same_refusal(&problem.message, first));
        if !found {
            missing.push(format!("{key}: {first}"));
        }
    }
    let thrown = case["refused"]["message"].as_str().unwrap();
    let said = problems
        .iter()
        .any(|p| allowed::same_refusal(&p.message, thrown));
    if by_key.is_empty() && !said {
        missing.push(thrown.to_owned());
    }
    (!missing.is_empty()).then(|| format!("{problems:?}, not {missing:?}"))
}
