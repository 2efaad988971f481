//! Whole numbers without a sign, as large as they come.

use walbridge_schemas::avro;

/// Powers of ten that fit a `u32`.
pub(crate) const POWERS: [u32; 10] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
];

/// A whole number; everyday ones stay on the stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Magnitude {
    /// Fits here.
    Small(u128),
    /// Does not: limbs, the lowest first.
    Large(Vec<u32>),
}

impl Magnitude {
    pub(crate) const ZERO: Magnitude = Magnitude::Small(0);

    /// Reads a two's complement number; returns it with its sign (`true` is negative).
    pub(crate) fn of_twos_complement(bytes: &[u8]) -> (bool, Magnitude) {
        let negative = bytes.first().is_some_and(|b| b & 0x80 != 0);
        if bytes.len() <= 16 {
            let mut wide = [if negative { 0xff } else { 0 }; 16];
            wide[16 - bytes.len()..].copy_from_slice(bytes);
            return (
                negative,
                Magnitude::Small(i128::from_be_bytes(wide).unsigned_abs()),
            );
        }
        let mut limbs: Vec<u32> = bytes
            .rchunks(4)
            .map(|chunk| {
                let mut wide = [if negative { 0xff } else { 0 }; 4];
                wide[4 - chunk.len()..].copy_from_slice(chunk);
                u32::from_be_bytes(wide)
            })
            .collect();
        if negative {
            let mut carry = true;
            for limb in &mut limbs {
                let (sum, over) = (!*limb).overflowing_add(u32::from(carry));
                *limb = sum;
                carry = over;
            }
            if carry {
                limbs.push(1);
            }
        }
        (negative, Magnitude::Large(limbs))
    }

    pub(crate) fn is_zero(&self) -> bool {
        match self {
            Magnitude::Small(value) => *value == 0,
            Magnitude::Large(limbs) => limbs.iter().all(|&l| l == 0),
        }
    }

    /// Multiplies and adds.
    #[inline]
    pub(crate) fn mul_add(&mut self, factor: u32, term: u32) {
        match self {
            Magnitude::Small(value) => {
                let next = value
                    .checked_mul(u128::from(factor))
                    .and_then(|v| v.checked_add(u128::from(term)));
                match next {
                    Some(next) => *value = next,
                    None => {
                        let limbs = (0..4).map(|i| (*value >> (32 * i)) as u32).collect();
                        *self = Magnitude::Large(limbs);
                        self.mul_add(factor, term);
                    }
                }
            }
            Magnitude::Large(limbs) => {
                let mut carry = u64::from(term);
                for limb in limbs.iter_mut() {
                    let wide = u64::from(*limb) * u64::from(factor) + carry;
                    *limb = wide as u32;
                    carry = wide >> 32;
                }
                if carry > 0 {
                    limbs.push(carry as u32);
                }
            }
        }
    }

    /// Multiplies by a power of ten.
    pub(crate) fn scale_up(&mut self, mut digits: u32) {
        if self.is_zero() {
            return;
        }
        while digits > 0 {
            let step = digits.min(9);
            self.mul_add(POWERS[step as usize], 0);
            digits -= step;
        }
    }

    /// Divides in place and returns the remainder.
    pub(crate) fn div_rem(&mut self, divisor: u32) -> u32 {
        match self {
            Magnitude::Small(value) => {
                let divisor = u128::from(divisor);
                if let Ok(small) = u64::try_from(*value) {
                    let rest = small % divisor as u64;
                    *value = u128::from(small / divisor as u64);
                    rest as u32
                } else {
                    let rest = (*value % divisor) as u32;
                    *value /= divisor;
                    rest
                }
            }
            Magnitude::Large(limbs) => {
                let mut rest = 0u64;
                for limb in limbs.iter_mut().rev() {
                    let wide = (rest << 32) | u64::from(*limb);
                    *limb = (wide / u64::from(divisor)) as u32;
                    rest = wide % u64::from(divisor);
                }
                while limbs.last() == Some(&0) {
                    limbs.pop();
                }
                rest as u32
            }
        }
    }
}

/// Appends a number as Avro `bytes` in two's complement, as short as can be.
#[inline]
pub(crate) fn write_twos_complement(negative: bool, magnitude: &Magnitude, out: &mut Vec<u8>) {
    match magnitude {
        Magnitude::Small(value) if *value <= i128::MAX as u128 => {
            let signed = if negative {
                -(*value as i128)
            } else {
                *value as i128
            };
            let bytes = signed.to_be_bytes();
            avro::write_bytes(out, shortest(&bytes));
        }
        Magnitude::Small(value) => write_large(negative, &value.to_be_bytes(), out),
        Magnitude::Large(limbs) => {
            let bytes: Vec<u8> = limbs
                .iter()
                .rev()
                .flat_map(|limb| limb.to_be_bytes())
                .collect();
            write_large(negative, &bytes, out);
        }
    }
}

fn write_large(negative: bool, magnitude: &[u8], out: &mut Vec<u8>) {
    let mut bytes = Vec::with_capacity(magnitude.len() + 1);
    bytes.push(0);
    bytes.extend_from_slice(magnitude);
    if negative {
        let mut carry = true;
        for byte in bytes.iter_mut().rev() {
            let (sum, over) = (!*byte).overflowing_add(u8::from(carry));
            *byte = sum;
            carry = over;
        }
    }
    avro::write_bytes(out, shortest(&bytes));
}

/// Drops leading bytes that only repeat the sign.
#[inline]
fn shortest(bytes: &[u8]) -> &[u8] {
    let repeats =
        |pair: &[u8]| (pair[0] == 0 && pair[1] < 0x80) || (pair[0] == 0xff && pair[1] >= 0x80);
    let skip = bytes.windows(2).take_while(|pair| repeats(pair)).count();
    &bytes[skip..]
}
