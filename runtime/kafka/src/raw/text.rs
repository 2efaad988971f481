//! Text to C and back.

use std::ffi::{CStr, CString, c_char};

use crate::error::{ErrorKind, KafkaError, Result};

/// Makes a C string; a NUL inside is an error and not a shorter name.
pub(super) fn to_c(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| {
        KafkaError::new(
            ErrorKind::Config,
            format!("{text:?} must not contain a NUL character"),
        )
    })
}

/// Copies a C string; null becomes empty text.
///
/// # Safety
/// `text` must be null or point to a NUL-terminated string that lives during the call.
pub(super) unsafe fn from_c(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not null, and NUL-terminated as the caller promises.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}

/// A buffer for the error texts that librdkafka writes.
pub(super) struct ErrorText([c_char; 512]);

impl ErrorText {
    pub(super) fn new() -> Self {
        Self([0; 512])
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut c_char {
        self.0.as_mut_ptr()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn text(&self) -> String {
        let bytes = self
            .0
            .iter()
            .take_while(|c| **c != 0)
            .map(|c| *c as u8)
            .collect::<Vec<_>>();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
