//! Avro → PostgreSQL: one decoder per field and target column.
//!
//! Where the field and the column fit each other, values become the column's binary form, ready for
//! `COPY … (FORMAT binary)`. Any other pair goes by way of text: the staging column is `text` then,
//! and the statement that reads it casts to the column's type.

mod codec;

use walbridge_schemas::Field;

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

    /// Returns whether values are in the column's binary form, not in text to be cast.
    pub fn native(&self) -> bool {
        self.codec.is_some()
    }

    /// Returns the column's type.
    pub fn target(&self) -> &PgType {
        &self.target
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
        match &self.codec {
            Some(codec) => codec.decode(value, out)?,
            None => codec::text(&self.field.ty, &self.target, value, out)?,
        }
        Ok(true)
    }

    /// Appends a value as binary COPY wants it: its length (-1 for a null) and the value.
    #[inline]
    pub fn copy(&self, field: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        let start = out.len();
        out.extend_from_slice(&[0xff; 4]);
        if self.decode(field, out)? {
            let len = (out.len() - start - 4) as u32;
            out[start..start + 4].copy_from_slice(&len.to_be_bytes());
        }
        Ok(())
    }

    /// Appends the value of a `wb.special` header in this decoder's form, without its length.
    pub fn decode_special(&self, text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        match &self.codec {
            Some(codec) => codec.special(text, out),
            None => {
                out.extend_from_slice(text);
                Ok(())
            }
        }
    }

    /// Appends the value of a `wb.special` header as binary COPY wants it.
    pub fn copy_special(&self, text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        self.decode_special(text, out)?;
        let len = (out.len() - start - 4) as u32;
        out[start..start + 4].copy_from_slice(&len.to_be_bytes());
        Ok(())
    }
}
