//! Bytes, UUIDs, JSON, hstore and points.

use walbridge_schemas::{FieldType, avro};

use super::scalar::{parse, sized, text};
use crate::hstore;
use crate::print;
use crate::value::{Pieces, ValueError, Wire, exactly};

#[inline]
pub(super) fn bytea(wire: Wire, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    match wire {
        Wire::Binary => avro::write_bytes(out, bytes),
        Wire::Text => {
            let digits = bytes.strip_prefix(b"\\x").ok_or(NOT_HEX)?;
            if digits.len() % 2 != 0 {
                return Err(NOT_HEX);
            }
            avro::write_long(out, (digits.len() / 2) as i64);
            for pair in digits.chunks_exact(2) {
                out.push(hex(pair[0])? << 4 | hex(pair[1])?);
            }
        }
    }
    Ok(())
}

fn hex(digit: u8) -> Result<u8, ValueError> {
    (digit as char).to_digit(16).map(|d| d as u8).ok_or(NOT_HEX)
}

#[inline]
pub(super) fn uuid(wire: Wire, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    match wire {
        Wire::Binary => {
            avro::write_long(out, 36);
            print::print_uuid(&exactly(bytes)?, out);
            Ok(())
        }
        Wire::Text => text(bytes, out),
    }
}

#[inline]
pub(super) fn jsonb(wire: Wire, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    match (wire, bytes) {
        (Wire::Binary, [1, json @ ..]) | (Wire::Text, json) => text(json, out),
        (Wire::Binary, _) => Err(ValueError::new(
            "the version of jsonb's binary form is unknown",
        )),
    }
}

/// A point record: the coordinates, and the same once more as WKB.
pub(super) fn point(wire: Wire, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let (x, y) = match wire {
        Wire::Binary => {
            let mut pieces = Pieces::new(bytes);
            let point = (pieces.f64()?, pieces.f64()?);
            pieces.finish()?;
            point
        }
        Wire::Text => {
            let inner = bytes
                .strip_prefix(b"(")
                .and_then(|b| b.strip_suffix(b")"))
                .ok_or(NOT_A_POINT)?;
            let comma = inner.iter().position(|&b| b == b',').ok_or(NOT_A_POINT)?;
            (parse(&inner[..comma])?, parse(&inner[comma + 1..])?)
        }
    };
    FieldType::write_point(out, x, y);
    Ok(())
}

/// hstore as a JSON object of strings and nulls.
pub(super) fn hstore(wire: Wire, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    sized(out, |out| match wire {
        Wire::Binary => hstore::json_of_pairs(hstore::BinaryPairs::new(bytes)?, out),
        Wire::Text => hstore::json_of_pairs(hstore::TextPairs::new(bytes), out),
    })
}

const NOT_HEX: ValueError = ValueError::new("a bytea's text is not hexadecimal");
const NOT_A_POINT: ValueError = ValueError::new("a point's text is none");
