//! Whole lines out of bytes that come in pieces.

/// Collects bytes and gives out lines that are complete: ended by `\n`, `\r` or `\r\n`.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    bytes: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// Up to where no end of a line was found.
    searched: usize,
}

/// A line and how many bytes of input it took, its end included.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) taken: u64,
}

impl Lines {
    /// Adds bytes behind those it has.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns how many bytes of an unfinished line it holds.
    pub(crate) fn pending(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Returns the next line that is complete. Bytes that are no UTF-8 become U+FFFD, as in Java.
    pub(crate) fn next(&mut self) -> Option<Line> {
        let found = self.bytes[self.searched..]
            .iter()
            .position(|byte| matches!(byte, b'\n' | b'\r'));
        let Some(found) = found else {
            self.searched = self.bytes.len();
            return None;
        };
        let end = self.searched + found;
        let next = match self.bytes[end..] {
            [b'\r', b'\n', ..] => end + 2,
            // A newline may follow in the next piece and belongs to this line then.
            [b'\r'] => {
                self.searched = end;
                return None;
            }
            _ => end + 1,
        };
        let text = String::from_utf8_lossy(&self.bytes[self.start..end]).into_owned();
        let taken = (next - self.start) as u64;
        self.start = next;
        self.searched = next;
        Some(Line { text, taken })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(pieces: &[&[u8]]) -> (Vec<String>, u64, usize) {
        let mut lines = Lines::default();
        let (mut texts, mut taken) = (Vec::new(), 0);
        for piece in pieces {
            lines.push(piece);
            while let Some(line) = lines.next() {
                texts.push(line.text);
                taken += line.taken;
            }
        }
        (texts, taken, lines.pending())
    }

    #[test]
    fn every_way_to_cut_the_text_gives_the_same_lines() {
        let text = "one\ntwo\r\n\r\nthree\rfour\n\n€\nrest";
        let texts: Vec<String> = ["one", "two", "", "three", "four", "", "€"]
            .map(str::to_owned)
            .into();
        let taken = (text.len() - "rest".len()) as u64;
        for cut in 0..text.len() {
            for second in cut..text.len() {
                let bytes = text.as_bytes();
                let parts = [&bytes[..cut], &bytes[cut..second], &bytes[second..]];
                let found = all(&parts);
                assert_eq!(
                    found,
                    (texts.clone(), taken, 4),
                    "cut at {cut} and {second}"
                );
            }
        }
    }

    #[test]
    fn a_carriage_return_at_the_end_waits_for_what_follows() {
        assert_eq!(all(&[b"a\r"]), (vec![], 0, 2));
        assert_eq!(all(&[b"a\r", b"\nb"]), (vec!["a".into()], 3, 1));
        assert_eq!(all(&[b"a\r", b"b"]), (vec!["a".into()], 2, 1));
    }
}
