//! PostgreSQL → Avro: one encoder per column, for binary and for text values alike.
//!
//! Both forms of a value give the same Avro bytes. Text is read as a session with
//! [`SESSION_SETTINGS`] writes it.
//!
//! A value that its field cannot hold exactly (a NaN in a decimal, an interval of months, a time of
//! day away from UTC, an array of two dimensions) is answered with [`Encoded::Special`]: the field
//! then holds what Debezium would have written, and the row needs a `wb.special` header with the
//! value's text from [`ColumnEncoder::special_text`].

mod array;
mod bits;
mod codec;
mod decimal;
mod document;
mod scalar;
mod temporal;

use walbridge_schemas::{Field, FieldType, avro};

use crate::types::PgType;
use crate::value::{ValueError, Wire};
pub(crate) use codec::{Codec, Outcome};
pub(crate) use temporal::{INFINITY_MICROS, MINUS_INFINITY_MICROS, read_interval};

/// What the session that sends text values must have set, so that each value has one text form.
pub const SESSION_SETTINGS: &[(&str, &str)] = &[
    ("client_encoding", "UTF8"),
    ("datestyle", "ISO, YMD"),
    ("intervalstyle", "postgres"),
    ("timezone", "UTC"),
    ("extra_float_digits", "3"),
    ("bytea_output", "hex"),
    ("lc_monetary", "C"),
];

/// Whether the field holds all of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Encoded {
    /// It does.
    Exact,
    /// It does not: the row needs a `wb.special` header.
    Special,
}

/// Writes one column's values as its field's Avro.
#[derive(Debug, Clone)]
pub struct ColumnEncoder {
    codec: Codec,
    ty: PgType,
    value_branch: &'static [u8],
    null: Option<&'static [u8]>,
    zero: Vec<u8>,
    unavailable: Vec<u8>,
}

impl ColumnEncoder {
    /// Compiles the encoder of a column whose field was made by [`field_type`](crate::types::field_type).
    ///
    /// `placeholder` is what stands for unchanged TOAST values.
    pub fn new(ty: &PgType, field: &Field, placeholder: &str) -> Self {
        let value_branch = field.nulls.value_branch();
        let null = field.nulls.null_branch();
        let mut zero = null.unwrap_or_default().to_vec();
        if null.is_none() {
            match &field.default {
                Some(default) => zero.extend_from_slice(&default.avro),
                None => field.ty.write_zero(&mut zero),
            }
        }
        let mut unavailable = value_branch.to_vec();
        if !write_placeholder(&field.ty, placeholder, &mut unavailable) {
            unavailable.clone_from(&zero);
        }
        Self {
            codec: Codec::new(ty, &field.ty),
            ty: ty.clone(),
            value_branch,
            null,
            zero,
            unavailable,
        }
    }

    /// Appends a value.
    #[inline]
    pub fn encode(
        &self,
        wire: Wire,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Encoded, ValueError> {
        let start = out.len();
        out.extend_from_slice(self.value_branch);
        match self.codec.encode(wire, bytes, out)? {
            Outcome::Exact => Ok(Encoded::Exact),
            Outcome::Inexact => Ok(Encoded::Special),
            Outcome::Nothing => {
                out.truncate(start);
                out.extend_from_slice(&self.zero);
                Ok(Encoded::Special)
            }
        }
    }

    /// Appends a null. In a field that cannot be null it is refused.
    #[inline]
    pub fn null(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        out.extend_from_slice(
            self.null
                .ok_or(ValueError::new("a null in a column that has none"))?,
        );
        Ok(())
    }

    /// Appends what stands for a value that is unchanged and was not sent.
    pub fn unavailable(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.unavailable);
    }

    /// Appends what stands for a value that is unknown: null, else the default, else the type's zero.
    pub fn zero(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.zero);
    }

    /// Appends the text of a value for the `wb.special` header.
    pub fn special_text(
        &self,
        wire: Wire,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), ValueError> {
        match wire {
            Wire::Text => out.extend_from_slice(bytes),
            Wire::Binary => crate::print::print(&self.ty, bytes, out)?,
        }
        Ok(())
    }
}

/// Appends Debezium's stand-in for an unavailable value; `false` for types that have none.
fn write_placeholder(ty: &FieldType, placeholder: &str, out: &mut Vec<u8>) -> bool {
    match ty {
        FieldType::String
        | FieldType::Bytes
        | FieldType::Xml
        | FieldType::Json
        | FieldType::Ltree
        | FieldType::Tsvector => {
            avro::write_str(out, placeholder);
        }
        FieldType::Array(items) => {
            return write_placeholder_items(&items.ty, items.nullable, placeholder, out);
        }
        _ => return false,
    }
    true
}

fn write_placeholder_items(
    ty: &FieldType,
    nullable: bool,
    placeholder: &str,
    out: &mut Vec<u8>,
) -> bool {
    let branch: &[u8] = if nullable { &[2] } else { &[] };
    match ty {
        FieldType::String | FieldType::Json | FieldType::Xml => {
            avro::write_long(out, 1);
            out.extend_from_slice(branch);
            avro::write_str(out, placeholder);
        }
        FieldType::Int32 | FieldType::Int64 | FieldType::Int16 => {
            avro::write_long(out, placeholder.len() as i64);
            for byte in placeholder.bytes() {
                out.extend_from_slice(branch);
                avro::write_long(out, i64::from(byte));
            }
        }
        _ => return false,
    }
    out.push(0);
    true
}
