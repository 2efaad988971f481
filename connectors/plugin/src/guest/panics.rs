//! Panics of a library end in the answer of the call that they happened in.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use super::{Reply, log};
use crate::abi::status;

thread_local! {
    /// Whether this thread is inside a call of the worker's.
    static CALLED: Cell<bool> = const { Cell::new(false) };
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Installs, once, a hook that remembers what a call died of; of a thread of the library's own it writes a
/// line into the worker's log.
pub(super) fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        panic::set_hook(Box::new(|info| {
            let payload = info.payload();
            let what = payload.downcast_ref::<&str>().copied();
            let what = what.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
            let what = what.unwrap_or("no message");
            let place = info.location().map(|l| format!(" at {l}"));
            let text = format!("{what}{}", place.unwrap_or_default());
            if CALLED.get() {
                LAST.with(|last| *last.borrow_mut() = Some(text));
            } else {
                log::line(1, module_path!(), &format!("a thread panicked: {text}"));
            }
        }));
    });
}

/// Runs the body of a call; a panic in it is its reply.
pub(super) fn contain(body: impl FnOnce() -> Reply) -> Reply {
    // A sink may call the worker, which may call nothing of ours: calls are not nested.
    CALLED.set(true);
    let reply = panic::catch_unwind(AssertUnwindSafe(body));
    CALLED.set(false);
    reply.unwrap_or_else(|payload| {
        // What a payload does when it is dropped is not known.
        std::mem::forget(payload);
        let text = LAST.with(|last| last.borrow_mut().take());
        Reply {
            status: status::PANIC,
            bytes: text.unwrap_or_else(|| "no message".into()).into_bytes(),
        }
    })
}
