//! What is not well in the group, though it serves.

use serde_json::{Value, json};

use super::{Api, status};
use crate::lags::Lags;

/// Returns a reason for each connector and task that has failed, waits, stands still, or is behind for all that
/// anybody knows.
pub(super) fn reasons(api: &Api) -> Vec<Value> {
    let names = api.shared.statuses().names();
    let lags = Lags::now(&api.shared);
    let mut all = Vec::new();
    for name in names {
        let status = status::of(api, &lags, &name).unwrap_or_default();
        if status["connector"]["state"] == "FAILED" {
            let error = first_line(&status["connector"]["trace"]);
            all.push(
                json!({ "connector": name, "error": format!("the connector has failed: {error}") }),
            );
        }
        for task in status["tasks"].as_array().into_iter().flatten() {
            let Some(error) = reason(task) else { continue };
            let mut entry = json!({ "connector": name, "task": task["id"], "error": error });
            for key in ["stuck_since_ms", "lag_unknown_since_ms"] {
                if task["details"][key].is_u64() {
                    entry[key] = task["details"][key].clone();
                }
            }
            all.push(entry);
        }
    }
    all
}

/// Says why a task is not well.
fn reason(task: &Value) -> Option<String> {
    let (details, trace) = (&task["details"], first_line(&task["trace"]));
    let reason = match task["state"].as_str() {
        Some("FAILED") => format!("the task has failed: {trace}"),
        Some("PAUSED") => "the task is paused: nobody measures how far it is behind".to_owned(),
        _ if details["phase"] == "waiting" => format!("the task waits: {trace}"),
        _ if details["stuck_since_ms"].is_u64() => "the task has work and does not move".to_owned(),
        _ if details["lag_unknown_since_ms"].is_u64() => match details["trouble"].as_str() {
            Some(trouble) => format!("the far end does not say how far it is: {trouble}"),
            None => "the task's lag, or that of what fills its topics, is unknown".to_owned(),
        },
        _ => return None,
    };
    Some(reason)
}

fn first_line(text: &Value) -> &str {
    let text = text.as_str().unwrap_or_default();
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_is_well_has_no_reason() {
        let task = |state: &str, details: Value| {
            let trace = "Unreachable: it is away\nCaused by: x";
            reason(&json!({ "id": 0, "state": state, "trace": trace, "details": details }))
        };
        assert_eq!(task("RUNNING", json!({ "lag_ms": 100_000 })), None);
        let words = task("FAILED", json!({ "lag_unknown_since_ms": 1 })).unwrap_or_default();
        assert_eq!(words, "the task has failed: Unreachable: it is away");
        let words = task("RUNNING", json!({ "phase": "waiting" })).unwrap_or_default();
        assert_eq!(words, "the task waits: Unreachable: it is away");
        for details in [
            json!({ "stuck_since_ms": 1 }),
            json!({ "lag_unknown_since_ms": 1, "trouble": "no answer" }),
            json!({ "lag_unknown_since_ms": 1 }),
        ] {
            assert!(task("RUNNING", details.clone()).is_some(), "{details}");
        }
        assert!(task("PAUSED", Value::Null).is_some());
    }
}
