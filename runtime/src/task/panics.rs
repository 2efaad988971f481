//! Panics of a task become its error; the worker lives on.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};

use walbridge_connector_api::{ConnectorError, Result};

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Installs a panic hook that logs and remembers where a thread panicked.
pub(crate) fn install_hook() {
    panic::set_hook(Box::new(|info| {
        let what = info
            .payload()
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| info.payload().downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".into());
        let place = info
            .location()
            .map(|l| format!(" at {l}"))
            .unwrap_or_default();
        let trace = std::backtrace::Backtrace::capture();
        let text = format!("{what}{place}");
        tracing::error!(panic = %text, backtrace = %trace, "a thread panicked");
        LAST.with(|last| *last.borrow_mut() = Some(text));
    }));
}

/// Runs `body`; a panic in it becomes an error that stops the task.
pub(super) fn contain<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    panic::catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
        let text = LAST.with(|last| last.borrow_mut().take());
        let text = text.unwrap_or_else(|| "no message".into());
        Err(ConnectorError::stop("Panic", text).remedy(
            "this is a defect of the connector; the position is unharmed, so the task can be \
             restarted",
        ))
    })
}
