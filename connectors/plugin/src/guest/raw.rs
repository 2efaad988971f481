//! The functions that the worker calls, and the calls of its own: all `unsafe` of this crate.
//!
//! Every function here keeps a panic in ([`panics::contain`]), turns pointers into references for the
//! time of the call alone, and hands the rest of the crate nothing but safe types.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::sync::OnceLock;

use walbridge_connector_api::{
    Batch, ConnectorError, PartitionInfo, Result, SinkControl, StopToken, TopicPartition,
};

use super::session::{Control, Session};
use super::{Library, Reply, log, panics};
use crate::abi::{Buffer, Descriptor, Header, Host, Slice, status};
use crate::codec::{Malformed, Wire, bytes_of, whole};
use crate::operation;

static HOST: OnceLock<Host> = OnceLock::new();

// SAFETY: a descriptor is data that nobody changes: texts, sizes and functions.
unsafe impl Sync for Descriptor {}

/// Creates the descriptor of a library.
pub const fn descriptor<L: Library>(header: Header) -> Descriptor {
    Descriptor {
        header,
        begin: Some(begin::<L>),
        connector: Some(connector),
        task: Some(task),
        release: Some(release),
        free: Some(free),
    }
}

fn lend(bytes: &[u8]) -> Slice {
    Slice {
        start: bytes.as_ptr(),
        len: bytes.len(),
    }
}

/// Returns bytes that the worker lends for the time of this call.
///
/// # Safety
/// They have to be there for `'a`.
unsafe fn lent<'a>(slice: Slice) -> &'a [u8] {
    if slice.len == 0 {
        return &[];
    }
    // SAFETY: by the caller's promise there are so many bytes, which nobody changes meanwhile.
    unsafe { std::slice::from_raw_parts(slice.start, slice.len) }
}

/// Hands a reply over.
///
/// # Safety
/// `answer` has to be a place for a buffer.
unsafe fn hand_over(reply: Reply, answer: *mut Buffer) -> i32 {
    let mut bytes = ManuallyDrop::new(reply.bytes);
    let buffer = Buffer {
        start: bytes.as_mut_ptr(),
        len: bytes.len(),
        capacity: bytes.capacity(),
    };
    // SAFETY: by the caller's promise. What was there before is the worker's and has no destructor.
    unsafe { answer.write(buffer) };
    reply.status
}

unsafe extern "C" fn begin<L: Library>(host: *const Host, answer: *mut Buffer) -> i32 {
    // SAFETY: the worker passes its table, which it has compared in size, and keeps it.
    let host = unsafe { *host };
    let reply = panics::contain(|| {
        // An error means that there is one already: the same, for a library is begun once.
        let _ = HOST.set(host);
        panics::install_hook();
        log::start();
        super::begin::<L>()
    });
    // SAFETY: the worker passes a place for the answer.
    unsafe { hand_over(reply, answer) }
}

unsafe extern "C" fn connector(
    index: u32,
    operation: u32,
    input: Slice,
    stop: *mut c_void,
    task: *mut *mut c_void,
    answer: *mut Buffer,
) -> i32 {
    let stop = (!stop.is_null()).then(|| Stop(stop));
    let mut started = None;
    let reply = panics::contain(|| {
        let stop = stop.map(|stop| StopToken::watching(move || stop.is_stopped()));
        // SAFETY: the worker lends the input for the time of this call.
        let input = unsafe { lent(input) };
        let reply = super::connector(index, operation, input, stop, &mut started);
        reply.unwrap_or_else(Reply::from)
    });
    if let Some(session) = started.filter(|_| reply.status == status::OK) {
        // SAFETY: the worker passes a place for the handle of the task that it asked for.
        unsafe { task.write(Box::into_raw(Box::new(session)).cast()) };
    }
    // SAFETY: the worker passes a place for the answer.
    unsafe { hand_over(reply, answer) }
}

unsafe extern "C" fn task(
    task: *mut c_void,
    operation: u32,
    input: Slice,
    control: *mut c_void,
    answer: *mut Buffer,
) -> i32 {
    let reply = panics::contain(|| {
        // SAFETY: the handle is one of ours that was not released, and the worker makes one call at a time.
        let session = unsafe { &mut *task.cast::<Session>() };
        // SAFETY: the worker lends the input for the time of this call.
        let input = unsafe { lent(input) };
        let mut control = Remote {
            context: control,
            returned: Vec::new(),
        };
        session.call(operation, input, &mut control)
    });
    // SAFETY: the worker passes a place for the answer.
    unsafe { hand_over(reply, answer) }
}

unsafe extern "C" fn release(task: *mut c_void) {
    panics::contain(|| {
        // SAFETY: the handle is one of ours, and the worker gives it back once.
        drop(unsafe { Box::from_raw(task.cast::<Session>()) });
        Reply::ok(Vec::new())
    });
}

unsafe extern "C" fn free(buffer: Buffer) {
    if buffer.start.is_null() {
        return;
    }
    // SAFETY: the worker gives back what `hand_over` took out of a vector, as it was, once.
    drop(unsafe { Vec::from_raw_parts(buffer.start, buffer.len, buffer.capacity) });
}

/// What the worker is asked with whether a task is to stop.
struct Stop(*mut c_void);

// SAFETY: the worker's functions that take it may be called from any thread.
unsafe impl Send for Stop {}
// SAFETY: as above, and from several at once.
unsafe impl Sync for Stop {}

impl Stop {
    fn is_stopped(&self) -> bool {
        let Some(host) = HOST.get() else { return true };
        // SAFETY: the context is the worker's own and was not given back yet.
        unsafe { (host.is_stopped)(self.0) != 0 }
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        if let Some(host) = HOST.get() {
            // SAFETY: the context is the worker's own and is given back here, once.
            unsafe { (host.release_stop)(self.0) };
        }
    }
}

/// Tells whether the worker writes lines of this level.
pub(super) fn log_enabled(level: u32) -> bool {
    // SAFETY: the function takes any number.
    HOST.get()
        .is_some_and(|host| unsafe { (host.enabled)(level) } != 0)
}

/// Writes a line into the worker's log.
pub(super) fn log(level: u32, target: &str, message: &str) {
    if let Some(host) = HOST.get() {
        // SAFETY: both texts are lent for the time of the call.
        unsafe { (host.log)(level, lend(target.as_bytes()), lend(message.as_bytes())) };
    }
}

/// What a sink asks of the runtime, carried to the worker.
struct Remote {
    context: *mut c_void,
    returned: Vec<Batch>,
}

impl Remote {
    fn ask<T: Wire>(&mut self, operation: u32, input: &[u8]) -> Result<T> {
        let Some(host) = HOST.get().filter(|_| !self.context.is_null()) else {
            return Err(broken("a sink may ask for that only while it is called"));
        };
        let mut answer = Buffer::NONE;
        // SAFETY: the context is valid for the time of the call that we are in, the input is lent, and there
        // is a place for the answer.
        let status =
            unsafe { (host.control)(self.context, operation, lend(input), &raw mut answer) };
        let bytes = if answer.start.is_null() {
            Vec::new()
        } else {
            // SAFETY: the worker has handed over so many bytes.
            unsafe { std::slice::from_raw_parts(answer.start, answer.len) }.to_vec()
        };
        // SAFETY: the buffer is the worker's, and given back once.
        unsafe { (host.free)(answer) };
        match status {
            status::OK => whole(&bytes).map_err(|error: Malformed| broken(error.0)),
            status::ERROR => {
                let error = whole::<ConnectorError>(&bytes);
                Err(error.unwrap_or_else(|error| broken(error.0)))
            }
            _ => Err(broken(&String::from_utf8_lossy(&bytes))),
        }
    }
}

fn broken(why: &str) -> ConnectorError {
    ConnectorError::stop("WorkerRefused", format!("the worker has no answer: {why}"))
}

impl SinkControl for Remote {
    fn pause(&mut self, partitions: &[TopicPartition]) {
        // The worker remembers an error of it, and ends the task after this call.
        let _ = self.ask::<()>(operation::PAUSE, &bytes_of(&partitions.to_vec()));
    }

    fn resume(&mut self, partitions: &[TopicPartition]) {
        // As above.
        let _ = self.ask::<()>(operation::RESUME, &bytes_of(&partitions.to_vec()));
    }

    fn inspect(&mut self, partitions: &[TopicPartition]) -> Result<Vec<PartitionInfo>> {
        self.ask(operation::INSPECT, &bytes_of(&partitions.to_vec()))
    }

    fn recycle(&mut self, batch: Batch) {
        self.returned.push(batch);
    }
}

impl Control for Remote {
    fn returned(&mut self) -> Vec<Batch> {
        std::mem::take(&mut self.returned)
    }
}
