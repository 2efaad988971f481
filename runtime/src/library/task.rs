//! A task of a library: calls, and what comes back beside their answers.

use std::sync::Arc;

use walbridge_connector_api::{
    ConnectorError, ErrantRecordReporter, Result, SinkControl, TaskMetrics,
};
use walbridge_plugin::codec::{
    self, Aside, Counted, Malformed, Reader, SchemasIn, SchemasOut, Wire, whole,
};

use super::raw::{Answer, Failed, Library, RawTask};

/// A task of a library with what both sides remember of it.
pub(super) struct PluginTask {
    raw: RawTask,
    metrics: Arc<TaskMetrics>,
    seen: Counted,
    /// Where a sink's records in error go.
    pub(super) errant: ErrantRecordReporter,
    schemas_in: SchemasIn,
    /// The schemas that the library has been told of.
    pub(super) schemas_out: SchemasOut,
    /// What the next call hands over; its memory serves again.
    pub(super) input: Vec<u8>,
    /// Set by a panic or by an answer that makes no sense: it is not called again.
    broken: bool,
}

impl PluginTask {
    pub(super) fn new(raw: RawTask, metrics: Arc<TaskMetrics>) -> Self {
        Self {
            raw,
            metrics,
            seen: Counted::default(),
            errant: ErrantRecordReporter::default(),
            schemas_in: SchemasIn::default(),
            schemas_out: SchemasOut::default(),
            input: Vec::new(),
            broken: false,
        }
    }

    /// Begins the input of a call.
    pub(super) fn begin(&mut self, value: &impl Wire) {
        self.input.clear();
        value.write(&mut self.input);
    }

    /// Returns the error of a call that could not be written.
    pub(super) fn unwritable(&self, error: &Malformed) -> ConnectorError {
        ConnectorError::stop(
            "RecordTooDeep",
            format!("a record cannot go to {}: {error}", self.raw.library.about),
        )
        .remedy("flatten it with a transform, or leave it out")
    }

    /// Makes a call with the input that was begun, and reads its answer.
    pub(super) fn call<T>(
        &mut self,
        operation: u32,
        control: Option<&mut dyn SinkControl>,
        read: impl FnOnce(&mut Reader<'_>, &mut SchemasIn) -> codec::Result<T>,
    ) -> Result<T> {
        if self.broken {
            return Err(malformed(self.raw.library, "it is called after its end"));
        }
        // Unless all goes well.
        self.broken = true;
        let library = self.raw.library;
        let answer = self.raw.call(operation, &self.input, control);
        let strange = |error: Malformed| malformed(library, &error.to_string());
        let outcome = match answer {
            Ok(answer) => Ok(self.take(&answer, read).map_err(strange)?),
            Err(Failed::Connector(answer)) => {
                let error = self.take(&answer, |from, _| ConnectorError::read(from));
                Err(error.map_err(strange)?)
            }
            Err(Failed::Panicked(text)) => return Err(panicked(library, &text)),
            Err(Failed::Malformed(text)) => return Err(malformed(library, &text)),
        };
        self.broken = false;
        outcome
    }

    /// Reads an answer, and takes in what stands beside it.
    fn take<T>(
        &mut self,
        answer: &Answer,
        read: impl FnOnce(&mut Reader<'_>, &mut SchemasIn) -> codec::Result<T>,
    ) -> codec::Result<T> {
        let mut from = Reader::new(answer);
        let len = u64::read(&mut from)?;
        let len = usize::try_from(len).map_err(|_| Malformed("it is too long"))?;
        let mut body = Reader::new(from.take(len)?);
        // In this order: the schemas of the body were told of first.
        let value = read(&mut body, &mut self.schemas_in)?;
        body.end()?;
        let aside = Aside::read(&mut from, &mut self.schemas_in)?;
        from.end()?;
        aside.counted.apply(&self.metrics, &mut self.seen);
        for errant in aside.errant {
            // A refusal is the same as the library's own reporter has given.
            let _ = self.errant.report(&errant.record, errant.error);
        }
        Ok(value)
    }

    /// Ends the task's threads and connections; nothing is called after a panic.
    pub(super) fn stop(&mut self) {
        if self.broken {
            return;
        }
        self.input.clear();
        if let Err(error) = self.call(walbridge_plugin::operation::STOP, None, |_, _| Ok(())) {
            tracing::warn!(error = %error.trace(), "a task of a library did not end in good order");
        }
    }
}

/// Makes the error of a panic.
pub(super) fn panicked(library: &Library, text: &str) -> ConnectorError {
    ConnectorError::stop("Panic", text.to_owned()).remedy(format!(
        "this is a defect of {}; the position is unharmed, so the task can be restarted",
        library.about
    ))
}

/// Makes the error of a library and a worker that do not understand each other.
pub(super) fn malformed(library: &Library, what: &str) -> ConnectorError {
    ConnectorError::stop(
        "PluginMalformed",
        format!(
            "{} and the worker do not understand each other: {what}",
            library.about
        ),
    )
    .remedy("this is a defect of the library or of the worker; build the library anew")
}

/// Reads a value that takes all of the bytes, as the answer to what a sink asks.
pub(super) fn read<T: Wire>(input: &[u8]) -> codec::Result<T> {
    whole(input)
}

macro_rules! at_level {
    ($level:expr, $does:ident) => {
        match $level {
            0 | 1 => $does!(tracing::Level::ERROR),
            2 => $does!(tracing::Level::WARN),
            3 => $does!(tracing::Level::INFO),
            4 => $does!(tracing::Level::DEBUG),
            _ => $does!(tracing::Level::TRACE),
        }
    };
}

/// Tells whether lines of libraries with this level (1 error … 5 trace) are written.
pub(super) fn log_enabled(level: u32) -> bool {
    macro_rules! enabled {
        ($level:expr) => {
            tracing::enabled!(target: "plugin", $level)
        };
    }
    at_level!(level, enabled)
}

/// Writes a library's line into the log: logger `plugin`, with the library's own as a field.
pub(super) fn log(level: u32, logger: &str, message: &str) {
    macro_rules! line {
        ($level:expr) => {
            tracing::event!(target: "plugin", $level, logger, "{message}")
        };
    }
    at_level!(level, line);
}
