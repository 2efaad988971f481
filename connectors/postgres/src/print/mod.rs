//! Binary values as the text that the server would print.
//!
//! Needed for the types that travel as text, and for the values that their fields cannot hold.

mod container;
mod geometry;
mod network;
mod scalar;
mod search;

use crate::types::{Kind, Known, PgType};
use crate::value::ValueError;

pub(crate) use scalar::{print_char, print_float4, print_float8, print_hex, print_uuid};

/// Appends the text form of a binary value.
pub(crate) fn print(ty: &PgType, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    match &ty.kind {
        Kind::Domain(base) => print(base, bytes, out),
        Kind::Enum { .. } => {
            out.extend_from_slice(bytes);
            Ok(())
        }
        Kind::Array(items) => container::array(items, bytes, out),
        Kind::Composite(columns) => container::composite(columns, bytes, out),
        Kind::Range(bounds) => container::range(bounds, bytes, out),
        Kind::Multirange(range) => container::multirange(range, bytes, out),
        Kind::Base => match Known::of(ty) {
            Some(known) => print_known(known, ty, bytes, out),
            None => Err(ValueError::new(
                "the binary form of this type is not known: text must be asked for",
            )),
        },
    }
}

fn print_known(
    known: Known,
    ty: &PgType,
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    match known {
        Known::Text | Known::Bpchar | Known::Json | Known::Xml => {
            out.extend_from_slice(bytes);
            Ok(())
        }
        Known::Jsonb | Known::Versioned | Known::Ltree => match bytes {
            [1, text @ ..] => {
                out.extend_from_slice(text);
                Ok(())
            }
            _ => Err(ValueError::new("the version of a binary form is unknown")),
        },
        Known::Point
        | Known::Lseg
        | Known::Box
        | Known::Path
        | Known::Line
        | Known::Polygon
        | Known::Circle => geometry::print(known, bytes, out),
        Known::Inet => network::inet(ty.name == "cidr", bytes, out),
        Known::Macaddr => network::macaddr(bytes, out),
        Known::Tsvector => search::vector(bytes, out),
        Known::Tsquery => search::query(bytes, out),
        Known::Hstore => crate::hstore::text_of_pairs(crate::hstore::BinaryPairs::new(bytes)?, out),
        Known::NumberVector => container::number_vector(bytes, out),
        _ => scalar::print(known, bytes, out),
    }
}

/// Returns what stands between the items of an array of this type.
pub(crate) fn delimiter_of(items: &PgType) -> u8 {
    if Known::of(items.base()) == Some(Known::Box) {
        b';'
    } else {
        b','
    }
}

#[cfg(test)]
mod tests;
