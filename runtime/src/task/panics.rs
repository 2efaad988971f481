//! Panics of a task become its error; the worker lives on.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use walbridge_connector_api::{ConnectorError, Result};

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Installs, once, a panic hook that remembers where a thread panicked and then does as the old one.
pub(crate) fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let payload = info.payload();
            let what = payload.downcast_ref::<&str>().copied();
            let what = what.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
            let what = what.unwrap_or("no message");
            let place = info
                .location()
                .map(|l| format!(" at {l}"))
                .unwrap_or_default();
            LAST.with(|last| *last.borrow_mut() = Some(format!("{what}{place}")));
            previous(info);
        }));
    });
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
