//! Record headers for the rows whose envelope cannot say everything; usual rows have none.
//!
//! All integers are big endian. Field indexes count the fields of the row's schema from 0.

/// Fields whose value in `after` stands for an unchanged value that was not sent (TOAST).
pub const UNAVAILABLE: &str = "wb.unavailable";
/// Fields whose value in `before` is unknown.
pub const UNKNOWN: &str = "wb.unknown";
/// Fields whose exact value the field's type cannot hold: see [`push_special`].
pub const SPECIAL: &str = "wb.special";
/// The table's definition as JSON, on the first row after it changed.
pub const RELATION: &str = "wb.relation";
/// Which row of its table it is, counted from 1 as u64: on a snapshot's rows of a table without a key,
/// which nothing else would tell from a copy.
pub const ROW: &str = "wb.row";

/// Which row of an event a special value belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Image {
    /// `before`.
    Before,
    /// `after`.
    After,
}

/// An exact value, as the database's own text, of a field whose type cannot hold it.
///
/// The field itself holds what Debezium would have written there (a NaN's null, an interval's
/// microseconds, a time of day in UTC) or, where that cannot be, the type's zero. Whoever wants the
/// row as it was takes the text instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Special<'a> {
    /// The row it belongs to.
    pub image: Image,
    /// The field.
    pub field: u16,
    /// The value as the database's text.
    pub text: &'a [u8],
}

/// Appends a field index to the value of [`UNAVAILABLE`] or [`UNKNOWN`].
pub fn push_field(out: &mut Vec<u8>, field: u16) {
    out.extend_from_slice(&field.to_be_bytes());
}

/// Reads the value of [`UNAVAILABLE`] or [`UNKNOWN`]; `None` if it is none.
pub fn fields(value: &[u8]) -> Option<impl ExactSizeIterator<Item = u16> + '_> {
    let pairs = value.chunks_exact(2);
    pairs
        .remainder()
        .is_empty()
        .then(|| pairs.map(|pair| u16::from_be_bytes([pair[0], pair[1]])))
}

/// Appends one entry to the value of [`SPECIAL`]: image (`b` or `a`), field (u16), length (u32), text.
pub fn push_special(out: &mut Vec<u8>, special: &Special<'_>) {
    out.push(match special.image {
        Image::Before => b'b',
        Image::After => b'a',
    });
    out.extend_from_slice(&special.field.to_be_bytes());
    out.extend_from_slice(&(special.text.len() as u32).to_be_bytes());
    out.extend_from_slice(special.text);
}

/// Iterates over the entries of a [`SPECIAL`] header; the last item is an error if it is damaged.
pub fn specials(value: &[u8]) -> Specials<'_> {
    Specials { rest: value }
}

/// Iterates over special values.
#[derive(Debug, Clone)]
pub struct Specials<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Specials<'a> {
    type Item = Result<Special<'a>, crate::AvroError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let damaged = crate::AvroError::Value("the header wb.special is damaged");
        let [image, f1, f2, l1, l2, l3, l4, rest @ ..] = self.rest else {
            self.rest = &[];
            return Some(Err(damaged));
        };
        let len = u32::from_be_bytes([*l1, *l2, *l3, *l4]) as usize;
        let image = match image {
            b'b' => Some(Image::Before),
            b'a' => Some(Image::After),
            _ => None,
        };
        match (image, rest.split_at_checked(len)) {
            (Some(image), Some((text, rest))) => {
                self.rest = rest;
                Some(Ok(Special {
                    image,
                    field: u16::from_be_bytes([*f1, *f2]),
                    text,
                }))
            }
            _ => {
                self.rest = &[];
                Some(Err(damaged))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn specials_are_read_back(all: Vec<(bool, u16, Vec<u8>)>) {
            let mut out = Vec::new();
            let image = |before| if before { Image::Before } else { Image::After };
            for (before, field, text) in &all {
                push_special(&mut out, &Special { image: image(*before), field: *field, text });
            }
            let read: Vec<_> = specials(&out).map(Result::unwrap).map(|s| (s.image, s.field, s.text.to_vec())).collect();
            let all: Vec<_> = all.into_iter().map(|(before, field, text)| (image(before), field, text)).collect();
            prop_assert_eq!(read, all);
        }

        #[test]
        fn damaged_headers_end(bytes: Vec<u8>) {
            let _ = specials(&bytes).count();
            let _ = fields(&bytes).map(Iterator::count);
        }
    }

    #[test]
    fn field_lists_are_read_back() {
        let mut out = Vec::new();
        push_field(&mut out, 3);
        push_field(&mut out, 700);
        assert_eq!(fields(&out).unwrap().collect::<Vec<_>>(), [3, 700]);
        assert!(fields(&out[1..]).is_none());
    }
}
