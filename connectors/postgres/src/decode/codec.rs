//! Which code writes a column's values.

use walbridge_schemas::FieldType;
use walbridge_schemas::avro::Reader;

use crate::types::{Kind, Known, PgType};
use crate::value::ValueError;

/// The code for one pair of field type and column type.
#[derive(Debug, Clone)]
pub(crate) enum Codec {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Text,
}

impl Codec {
    pub(crate) fn new(field: &FieldType, target: &PgType) -> Option<Codec> {
        let target = target.base();
        if field.avro_type() == "string" && matches!(target.kind, Kind::Enum { .. }) {
            return Some(Codec::Text);
        }
        let integer = matches!(
            field,
            FieldType::Int16 | FieldType::Int32 | FieldType::Int64
        );
        match (field, Known::of(target)?) {
            (FieldType::Boolean, Known::Bool) => Some(Codec::Bool),
            (_, Known::Int2) if integer => Some(Codec::Int2),
            (_, Known::Int4) if integer => Some(Codec::Int4),
            (_, Known::Int8) if integer => Some(Codec::Int8),
            (_, Known::Oid) if integer => Some(Codec::Oid),
            (FieldType::String, Known::Text | Known::Bpchar) => Some(Codec::Text),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn decode(&self, value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        let mut reader = Reader::new(value);
        let range = |_| ValueError::new("a number is out of the column's range");
        match self {
            Codec::Bool => out.push(u8::from(reader.bool()?)),
            Codec::Int2 => {
                out.extend_from_slice(&i16::try_from(reader.long()?).map_err(range)?.to_be_bytes())
            }
            Codec::Int4 => {
                out.extend_from_slice(&i32::try_from(reader.long()?).map_err(range)?.to_be_bytes())
            }
            Codec::Int8 => out.extend_from_slice(&reader.long()?.to_be_bytes()),
            Codec::Oid => {
                out.extend_from_slice(&u32::try_from(reader.long()?).map_err(range)?.to_be_bytes())
            }
            Codec::Text => out.extend_from_slice(reader.str()?.as_bytes()),
        }
        Ok(reader.finish()?)
    }

    pub(crate) fn special(&self, _text: &[u8], _out: &mut Vec<u8>) -> Result<(), ValueError> {
        Err(ValueError::new("this column takes no special values"))
    }
}

/// Appends a value's text for a column that takes it by a cast.
pub(crate) fn text(
    ty: &FieldType,
    _target: &PgType,
    value: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    let mut reader = Reader::new(value);
    match ty.avro_type() {
        "string" => out.extend_from_slice(reader.str()?.as_bytes()),
        "int" | "long" => out.extend_from_slice(reader.long()?.to_string().as_bytes()),
        _ => return Err(ValueError::new("this field has no text form")),
    }
    Ok(())
}
