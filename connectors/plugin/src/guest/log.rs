//! `tracing` events of a library as lines of the worker's log.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

use super::raw;

/// Hands events to the worker. Spans are left out: the worker's own says which task it is.
struct ToWorker;

/// Sends events to the worker from here on.
pub(super) fn start() {
    // An error means that somebody in the library has chosen otherwise.
    let _ = tracing::subscriber::set_global_default(ToWorker);
}

/// Writes one line.
pub(super) fn line(level: u32, target: &str, message: &str) {
    raw::log(level, target, message);
}

fn number(level: Level) -> u32 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

impl Subscriber for ToWorker {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        // The worker's levels change while it runs.
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && raw::log_enabled(number(*metadata.level()))
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let metadata = event.metadata();
        let Text { message, fields } = text;
        let whole = format!("{message}{fields}");
        line(number(*metadata.level()), metadata.target(), &whole);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// An event's message, and its other fields as ` name=value`.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
