//! What makes two keys one: the database's equality, told from the values of key columns.
//!
//! The fold puts changes together whose keys are equal at the target, and must never put others
//! together. Bytes do not always tell: Avro has one form for a numeric 0 and a NaN, and two for 12.3
//! and 12.300, which are one key.

use walbridge_connector_api::{ConnectorError, Result};
use walbridge_postgres::types::{Kind, PgType};

use crate::binding::Binding;
use crate::rows::{Image, Rows};

/// How the keys of a table are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyForm {
    /// By the bytes of the record's key, with the exact texts of what Avro cannot hold.
    Bytes,
    /// By the values of the key's columns, each made the same for all that are equal.
    Values(Vec<Canon>),
    /// By the database alone: the table's changes are applied one by one.
    Database,
}

/// How values of a type that are equal get the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Canon {
    /// They have them.
    Same,
    /// A `numeric`, whose scale does not count.
    Numeric,
    /// A float, whose zero has two signs and whose NaN many forms.
    Float,
    /// An interval, whose months count as 30 days and whose days as 24 hours.
    Interval,
    /// A `char(n)`, whose spaces at the end do not count.
    Padded,
}

impl Canon {
    /// Returns whether values may be equal and not alike: an update of the key's column may change
    /// what it looks like.
    pub(crate) fn is_coarse(self) -> bool {
        self != Self::Same
    }

    /// Appends a value in its binary form so that equal ones are the same.
    pub(crate) fn write(self, value: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Same => out.extend_from_slice(value),
            Self::Numeric => numeric(value, out),
            Self::Float => float(value, out),
            Self::Interval => interval(value, out),
            Self::Padded => {
                let end = value.iter().rposition(|byte| *byte != b' ');
                out.extend_from_slice(&value[..end.map_or(0, |at| at + 1)]);
            }
        }
    }
}

/// What is known of one type's equality.
enum Equality {
    /// Equal values have the same Avro bytes, or the same exact text.
    Bytes,
    /// Equal values can be given the same bytes.
    Canon(Canon),
    Unknown,
}

impl KeyForm {
    /// Chooses the form for a key of these types, each with whether its collation is deterministic
    /// and whether its values are at hand in binary.
    pub(crate) fn of<'a>(columns: impl Iterator<Item = (&'a PgType, bool, bool)>) -> Self {
        let mut canons = Vec::new();
        let mut bytes = true;
        for (ty, deterministic, native) in columns {
            match equality(ty, deterministic) {
                Equality::Bytes => canons.push(Canon::Same),
                Equality::Canon(canon) if native => {
                    canons.push(canon);
                    bytes = false;
                }
                _ => return Self::Database,
            }
        }
        if bytes {
            Self::Bytes
        } else {
            Self::Values(canons)
        }
    }
}

/// Returns how values of a type that are equal, and not alike, are made alike.
pub(crate) fn canon(ty: &PgType) -> Option<Canon> {
    match equality(ty, true) {
        Equality::Bytes => Some(Canon::Same),
        Equality::Canon(canon) => Some(canon),
        Equality::Unknown => None,
    }
}

fn equality(ty: &PgType, deterministic: bool) -> Equality {
    let ty = ty.base();
    match &ty.kind {
        Kind::Enum { .. } => Equality::Bytes,
        Kind::Base if ty.schema == "pg_catalog" => of_name(&ty.name, deterministic),
        Kind::Array(items) => match equality(items, deterministic) {
            Equality::Bytes | Equality::Canon(Canon::Same) => Equality::Canon(Canon::Same),
            _ => Equality::Unknown,
        },
        // Their text is the server's own, and their bounds are exact.
        Kind::Range(of) if matches!(equality(of, true), Equality::Bytes) => Equality::Bytes,
        _ => Equality::Unknown,
    }
}

fn of_name(name: &str, deterministic: bool) -> Equality {
    match name {
        "bool" | "int2" | "int4" | "int8" | "oid" | "uuid" | "bytea" | "date" | "time"
        | "timestamp" | "timestamptz" | "name" | "char" | "money" | "inet" | "cidr" | "macaddr"
        | "macaddr8" | "pg_lsn" | "xid8" => Equality::Bytes,
        "text" | "varchar" if deterministic => Equality::Bytes,
        "bpchar" if deterministic => Equality::Canon(Canon::Padded),
        "numeric" => Equality::Canon(Canon::Numeric),
        "float4" | "float8" => Equality::Canon(Canon::Float),
        "interval" => Equality::Canon(Canon::Interval),
        "timetz" | "bit" | "varbit" => Equality::Canon(Canon::Same),
        _ => Equality::Unknown,
    }
}

/// `numeric` in binary: how many digits (base 10,000), the first one's weight, sign, scale, digits.
fn numeric(value: &[u8], out: &mut Vec<u8>) {
    const NEGATIVE: u16 = 0x4000;
    let words: Vec<u16> = value
        .chunks_exact(2)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
        .collect();
    let [_, weight, sign, _, digits @ ..] = words.as_slice() else {
        out.extend_from_slice(value);
        return;
    };
    let first = digits.iter().position(|digit| *digit != 0);
    let last = digits.iter().rposition(|digit| *digit != 0);
    let (Some(first), Some(last)) = (first, last) else {
        // Zero, which has no sign; NaN and the infinities are told by theirs.
        let sign = if *sign == NEGATIVE { 0 } else { *sign };
        out.extend_from_slice(&sign.to_be_bytes());
        return;
    };
    out.extend_from_slice(&sign.to_be_bytes());
    let weight = i32::from(weight.cast_signed()) - i32::try_from(first).unwrap_or(i32::MAX);
    out.extend_from_slice(&weight.to_be_bytes());
    for digit in &digits[first..=last] {
        out.extend_from_slice(&digit.to_be_bytes());
    }
}

fn float(value: &[u8], out: &mut Vec<u8>) {
    let number = match value {
        [a, b, c, d] => f64::from(f32::from_be_bytes([*a, *b, *c, *d])),
        [a, b, c, d, e, f, g, h] => f64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]),
        _ => return out.extend_from_slice(value),
    };
    let number = if number.is_nan() {
        f64::NAN
    } else {
        number + 0.0
    };
    out.extend_from_slice(&number.to_be_bytes());
}

fn interval(value: &[u8], out: &mut Vec<u8>) {
    const DAY_US: i128 = 86_400_000_000;
    let (Some((time, rest)), true) = (value.split_first_chunk::<8>(), value.len() == 16) else {
        return out.extend_from_slice(value);
    };
    let number = |bytes: &[u8]| bytes.try_into().map(i32::from_be_bytes).unwrap_or_default();
    let (days, months) = (number(&rest[..4]), number(&rest[4..]));
    let days = i128::from(days) + 30 * i128::from(months);
    let span = i128::from(i64::from_be_bytes(*time)) + days * DAY_US;
    out.extend_from_slice(&span.to_be_bytes());
}

impl Rows {
    /// Appends a key made of the values of its columns.
    pub(crate) fn write_key(
        &self,
        image: &Image,
        binding: &Binding,
        canons: &[Canon],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let mut fields = Vec::new();
        self.split(image, &mut fields)
            .map_err(|e| unreadable(binding, &e))?;
        let special = &self.marks(image).special;
        let (mut value, mut part) = (Vec::new(), Vec::new());
        for (&at, canon) in binding.key.iter().zip(canons) {
            value.clear();
            part.clear();
            let decoder = &binding.columns[at].decoder;
            let text = special.iter().find(|(field, _)| usize::from(*field) == at);
            let there = match text {
                Some((_, text)) => decoder.decode_special(text, &mut value).map(|()| true),
                None => decoder.decode(fields[at], &mut value),
            };
            // A key has no nulls; a row that has one anyway is like no other that has a value there.
            if there.map_err(|e| unreadable(binding, &e))? {
                canon.write(&value, &mut part);
                part.push(1);
            }
            push_part(&part, out)?;
        }
        Ok(())
    }
}

fn unreadable(binding: &Binding, cause: &dyn std::fmt::Display) -> ConnectorError {
    ConnectorError::stop(
        "NotAvro",
        format!("table {}: a row's key: {cause}", binding.title),
    )
}

/// Appends a part of a key, so that no two lists of parts are the same bytes.
pub(crate) fn push_part(part: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let len = u32::try_from(part.len())
        .map_err(|_| ConnectorError::stop("WrongData", "a key is larger than 4 GiB"))?;
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(part);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(canon: Canon, value: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        canon.write(value, &mut out);
        out
    }

    fn number(weight: i16, sign: u16, scale: u16, digits: &[u16]) -> Vec<u8> {
        let head = [digits.len() as u16, weight.cast_unsigned(), sign, scale];
        let words = head.iter().chain(digits);
        let raw: Vec<u8> = words.flat_map(|word| word.to_be_bytes()).collect();
        bytes(Canon::Numeric, &raw)
    }

    #[test]
    fn numbers_are_equal_whatever_their_scale() {
        let plain = number(0, 0, 1, &[12, 3000]);
        assert_eq!(plain, number(0, 0, 3, &[12, 3000]));
        assert_eq!(plain, number(1, 0, 5, &[0, 12, 3000, 0]));
        assert_ne!(plain, number(0, 0x4000, 1, &[12, 3000]));
        assert_ne!(plain, number(1, 0, 0, &[12, 3000]));
        let zero = number(0, 0, 0, &[]);
        assert_eq!(zero, number(0, 0x4000, 2, &[0]));
        // NaN, Infinity and -Infinity are told by their signs.
        let special = [0xC000, 0xD000, 0xF000].map(|sign| number(0, sign, 0, &[]));
        for (at, one) in special.iter().enumerate() {
            assert_ne!(*one, zero);
            assert!(!special[..at].contains(one));
        }
    }

    #[test]
    fn other_values_are_equal_as_the_server_has_it() {
        let float = |number: f64| bytes(Canon::Float, &number.to_be_bytes());
        assert_eq!(float(0.0), float(-0.0));
        assert_eq!(float(f64::NAN), float(-f64::NAN));
        assert_ne!(float(0.0), float(f64::MIN_POSITIVE));
        let span = |us: i64, days: i32, months: i32| {
            let mut raw = us.to_be_bytes().to_vec();
            raw.extend_from_slice(&days.to_be_bytes());
            raw.extend_from_slice(&months.to_be_bytes());
            bytes(Canon::Interval, &raw)
        };
        assert_eq!(span(0, 0, 1), span(0, 30, 0));
        assert_eq!(span(86_400_000_000, 0, 0), span(0, 1, 0));
        assert_ne!(span(0, 0, 1), span(37_800_000_000, 30, 0));
        assert_eq!(bytes(Canon::Padded, b"a  "), bytes(Canon::Padded, b"a"));
        assert_eq!(bytes(Canon::Padded, b"  "), b"");
    }
}
