//! Geometric types.

use super::print_float8;
use crate::types::Known;
use crate::value::{Pieces, ValueError};

pub(super) fn print(known: Known, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut pieces = Pieces::new(bytes);
    match known {
        Known::Point => point(&mut pieces, out)?,
        Known::Lseg => points(&mut pieces, 2, b"[]", out)?,
        Known::Box => points(&mut pieces, 2, b"", out)?,
        Known::Path => {
            let closed = pieces.u8()? != 0;
            let count = pieces.i32()?;
            points(&mut pieces, count, if closed { b"()" } else { b"[]" }, out)?;
        }
        Known::Polygon => {
            let count = pieces.i32()?;
            points(&mut pieces, count, b"()", out)?;
        }
        Known::Line => {
            for before in [b'{', b',', b','] {
                out.push(before);
                print_float8(pieces.f64()?, out);
            }
            out.push(b'}');
        }
        _ => {
            out.push(b'<');
            point(&mut pieces, out)?;
            out.push(b',');
            print_float8(pieces.f64()?, out);
            out.push(b'>');
        }
    }
    pieces.finish()
}

fn point(pieces: &mut Pieces<'_>, out: &mut Vec<u8>) -> Result<(), ValueError> {
    out.push(b'(');
    print_float8(pieces.f64()?, out);
    out.push(b',');
    print_float8(pieces.f64()?, out);
    out.push(b')');
    Ok(())
}

fn points(
    pieces: &mut Pieces<'_>,
    count: i32,
    around: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    out.extend(around.first());
    for i in 0..count {
        if i > 0 {
            out.push(b',');
        }
        point(pieces, out)?;
    }
    out.extend(around.last());
    Ok(())
}
