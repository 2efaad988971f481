//! Confluent's frame: a zero byte and the schema's id before the Avro bytes.

use crate::AvroError;

/// The length of the frame.
pub const LEN: usize = 5;

/// Appends the frame for schema `id`.
#[inline]
pub fn write(out: &mut Vec<u8>, id: u32) {
    let [a, b, c, d] = id.to_be_bytes();
    out.extend_from_slice(&[0, a, b, c, d]);
}

/// Splits a framed record into its schema's id and the Avro bytes.
#[inline]
pub fn read(bytes: &[u8]) -> Result<(u32, &[u8]), AvroError> {
    match bytes {
        [0, a, b, c, d, rest @ ..] => Ok((u32::from_be_bytes([*a, *b, *c, *d]), rest)),
        _ => Err(AvroError::NotFramed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_refuses_the_rest() {
        let mut out = Vec::new();
        write(&mut out, 0x0102_0304);
        out.push(9);
        assert_eq!(out, [0, 1, 2, 3, 4, 9]);
        assert_eq!(read(&out), Ok((0x0102_0304, &[9u8][..])));
        assert_eq!(read(&[1, 0, 0, 0, 1]), Err(AvroError::NotFramed));
        assert_eq!(read(b"\0\0\0\0"), Err(AvroError::NotFramed));
        assert_eq!(read(b""), Err(AvroError::NotFramed));
    }
}
