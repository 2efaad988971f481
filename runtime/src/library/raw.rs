//! Loading a library and calling it: all `unsafe` of this crate.
//!
//! What a library hands out is held by types that give it back: [`Answer`] and [`RawTask`]. What it is lent
//! lives for the time of the call. The worker's own functions keep a panic in.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::ptr;

use walbridge_connector_api::{SinkControl, StopToken};
use walbridge_plugin::abi::{
    self, ABI, Buffer, Descriptor, Header, Host, MAGIC, SYMBOL, Slice, TOOLKIT, status, text,
};

use super::sink;

type Connector =
    unsafe extern "C" fn(u32, u32, Slice, *mut c_void, *mut *mut c_void, *mut Buffer) -> i32;
type Task = unsafe extern "C" fn(*mut c_void, u32, Slice, *mut c_void, *mut Buffer) -> i32;
type Free = unsafe extern "C" fn(Buffer);

/// A library that has been loaded; it stays so.
pub(super) struct Library {
    connector: Connector,
    task: Task,
    release: unsafe extern "C" fn(*mut c_void),
    free: Free,
    /// Its file and version, for messages.
    pub(super) about: String,
}

/// The worker's functions, as libraries see them.
static HOST: Host = Host {
    enabled,
    log,
    is_stopped,
    release_stop,
    control,
    free,
};

/// How a call failed.
#[derive(Debug)]
pub(super) enum Failed {
    /// By an error of the connector's, which the answer holds.
    Connector(Answer),
    /// By a panic.
    Panicked(String),
    /// The library did not understand the call.
    Malformed(String),
}

impl Library {
    /// Loads a library and lets it describe itself; says in words why it is refused.
    ///
    /// Until its header has been compared, nothing of it is called but what the system's loader runs.
    pub(super) fn open(path: &Path) -> Result<(&'static Self, Answer), String> {
        // SAFETY: constructors of the library run. Whoever may write to plugin.path may run code in the
        // worker: that is what the key is for.
        let loaded = unsafe { libloading::Library::new(path) };
        // It stays loaded, whatever else is found: threads and texts of it may be anywhere.
        let loaded = ManuallyDrop::new(loaded.map_err(|error| {
            format!("it cannot be loaded as a shared library of this machine: {error}")
        })?);
        // SAFETY: a symbol of this name is data that begins with a header; its first bytes are compared before
        // any others are used.
        let symbol = unsafe { loaded.get::<*const Descriptor>(SYMBOL.as_bytes()) };
        let descriptor: *const Descriptor = *symbol.map_err(|_| {
            format!(
                "it is no walbridge plugin: it does not export {SYMBOL} (walbridge_plugin::export!)"
            )
        })?;
        // SAFETY: the header has this form in every ABI. If this is something else, its first bytes say so; a
        // symbol at the very end of its page would be the one thing that cannot be told.
        let header = unsafe { descriptor.cast::<Header>().read_unaligned() };
        judge(&header)?;
        if !descriptor.is_aligned() {
            return Err(format!("{SYMBOL} is not aligned"));
        }
        // SAFETY: magic, ABI number and sizes are ours, so it is a descriptor, which lives as long as the library.
        let descriptor: &'static Descriptor = unsafe { &*descriptor };
        let (Some(begin), Some(connector), Some(task), Some(release), Some(free)) = (
            descriptor.begin,
            descriptor.connector,
            descriptor.task,
            descriptor.release,
            descriptor.free,
        ) else {
            return Err("its descriptor lacks a function".into());
        };
        let about = format!(
            "{} ({} {})",
            path.display(),
            text(&header.name),
            text(&header.version)
        );
        let library: &'static Self = Box::leak(Box::new(Self {
            connector,
            task,
            release,
            free,
            about,
        }));
        let answer = library.answer(|answer| {
            // SAFETY: the table lives as long as the process, and there is a place for the answer.
            unsafe { begin(&raw const HOST, answer) }
        });
        match answer {
            Ok(answer) => Ok((library, answer)),
            Err(Failed::Panicked(text)) => {
                Err(format!("it panicked when it was asked what it is: {text}"))
            }
            Err(Failed::Connector(_)) => Err("it does not say what it is".into()),
            Err(Failed::Malformed(text)) => Err(format!("it does not say what it is: {text}")),
        }
    }

    /// Makes a call that has an answer.
    fn answer(&self, call: impl FnOnce(*mut Buffer) -> i32) -> Result<Answer, Failed> {
        let mut buffer = Buffer::NONE;
        let status = call(&raw mut buffer);
        let answer = Answer {
            buffer: ManuallyDrop::new(buffer),
            free: self.free,
        };
        let words = |answer: &Answer| String::from_utf8_lossy(answer).into_owned();
        match status {
            status::OK => Ok(answer),
            status::ERROR => Err(Failed::Connector(answer)),
            status::PANIC => Err(Failed::Panicked(words(&answer))),
            status::MALFORMED => Err(Failed::Malformed(words(&answer))),
            other => Err(Failed::Malformed(format!("it ended a call with {other}"))),
        }
    }

    /// Carries out an operation of a connector that starts no task.
    pub(super) fn ask(&self, index: u32, operation: u32, input: &[u8]) -> Result<Answer, Failed> {
        let mut task = ptr::null_mut();
        self.answer(|answer| {
            // SAFETY: the input is lent for the time of the call; there are places for handle and answer.
            unsafe {
                let stop = ptr::null_mut();
                (self.connector)(index, operation, lend(input), stop, &raw mut task, answer)
            }
        })
    }

    /// Starts a task.
    pub(super) fn start(
        &'static self,
        index: u32,
        operation: u32,
        input: &[u8],
        stop: StopToken,
    ) -> Result<(RawTask, Answer), Failed> {
        let mut task = ptr::null_mut();
        // The library gives it back through `release_stop`.
        let stop: *mut StopToken = Box::into_raw(Box::new(stop));
        let answer = self.answer(|answer| {
            // SAFETY: as above; the library owns `stop` from here on.
            unsafe {
                (self.connector)(
                    index,
                    operation,
                    lend(input),
                    stop.cast(),
                    &raw mut task,
                    answer,
                )
            }
        })?;
        match ptr::NonNull::new(task) {
            Some(handle) => {
                let library = self;
                Ok((RawTask { library, handle }, answer))
            }
            None => Err(Failed::Malformed(
                "it started a task and gave no handle".into(),
            )),
        }
    }
}

/// Says what is wrong with a header: what it has and what is wanted.
fn judge(header: &Header) -> Result<(), String> {
    if header.magic != MAGIC {
        return Err(format!(
            "{SYMBOL} is not the descriptor of a walbridge plugin"
        ));
    }
    let wanted = Header::new("", "");
    let (theirs, ours) = (text(&header.toolkit), TOOLKIT);
    if header.abi != ABI {
        return Err(format!(
            "it has plugin ABI {} (walbridge-plugin {theirs}), and this worker wants ABI {ABI} \
             (walbridge-plugin {ours}): build it against that",
            header.abi
        ));
    }
    for (what, has, wants) in [
        ("descriptor", header.descriptor_size, wanted.descriptor_size),
        ("host table", header.host_size, wanted.host_size),
        ("buffer", header.buffer_size, wanted.buffer_size),
    ] {
        if has != wants {
            return Err(format!(
                "its {what} has {has} bytes (walbridge-plugin {theirs}), and this worker's has {wants} \
                 (walbridge-plugin {ours}): build it for this machine, against that"
            ));
        }
    }
    Ok(())
}

fn lend(bytes: &[u8]) -> Slice {
    Slice {
        start: bytes.as_ptr(),
        len: bytes.len(),
    }
}

/// Bytes that a library has handed over; given back when dropped.
pub(super) struct Answer {
    buffer: ManuallyDrop<Buffer>,
    free: Free,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answer of {} bytes", self.buffer.len)
    }
}

impl Deref for Answer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        if self.buffer.start.is_null() {
            return &[];
        }
        // SAFETY: the library has handed over so many bytes, and they are ours until they are given back.
        unsafe { std::slice::from_raw_parts(self.buffer.start, self.buffer.len) }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // SAFETY: it is taken once, here, and given back to the side that made it.
        unsafe { (self.free)(ManuallyDrop::take(&mut self.buffer)) };
    }
}

/// A task of a library; released when dropped.
pub(super) struct RawTask {
    pub(super) library: &'static Library,
    handle: ptr::NonNull<c_void>,
}

// SAFETY: tasks of connectors are `Send`, and this is the only holder of the handle.
unsafe impl Send for RawTask {}

impl RawTask {
    /// Carries out an operation of the task.
    pub(super) fn call(
        &mut self,
        operation: u32,
        input: &[u8],
        control: Option<&mut dyn SinkControl>,
    ) -> Result<Answer, Failed> {
        let mut control = control;
        let context: *mut c_void = match &mut control {
            Some(control) => ptr::from_mut(control).cast(),
            None => ptr::null_mut(),
        };
        self.library.answer(|answer| {
            let handle = self.handle.as_ptr();
            // SAFETY: the handle was not released, and `&mut self` makes this the only call of it; input and
            // context are lent for the time of the call; there is a place for the answer.
            unsafe { (self.library.task)(handle, operation, lend(input), context, answer) }
        })
    }
}

impl Drop for RawTask {
    fn drop(&mut self) {
        // SAFETY: the handle is given back once.
        unsafe { (self.library.release)(self.handle.as_ptr()) };
    }
}

unsafe extern "C" fn enabled(level: u32) -> u32 {
    let enabled = catch_unwind(|| super::task::log_enabled(level));
    u32::from(enabled.unwrap_or(false))
}

unsafe extern "C" fn log(level: u32, target: Slice, message: Slice) {
    // SAFETY: the library lends both for the time of the call.
    let (target, message) = unsafe { (lent(target), lent(message)) };
    // A log that panics has nobody to be told of it.
    let _ = catch_unwind(|| {
        let (target, message) = (
            String::from_utf8_lossy(target),
            String::from_utf8_lossy(message),
        );
        super::task::log(level, &target, &message);
    });
}

unsafe extern "C" fn is_stopped(stop: *mut c_void) -> u32 {
    // SAFETY: the library passes what it was given with a task and has not given back.
    let stop = unsafe { &*stop.cast::<StopToken>() };
    let stopped = catch_unwind(AssertUnwindSafe(|| stop.is_stopped()));
    u32::from(stopped.unwrap_or(true))
}

unsafe extern "C" fn release_stop(stop: *mut c_void) {
    // SAFETY: the library gives back once what it was given with a task.
    let stop = unsafe { Box::from_raw(stop.cast::<StopToken>()) };
    let _ = catch_unwind(AssertUnwindSafe(|| drop(stop)));
}

unsafe extern "C" fn control(
    context: *mut c_void,
    operation: u32,
    input: Slice,
    answer: *mut Buffer,
) -> i32 {
    let done = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the context is that of the call that the library is in, which has lent it.
        let control = unsafe { &mut *context.cast::<&mut dyn SinkControl>() };
        // SAFETY: the library lends the input for the time of the call.
        sink::control(*control, operation, unsafe { lent(input) })
    }));
    let (status, bytes) = done.unwrap_or_else(|_| (status::PANIC, b"the worker panicked".to_vec()));
    let mut bytes = ManuallyDrop::new(bytes);
    let buffer = Buffer {
        start: bytes.as_mut_ptr(),
        len: bytes.len(),
        capacity: bytes.capacity(),
    };
    // SAFETY: the library passes a place for the answer.
    unsafe { answer.write(buffer) };
    status
}

unsafe extern "C" fn free(buffer: Buffer) {
    if buffer.start.is_null() {
        return;
    }
    // SAFETY: the library gives back what `control` took out of a vector, as it was, once.
    drop(unsafe { Vec::from_raw_parts(buffer.start, buffer.len, buffer.capacity) });
}

/// Returns bytes that a library lends.
///
/// # Safety
/// They have to be there for `'a`.
unsafe fn lent<'a>(slice: abi::Slice) -> &'a [u8] {
    if slice.len == 0 {
        return &[];
    }
    // SAFETY: by the caller's promise there are so many bytes, which nobody changes meanwhile.
    unsafe { std::slice::from_raw_parts(slice.start, slice.len) }
}
