//! Avro's binary primitives: written by appending, read by borrowing.

use crate::AvroError;

/// Appends a `long` (zig-zag, variable length); an `int` has the same form.
#[inline]
pub fn write_long(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    if rest < 0x80 {
        out.push(rest as u8);
        return;
    }
    let mut bytes = [0u8; 10];
    let mut len = 0;
    while rest >= 0x80 {
        bytes[len] = rest as u8 | 0x80;
        rest >>= 7;
        len += 1;
    }
    bytes[len] = rest as u8;
    out.extend_from_slice(&bytes[..=len]);
}

/// Appends an `int`.
#[inline]
pub fn write_int(out: &mut Vec<u8>, value: i32) {
    write_long(out, i64::from(value));
}

/// Appends `bytes`: the length, then the bytes.
#[inline]
pub fn write_bytes(out: &mut Vec<u8>, value: &[u8]) {
    write_long(out, value.len() as i64);
    out.extend_from_slice(value);
}

/// Appends a `string`.
#[inline]
pub fn write_str(out: &mut Vec<u8>, value: &str) {
    write_bytes(out, value.as_bytes());
}

/// Appends a `boolean`.
#[inline]
pub fn write_bool(out: &mut Vec<u8>, value: bool) {
    out.push(u8::from(value));
}

/// Appends a `float`.
#[inline]
pub fn write_float(out: &mut Vec<u8>, value: f32) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a `double`.
#[inline]
pub fn write_double(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Reads Avro values from the front of a slice; no bytes make it panic.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Creates a reader at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Returns the bytes not yet read.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns whether everything has been read.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Reads a `long`.
    #[inline]
    pub fn long(&mut self) -> Result<i64, AvroError> {
        if let Some((&first, rest)) = self.bytes.split_first()
            && first < 0x80
        {
            self.bytes = rest;
            return Ok(i64::from(first >> 1) ^ -i64::from(first & 1));
        }
        self.long_of_many()
    }

    fn long_of_many(&mut self) -> Result<i64, AvroError> {
        let mut value = 0u64;
        for (i, &byte) in self.bytes.iter().enumerate().take(10) {
            if i == 9 && byte > 1 {
                return Err(AvroError::Varint);
            }
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                self.bytes = &self.bytes[i + 1..];
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        Err(if self.bytes.len() < 10 {
            AvroError::End
        } else {
            AvroError::Varint
        })
    }

    /// Reads an `int`.
    #[inline]
    pub fn int(&mut self) -> Result<i32, AvroError> {
        i32::try_from(self.long()?).map_err(|_| AvroError::Varint)
    }

    /// Takes the next `len` bytes.
    #[inline]
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], AvroError> {
        let (taken, rest) = self.bytes.split_at_checked(len).ok_or(AvroError::End)?;
        self.bytes = rest;
        Ok(taken)
    }

    /// Reads `bytes`.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], AvroError> {
        let len = usize::try_from(self.long()?).map_err(|_| AvroError::Length)?;
        self.take(len)
    }

    /// Reads a `string`.
    #[inline]
    pub fn str(&mut self) -> Result<&'a str, AvroError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| AvroError::Utf8)
    }

    /// Reads a `boolean`.
    #[inline]
    pub fn bool(&mut self) -> Result<bool, AvroError> {
        match self.take(1)?[0] {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(AvroError::Boolean),
        }
    }

    /// Reads a `float`.
    #[inline]
    pub fn float(&mut self) -> Result<f32, AvroError> {
        let (bytes, rest) = self.bytes.split_first_chunk().ok_or(AvroError::End)?;
        self.bytes = rest;
        Ok(f32::from_le_bytes(*bytes))
    }

    /// Reads a `double`.
    #[inline]
    pub fn double(&mut self) -> Result<f64, AvroError> {
        let (bytes, rest) = self.bytes.split_first_chunk().ok_or(AvroError::End)?;
        self.bytes = rest;
        Ok(f64::from_le_bytes(*bytes))
    }

    /// Reads the count that starts a block of an array or a map; 0 ends it.
    ///
    /// A block may carry its size in bytes, which is skipped over.
    #[inline]
    pub fn block(&mut self) -> Result<u64, AvroError> {
        let count = self.long()?;
        if count >= 0 {
            return Ok(count as u64);
        }
        self.long()?;
        Ok(count.unsigned_abs())
    }

    /// Refuses bytes that are left over.
    pub fn finish(self) -> Result<(), AvroError> {
        if self.bytes.is_empty() {
            Ok(())
        } else {
            Err(AvroError::Trailing(self.bytes.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::read as read_by_oracle;
    use apache_avro::types::Value;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn longs_are_avros(value: i64) {
            let mut out = Vec::new();
            write_long(&mut out, value);
            prop_assert_eq!(read_by_oracle(r#""long""#, &out), Value::Long(value));
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.long(), Ok(value));
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn strings_bytes_and_floats_are_avros(text: String, bytes: Vec<u8>, float: f32, double: f64) {
            let mut out = Vec::new();
            write_str(&mut out, &text);
            prop_assert_eq!(read_by_oracle(r#""string""#, &out), Value::String(text.clone()));
            write_bytes(&mut out, &bytes);
            write_float(&mut out, float);
            write_double(&mut out, double);
            write_bool(&mut out, true);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.str(), Ok(text.as_str()));
            prop_assert_eq!(reader.bytes(), Ok(bytes.as_slice()));
            prop_assert_eq!(reader.float().map(f32::to_bits), Ok(float.to_bits()));
            prop_assert_eq!(reader.double().map(f64::to_bits), Ok(double.to_bits()));
            prop_assert_eq!(reader.bool(), Ok(true));
            prop_assert_eq!(reader.finish(), Ok(()));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let mut reader = Reader::new(&bytes);
            let _ = reader.long();
            let _ = reader.str();
            let _ = reader.block();
            let _ = reader.double();
        }
    }

    #[test]
    fn numbers_longer_than_a_long_are_refused() {
        assert_eq!(Reader::new(&[0xff; 10]).long(), Err(AvroError::Varint));
        assert_eq!(Reader::new(&[0xff; 9]).long(), Err(AvroError::End));
    }
}
