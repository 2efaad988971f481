//! Numbers as Java reads, narrows and writes them.

use num_bigint::BigInt;
use walbridge_connector_api::data::Decimal;

/// Where the ten digits of each script of Unicode's basic plane begin, all of which Java reads.
const ZEROS: [u32; 37] = [
    0x0030, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6,
    0x0D66, 0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80,
    0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0,
    0xFF10,
];

/// Returns the value of a decimal digit of any script.
pub(crate) fn digit(c: char) -> Option<u8> {
    let code = c as u32;
    let zero = ZEROS
        .iter()
        .rev()
        .find(|zero| **zero <= code && code < **zero + 10)?;
    u8::try_from(code - zero).ok()
}

/// Turns digits of any script into ASCII digits; everything else stays.
pub(crate) fn ascii_digits(text: &str) -> String {
    text.chars()
        .map(|c| digit(c).map_or(c, |d| char::from(b'0' + d)))
        .collect()
}

/// Reads a whole number as `Long.parseLong` does.
pub(crate) fn parse_long(text: &str) -> Option<i64> {
    ascii_digits(text).parse().ok()
}

/// Reads a number as `Double.parseDouble` does, but for its hexadecimal form; returns the plain text.
fn floating(text: &str) -> Option<String> {
    let text = text.trim_matches(|c: char| c <= ' ');
    let (sign, rest) = match text.as_bytes().first()? {
        b'-' => ("-", &text[1..]),
        b'+' => ("", &text[1..]),
        _ => ("", text),
    };
    if rest == "NaN" || rest == "Infinity" {
        return Some(format!("{sign}{rest}"));
    }
    let rest = rest.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(rest);
    let (number, exponent) = match rest.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent)),
        None => (rest, None),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let some = !whole.is_empty() || !part.is_empty();
    let exponent_fits = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['+', '-']).unwrap_or(e);
        !e.is_empty() && digits(e)
    });
    (some && digits(whole) && digits(part) && exponent_fits).then(|| format!("{sign}{rest}"))
}

/// Reads a number as `Float.parseFloat` does; its hexadecimal form is refused.
pub(crate) fn parse_float(text: &str) -> Option<f32> {
    floating(text)?.parse().ok()
}

/// Reads a number as `Double.parseDouble` does; its hexadecimal form is refused.
pub(crate) fn parse_double(text: &str) -> Option<f64> {
    floating(text)?.parse().ok()
}

/// Reads a number as `new BigDecimal` does.
pub(crate) fn parse_decimal(text: &str) -> Option<Decimal> {
    ascii_digits(text).parse().ok()
}

/// Returns the last 64 bits of a decimal's whole part, as `BigDecimal.longValue` does.
pub(crate) fn decimal_to_long(decimal: &Decimal) -> i64 {
    let whole = whole_part(decimal);
    let mut bytes = whole.to_signed_bytes_le();
    let fill = if bytes.last().is_some_and(|b| *b >= 0x80) {
        0xff
    } else {
        0
    };
    bytes.resize(8.max(bytes.len()), fill);
    let mut low = [0; 8];
    low.copy_from_slice(&bytes[..8]);
    i64::from_le_bytes(low)
}

/// Returns what stands before a decimal's point; of a number of absurd size, nothing (its last bits are zero).
fn whole_part(decimal: &Decimal) -> BigInt {
    let ten = BigInt::from(10);
    match u32::try_from(decimal.scale) {
        Ok(scale) => {
            // Fewer digits than places after the point: nothing stands before it.
            let digits = decimal.unscaled.bits() / 3 + 1;
            if u64::from(scale) > digits {
                return BigInt::ZERO;
            }
            &decimal.unscaled / ten.pow(scale)
        }
        // From 64 zeros on the last 64 bits are zero.
        Err(_) if decimal.scale <= -64 => BigInt::ZERO,
        Err(_) => &decimal.unscaled * ten.pow(decimal.scale.unsigned_abs()),
    }
}

/// Gives a decimal this many places after the point; `None` if digits would be lost.
pub(crate) fn rescale(decimal: &Decimal, scale: i32) -> Option<Decimal> {
    let more = i64::from(scale) - i64::from(decimal.scale);
    let ten = BigInt::from(10);
    // Beyond this nobody means a number, and making it would take all memory.
    let power = ten.pow(
        u32::try_from(more.unsigned_abs())
            .ok()
            .filter(|p| *p <= 10_000)?,
    );
    let unscaled = if more >= 0 {
        &decimal.unscaled * power
    } else if (&decimal.unscaled % &power) == BigInt::ZERO {
        &decimal.unscaled / power
    } else {
        return None;
    };
    Some(Decimal { unscaled, scale })
}

/// Writes a number as `Double.toString` does.
pub(crate) fn double_text(number: f64) -> String {
    java_text(&format!("{number:e}"), number.is_nan())
}

/// Writes a number as `Float.toString` does.
pub(crate) fn float_text(number: f32) -> String {
    java_text(&format!("{number:e}"), number.is_nan())
}

/// Turns `-1.25e-7` into Java's form: plain from 0.001 to 10 million, else with `E`, always with a point.
fn java_text(scientific: &str, nan: bool) -> String {
    if nan {
        return "NaN".to_owned();
    }
    let (sign, rest) = match scientific.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", scientific),
    };
    let Some((mantissa, exponent)) = rest.split_once('e') else {
        return format!("{sign}Infinity");
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    if digits == "0" {
        return format!("{sign}0.0");
    }
    if !(-3..7).contains(&exponent) {
        let (first, part) = digits.split_at(1);
        let part = if part.is_empty() { "0" } else { part };
        return format!("{sign}{first}.{part}E{exponent}");
    }
    if exponent < 0 {
        let zeros = "0".repeat(usize::try_from(-exponent - 1).unwrap_or_default());
        return format!("{sign}0.{zeros}{digits}");
    }
    let whole = usize::try_from(exponent + 1).unwrap_or_default();
    if digits.len() <= whole {
        return format!("{sign}{digits:0<whole$}.0");
    }
    let (before, after) = digits.split_at(whole);
    format!("{sign}{before}.{after}")
}
