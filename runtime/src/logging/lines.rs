//! What a log line looks like: text or JSON, with the same fields under the same names.
//!
//! A line written for a task has `connector`, `task` and `worker_id`, whoever writes it: the task's
//! thread is in a span with these fields, threads that a connector starts enter that span too, and so
//! do the callbacks of its Kafka clients. All other lines of a worker have `worker_id` once it is known.

use std::fmt::{self, Write as _};
use std::io::{IsTerminal as _, Write as _};
use std::sync::OnceLock;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Which worker this process is.
static WORKER: OnceLock<String> = OnceLock::new();

/// The fields that come first in a text line, in this order.
const FIRST: [&str; 3] = ["worker_id", "connector", "task"];

/// Says which worker writes the lines from now on; the first of a process counts.
pub(crate) fn name_worker(id: &str) {
    let _ = WORKER.set(id.to_owned());
}

/// Writes lines to standard error.
#[derive(Debug)]
pub(super) struct Lines {
    json: bool,
    color: bool,
}

impl Lines {
    pub(super) fn new(json: bool) -> Self {
        let color = !json && std::io::stderr().is_terminal();
        Self { json, color }
    }
}

/// Fields by name; of two with one name, the inner one counts.
#[derive(Debug, Clone, Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        let name = field.name().strip_prefix("r#").unwrap_or(field.name());
        self.0.insert(name.to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        match u64::try_from(value) {
            Ok(value) => self.put(field, value.into()),
            Err(_) => self.put(field, value.to_string().into()),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        if let Some(worker) = WORKER.get() {
            fields.0.insert("worker_id".into(), worker.as_str().into());
        }
        let scope = context.event_scope(event);
        for span in scope.into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(own) = span.extensions().get::<Fields>() {
                let own = own.0.iter();
                fields.0.extend(own.map(|(k, v)| (k.clone(), v.clone())));
            }
        }
        event.record(&mut fields);
        let metadata = event.metadata();
        let mut line = Line {
            level: *metadata.level(),
            target: metadata.target().to_owned(),
            message: String::new(),
            fields: fields.0,
        };
        line.tidy();
        let text = if self.json {
            line.json()
        } else {
            line.text(self.color)
        };
        // There is nowhere to say that nothing can be said.
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }
}

struct Line {
    level: Level,
    target: String,
    message: String,
    fields: Map<String, Value>,
}

impl Line {
    /// Takes the message out of the fields, and what lines of the `log` crate have there of themselves.
    fn tidy(&mut self) {
        if let Some(Value::String(target)) = self.fields.remove("log.target") {
            self.target = target;
        }
        self.fields.retain(|name, _| !name.starts_with("log."));
        if let Some(message) = self.fields.remove("message") {
            self.message = plain(&message);
        }
    }

    fn json(self) -> String {
        let mut all = Map::new();
        all.insert("timestamp".into(), now().into());
        all.insert("level".into(), self.level.as_str().into());
        all.insert("target".into(), self.target.into());
        all.insert("message".into(), self.message.into());
        for (name, value) in self.fields {
            all.entry(name).or_insert(value);
        }
        format!("{}\n", Value::Object(all))
    }

    fn text(self, color: bool) -> String {
        let mut line = now();
        let level = self.level.as_str();
        let code = match self.level {
            Level::ERROR => 31,
            Level::WARN => 33,
            Level::INFO => 32,
            Level::DEBUG => 34,
            Level::TRACE => 35,
        };
        let _ = if color {
            write!(line, " \x1b[{code}m{level:>5}\x1b[0m")
        } else {
            write!(line, " {level:>5}")
        };
        let mut fields = self.fields;
        for name in FIRST {
            if let Some(value) = fields.remove(name) {
                let _ = write!(line, " {name}={}", plain(&value));
            }
        }
        let _ = write!(line, " {}", self.message);
        for (name, value) in fields {
            let _ = write!(line, " {name}={}", quoted(&value));
        }
        line.push('\n');
        line
    }
}

/// A value as it stands in a line of text.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A value of a field: in quotes if it would not be seen where it ends.
fn quoted(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() || text.contains([' ', '"', '\n', '=']) => {
            format!("{text:?}")
        }
        other => plain(other),
    }
}

fn now() -> String {
    let mut text = String::new();
    // Writing to a text does not fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        let fields = serde_json::json!({
            "message": "waits", "connector": "c", "task": 0, "worker_id": "w:1",
            "error": "no way\nout", "log.target": "rustls", "log.line": 7, "level": "shadow",
        });
        let mut line = Line {
            level: Level::WARN,
            target: "log".into(),
            message: String::new(),
            fields: fields.as_object().cloned().unwrap(),
        };
        line.tidy();
        line
    }

    #[test]
    fn both_forms_have_the_same_fields() {
        let json: Value = serde_json::from_str(&line().json()).unwrap();
        for (name, value) in [
            ("level", "WARN"),
            ("target", "rustls"),
            ("message", "waits"),
            ("connector", "c"),
            ("worker_id", "w:1"),
            ("error", "no way\nout"),
        ] {
            assert_eq!(json[name], value, "{json}");
        }
        assert_eq!((&json["task"], json.get("log.line")), (&0.into(), None));
        let text = line().text(false);
        assert_eq!(text.matches('\n').count(), 1, "{text:?}");
        let (_, text) = text.split_once(' ').unwrap();
        assert_eq!(
            text,
            " WARN worker_id=w:1 connector=c task=0 waits error=\"no way\\nout\" level=shadow\n"
        );
        let colored = line().text(true);
        assert!(colored.contains("\x1b[33m WARN\x1b[0m"), "{colored:?}");
    }
}
