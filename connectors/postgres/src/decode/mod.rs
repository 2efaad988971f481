//! Avro → PostgreSQL: one decoder per field and target column.
//!
//! Where the field and the column fit each other, values become the column's binary form, ready for
//! `COPY … (FORMAT binary)`. Any other pair goes by way of text: the staging column is `text` then,
//! and the statement that reads it casts to the column's type.

mod array;
mod bits;
mod codec;
mod decimal;
mod scalar;
mod special;
mod temporal;
mod text;

use walbridge_schemas::Field;
use walbridge_schemas::avro::Reader;

use crate::types::PgType;
use crate::value::ValueError;
use codec::Codec;

/// Writes one field's values in the form a target column takes.
#[derive(Debug, Clone)]
pub struct ColumnDecoder {
    field: Field,
    target: PgType,
    codec: Option<Codec>,
}

impl ColumnDecoder {
    /// Compiles the decoder from a field to a column of the target.
    pub fn new(field: &Field, target: &PgType) -> Self {
        let codec = Codec::new(&field.ty, target);
        Self {
            field: field.clone(),
            target: target.clone(),
            codec,
        }
    }

    /// Compiles a decoder that gives text whatever the column is.
    pub fn text(field: &Field, target: &PgType) -> Self {
        Self {
            field: field.clone(),
            target: target.clone(),
            codec: None,
        }
    }

    /// Returns whether values are in the column's binary form, not in text to be cast.
    pub fn native(&self) -> bool {
        self.codec.is_some()
    }

    /// Returns the column's type.
    pub fn target(&self) -> &PgType {
        &self.target
    }

    /// Returns the field.
    pub fn field(&self) -> &Field {
        &self.field
    }

    /// Returns whether a field's bytes are a null.
    #[inline]
    pub fn is_null(&self, field: &[u8]) -> Result<bool, ValueError> {
        Ok(self.field.value(field)?.is_none())
    }

    /// Appends a value without its length; returns `false` and appends nothing for a null.
    #[inline]
    pub fn decode(&self, field: &[u8], out: &mut Vec<u8>) -> Result<bool, ValueError> {
        let Some(value) = self.field.value(field)? else {
            return Ok(false);
        };
        let mut reader = Reader::new(value);
        match &self.codec {
            Some(codec) => codec.decode(&mut reader, out)?,
            None => text::write(&self.field.ty, &self.target, &mut reader, out)?,
        }
        reader.finish()?;
        Ok(true)
    }

    /// Appends a value as binary COPY wants it: its length (-1 for a null) and the value.
    #[inline]
    pub fn copy(&self, field: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        let start = out.len();
        out.extend_from_slice(&[0xff; 4]);
        if self.decode(field, out)? {
            set_length(out, start);
        }
        Ok(())
    }

    /// Appends the value of a `wb.special` header in this decoder's form, without its length.
    pub fn decode_special(&self, text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        if self.native() {
            return special::write(&self.target, text, out);
        }
        out.extend_from_slice(text);
        Ok(())
    }

    /// Appends the value of a `wb.special` header as binary COPY wants it.
    pub fn copy_special(&self, text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        self.decode_special(text, out)?;
        set_length(out, start);
        Ok(())
    }
}

/// Fills in the length of what was appended behind four bytes at `start`.
#[inline]
fn set_length(out: &mut [u8], start: usize) {
    let len = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&len.to_be_bytes());
}
