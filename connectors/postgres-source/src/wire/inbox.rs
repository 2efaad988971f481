//! The read buffer: whole protocol messages are found in it and handed out in place.

use std::io::{self, Read};
use std::ops::Range;

/// How much is read at once, and what the buffer shrinks back to.
pub(crate) const CAPACITY: usize = 1 << 20;

/// The largest message PostgreSQL sends.
const LARGEST: usize = 1 << 31;

/// A message in the buffer: its tag and where its body lies.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) tag: u8,
    pub(crate) body: Range<usize>,
}

/// Bytes received and not yet handed out.
#[derive(Debug)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self {
            bytes: vec![0; CAPACITY],
            start: 0,
            end: 0,
        }
    }

    /// Returns the next whole message; it stays valid until the next [`fill`](Self::fill).
    #[inline]
    pub(crate) fn next(&mut self) -> io::Result<Option<Frame>> {
        let Some(&[tag, a, b, c, d]) = self.bytes[self.start..self.end].first_chunk::<5>() else {
            return Ok(None);
        };
        let len = i64::from(u32::from_be_bytes([a, b, c, d]));
        let len = usize::try_from(len)
            .ok()
            .filter(|len| (4..LARGEST).contains(len));
        let len = len.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "the server sent a message of impossible length",
            )
        })?;
        if self.end - self.start < len + 1 {
            return Ok(None);
        }
        let body = self.start + 5..self.start + 1 + len;
        self.start = body.end;
        Ok(Some(Frame { tag, body }))
    }

    /// Returns the body of a message that [`next`](Self::next) found.
    #[inline]
    pub(crate) fn body(&self, frame: &Frame) -> &[u8] {
        &self.bytes[frame.body.clone()]
    }

    /// Reads what there is into the free part; 0 means the server closed the connection.
    pub(crate) fn fill(&mut self, from: &mut impl Read) -> io::Result<usize> {
        self.make_room();
        let read = from.read(&mut self.bytes[self.end..])?;
        self.end += read;
        Ok(read)
    }

    fn make_room(&mut self) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.bytes.len() > CAPACITY {
                // One huge row has passed; its room is given back.
                self.bytes = vec![0; CAPACITY];
            }
            return;
        }
        let waiting = &self.bytes[self.start..self.end];
        let wanted = match waiting.first_chunk::<5>() {
            Some(&[_, a, b, c, d]) => u32::from_be_bytes([a, b, c, d]) as usize + 1,
            None => 5,
        };
        if self.start + wanted > self.bytes.len() || self.end == self.bytes.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if wanted > self.bytes.len() {
                self.bytes.resize(wanted.min(LARGEST + 1), 0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// However the bytes are cut into reads, the same messages come out.
        #[test]
        fn messages_survive_any_cut(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..2000), 0..20),
            big in prop::option::of(CAPACITY..CAPACITY * 2),
            cuts in prop::collection::vec(1usize..5000, 1..50),
        ) {
            let mut bodies = bodies;
            bodies.extend(big.map(|len| vec![7; len]));
            let mut sent = Vec::new();
            for body in &bodies {
                sent.push(b'd');
                sent.extend((u32::try_from(body.len()).unwrap() + 4).to_be_bytes());
                sent.extend(body);
            }
            let (mut inbox, mut rest, mut got, mut turn) = (Inbox::new(), &sent[..], Vec::new(), 0);
            while !rest.is_empty() {
                let len = if rest.len() > 100_000 { 65_536 } else { cuts[turn % cuts.len()] };
                let (mut part, tail) = rest.split_at(len.min(rest.len()));
                while !part.is_empty() {
                    inbox.fill(&mut part).unwrap();
                    while let Some(frame) = inbox.next().unwrap() {
                        prop_assert_eq!(frame.tag, b'd');
                        got.push(inbox.body(&frame).to_vec());
                    }
                }
                (rest, turn) = (tail, turn + 1);
            }
            prop_assert_eq!(got, bodies);
        }
    }

    #[test]
    fn impossible_lengths_are_refused() {
        let mut inbox = Inbox::new();
        inbox.fill(&mut &b"d\0\0\0\x01"[..]).unwrap();
        assert!(inbox.next().is_err());
    }
}
