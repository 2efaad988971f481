//! Which code reads a column's values.
#![allow(dead_code)]

use walbridge_schemas::FieldType;

use super::scalar;
use crate::types::{Kind, Known, PgType};
use crate::value::{ValueError, Wire};

/// How much of a value its field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All of it.
    Exact,
    /// What Debezium would keep of it.
    Inexact,
    /// Nothing was written: the field has no room for such a value.
    Nothing,
}

/// The code for one type.
#[derive(Debug, Clone)]
pub(crate) enum Codec {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    /// Text that is the same in both forms.
    Text,
    /// Any other type, as the text PostgreSQL prints.
    Printed(Box<PgType>),
}

impl Codec {
    pub(crate) fn new(ty: &PgType, _field: &FieldType) -> Codec {
        let ty = ty.base();
        match (&ty.kind, Known::of(ty)) {
            (Kind::Enum { .. }, _) => Codec::Text,
            (_, Some(Known::Bool)) => Codec::Bool,
            (_, Some(Known::Int2)) => Codec::Int2,
            (_, Some(Known::Int4)) => Codec::Int4,
            (_, Some(Known::Int8)) => Codec::Int8,
            (_, Some(Known::Oid)) => Codec::Oid,
            (_, Some(Known::Float4)) => Codec::Float4,
            (_, Some(Known::Float8)) => Codec::Float8,
            (_, Some(Known::Text | Known::Bpchar | Known::Json | Known::Xml)) => Codec::Text,
            _ => Codec::Printed(Box::new(ty.clone())),
        }
    }

    #[inline]
    pub(crate) fn encode(
        &self,
        wire: Wire,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Outcome, ValueError> {
        match self {
            Codec::Bool => scalar::bool(wire, bytes, out)?,
            Codec::Int2 => scalar::int2(wire, bytes, out)?,
            Codec::Int4 => scalar::int4(wire, bytes, out)?,
            Codec::Int8 => scalar::int8(wire, bytes, out)?,
            Codec::Oid => scalar::oid(wire, bytes, out)?,
            Codec::Float4 => scalar::float4(wire, bytes, out)?,
            Codec::Float8 => scalar::float8(wire, bytes, out)?,
            Codec::Text => scalar::text(bytes, out)?,
            Codec::Printed(ty) => scalar::printed(ty, wire, bytes, out)?,
        }
        Ok(Outcome::Exact)
    }
}
