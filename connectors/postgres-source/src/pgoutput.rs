//! The messages of the `pgoutput` plugin, protocol version 1: bytes in, borrowed views out.
//!
//! Nothing here panics, whatever the bytes are.

use crate::cursor::{Cursor, Malformed};

/// One message of the stream.
#[derive(Debug, Clone, Copy)]
pub enum Message<'a> {
    /// A transaction starts.
    Begin {
        /// LSN of the transaction's commit record.
        final_lsn: u64,
        /// When it was committed, µs since 2000.
        commit_time: i64,
        /// Its xid.
        xid: u32,
    },
    /// The transaction ends.
    Commit {
        /// LSN of the commit record.
        commit_lsn: u64,
        /// LSN of the first byte after the commit record.
        end_lsn: u64,
        /// When it was committed, µs since 2000.
        commit_time: i64,
    },
    /// The transaction came through a replication origin.
    Origin {
        /// LSN of the commit on the origin's server.
        commit_lsn: u64,
        /// The origin's name.
        name: &'a str,
    },
    /// A table's definition; comes before the table's first row and after each change to it.
    Relation(Relation<'a>),
    /// A type's name.
    Type {
        /// The type's oid.
        oid: u32,
        /// Its schema; empty for the system's own.
        schema: &'a str,
        /// Its name.
        name: &'a str,
    },
    /// A row was inserted.
    Insert {
        /// The table's oid.
        relation: u32,
        /// The row.
        new: Tuple<'a>,
    },
    /// A row was updated.
    Update {
        /// The table's oid.
        relation: u32,
        /// What is known of the row before, if it was sent.
        old: Option<Old<'a>>,
        /// The row after.
        new: Tuple<'a>,
    },
    /// A row was deleted.
    Delete {
        /// The table's oid.
        relation: u32,
        /// What is known of the row.
        old: Old<'a>,
    },
    /// Tables were truncated.
    Truncate {
        /// 1: cascade, 2: restart identity.
        options: u8,
        /// The tables.
        relations: Relations<'a>,
    },
    /// A logical message (`pg_logical_emit_message`).
    Logical {
        /// Whether it belongs to the transaction.
        transactional: bool,
        /// Its LSN.
        lsn: u64,
        /// Its prefix.
        prefix: &'a str,
        /// What it says.
        content: &'a [u8],
    },
}

/// The old row of an update or delete.
#[derive(Debug, Clone, Copy)]
pub struct Old<'a> {
    /// Whether all columns are in it (`REPLICA IDENTITY FULL`), or only those of the identity.
    pub full: bool,
    /// The row; columns that are not in it are null.
    pub tuple: Tuple<'a>,
}

/// How a table identifies rows in updates and deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Identity {
    /// By the primary key.
    Default,
    /// By an index.
    Index,
    /// By all columns.
    Full,
    /// Not at all.
    Nothing,
}

impl Identity {
    /// Reads `relreplident`.
    pub fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            b'd' => Self::Default,
            b'i' => Self::Index,
            b'f' => Self::Full,
            b'n' => Self::Nothing,
            _ => return None,
        })
    }

    /// Returns the word for it in table definitions.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Index => "index",
            Self::Full => "full",
            Self::Nothing => "nothing",
        }
    }
}

/// A table's definition as of the position in the stream.
#[derive(Debug, Clone, Copy)]
pub struct Relation<'a> {
    /// The table's oid.
    pub oid: u32,
    /// Its schema; empty for `pg_catalog`.
    pub schema: &'a str,
    /// Its name.
    pub name: &'a str,
    /// How it identifies rows.
    pub identity: Identity,
    columns: &'a [u8],
}

/// A column of a [`Relation`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelationColumn<'a> {
    /// Whether it is part of the identity.
    pub key: bool,
    /// Its name.
    pub name: &'a str,
    /// Its type's oid.
    pub type_oid: u32,
    /// Its type's modifier; -1 for none.
    pub typmod: i32,
}

impl<'a> Relation<'a> {
    /// Returns the columns in order.
    pub fn columns(&self) -> impl Iterator<Item = RelationColumn<'a>> + use<'a> {
        let mut cursor = Cursor::new(self.columns);
        std::iter::from_fn(move || relation_column(&mut cursor).ok())
    }
}

fn relation_column<'a>(cursor: &mut Cursor<'a>) -> Result<RelationColumn<'a>, Malformed> {
    Ok(RelationColumn {
        key: cursor.u8("column flags")? & 1 != 0,
        name: cursor.text("column name")?,
        type_oid: cursor.u32("column type")?,
        typmod: cursor.i32("column type modifier")?,
    })
}

/// The tables of a truncate.
#[derive(Debug, Clone, Copy)]
pub struct Relations<'a>(&'a [u8]);

impl<'a> Relations<'a> {
    /// Returns the tables' oids.
    pub fn iter(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.0
            .as_chunks::<4>()
            .0
            .iter()
            .map(|oid| u32::from_be_bytes(*oid))
    }
}

/// A row: its columns are checked to be whole when the message is parsed.
#[derive(Debug, Clone, Copy)]
pub struct Tuple<'a> {
    count: u16,
    bytes: &'a [u8],
}

/// One column's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column<'a> {
    /// Null, or not part of a partial old row.
    Null,
    /// A large value that the update left as it was, and which is therefore not sent.
    Unchanged,
    /// The value as text.
    Text(&'a [u8]),
    /// The value in the type's binary form.
    Binary(&'a [u8]),
}

impl<'a> Tuple<'a> {
    /// Takes the bytes of a whole tuple.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        Self::parse(&mut Cursor::new(bytes))
    }

    /// Returns how many columns there are.
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the columns in order.
    #[inline]
    pub fn columns(&self) -> impl Iterator<Item = Column<'a>> + use<'a> {
        let mut cursor = Cursor::new(self.bytes);
        (0..self.count).map_while(move |_| column(&mut cursor).ok())
    }

    #[inline]
    fn parse(cursor: &mut Cursor<'a>) -> Result<Self, Malformed> {
        let count = cursor.u16("column count")?;
        let start = cursor.rest();
        for _ in 0..count {
            column(cursor)?;
        }
        let bytes = &start[..start.len() - cursor.rest().len()];
        Ok(Self { count, bytes })
    }
}

#[inline]
fn column<'a>(cursor: &mut Cursor<'a>) -> Result<Column<'a>, Malformed> {
    Ok(match cursor.u8("column kind")? {
        b'n' => Column::Null,
        b'u' => Column::Unchanged,
        b't' => Column::Text(sized(cursor)?),
        b'b' => Column::Binary(sized(cursor)?),
        _ => return Err(cursor.wrong("column kind")),
    })
}

#[inline]
fn sized<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Malformed> {
    let len = cursor.i32("column length")?;
    let len = usize::try_from(len).map_err(|_| cursor.wrong("column length"))?;
    cursor.take(len, "column value")
}

/// Parses one message.
#[inline]
pub fn parse(bytes: &[u8]) -> Result<Message<'_>, Malformed> {
    let mut cursor = Cursor::new(bytes);
    let c = &mut cursor;
    Ok(match c.u8("message type")? {
        b'I' => {
            let relation = c.u32("insert")?;
            expect(c, b'N', "insert")?;
            Message::Insert {
                relation,
                new: Tuple::parse(c)?,
            }
        }
        b'U' => update(c)?,
        b'D' => {
            let relation = c.u32("delete")?;
            let full = match c.u8("delete")? {
                b'O' => true,
                b'K' => false,
                _ => return Err(c.wrong("delete")),
            };
            Message::Delete {
                relation,
                old: Old {
                    full,
                    tuple: Tuple::parse(c)?,
                },
            }
        }
        b'B' => Message::Begin {
            final_lsn: c.u64("begin")?,
            commit_time: c.i64("begin")?,
            xid: c.u32("begin")?,
        },
        b'C' => {
            c.u8("commit flags")?;
            Message::Commit {
                commit_lsn: c.u64("commit")?,
                end_lsn: c.u64("commit")?,
                commit_time: c.i64("commit")?,
            }
        }
        b'R' => relation(c)?,
        b'T' => {
            let count = c.u32("truncate")?;
            let options = c.u8("truncate")?;
            let len = usize::try_from(count)
                .ok()
                .and_then(|count| count.checked_mul(4));
            let len = len.ok_or(c.wrong("truncate"))?;
            Message::Truncate {
                options,
                relations: Relations(c.take(len, "truncate")?),
            }
        }
        b'Y' => Message::Type {
            oid: c.u32("type")?,
            schema: c.text("type")?,
            name: c.text("type")?,
        },
        b'O' => Message::Origin {
            commit_lsn: c.u64("origin")?,
            name: c.text("origin")?,
        },
        b'M' => Message::Logical {
            transactional: c.u8("message")? & 1 != 0,
            lsn: c.u64("message")?,
            prefix: c.text("message")?,
            content: sized(c)?,
        },
        _ => return Err(c.wrong("message type")),
    })
}

fn expect(cursor: &mut Cursor<'_>, byte: u8, what: &'static str) -> Result<(), Malformed> {
    if cursor.u8(what)? == byte {
        Ok(())
    } else {
        Err(cursor.wrong(what))
    }
}

fn update<'a>(c: &mut Cursor<'a>) -> Result<Message<'a>, Malformed> {
    let relation = c.u32("update")?;
    let mut kind = c.u8("update")?;
    let mut old = None;
    if matches!(kind, b'K' | b'O') {
        old = Some(Old {
            full: kind == b'O',
            tuple: Tuple::parse(c)?,
        });
        kind = c.u8("update")?;
    }
    if kind != b'N' {
        return Err(c.wrong("update"));
    }
    Ok(Message::Update {
        relation,
        old,
        new: Tuple::parse(c)?,
    })
}

fn relation<'a>(c: &mut Cursor<'a>) -> Result<Message<'a>, Malformed> {
    let oid = c.u32("relation")?;
    let schema = c.text("relation schema")?;
    let name = c.text("relation name")?;
    let identity = Identity::from_code(c.u8("relation identity")?);
    let identity = identity.ok_or(c.wrong("relation identity"))?;
    let count = c.u16("relation columns")?;
    let start = c.rest();
    for _ in 0..count {
        relation_column(c)?;
    }
    let columns = &start[..start.len() - c.rest().len()];
    Ok(Message::Relation(Relation {
        oid,
        schema,
        name,
        identity,
        columns,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Looks at everything a message holds.
    fn walk(message: &Message<'_>) -> usize {
        match message {
            Message::Relation(relation) => relation.columns().count(),
            Message::Insert { new, .. } => new.columns().count(),
            Message::Update { old, new, .. } => {
                old.map_or(0, |old| old.tuple.columns().count()) + new.columns().count()
            }
            Message::Delete { old, .. } => old.tuple.columns().count(),
            Message::Truncate { relations, .. } => relations.iter().count(),
            _ => 0,
        }
    }

    fn tuple(columns: &[Option<Vec<u8>>]) -> Vec<u8> {
        let mut out = u16::try_from(columns.len()).unwrap().to_be_bytes().to_vec();
        for column in columns {
            match column {
                None => out.push(b'n'),
                Some(bytes) => {
                    out.push(b'b');
                    out.extend_from_slice(&i32::try_from(bytes.len()).unwrap().to_be_bytes());
                    out.extend_from_slice(bytes);
                }
            }
        }
        out
    }

    proptest! {
        #[test]
        fn any_bytes_end_without_panic(tag in proptest::sample::select(b"BCORYIUDTMxZ".to_vec()), bytes: Vec<u8>) {
            let mut message = vec![tag];
            message.extend(bytes);
            if let Ok(parsed) = parse(&message) {
                walk(&parsed);
            }
        }

        #[test]
        fn cut_and_changed_updates_end_without_panic(
            old: Vec<Option<Vec<u8>>>,
            new: Vec<Option<Vec<u8>>>,
            cut: prop::sample::Index,
            at: prop::sample::Index,
            byte: u8,
        ) {
            let mut message = b"U\0\0\0\x07K".to_vec();
            message.extend(tuple(&old));
            message.push(b'N');
            message.extend(tuple(&new));
            let Message::Update { relation: 7, old: Some(o), new: n } = parse(&message).unwrap() else {
                panic!("not an update")
            };
            let read = |t: &Tuple<'_>| -> Vec<Option<Vec<u8>>> {
                t.columns()
                    .map(|c| match c { Column::Binary(b) => Some(b.to_vec()), _ => None })
                    .collect()
            };
            prop_assert_eq!(read(&o.tuple), old);
            prop_assert_eq!(read(&n), new);
            let position = at.index(message.len());
            message[position] = byte;
            message.truncate(cut.index(message.len()) + 1);
            if let Ok(parsed) = parse(&message) {
                walk(&parsed);
            }
        }
    }

    #[test]
    fn relations_are_read() {
        let mut message = b"R\0\0\0\x05public\0t\0d\0\x02".to_vec();
        message.extend(b"\x01id\0\0\0\0\x17\xff\xff\xff\xff");
        message.extend(b"\0v\0\0\0\0\x19\xff\xff\xff\xff");
        let Message::Relation(relation) = parse(&message).unwrap() else {
            panic!("not a relation")
        };
        assert_eq!((relation.schema, relation.name), ("public", "t"));
        let columns: Vec<_> = relation.columns().collect();
        assert_eq!(
            columns[0],
            RelationColumn {
                key: true,
                name: "id",
                type_oid: 23,
                typmod: -1
            }
        );
        assert_eq!(columns[1].name, "v");
    }
}
