//! The API's own description, served at `/openapi.json`.
//!
//! The paths are one table, the shapes are in `schemas.json`; the worker's suite checks every answer
//! it gets against both.

use axum::Json;
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};

use super::error::{Answer, ApiError};
use crate::CONNECT_VERSION;

/// The shapes of bodies, by the names that the table uses.
const SCHEMAS: &str = include_str!("schemas.json");

/// One verb on one path.
struct Operation {
    verb: &'static str,
    path: &'static str,
    summary: &'static str,
    /// Query parameters with what they do.
    query: &'static [(&'static str, &'static str)],
    /// The schema of the request's body.
    body: &'static str,
    /// Statuses with the schema of their bodies; none where the name is empty.
    answers: &'static [(u16, &'static str)],
    /// Statuses of errors of this operation, besides those that any may have.
    errors: &'static [u16],
}

/// Errors that any operation may answer with.
const ANY: [u16; 6] = [401, 403, 406, 415, 500, 503];

const EXPAND: (&str, &str) = ("expand", "info, status, or both by giving it twice.");
const INCLUDE: (&str, &str) = ("includeTasks", "Whether the tasks restart too.");
const FAILED: (&str, &str) = ("onlyFailed", "Whether only what has failed restarts.");
const ONLY: (&str, &str) = (
    "connectorsOnly",
    "Whether only connectors are listed; true if absent.",
);
const SCOPE: (&str, &str) = ("scope", "worker, or cluster for all workers of the group.");

const MAX: (&str, &str) = (
    "max",
    "How many records are written at most; 10000 if absent.",
);

const fn op(
    verb: &'static str,
    path: &'static str,
    summary: &'static str,
    answers: &'static [(u16, &'static str)],
    errors: &'static [u16],
) -> Operation {
    Operation {
        verb,
        path,
        summary,
        query: &[],
        body: "",
        answers,
        errors,
    }
}

impl Operation {
    const fn query(mut self, query: &'static [(&'static str, &'static str)]) -> Self {
        self.query = query;
        self
    }

    const fn body(mut self, schema: &'static str) -> Self {
        self.body = schema;
        self
    }
}

#[rustfmt::skip]
const OPERATIONS: [Operation; 32] = [
    op("get", "/", "Names the worker's version and its Kafka cluster.", &[(200, "Root")], &[]),
    op("get", "/health", "Tells whether the worker is ready, and what has failed or waits.", &[(200, "Health"), (503, "Health")], &[]),
    op("get", "/metrics", "Shows all metrics as OpenMetrics text.", &[(200, "text")], &[]),
    op("get", "/openapi.json", "Shows this description.", &[(200, "any")], &[]),
    op("get", "/connectors", "Lists connectors.", &[(200, "Connectors")], &[]).query(&[EXPAND]),
    op("post", "/connectors", "Creates a connector.", &[(201, "ConnectorInfo")], &[400, 409, 413]).body("Create"),
    op("get", "/connectors/{connector}", "Shows a connector.", &[(200, "ConnectorInfo")], &[400, 404]),
    op("delete", "/connectors/{connector}", "Deletes a connector; source offsets stay.", &[(204, "")], &[400, 404]),
    op("get", "/connectors/{connector}/config", "Shows a configuration; secrets are masked.", &[(200, "Config")], &[400, 404]),
    op("put", "/connectors/{connector}/config", "Creates a connector or gives one a new configuration.", &[(200, "ConnectorInfo"), (201, "ConnectorInfo")], &[400, 413]).body("GivenConfig"),
    op("patch", "/connectors/{connector}/config", "Changes keys of a configuration; null removes one.", &[(200, "ConnectorInfo")], &[400, 404, 413]).body("ConfigPatch"),
    op("get", "/connectors/{connector}/status", "Shows the states of a connector and its tasks.", &[(200, "ConnectorStatus")], &[400, 404]),
    op("post", "/connectors/{connector}/restart", "Restarts a connector.", &[(202, "ConnectorStatus"), (204, "")], &[400, 404, 409]).query(&[INCLUDE, FAILED]),
    op("put", "/connectors/{connector}/pause", "Pauses a connector.", &[(202, "")], &[400, 404]),
    op("put", "/connectors/{connector}/resume", "Lets a paused or stopped connector run.", &[(202, "")], &[400, 404]),
    op("put", "/connectors/{connector}/stop", "Stops a connector and takes its tasks away.", &[(204, "")], &[400, 404, 409]),
    op("get", "/connectors/{connector}/tasks", "Lists the tasks with their configurations.", &[(200, "Tasks")], &[400, 404]),
    op("get", "/connectors/{connector}/tasks-config", "Lists the configurations by connector and task.", &[(200, "TasksConfig")], &[400, 404]),
    op("get", "/connectors/{connector}/tasks/{task}/status", "Shows the state of a task.", &[(200, "TaskStatus")], &[400, 404]),
    op("post", "/connectors/{connector}/tasks/{task}/restart", "Restarts a task.", &[(204, "")], &[400, 404, 409]),
    op("get", "/connectors/{connector}/topics", "Lists the topics that a connector has used.", &[(200, "ActiveTopics")], &[400]),
    op("put", "/connectors/{connector}/topics/reset", "Forgets the topics that a connector has used.", &[(202, "")], &[400]),
    op("get", "/connectors/{connector}/offsets", "Shows where a connector is.", &[(200, "Offsets")], &[400, 404]),
    op("patch", "/connectors/{connector}/offsets", "Puts a stopped connector elsewhere.", &[(200, "Message")], &[400, 404, 409, 413]).body("Offsets"),
    op("delete", "/connectors/{connector}/offsets", "Lets a stopped connector begin anew.", &[(200, "Message")], &[400, 404, 409]),
    op("post", "/connectors/{connector}/dead-letters/replay", "Writes a sink's dead letters to the topics they were read from.", &[(200, "Replayed")], &[400, 404, 409]).query(&[MAX]),
    op("get", "/connector-plugins", "Lists what configurations can name by a class.", &[(200, "Plugins")], &[]).query(&[ONLY]),
    op("get", "/connector-plugins/{plugin}/config", "Describes the keys of a plugin.", &[(200, "ConfigKeys")], &[400, 404]),
    op("put", "/connector-plugins/{plugin}/config/validate", "Checks a configuration.", &[(200, "ConfigInfos")], &[400, 413]).body("GivenConfig"),
    op("get", "/admin/loggers", "Lists log levels.", &[(200, "Loggers")], &[]),
    op("get", "/admin/loggers/{logger}", "Shows a log level.", &[(200, "Logger")], &[400, 404]),
    op("put", "/admin/loggers/{logger}", "Sets a log level.", &[(200, "Names"), (204, "")], &[400, 404, 413]).query(&[SCOPE]).body("Level"),
];

/// `GET /openapi.json`
pub(super) async fn show() -> Answer {
    let document = document()
        .map_err(|why| ApiError::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, why))?;
    Ok(Json(document).into_response())
}

fn document() -> Result<Value, String> {
    let schemas: Value = serde_json::from_str(SCHEMAS).map_err(|error| error.to_string())?;
    let mut paths = Map::new();
    for operation in &OPERATIONS {
        let path = paths
            .entry(operation.path)
            .or_insert_with(|| json!({ "parameters": in_path(operation.path) }));
        path[operation.verb] = describe(operation);
    }
    Ok(json!({
        "openapi": "3.1.0",
        "info": {
            "title": "walbridge: Kafka Connect's REST API",
            "version": CONNECT_VERSION,
            "license": { "name": "Apache-2.0" },
        },
        "security": [{}, { "basic": [] }, { "bearer": [] }, { "certificate": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "basic": { "type": "http", "scheme": "basic" },
                "bearer": { "type": "http", "scheme": "bearer" },
                "certificate": { "type": "mutualTLS" },
            },
        },
    }))
}

fn in_path(path: &str) -> Vec<Value> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| {
            json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
        })
        .collect()
}

fn describe(operation: &Operation) -> Value {
    let mut responses = Map::new();
    for (status, schema) in operation.answers {
        responses.insert(status.to_string(), answer(*status, schema));
    }
    for status in ANY.iter().chain(operation.errors) {
        responses
            .entry(status.to_string())
            .or_insert_with(|| answer(*status, "Error"));
    }
    let query: Vec<Value> = operation
        .query
        .iter()
        .map(|(name, doc)| {
            json!({ "name": name, "in": "query", "description": doc, "schema": { "type": "string" } })
        })
        .collect();
    let mut all = json!({
        "summary": operation.summary,
        "parameters": query,
        "responses": responses,
    });
    if !operation.body.is_empty() {
        all["requestBody"] = json!({ "required": true, "content": content(operation.body) });
    }
    all
}

fn answer(status: u16, schema: &str) -> Value {
    let words = match status {
        // The same everywhere, and not what the status alone says.
        401 => "Who is asking is not known; WWW-Authenticate says what to give.",
        403 => "The user is read-only, and this changes something.",
        _ => axum::http::StatusCode::from_u16(status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or_default(),
    };
    if schema.is_empty() {
        return json!({ "description": words });
    }
    json!({ "description": words, "content": content(schema) })
}

fn content(schema: &str) -> Value {
    match schema {
        "text" => json!({ "application/openmetrics-text": { "schema": { "type": "string" } } }),
        "any" => json!({ "application/json": { "schema": { "type": "object" } } }),
        name => json!({
            "application/json": { "schema": { "$ref": format!("#/components/schemas/{name}") } },
        }),
    }
}
