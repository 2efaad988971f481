//! `walbridge status`: what a group does, on one screen.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::client::{Client, Failure, Target};
use super::clock::clock;
use super::{CONFIGURATION, ENVIRONMENT, fail, say};

/// Shows the group, its connectors and their tasks; fails if something has failed.
pub(crate) fn status(target: &Target, as_json: bool) -> ExitCode {
    let client = match Client::new(target) {
        Ok(client) => client,
        Err(why) => return fail(CONFIGURATION, &why),
    };
    match ask(&client) {
        Ok((health, all)) => {
            if as_json {
                say(&json!({ "health": health, "connectors": all }).to_string());
            } else {
                describe(&health, &all).iter().for_each(|line| say(line));
            }
            let failed = health["failed"]
                .as_array()
                .is_some_and(|failed| !failed.is_empty());
            if failed {
                ExitCode::from(ENVIRONMENT)
            } else {
                ExitCode::SUCCESS
            }
        }
        Err(failure) => fail(ENVIRONMENT, &failure.words),
    }
}

fn ask(client: &Client) -> Result<(Value, Value), Failure> {
    let all = client.get(&["connectors"], "expand=status")?;
    Ok((client.get(&["health"], "")?, all))
}

/// Returns the lines that describe a group.
fn describe(health: &Value, all: &Value) -> Vec<String> {
    let group = &health["group"];
    let workers: Vec<&str> = group["workers"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let leader = group["leader"].as_str().unwrap_or("none");
    let mut lines = vec![format!(
        "{} workers: {} (leader {leader})",
        workers.len(),
        workers.join(", ")
    )];
    for (name, entry) in all.as_object().into_iter().flatten() {
        let status = &entry["status"];
        let (kind, connector) = (word(&status["type"]), &status["connector"]);
        lines.push(format!("{name} ({kind}) {}", word(&connector["state"])));
        lines.extend(trace(connector));
        for task in status["tasks"].as_array().into_iter().flatten() {
            lines.push(format!(
                "  task {} {} on {}{}",
                task["id"],
                word(&task["state"]),
                word(&task["worker_id"]),
                details(&task["details"])
            ));
            lines.extend(trace(task));
        }
    }
    lines
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn trace(part: &Value) -> Option<String> {
    let trace = part["trace"].as_str()?;
    let mut lines = trace.lines();
    let first = lines.next()?;
    let remedy = lines.find(|line| line.starts_with("What to do"));
    Some(match remedy {
        Some(remedy) => format!("    {first}\n    {remedy}"),
        None => format!("    {first}"),
    })
}

fn details(details: &Value) -> String {
    let mut words = String::new();
    if details["stuck_since_ms"].is_u64() {
        words.push_str(", stands still though it has work");
    } else if let Some(phase) = details["phase"].as_str() {
        words.push_str(&format!(", {phase}"));
    }
    words.push_str(&lag(details).unwrap_or_default());
    words
}

/// Says how far a task is behind, or since when nobody knows.
fn lag(details: &Value) -> Option<String> {
    let ms = details["lag_ms"].as_u64();
    if let Some(since) = details["lag_unknown_since_ms"].as_u64() {
        let at_most = ms.map_or_else(String::new, |ms| format!(", at most {ms} ms behind"));
        return Some(format!(", lag unknown since {}{at_most}", clock(since)));
    }
    let (bytes, ms) = (details["lag_bytes"].as_i64()?, ms?);
    Some(format!(", {bytes} bytes and {ms} ms behind"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_described_with_its_troubles() {
        let health = json!({ "group": { "workers": ["a:1", "b:2"], "leader": "b:2" } });
        let all = json!({ "s": { "status": {
            "type": "source", "connector": { "state": "RUNNING", "worker_id": "b:2" },
            "tasks": [
                { "id": 0, "state": "FAILED", "worker_id": "a:1", "trace": "Broken: it is\nCaused by: x\nWhat to do: mend it" },
                { "id": 1, "state": "RUNNING", "worker_id": "b:2", "details": { "phase": "streaming", "lag_bytes": 5, "lag_ms": 7 } },
                { "id": 2, "state": "RUNNING", "worker_id": "b:2", "details": { "lag_bytes": null, "lag_ms": 60000, "lag_unknown_since_ms": 1000 } },
            ],
        } } });
        assert_eq!(
            describe(&health, &all).join("\n"),
            "2 workers: a:1, b:2 (leader b:2)\ns (source) RUNNING\n  task 0 FAILED on a:1\n    Broken: it is\n    \
             What to do: mend it\n  task 1 RUNNING on b:2, streaming, 5 bytes and 7 ms behind\n  \
             task 2 RUNNING on b:2, lag unknown since 1970-01-01T00:00:01Z, at most 60000 ms behind"
        );
    }
}
