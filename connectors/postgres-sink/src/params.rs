//! Values on their way to the server, already in its binary form.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use postgres_types::{IsNull, ToSql, Type, to_sql_checked};

/// A parameter whose bytes are ready; `None` is a null.
#[derive(Debug, Clone)]
pub(crate) struct Raw(pub(crate) Option<Vec<u8>>);

impl ToSql for Raw {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        Ok(match &self.0 {
            Some(bytes) => {
                out.put_slice(bytes);
                IsNull::No
            }
            None => IsNull::Yes,
        })
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl Raw {
    pub(crate) fn text(text: &str) -> Self {
        Self(Some(text.as_bytes().to_vec()))
    }

    pub(crate) fn long(value: i64) -> Self {
        Self(Some(value.to_be_bytes().to_vec()))
    }

    /// Makes a timestamptz of µs since 1970.
    pub(crate) fn timestamp(us: i64) -> Self {
        const FROM_1970_TO_2000: i64 = 946_684_800_000_000;
        Self::long(us.saturating_sub(FROM_1970_TO_2000))
    }
}

const HEADER: usize = 20;

/// An array parameter being filled.
#[derive(Debug)]
pub(crate) struct Array {
    bytes: Vec<u8>,
    element: u32,
    count: i32,
    nulls: bool,
}

impl Array {
    /// Creates an array of elements of this type.
    pub(crate) fn new(element: u32) -> Self {
        Self {
            bytes: vec![0; HEADER],
            element,
            count: 0,
            nulls: false,
        }
    }

    /// Appends a null.
    pub(crate) fn null(&mut self) {
        self.bytes.extend_from_slice(&(-1i32).to_be_bytes());
        self.nulls = true;
        self.count += 1;
    }

    /// Appends the element that `write` writes.
    pub(crate) fn push<E>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        push_sized(&mut self.bytes, write)?;
        self.count += 1;
        Ok(())
    }

    /// Returns the bytes so far.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Makes the parameter and leaves an empty array behind.
    pub(crate) fn finish(&mut self) -> Raw {
        let words = [1, i32::from(self.nulls), self.element as i32, self.count, 1];
        for (at, word) in words.iter().enumerate() {
            self.bytes[at * 4..at * 4 + 4].copy_from_slice(&word.to_be_bytes());
        }
        let done = std::mem::replace(&mut self.bytes, vec![0; HEADER]);
        (self.count, self.nulls) = (0, false);
        Raw(Some(done))
    }
}

/// Appends what `write` writes, with its length before it.
pub(crate) fn push_sized<E>(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out)?;
    let len = (out.len() - at - 4) as i32;
    out[at..at + 4].copy_from_slice(&len.to_be_bytes());
    Ok(())
}

/// Makes a `text[]`.
pub(crate) fn texts<'a>(all: impl Iterator<Item = &'a str>) -> Raw {
    let mut array = Array::new(Type::TEXT.oid());
    for text in all {
        let _ = array.push(|out| {
            out.extend_from_slice(text.as_bytes());
            Ok::<_, std::convert::Infallible>(())
        });
    }
    array.finish()
}
