//! How everything that crosses is written as bytes.
//!
//! Numbers are little endian, texts and lists have their length (u32) in front, an optional value a byte
//! that says whether it is there. Nothing describes itself: both sides have the same
//! [ABI number](crate::abi::ABI), which changes with every change here. Any bytes can be read without a
//! panic; what makes no sense is [`Malformed`].

mod batch;
mod config;
mod error;
mod leak;
mod record;
mod schema;
mod shape;
mod sides;
mod value;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use batch::read_batch;
pub use leak::{forever, interned};
pub use record::{read_records, read_source_records, write_records, write_source_records};
pub use schema::{SchemasIn, SchemasOut};
pub use sides::{Aside, Counted, Delivery, Described, Description, End, Errant, Start};

/// Bytes that do not say what they should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed: {0}")]
pub struct Malformed(pub &'static str);

/// Shorthand for results of reading.
pub type Result<T, E = Malformed> = std::result::Result<T, E>;

/// Something that is written as bytes and read again.
pub trait Wire: Sized {
    /// Appends it.
    fn write(&self, out: &mut Vec<u8>);

    /// Takes it from the front of what is left.
    ///
    /// # Errors
    /// If the bytes are not those of one.
    fn read(from: &mut Reader<'_>) -> Result<Self>;
}

/// Returns the bytes of a value.
pub fn bytes_of(value: &impl Wire) -> Vec<u8> {
    let mut out = Vec::new();
    value.write(&mut out);
    out
}

/// Reads a value that takes all of the bytes.
///
/// # Errors
/// If they are not those of one, or more.
pub fn whole<T: Wire>(bytes: &[u8]) -> Result<T> {
    let mut from = Reader::new(bytes);
    let value = T::read(&mut from)?;
    from.end()?;
    Ok(value)
}

/// What is left to be read.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Creates a reader of bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Takes so many bytes.
    ///
    /// # Errors
    /// If there are not so many.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(Malformed("it ends too soon"))?;
        self.rest = rest;
        Ok(taken)
    }

    /// Takes bytes that have their length in front.
    ///
    /// # Errors
    /// If there are not so many.
    pub fn bytes(&mut self) -> Result<&'a [u8]> {
        let len = u32::read(self)? as usize;
        self.take(len)
    }

    /// Takes a text.
    ///
    /// # Errors
    /// If it is none.
    pub fn text(&mut self) -> Result<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed("a text is not UTF-8"))
    }

    /// Makes sure that nothing is left.
    ///
    /// # Errors
    /// If something is.
    pub fn end(&self) -> Result<()> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Malformed("there is more than there should be"))
        }
    }

    /// Returns room for a list of so many, but no more than can be there.
    fn room(&self, count: usize) -> usize {
        count.min(self.rest.len())
    }
}

/// Appends bytes with their length in front.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    // Longer ones than 4 GiB cannot be: a batch's arena and Kafka's records have the same limit.
    (bytes.len() as u32).write(out);
    out.extend_from_slice(bytes);
}

macro_rules! numbers {
    ($($type:ty),*) => {
        $(impl Wire for $type {
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn read(from: &mut Reader<'_>) -> Result<Self> {
                let (bytes, rest) = from
                    .rest
                    .split_first_chunk()
                    .ok_or(Malformed("it ends too soon"))?;
                from.rest = rest;
                Ok(Self::from_le_bytes(*bytes))
            }
        })*
    };
}

numbers!(u8, i8, i16, u32, i32, u64, i64, f32, f64);

impl Wire for bool {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self> {
        match u8::read(from)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed("neither true nor false")),
        }
    }
}

impl Wire for String {
    fn write(&self, out: &mut Vec<u8>) {
        put_bytes(out, self.as_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self> {
        from.text().map(str::to_owned)
    }
}

impl Wire for Arc<str> {
    fn write(&self, out: &mut Vec<u8>) {
        put_bytes(out, self.as_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self> {
        from.text().map(Arc::from)
    }
}

impl<T: Wire> Wire for Option<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.is_some().write(out);
        if let Some(value) = self {
            value.write(out);
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self> {
        bool::read(from)?.then(|| T::read(from)).transpose()
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn write(&self, out: &mut Vec<u8>) {
        (self.len() as u32).write(out);
        self.iter().for_each(|value| value.write(out));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self> {
        let count = u32::read(from)? as usize;
        let mut all = Vec::with_capacity(from.room(count));
        for _ in 0..count {
            all.push(T::read(from)?);
        }
        Ok(all)
    }
}

impl<K: Wire + Ord, V: Wire> Wire for BTreeMap<K, V> {
    fn write(&self, out: &mut Vec<u8>) {
        (self.len() as u32).write(out);
        for (key, value) in self {
            key.write(out);
            value.write(out);
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self> {
        let pairs = Vec::<(K, V)>::read(from)?;
        Ok(pairs.into_iter().collect())
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self> {
        Ok((A::read(from)?, B::read(from)?))
    }
}

impl Wire for () {
    fn write(&self, _: &mut Vec<u8>) {}

    fn read(_: &mut Reader<'_>) -> Result<Self> {
        Ok(())
    }
}

/// Writes the fields of a struct one after another.
macro_rules! fields {
    ($($type:ty { $($field:ident),* $(,)? })*) => {
        $(impl crate::codec::Wire for $type {
            fn write(&self, out: &mut Vec<u8>) {
                $(self.$field.write(out);)*
            }

            fn read(from: &mut crate::codec::Reader<'_>) -> crate::codec::Result<Self> {
                Ok(Self { $($field: crate::codec::Wire::read(from)?,)* })
            }
        })*
    };
}

/// Writes an enum without fields as the place it has in a list.
macro_rules! choices {
    ($($type:ty [$($choice:path),* $(,)?])*) => {
        $(impl crate::codec::Wire for $type {
            fn write(&self, out: &mut Vec<u8>) {
                const ALL: &[$type] = &[$($choice),*];
                let place = ALL.iter().position(|choice| choice == self);
                out.push(place.unwrap_or(usize::from(u8::MAX)) as u8);
            }

            fn read(from: &mut crate::codec::Reader<'_>) -> crate::codec::Result<Self> {
                const ALL: &[$type] = &[$($choice),*];
                let place = usize::from(u8::read(from)?);
                ALL.get(place).copied().ok_or(crate::codec::Malformed("no such choice"))
            }
        })*
    };
}

pub(crate) use {choices, fields};
