//! Arrays.

use walbridge_schemas::{Items, avro};

use super::codec::{Codec, Outcome};
use crate::array::{Literal, MAX_DIMENSIONS};
use crate::print::delimiter_of;
use crate::types::PgType;
use crate::value::{Pieces, ValueError, Wire};

/// How an array's items are read.
#[derive(Debug, Clone)]
pub(crate) struct ArrayCodec {
    items: Codec,
    nullable: bool,
    delimiter: u8,
}

impl ArrayCodec {
    pub(super) fn new(items: &PgType, fields: &Items) -> Self {
        Self {
            items: Codec::new(items, &fields.ty),
            nullable: fields.nullable,
            delimiter: delimiter_of(items),
        }
    }

    /// Appends one item; one that the field cannot hold becomes null, if it may.
    #[inline]
    fn item(
        &self,
        wire: Wire,
        item: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<Outcome, ValueError> {
        let Some(item) = item else {
            if self.nullable {
                out.push(0);
                return Ok(Outcome::Exact);
            }
            return Ok(Outcome::Nothing);
        };
        let start = out.len();
        if self.nullable {
            out.push(2);
        }
        let outcome = self.items.encode(wire, item, out)?;
        if outcome == Outcome::Nothing && self.nullable {
            out.truncate(start);
            out.push(0);
            return Ok(Outcome::Inexact);
        }
        Ok(outcome)
    }
}

/// Appends the items in one block.
///
/// An Avro array has one dimension and no bounds: anything else is inexact and has its items one
/// after another.
pub(super) fn encode(
    codec: &ArrayCodec,
    wire: Wire,
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Result<Outcome, ValueError> {
    match wire {
        Wire::Binary => encode_binary(codec, bytes, out),
        Wire::Text => encode_text(codec, bytes, out),
    }
}

fn encode_binary(
    codec: &ArrayCodec,
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Result<Outcome, ValueError> {
    let mut pieces = Pieces::new(bytes);
    let header = read_header(&mut pieces)?;
    let mut exact = header.plain;
    if header.count > 0 {
        avro::write_long(out, header.count as i64);
    }
    for _ in 0..header.count {
        match codec.item(Wire::Binary, pieces.sized()?, out)? {
            Outcome::Exact => {}
            Outcome::Inexact => exact = false,
            Outcome::Nothing => return Ok(Outcome::Nothing),
        }
    }
    pieces.finish()?;
    out.push(0);
    Ok(if exact {
        Outcome::Exact
    } else {
        Outcome::Inexact
    })
}

fn encode_text(codec: &ArrayCodec, text: &[u8], out: &mut Vec<u8>) -> Result<Outcome, ValueError> {
    let literal = Literal::read(text, codec.delimiter)?;
    let mut exact = matches!(
        literal.dimensions.as_slice(),
        [] | [crate::array::Dimension { lower: 1, .. }]
    );
    if !literal.items.is_empty() {
        avro::write_long(out, literal.items.len() as i64);
    }
    for item in &literal.items {
        match codec.item(Wire::Text, item.as_deref(), out)? {
            Outcome::Exact => {}
            Outcome::Inexact => exact = false,
            Outcome::Nothing => return Ok(Outcome::Nothing),
        }
    }
    out.push(0);
    Ok(if exact {
        Outcome::Exact
    } else {
        Outcome::Inexact
    })
}

struct Header {
    count: usize,
    /// One dimension that starts at 1, or no items.
    plain: bool,
}

fn read_header(pieces: &mut Pieces<'_>) -> Result<Header, ValueError> {
    let damaged = ValueError::new("an array's header is damaged");
    let dimensions = usize::try_from(pieces.i32()?).map_err(|_| damaged)?;
    if dimensions > MAX_DIMENSIONS {
        return Err(damaged);
    }
    let (_has_nulls, _item_oid) = (pieces.i32()?, pieces.i32()?);
    let mut count = usize::from(dimensions > 0);
    let mut plain = dimensions <= 1;
    for _ in 0..dimensions {
        let len = usize::try_from(pieces.i32()?).map_err(|_| damaged)?;
        count = count.checked_mul(len).ok_or(damaged)?;
        plain &= pieces.i32()? == 1;
    }
    // Each item has at least its length.
    if count > pieces.rest().len() / 4 {
        return Err(damaged);
    }
    Ok(Header {
        count,
        plain: plain || count == 0,
    })
}
