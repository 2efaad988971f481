//! What a library and a worker have in common: one exported symbol, and the types of C that it is made of.
//!
//! A library exports [`SYMBOL`], a [`Descriptor`]: data, not a function. The worker reads its [`Header`]
//! first, which never changes its form, and calls nothing unless magic, ABI number and all sizes are its
//! own.
//!
//! Everything but handles crosses as bytes of [`crate::codec`]. A [`Buffer`] is freed by the side that made
//! it, because each side has an allocator of its own. Handles are opaque to the other side. No function
//! lets a panic out.

use std::ffi::c_void;

/// The name of the exported symbol.
pub const SYMBOL: &str = "WALBRIDGE_PLUGIN";

/// What a descriptor begins with.
pub const MAGIC: [u8; 16] = *b"walbridge-plugin";

/// The number of this ABI and of the codec. It changes with every change of either.
pub const ABI: u32 = 1;

/// The version of this crate.
pub const TOOLKIT: &str = env!("CARGO_PKG_VERSION");

/// How a call ended.
pub mod status {
    /// Done; the buffer holds the answer.
    pub const OK: i32 = 0;
    /// An error of the connector's; the buffer holds it.
    pub const ERROR: i32 = 1;
    /// A panic; the buffer holds its text. The task is not to be called again.
    pub const PANIC: i32 = 2;
    /// The arguments made no sense; the buffer holds a text.
    pub const MALFORMED: i32 = 3;
}

/// Bytes that are lent for the time of a call.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Slice {
    /// Where they begin; not null.
    pub start: *const u8,
    /// How many there are.
    pub len: usize,
}

/// Bytes that are handed over, to be given back to their maker's `free`.
#[repr(C)]
#[derive(Debug)]
pub struct Buffer {
    /// Where they begin; null for none.
    pub start: *mut u8,
    /// How many there are.
    pub len: usize,
    /// How many were allocated.
    pub capacity: usize,
}

impl Buffer {
    /// No bytes at all.
    pub const NONE: Self = Self {
        start: std::ptr::null_mut(),
        len: 0,
        capacity: 0,
    };
}

/// What a descriptor begins with. Its form is the same in every ABI, so that a worker can say what it found.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Header {
    /// [`MAGIC`].
    pub magic: [u8; 16],
    /// [`ABI`].
    pub abi: u32,
    /// The size of the descriptor.
    pub descriptor_size: u32,
    /// The size of [`Host`].
    pub host_size: u32,
    /// The size of [`Buffer`].
    pub buffer_size: u32,
    /// The version of this crate, padded with zeros.
    pub toolkit: [u8; 32],
    /// The library's name, padded with zeros.
    pub name: [u8; 64],
    /// The library's version, padded with zeros.
    pub version: [u8; 32],
}

impl Header {
    /// Creates the header of a library of this name and version.
    pub const fn new(name: &str, version: &str) -> Self {
        Self {
            magic: MAGIC,
            abi: ABI,
            descriptor_size: size_of::<Descriptor>() as u32,
            host_size: size_of::<Host>() as u32,
            buffer_size: size_of::<Buffer>() as u32,
            toolkit: padded(TOOLKIT),
            name: padded(name),
            version: padded(version),
        }
    }
}

const fn padded<const N: usize>(text: &str) -> [u8; N] {
    let (bytes, mut all, mut at) = (text.as_bytes(), [0; N], 0);
    while at < bytes.len() && at < N {
        all[at] = bytes[at];
        at += 1;
    }
    all
}

/// Returns the text of a padded field of a header.
pub fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(&field[..end.unwrap_or(field.len())]).into_owned()
}

/// What a library is: its header and its functions. A null function makes the worker refuse it.
#[repr(C)]
pub struct Descriptor {
    /// Who it is.
    pub header: Header,
    /// Takes the worker's functions, which live as long as the process, and describes the connectors.
    /// Called once, before anything else.
    pub begin: Option<unsafe extern "C" fn(host: *const Host, answer: *mut Buffer) -> i32>,
    /// Carries out an operation of the connector with this index ([`crate::operation`]). One that starts a
    /// task sets `task`, and owns `stop` from there on.
    pub connector: Option<
        unsafe extern "C" fn(
            index: u32,
            operation: u32,
            input: Slice,
            stop: *mut c_void,
            task: *mut *mut c_void,
            answer: *mut Buffer,
        ) -> i32,
    >,
    /// Carries out an operation of a task; never two at once of one task. `control` is valid for the time of
    /// the call.
    pub task: Option<
        unsafe extern "C" fn(
            task: *mut c_void,
            operation: u32,
            input: Slice,
            control: *mut c_void,
            answer: *mut Buffer,
        ) -> i32,
    >,
    /// Ends a task's life.
    pub release: Option<unsafe extern "C" fn(task: *mut c_void)>,
    /// Frees a buffer that the library made.
    pub free: Option<unsafe extern "C" fn(buffer: Buffer)>,
}

/// The worker's functions.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Host {
    /// Tells whether lines of this level (1 error … 5 trace) are written; 0 for no.
    pub enabled: unsafe extern "C" fn(level: u32) -> u32,
    /// Writes a line into the worker's log.
    pub log: unsafe extern "C" fn(level: u32, target: Slice, message: Slice),
    /// Tells whether a task is to stop; 0 for no.
    pub is_stopped: unsafe extern "C" fn(stop: *mut c_void) -> u32,
    /// Gives back what `is_stopped` is asked with.
    pub release_stop: unsafe extern "C" fn(stop: *mut c_void),
    /// Carries out what a sink asks of the runtime while it is called.
    pub control: unsafe extern "C" fn(
        control: *mut c_void,
        operation: u32,
        input: Slice,
        answer: *mut Buffer,
    ) -> i32,
    /// Frees a buffer that the worker made.
    pub free: unsafe extern "C" fn(buffer: Buffer),
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Host")
    }
}
