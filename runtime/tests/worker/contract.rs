//! Every answer of this suite against the document that the worker serves, and every path of the document.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::site::{Answer, Running, name, start};

/// The document, as the first worker asked has it.
pub(crate) struct Contract(Value);

impl Contract {
    pub(crate) fn of(document: impl FnOnce() -> String) -> &'static Self {
        static CONTRACT: OnceLock<Contract> = OnceLock::new();
        CONTRACT.get_or_init(|| Self(serde_json::from_str(&document()).unwrap()))
    }

    /// Fails unless the document says that this answer may come.
    pub(crate) fn check(&self, verb: &str, path: &str, answer: &Answer) {
        let context = || format!("{verb} {path}: {answer:?}");
        let Some(described) = self.path(path) else {
            // Unknown paths, and those that are no path at all.
            assert!(
                [400, 401, 403, 404].contains(&answer.status),
                "{}",
                context()
            );
            return;
        };
        let verb = verb.to_lowercase();
        let described = match verb.as_str() {
            "head" => &described["get"],
            verb => &described[verb],
        };
        if described.is_null() {
            let expected = if verb == "options" { 200 } else { 405 };
            assert!(
                [expected, 401, 403].contains(&answer.status),
                "{}",
                context()
            );
            return;
        }
        let response = &described["responses"][answer.status.to_string()];
        assert!(response.is_object(), "not in the document: {}", context());
        if verb == "head" {
            return;
        }
        let Some(content) = response["content"].as_object() else {
            assert_eq!(answer.text, "", "{}", context());
            assert!(
                !answer.headers.contains_key("content-type"),
                "{}",
                context()
            );
            return;
        };
        let kind = answer.headers["content-type"].to_str().unwrap();
        let kind = kind.split(';').next().unwrap();
        let schema = content.get(kind).map(|content| &content["schema"]);
        let schema = schema.unwrap_or_else(|| panic!("another type: {}", context()));
        if kind == "application/json" {
            let found: Vec<String> = self
                .validator(schema)
                .iter_errors(&answer.json())
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert_eq!(found, [""; 0], "{}", context());
        }
    }

    /// Returns the statuses that the document knows for a verb on a path.
    pub(crate) fn responses(&self, verb: &str, path: &str) -> Vec<String> {
        let described = &self.path(path).unwrap()[verb.to_lowercase()]["responses"];
        described.as_object().unwrap().keys().cloned().collect()
    }

    fn path(&self, path: &str) -> Option<&Value> {
        let path = path.split('?').next().unwrap();
        let trimmed = path.trim_end_matches('/');
        let parts: Vec<&str> = trimmed.split('/').collect();
        let fits = |template: &str| {
            let template: Vec<&str> = template.trim_end_matches('/').split('/').collect();
            template.len() == parts.len()
                && template.iter().zip(&parts).all(|(wanted, part)| {
                    wanted == part || (wanted.starts_with('{') && !part.is_empty())
                })
        };
        let paths = self.0["paths"].as_object().unwrap();
        paths
            .iter()
            .find(|(template, _)| fits(template))
            .map(|(_, described)| described)
    }

    fn validator(&self, schema: &Value) -> Validator {
        let mut whole = schema.clone();
        whole["components"] = self.0["components"].clone();
        jsonschema::draft202012::new(&whole).unwrap()
    }

    fn operations(&self) -> BTreeSet<(String, String)> {
        let paths = self.0["paths"].as_object().unwrap();
        let verbs = paths.iter().flat_map(|(path, described)| {
            let verbs = described.as_object().unwrap().keys();
            verbs
                .filter(|verb| *verb != "parameters")
                .map(|verb| (verb.to_uppercase(), path.clone()))
        });
        verbs.collect()
    }
}

#[test]
fn the_document_is_whole_and_every_path_of_it_answers() {
    let worker = start(&name("contract"));
    let contract = worker.contract();
    for (schema, _) in contract.0["components"]["schemas"].as_object().unwrap() {
        let path = format!("#/components/schemas/{schema}");
        contract.validator(&json!({ "$ref": path }));
    }
    let topic = name("contract");
    let config = json!({ "connector.class": "Counter", "topic": topic, "limit": 1 }).to_string();
    let create = format!(r#"{{"name":"c","config":{config}}}"#);
    let offsets = r#"{"offsets":[{"partition":{"counter":"c"},"offset":{"next":0}}]}"#;
    let drive: &[(&str, &str, &str, Option<&str>, u16)] = &[
        ("GET", "/", "/", None, 200),
        ("GET", "/health", "/health", None, 200),
        ("GET", "/metrics", "/metrics", None, 200),
        ("GET", "/openapi.json", "/openapi.json", None, 200),
        ("POST", "/connectors", "/connectors", Some(&create), 201),
        ("POST", "/connectors", "/connectors", Some(&create), 409),
        ("GET", "/connectors", "/connectors", None, 200),
        (
            "GET",
            "/connectors",
            "/connectors?expand=info&expand=status",
            None,
            200,
        ),
        ("GET", "/connectors/{connector}", "/connectors/c", None, 200),
        (
            "GET",
            "/connectors/{connector}/config",
            "/connectors/c/config",
            None,
            200,
        ),
        (
            "PUT",
            "/connectors/{connector}/config",
            "/connectors/c/config",
            Some(&config),
            200,
        ),
        (
            "PATCH",
            "/connectors/{connector}/config",
            "/connectors/c/config",
            Some("{}"),
            200,
        ),
        (
            "GET",
            "/connectors/{connector}/status",
            "/connectors/c/status",
            None,
            200,
        ),
        (
            "GET",
            "/connectors/{connector}/tasks",
            "/connectors/c/tasks",
            None,
            200,
        ),
        (
            "GET",
            "/connectors/{connector}/tasks-config",
            "/connectors/c/tasks-config",
            None,
            200,
        ),
        (
            "GET",
            "/connectors/{connector}/tasks/{task}/status",
            "/connectors/c/tasks/0/status",
            None,
            200,
        ),
        (
            "POST",
            "/connectors/{connector}/tasks/{task}/restart",
            "/connectors/c/tasks/0/restart",
            None,
            204,
        ),
        (
            "POST",
            "/connectors/{connector}/restart",
            "/connectors/c/restart",
            None,
            204,
        ),
        (
            "POST",
            "/connectors/{connector}/restart",
            "/connectors/c/restart?includeTasks=true",
            None,
            202,
        ),
        (
            "PUT",
            "/connectors/{connector}/pause",
            "/connectors/c/pause",
            None,
            202,
        ),
        (
            "PUT",
            "/connectors/{connector}/resume",
            "/connectors/c/resume",
            None,
            202,
        ),
        (
            "GET",
            "/connectors/{connector}/topics",
            "/connectors/c/topics",
            None,
            200,
        ),
        (
            "PUT",
            "/connectors/{connector}/topics/reset",
            "/connectors/c/topics/reset",
            None,
            202,
        ),
        (
            "GET",
            "/connectors/{connector}/offsets",
            "/connectors/c/offsets",
            None,
            200,
        ),
        (
            "PATCH",
            "/connectors/{connector}/offsets",
            "/connectors/c/offsets",
            Some(offsets),
            400,
        ),
        (
            "POST",
            "/connectors/{connector}/dead-letters/replay",
            "/connectors/c/dead-letters/replay",
            None,
            400,
        ),
        (
            "PUT",
            "/connectors/{connector}/stop",
            "/connectors/c/stop",
            None,
            204,
        ),
        (
            "PATCH",
            "/connectors/{connector}/offsets",
            "/connectors/c/offsets",
            Some(offsets),
            200,
        ),
        (
            "DELETE",
            "/connectors/{connector}/offsets",
            "/connectors/c/offsets",
            None,
            200,
        ),
        (
            "DELETE",
            "/connectors/{connector}",
            "/connectors/c",
            None,
            204,
        ),
        (
            "DELETE",
            "/connectors/{connector}",
            "/connectors/c",
            None,
            404,
        ),
        (
            "GET",
            "/connector-plugins",
            "/connector-plugins?connectorsOnly=false",
            None,
            200,
        ),
        (
            "GET",
            "/connector-plugins/{plugin}/config",
            "/connector-plugins/Counter/config",
            None,
            200,
        ),
        (
            "PUT",
            "/connector-plugins/{plugin}/config/validate",
            "/connector-plugins/Counter/config/validate",
            Some(&config),
            200,
        ),
        ("GET", "/admin/loggers", "/admin/loggers", None, 200),
        (
            "GET",
            "/admin/loggers/{logger}",
            "/admin/loggers/root",
            None,
            200,
        ),
        (
            "PUT",
            "/admin/loggers/{logger}",
            "/admin/loggers/org.example.Contract",
            Some(r#"{"level":"INFO"}"#),
            200,
        ),
    ];
    // `send` itself checks each answer against the document.
    for (verb, _, path, body, status) in drive {
        let answer = worker.send(verb, path, *body);
        assert_eq!(answer.status, *status, "{verb} {path}: {answer:?}");
    }
    let driven: BTreeSet<_> = drive
        .iter()
        .map(|(verb, template, ..)| ((*verb).to_owned(), (*template).to_owned()))
        .collect();
    assert_eq!(driven, contract.operations());
    // The router has no other verbs than the document.
    let paths: BTreeSet<&String> = driven.iter().map(|(_, path)| path).collect();
    for template in paths {
        let path = template.replace("{connector}", "c").replace("{task}", "0");
        let path = path
            .replace("{plugin}", "Counter")
            .replace("{logger}", "root");
        let allow = verbs(&worker, &path);
        let described = driven.iter().filter(|(_, path)| path == template);
        let described: BTreeSet<String> = described.map(|(verb, _)| verb.clone()).collect();
        assert_eq!(allow, described, "{template}");
    }
}

fn verbs(worker: &Running, path: &str) -> BTreeSet<String> {
    let options = worker.send("OPTIONS", path, None);
    let allow = options.headers["allow"].to_str().unwrap().to_owned();
    let verbs = allow.split(',').map(str::to_owned);
    verbs
        .filter(|verb| verb != "HEAD" && verb != "OPTIONS")
        .collect()
}
