//! Differences between two answers, and the reasons they have.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::script::Request;
use crate::side::Answer;

/// Something that is not the same in two answers to one request.
#[derive(Debug, Clone)]
pub(crate) struct Difference {
    pub(crate) request: String,
    /// `status`, the name of a header, or a pointer into the body.
    pub(crate) place: String,
    pub(crate) connect: String,
    pub(crate) ours: String,
}

/// A reason for differences.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reason {
    pub(crate) title: String,
    pub(crate) why: String,
    /// Requests it is for, with `*` for anything.
    requests: Vec<String>,
    /// Places it is for, with `*` for anything.
    places: Vec<String>,
}

#[derive(Deserialize)]
struct Reasons {
    reason: Vec<Reason>,
}

impl Reason {
    /// Reads all reasons.
    pub(crate) fn all() -> Result<Vec<Self>> {
        let reasons: Reasons = toml::from_str(include_str!("../../compat/connect/reasons.toml"))
            .context("compat/connect/reasons.toml")?;
        Ok(reasons.reason)
    }

    fn covers(&self, difference: &Difference) -> bool {
        self.requests
            .iter()
            .any(|glob| matches(glob, &difference.request))
            && self
                .places
                .iter()
                .any(|glob| matches(glob, &difference.place))
    }
}

/// Sorts differences by the first reason that covers each.
///
/// # Errors
/// If one has no reason, or a part of a reason covers none.
pub(crate) fn explain(found: &[Difference], reasons: &[Reason]) -> Result<Vec<Vec<Difference>>> {
    let mut explained: Vec<Vec<Difference>> = reasons.iter().map(|_| Vec::new()).collect();
    let mut wrong = Vec::new();
    for difference in found {
        match reasons.iter().position(|reason| reason.covers(difference)) {
            Some(place) => explained[place].push(difference.clone()),
            None => wrong.push(format!(
                "no reason: {} · {}\n    Connect {}\n    ours    {}",
                difference.request, difference.place, difference.connect, difference.ours
            )),
        }
    }
    for (reason, own) in reasons.iter().zip(&explained) {
        let requests = reason
            .requests
            .iter()
            .filter(|glob| !own.iter().any(|d| matches(glob, &d.request)));
        let places = reason
            .places
            .iter()
            .filter(|glob| !own.iter().any(|d| matches(glob, &d.place)));
        let gone = requests
            .chain(places)
            .map(|glob| format!("gone: {glob:?} of {:?}", reason.title));
        wrong.extend(gone);
    }
    ensure!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    Ok(explained)
}

/// Compares two answers to a request.
pub(crate) fn compare(request: &Request, connect: &Answer, ours: &Answer) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut differ = |place: &str, connect: String, ours: String| {
        if connect != ours {
            let (request, place) = (request.line(), place.to_owned());
            found.push(Difference {
                request,
                place,
                connect,
                ours,
            });
        }
    };
    let shown = |header: &Option<String>| header.clone().unwrap_or_else(|| "none".to_owned());
    differ(
        "status",
        connect.status.to_string(),
        ours.status.to_string(),
    );
    differ(
        "content-type",
        shown(&connect.content_type),
        shown(&ours.content_type),
    );
    differ("location", shown(&connect.location), shown(&ours.location));
    differ("allow", shown(&connect.allow), shown(&ours.allow));
    let same_error = |body: &Value| body.get("error_code").is_some();
    if same_error(&connect.body) && same_error(&ours.body) {
        // The code is the status, which has been compared.
        let message = |body: &Value| {
            body.get("message")
                .map_or_else(String::new, Value::to_string)
        };
        differ("/message", message(&connect.body), message(&ours.body));
    } else {
        values("", &connect.body, &ours.body, &mut differ);
    }
    found
}

fn values(at: &str, connect: &Value, ours: &Value, differ: &mut impl FnMut(&str, String, String)) {
    match (connect, ours) {
        (Value::Object(a), Value::Object(b)) => {
            let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names {
                let at = format!("{at}/{name}");
                match (a.get(name), b.get(name)) {
                    (Some(a), Some(b)) => values(&at, a, b, differ),
                    (a, b) => differ(&at, optional(a), optional(b)),
                }
            }
        }
        (a, b) => differ(
            if at.is_empty() { "body" } else { at },
            a.to_string(),
            b.to_string(),
        ),
    }
}

fn optional(value: Option<&Value>) -> String {
    value.map_or_else(|| "absent".to_owned(), Value::to_string)
}

/// Returns whether a text is what a glob says; `*` is anything.
fn matches(glob: &str, text: &str) -> bool {
    let mut parts = glob.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[test]
fn a_star_is_anything() {
    for (glob, text) in [
        ("a", "a"),
        ("a*", "abc"),
        ("*c", "abc"),
        ("a*c*e", "abcde"),
        ("*", ""),
    ] {
        assert!(matches(glob, text), "{glob} {text}");
    }
    for (glob, text) in [("a", "ab"), ("a*d", "abc"), ("b*", "ab"), ("a*c*a", "aca-")] {
        assert!(!matches(glob, text), "{glob} {text}");
    }
}
