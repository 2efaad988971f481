//! Rows of `COPY … TO STDOUT (FORMAT binary)`, however they are cut into messages.

use crate::cursor::{Cursor, Malformed};
use crate::pgoutput::Tuple;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// What a piece of the data holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// A row of this many bytes.
    Row(usize),
    /// The end of all rows.
    End,
    /// Not enough bytes to tell.
    More,
}

/// Finds rows in the data of a COPY.
#[derive(Debug, Default)]
pub(crate) struct CopyReader {
    header_read: bool,
    ended: bool,
    /// The beginning of a row whose end has not come yet; the server cuts at rows, but need not.
    partial: Vec<u8>,
}

impl CopyReader {
    /// Takes a piece of the data and calls `row` with the bytes of each whole row in it.
    pub(crate) fn take<E: From<Malformed>>(
        &mut self,
        piece: &[u8],
        mut row: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.partial.is_empty() {
            let used = self.scan(piece, &mut row)?;
            self.partial.extend_from_slice(&piece[used..]);
            return Ok(());
        }
        let mut whole = std::mem::take(&mut self.partial);
        whole.extend_from_slice(piece);
        let used = self.scan(&whole, &mut row)?;
        whole.drain(..used);
        self.partial = whole;
        Ok(())
    }

    /// Returns whether the end of all rows has been seen.
    pub(crate) fn is_complete(&self) -> bool {
        self.ended && self.partial.is_empty()
    }

    fn scan<E: From<Malformed>>(
        &mut self,
        bytes: &[u8],
        row: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<usize, E> {
        let mut used = 0;
        if !self.header_read {
            let Some(len) = header(bytes)? else {
                return Ok(0);
            };
            self.header_read = true;
            used = len;
        }
        while used < bytes.len() && !self.ended {
            match step(&bytes[used..])? {
                Step::Row(len) => {
                    row(&bytes[used..used + len])?;
                    used += len;
                }
                Step::End => {
                    self.ended = true;
                    used += 2;
                }
                Step::More => break,
            }
        }
        Ok(used)
    }
}

/// Returns the length of the header, or `None` if there is not all of it yet.
fn header(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let fixed = SIGNATURE.len() + 8;
    if bytes.len() < fixed {
        return Ok(None);
    }
    let mut cursor = Cursor::new(bytes);
    if cursor.take(SIGNATURE.len(), "copy header")? != SIGNATURE {
        return Err(cursor.wrong("copy header"));
    }
    cursor.u32("copy header")?;
    let extension = cursor.u32("copy header")? as usize;
    Ok((bytes.len() >= fixed + extension).then_some(fixed + extension))
}

fn step(bytes: &[u8]) -> Result<Step, Malformed> {
    let mut cursor = Cursor::new(bytes);
    let Ok(count) = cursor.u16("copy row") else {
        return Ok(Step::More);
    };
    if count == u16::MAX {
        return Ok(Step::End);
    }
    for _ in 0..count {
        let Ok(len) = cursor.i32("copy field") else {
            return Ok(Step::More);
        };
        match usize::try_from(len) {
            Ok(len) => {
                if cursor.take(len, "copy field").is_err() {
                    return Ok(Step::More);
                }
            }
            Err(_) if len == -1 => {}
            Err(_) => return Err(cursor.wrong("copy field")),
        }
    }
    Ok(Step::Row(bytes.len() - cursor.rest().len()))
}

/// Turns a row of COPY into a tuple of the stream's form in `out`; `text` says which columns are text.
pub(crate) fn to_tuple<'a>(
    row: &[u8],
    text: &[bool],
    out: &'a mut Vec<u8>,
) -> Result<Tuple<'a>, Malformed> {
    out.clear();
    let mut cursor = Cursor::new(row);
    let count = cursor.u16("copy row")?;
    out.extend_from_slice(&count.to_be_bytes());
    for index in 0..usize::from(count) {
        let len = cursor.i32("copy field")?;
        match usize::try_from(len) {
            Ok(size) => {
                let is_text = text.get(index).copied().unwrap_or(false);
                out.push(if is_text { b't' } else { b'b' });
                out.extend_from_slice(&len.to_be_bytes());
                out.extend_from_slice(cursor.take(size, "copy field")?);
            }
            Err(_) => out.push(b'n'),
        }
    }
    Tuple::new(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pgoutput::Column;
    use proptest::prelude::*;

    fn copy(rows: &[Vec<Option<Vec<u8>>>]) -> Vec<u8> {
        let mut out = SIGNATURE.to_vec();
        out.extend([0; 8]);
        for row in rows {
            out.extend(u16::try_from(row.len()).unwrap().to_be_bytes());
            for field in row {
                match field {
                    Some(bytes) => {
                        out.extend(i32::try_from(bytes.len()).unwrap().to_be_bytes());
                        out.extend(bytes);
                    }
                    None => out.extend((-1i32).to_be_bytes()),
                }
            }
        }
        out.extend(u16::MAX.to_be_bytes());
        out
    }

    proptest! {
        #[test]
        fn rows_survive_any_cut(
            rows: Vec<Vec<Option<Vec<u8>>>>,
            cuts in prop::collection::vec(1usize..40, 1..20),
        ) {
            let bytes = copy(&rows);
            let (mut reader, mut rest, mut got, mut turn) = (CopyReader::default(), &bytes[..], Vec::new(), 0);
            while !rest.is_empty() {
                let (piece, tail) = rest.split_at(cuts[turn % cuts.len()].min(rest.len()));
                reader.take(piece, |row| { got.push(row.to_vec()); Ok::<_, Malformed>(()) }).unwrap();
                (rest, turn) = (tail, turn + 1);
            }
            prop_assert!(reader.is_complete());
            let mut out = Vec::new();
            let read: Vec<Vec<Option<Vec<u8>>>> = got.iter().map(|row| {
                to_tuple(row, &[], &mut out).unwrap().columns().map(|column| match column {
                    Column::Binary(bytes) => Some(bytes.to_vec()),
                    _ => None,
                }).collect()
            }).collect();
            prop_assert_eq!(read, rows);
        }

        #[test]
        fn any_bytes_end_without_panic(bytes: Vec<u8>) {
            let mut all = copy(&[]);
            all.truncate(SIGNATURE.len() + 8);
            all.extend(&bytes);
            let _ = CopyReader::default().take(&all, |_| Ok::<_, Malformed>(()));
            let _ = CopyReader::default().take(&bytes, |_| Ok::<_, Malformed>(()));
            let _ = to_tuple(&bytes, &[true], &mut Vec::new()).map(|t| t.columns().count());
        }
    }
}
