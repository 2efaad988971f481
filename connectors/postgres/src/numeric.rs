//! Decimal numbers between PostgreSQL's `numeric`, text and Avro's two's complement.

mod binary;
mod magnitude;
mod parse;
mod print;

pub(crate) use binary::{Numeric, write_binary};
pub(crate) use magnitude::{Magnitude, write_twos_complement};
pub(crate) use parse::parse;
pub(crate) use print::{print_binary, print_unscaled};

/// The largest scale a `numeric` can show.
pub(crate) const MAX_SCALE: u32 = 16_383;
/// The most bytes an unscaled value can have: 131072 digits before the point and 16383 behind it.
pub(crate) const MAX_BYTES: usize = 61_300;

/// A value that is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotANumber {
    NaN,
    Infinity,
    MinusInfinity,
}

impl NotANumber {
    /// Returns PostgreSQL's text for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            NotANumber::NaN => "NaN",
            NotANumber::Infinity => "Infinity",
            NotANumber::MinusInfinity => "-Infinity",
        }
    }

    /// Reads PostgreSQL's text for it.
    pub(crate) fn of_text(text: &[u8]) -> Option<Self> {
        Some(match text {
            b"NaN" => NotANumber::NaN,
            b"Infinity" => NotANumber::Infinity,
            b"-Infinity" => NotANumber::MinusInfinity,
            _ => return None,
        })
    }

    /// Returns the sign word of its binary form.
    pub(crate) fn sign(self) -> u16 {
        match self {
            NotANumber::NaN => 0xc000,
            NotANumber::Infinity => 0xd000,
            NotANumber::MinusInfinity => 0xf000,
        }
    }

    /// Appends its binary form.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0, 0, 0, 0]);
        out.extend_from_slice(&self.sign().to_be_bytes());
        // The server shows an infinity with this display scale.
        let scale: u16 = if self == NotANumber::NaN { 0 } else { 0x20 };
        out.extend_from_slice(&scale.to_be_bytes());
    }
}

#[cfg(test)]
mod tests;
