//! What surrounds a row: operation, transaction block, time.
//!
//! A value is written in the envelope's order: [`write_image`] for `before` and the row's fields,
//! the same for `after`, the source block (see [`postgresql`](crate::postgresql)), the transaction
//! block, then [`write_tail`].

use crate::AvroError;
use crate::avro::{write_long, write_str};

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// `r`: read in a snapshot.
    Read,
    /// `c`: inserted.
    Create,
    /// `u`: updated.
    Update,
    /// `d`: deleted.
    Delete,
    /// `t`: the table was truncated.
    Truncate,
    /// `m`: no row, a message.
    Message,
}

impl Op {
    /// Returns the letter that stands for it.
    pub fn code(self) -> u8 {
        match self {
            Op::Read => b'r',
            Op::Create => b'c',
            Op::Update => b'u',
            Op::Delete => b'd',
            Op::Truncate => b't',
            Op::Message => b'm',
        }
    }

    /// Returns the operation that a letter stands for.
    pub fn from_code(code: &[u8]) -> Result<Op, AvroError> {
        Ok(match code {
            b"r" => Op::Read,
            b"c" => Op::Create,
            b"u" => Op::Update,
            b"d" => Op::Delete,
            b"t" => Op::Truncate,
            b"m" => Op::Message,
            _ => return Err(AvroError::Op),
        })
    }
}

/// Appends the union branch of `before` or `after`; the row's fields must follow if it is `present`.
#[inline]
pub fn write_image(out: &mut Vec<u8>, present: bool) {
    out.push(if present { 2 } else { 0 });
}

/// The `transaction` block of rows: what is the same for all rows of one transaction.
#[derive(Debug, Clone, Default)]
pub struct TransactionBlock {
    prefix: Vec<u8>,
}

impl TransactionBlock {
    /// Takes the part of the id that all rows of the transaction share: `<xid>:`.
    pub fn begin(&mut self, xid: u64) {
        self.prefix.clear();
        self.prefix.extend_from_slice(Decimal::of(xid).as_bytes());
        self.prefix.push(b':');
    }

    /// Appends the block of one row: its own LSN completes the id, its orders count from 1.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>, lsn: u64, total_order: u64, collection_order: u64) {
        let lsn = Decimal::of(lsn);
        out.push(2);
        write_long(out, (self.prefix.len() + lsn.as_bytes().len()) as i64);
        out.extend_from_slice(&self.prefix);
        out.extend_from_slice(lsn.as_bytes());
        write_long(out, total_order as i64);
        write_long(out, collection_order as i64);
    }

    /// Appends the null that stands where there is no transaction, as in a snapshot.
    #[inline]
    pub fn write_none(out: &mut Vec<u8>) {
        out.push(0);
    }
}

/// Appends what ends an envelope: the operation and the time of processing in µs since 1970.
#[inline]
pub fn write_tail(out: &mut Vec<u8>, op: Op, now_us: i64) {
    out.extend_from_slice(&[2, op.code()]);
    write_times(out, now_us);
}

/// Appends `ts_ms`, `ts_us` and `ts_ns`, all of them `["null","long"]`.
#[inline]
fn write_times(out: &mut Vec<u8>, us: i64) {
    out.push(2);
    write_long(out, us.div_euclid(1000));
    out.push(2);
    write_long(out, us);
    out.push(2);
    write_long(out, us.saturating_mul(1000));
}

/// A number in decimal, on the stack.
pub(crate) struct Decimal {
    digits: [u8; 20],
    start: usize,
}

impl Decimal {
    #[inline]
    pub(crate) fn of(mut value: u64) -> Self {
        let mut digits = [b'0'; 20];
        let mut start = 20;
        loop {
            start -= 1;
            digits[start] = b'0' + (value % 10) as u8;
            value /= 10;
            if value == 0 {
                return Self { digits, start };
            }
        }
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.digits[self.start..]
    }
}

/// Appends an optional string.
pub(crate) fn write_optional_str(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => {
            out.push(2);
            write_str(out, text);
        }
        None => out.push(0),
    }
}

/// Appends an optional long.
#[inline]
pub(crate) fn write_optional_long(out: &mut Vec<u8>, value: Option<i64>) {
    match value {
        Some(value) => {
            out.push(2);
            write_long(out, value);
        }
        None => out.push(0),
    }
}
