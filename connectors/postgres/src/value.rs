//! What can be wrong with a value.

/// The way a value came from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// The type's text form.
    Text,
    /// The type's binary form.
    Binary,
}

/// Why a value cannot be read as what its type says; the caller knows the column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct ValueError {
    what: &'static str,
}

impl ValueError {
    /// Creates the error.
    pub(crate) const fn new(what: &'static str) -> Self {
        Self { what }
    }
}

impl From<walbridge_schemas::AvroError> for ValueError {
    fn from(error: walbridge_schemas::AvroError) -> Self {
        Self::new(match error {
            walbridge_schemas::AvroError::Value(what) => what,
            walbridge_schemas::AvroError::End => "the Avro bytes end inside a value",
            walbridge_schemas::AvroError::Branch(_) => {
                "a union names a branch that it does not have"
            }
            walbridge_schemas::AvroError::Trailing(_) => "bytes follow the Avro value",
            _ => "the bytes are not the Avro of this field",
        })
    }
}

/// Reads a big-endian value of fixed size that must be all there is.
#[inline]
pub(crate) fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N], ValueError> {
    bytes
        .try_into()
        .map_err(|_| ValueError::new("a binary value has the wrong length"))
}

/// Takes fixed-size pieces off the front of a binary value.
pub(crate) struct Pieces<'a> {
    rest: &'a [u8],
}

impl<'a> Pieces<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    pub(crate) fn next<const N: usize>(&mut self) -> Result<[u8; N], ValueError> {
        let (piece, rest) = self.rest.split_first_chunk::<N>().ok_or(SHORT)?;
        self.rest = rest;
        Ok(*piece)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, ValueError> {
        self.next::<1>().map(|[b]| b)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, ValueError> {
        self.next().map(u16::from_be_bytes)
    }

    #[inline]
    pub(crate) fn i32(&mut self) -> Result<i32, ValueError> {
        self.next().map(i32::from_be_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, ValueError> {
        self.next().map(i64::from_be_bytes)
    }

    pub(crate) fn f64(&mut self) -> Result<f64, ValueError> {
        self.next().map(f64::from_be_bytes)
    }

    /// Takes a value with its length before it; `None` for a null.
    #[inline]
    pub(crate) fn sized(&mut self) -> Result<Option<&'a [u8]>, ValueError> {
        let len = self.i32()?;
        if len < 0 {
            return Ok(None);
        }
        let (value, rest) = self.rest.split_at_checked(len as usize).ok_or(SHORT)?;
        self.rest = rest;
        Ok(Some(value))
    }

    pub(crate) fn finish(&self) -> Result<(), ValueError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(LONG)
        }
    }
}

const SHORT: ValueError = ValueError::new("a binary value ends too early");
const LONG: ValueError = ValueError::new("a binary value has bytes left over");
