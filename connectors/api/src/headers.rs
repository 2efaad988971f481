//! Record headers as they lie in a batch's arena.
//!
//! Each header is: name length (u16, big endian), name (UTF-8), value length (u32, big endian;
//! `u32::MAX` for a null value), value. Headers stand one after another in the order of the record.

/// One header: its name and its value, `None` being a Kafka null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// The header's name.
    pub name: &'a str,
    /// The header's value.
    pub value: Option<&'a [u8]>,
}

/// Appends one header to an arena.
///
/// A name over 65,535 bytes is cut there: Kafka's clients know no such names.
pub fn push_header(arena: &mut Vec<u8>, name: &str, value: Option<&[u8]>) {
    let name = &name.as_bytes()[..name.len().min(usize::from(u16::MAX))];
    arena.extend_from_slice(&(name.len() as u16).to_be_bytes());
    arena.extend_from_slice(name);
    match value {
        Some(bytes) => {
            arena.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
            arena.extend_from_slice(bytes);
        }
        None => arena.extend_from_slice(&u32::MAX.to_be_bytes()),
    }
}

/// Iterates over the headers of one record.
#[derive(Debug, Clone)]
pub struct Headers<'a> {
    rest: &'a [u8],
}

impl<'a> Headers<'a> {
    /// Creates the iterator over bytes that [`push_header`] wrote.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Returns the value of the last header with this name, as Kafka's clients do.
    pub fn last(&self, name: &str) -> Option<&'a [u8]> {
        self.clone()
            .filter(|h| h.name == name)
            .last()
            .and_then(|h| h.value)
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        let (len, rest) = self.rest.split_first_chunk::<2>()?;
        let (name, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let len = u32::from_be_bytes(*len);
        let (value, rest) = if len == u32::MAX {
            (None, rest)
        } else {
            let (value, rest) = rest.split_at_checked(len as usize)?;
            (Some(value), rest)
        };
        self.rest = rest;
        Some(Header {
            name: std::str::from_utf8(name).unwrap_or_default(),
            value,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn reads_what_was_written(all: Vec<(String, Option<Vec<u8>>)>) {
            let mut arena = Vec::new();
            for (name, value) in &all {
                push_header(&mut arena, name, value.as_deref());
            }
            let read: Vec<_> = Headers::new(&arena)
                .map(|h| (h.name.to_owned(), h.value.map(<[u8]>::to_vec)))
                .collect();
            prop_assert_eq!(read, all);
        }

        #[test]
        fn any_bytes_end_without_panic(bytes: Vec<u8>) {
            let _ = Headers::new(&bytes).count();
        }
    }
}
