//! Record keys that are the same for keys that are equal.
//!
//! To PostgreSQL 12.3 and 12.300 are one key, and so are the two zeros of a float. In a topic they have
//! to be one, too, or the changes of one row lie in two partitions and compaction keeps both. The row
//! itself says exactly how the value is written.

use num_bigint::BigInt;
use walbridge_schemas::avro::{Reader, write_bytes, write_int};
use walbridge_schemas::{AvroError, Field, FieldType};

/// How a key's field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Canonical {
    /// As in the row.
    Same,
    /// A number without zeros behind its fraction.
    Decimal,
    /// A float whose zero has no sign; its size in bytes.
    Float(usize),
}

impl Canonical {
    pub(crate) fn of(field: &Field) -> Self {
        match field.ty {
            FieldType::VariableScaleDecimal => Self::Decimal,
            FieldType::Float => Self::Float(4),
            FieldType::Double => Self::Float(8),
            _ => Self::Same,
        }
    }

    /// Appends the field whose bytes stand at `at` in `out` as a key has it.
    #[inline]
    pub(crate) fn append(self, field: &Field, at: (usize, usize), out: &mut Vec<u8>) {
        if self != Self::Same
            && let Ok(Some(bytes)) = self.other(field, &out[at.0..at.1])
        {
            out.extend_from_slice(&bytes);
            return;
        }
        out.extend_from_within(at.0..at.1);
    }

    /// Returns the field's bytes if they are not those of the row.
    fn other(self, field: &Field, bytes: &[u8]) -> Result<Option<Vec<u8>>, AvroError> {
        let Some(value) = field.value(bytes)? else {
            return Ok(None);
        };
        let branch = &bytes[..bytes.len() - value.len()];
        match self {
            Self::Same => Ok(None),
            Self::Float(size) => {
                // Of both zeros all bits but the sign, the highest of the last byte, are zero.
                let negative_zero = value.len() == size
                    && value[size - 1] == 0x80
                    && value[..size - 1].iter().all(|byte| *byte == 0);
                Ok(negative_zero.then(|| [branch, &[0; 8][..size]].concat()))
            }
            Self::Decimal => {
                let mut reader = Reader::new(value);
                let (scale, unscaled) = (reader.int()?, reader.bytes()?);
                if scale <= 0 {
                    return Ok(None);
                }
                let mut number = BigInt::from_signed_bytes_be(unscaled);
                let mut shorter = scale;
                while shorter > 0 && &number % 10 == BigInt::ZERO {
                    number /= 10;
                    shorter -= 1;
                }
                if shorter == scale {
                    return Ok(None);
                }
                let mut out = branch.to_vec();
                write_int(&mut out, shorter);
                write_bytes(&mut out, &number.to_signed_bytes_be());
                Ok(Some(out))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(ty: FieldType, optional: bool) -> Field {
        Field::new("k", ty, optional, None)
    }

    fn key(field: &Field, value: &[u8]) -> Vec<u8> {
        let mut out = field.nulls.value_branch().to_vec();
        out.extend_from_slice(value);
        let at = (0, out.len());
        Canonical::of(field).append(field, at, &mut out);
        out.split_off(at.1)
    }

    fn decimal(scale: i32, number: i64) -> Vec<u8> {
        let mut out = Vec::new();
        write_int(&mut out, scale);
        write_bytes(&mut out, &BigInt::from(number).to_signed_bytes_be());
        out
    }

    #[test]
    fn numbers_that_are_equal_have_one_key() {
        for optional in [false, true] {
            let field = field(FieldType::VariableScaleDecimal, optional);
            let few = key(&field, &decimal(1, -123));
            assert!(few.ends_with(&decimal(1, -123)));
            assert_eq!(key(&field, &decimal(3, -12_300)), few);
            assert_ne!(key(&field, &decimal(3, -12_301)), few);
            assert_eq!(key(&field, &decimal(2, 0)), key(&field, &decimal(0, 0)));
            // What stands before the point is not touched.
            assert!(key(&field, &decimal(0, 1200)).ends_with(&decimal(0, 1200)));
        }
    }

    #[test]
    fn zeros_have_one_key() {
        let double = field(FieldType::Double, true);
        let bytes = |number: f64| key(&double, &number.to_le_bytes());
        assert_eq!(bytes(-0.0), bytes(0.0));
        assert_ne!(bytes(-1.0), bytes(1.0));
        assert_ne!(bytes(-f64::from_bits(1)), bytes(0.0));
        let float = field(FieldType::Float, false);
        assert_eq!(key(&float, &(-0.0_f32).to_le_bytes()), [0; 4]);
    }
}
