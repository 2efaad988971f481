//! Decimal numbers of any size, as the logical type has them.

use std::fmt;
use std::str::FromStr;

use num_bigint::BigInt;

use super::DataError;

/// A whole number times 10 to the minus `scale`. Two are equal if both parts are: `1.0` is not `1.00`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// All digits.
    pub unscaled: BigInt,
    /// How many of them stand after the point; negative for zeros before it.
    pub scale: i32,
}

impl Decimal {
    /// Reads the value of a decimal schema: big-endian two's complement.
    pub fn from_bytes(bytes: &[u8], scale: i32) -> Self {
        Self {
            unscaled: BigInt::from_signed_bytes_be(bytes),
            scale,
        }
    }

    /// Returns the same number with another scale; `None` if that cannot hold it exactly.
    pub fn rescale(&self, scale: i32) -> Option<Self> {
        /// Beyond this nobody's numbers reach, and memory would.
        const LIMIT: u32 = 100_000;
        let by = i64::from(scale) - i64::from(self.scale);
        let power = u32::try_from(by.unsigned_abs())
            .ok()
            .filter(|n| *n <= LIMIT)?;
        let factor = BigInt::from(10).pow(power);
        let unscaled = if by >= 0 {
            &self.unscaled * factor
        } else {
            let unscaled = &self.unscaled / &factor;
            (&unscaled * factor == self.unscaled).then_some(unscaled)?
        };
        Some(Self { unscaled, scale })
    }

    /// Returns the value of a decimal schema: the shortest two's complement, big endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.unscaled.to_signed_bytes_be()
    }
}

/// Writes the number as Java's `BigDecimal` does, with an exponent for far-away points.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.unscaled.to_string();
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", text.as_str()),
        };
        let len = digits.len() as i64;
        let scale = i64::from(self.scale);
        let exponent = len - 1 - scale;
        if scale == 0 {
            return f.write_str(&text);
        }
        if scale > 0 && exponent >= -6 {
            // At most six zeros are put in front here, so these lengths are small and positive.
            let whole = usize::try_from(len - scale).unwrap_or(0);
            let zeros = usize::try_from(scale - len).unwrap_or(0);
            let (before, after) = digits.split_at(whole);
            let before = if before.is_empty() { "0" } else { before };
            return write!(f, "{sign}{before}.{:0<zeros$}{after}", "");
        }
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        write!(f, "{sign}{first}{point}{rest}")?;
        if exponent == 0 {
            return Ok(());
        }
        write!(f, "E{exponent:+}")
    }
}

impl FromStr for Decimal {
    type Err = DataError;

    /// Reads digits with an optional sign, point and exponent, keeping trailing zeros.
    fn from_str(text: &str) -> Result<Self, DataError> {
        let wrong = || DataError::NotADecimal(text.to_owned());
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, exponent.parse::<i32>().map_err(|_| wrong())?),
            None => (text, 0),
        };
        let (sign, number) = match number.as_bytes().first() {
            Some(b'-') => ("-", &number[1..]),
            Some(b'+') => ("", &number[1..]),
            _ => ("", number),
        };
        let (before, after) = number.split_once('.').unwrap_or((number, ""));
        let all = [before, after].concat();
        if all.is_empty() || !all.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong());
        }
        let scale = i64::try_from(after.len()).unwrap_or(i64::MAX) - i64::from(exponent);
        Ok(Self {
            unscaled: format!("{sign}{all}").parse().map_err(|_| wrong())?,
            scale: i32::try_from(scale).map_err(|_| wrong())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What Java's `new BigDecimal(BigInteger.valueOf(unscaled), scale).toString()` prints.
    #[test]
    fn prints_as_java_does() {
        for (unscaled, scale, text) in [
            (0, 0, "0"),
            (0, 2, "0.00"),
            (12345, 2, "123.45"),
            (-5, 3, "-0.005"),
            (1, 6, "0.000001"),
            (1, 7, "1E-7"),
            (123, 9, "1.23E-7"),
            (123, -2, "1.23E+4"),
            (7, -3, "7E+3"),
            (0, 8, "0E-8"),
        ] {
            let number = Decimal {
                unscaled: BigInt::from(unscaled),
                scale,
            };
            assert_eq!(number.to_string(), text);
            assert_eq!(text.parse(), Ok(number));
        }
    }

    #[test]
    fn rescales_only_exactly() {
        let number: Decimal = "1.50".parse().unwrap();
        assert_eq!(number.rescale(1).unwrap().to_string(), "1.5");
        assert_eq!(number.rescale(4).unwrap().to_string(), "1.5000");
        assert_eq!(number.rescale(0), None);
        assert_eq!(number.rescale(i32::MAX), None);
    }

    #[test]
    fn refuses_what_is_no_number() {
        for text in [
            "",
            ".",
            "-",
            "1,5",
            "1e",
            "NaN",
            "1e99999999999",
            "+-1",
            "0x1",
        ] {
            assert!(text.parse::<Decimal>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_and_bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 1..20), scale in -30i32..60) {
            let number = Decimal::from_bytes(&bytes, scale);
            prop_assert_eq!(&number.to_string().parse::<Decimal>().unwrap(), &number);
            prop_assert_eq!(Decimal::from_bytes(&number.to_bytes(), scale), number);
        }
    }
}
