//! Text search: vectors and queries.

use std::io::Write;

use crate::value::{Pieces, ValueError};

/// Appends a `tsvector`: lexemes with their positions and weights.
pub(super) fn vector(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut pieces = Pieces::new(bytes);
    for i in 0..pieces.i32()? {
        if i > 0 {
            out.push(b' ');
        }
        lexeme(text(&mut pieces)?, out);
        for j in 0..pieces.u16()? {
            let position = pieces.u16()?;
            let _ = write!(
                out,
                "{}{}",
                if j > 0 { ',' } else { ':' },
                position & 0x3fff
            );
            out.extend(weight(position >> 14));
        }
    }
    pieces.finish()
}

/// The weights from D, which is not shown, to A.
fn weight(bits: u16) -> Option<u8> {
    [None, Some(b'C'), Some(b'B'), Some(b'A')][usize::from(bits & 3)]
}

/// Takes text that ends with a zero byte.
fn text<'a>(pieces: &mut Pieces<'a>) -> Result<&'a [u8], ValueError> {
    let rest = pieces.rest();
    let end = rest.iter().position(|&b| b == 0).ok_or(DAMAGED)?;
    *pieces = Pieces::new(&rest[end + 1..]);
    Ok(&rest[..end])
}

fn lexeme(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'\'');
    for &byte in text {
        if matches!(byte, b'\'' | b'\\') {
            out.push(byte);
        }
        out.push(byte);
    }
    out.push(b'\'');
}

/// One node of a query, which comes operator first, the right operand before the left one.
enum Node<'a> {
    Value {
        text: &'a [u8],
        weights: u8,
        prefix: bool,
    },
    Not(Box<Node<'a>>),
    Binary {
        operator: u8,
        distance: u16,
        left: Box<Node<'a>>,
        right: Box<Node<'a>>,
    },
}

const NOT: u8 = 1;
const AND: u8 = 2;
const OR: u8 = 3;
const PHRASE: u8 = 4;

/// Appends a `tsquery`.
pub(super) fn query(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut pieces = Pieces::new(bytes);
    if pieces.i32()? == 0 {
        return pieces.finish();
    }
    let root = node(&mut pieces, 0)?;
    infix(&root, 0, false, out);
    pieces.finish()
}

fn node<'a>(pieces: &mut Pieces<'a>, depth: u32) -> Result<Node<'a>, ValueError> {
    if depth > 1_000 {
        return Err(DAMAGED);
    }
    match pieces.u8()? {
        1 => {
            let (weights, prefix) = (pieces.u8()?, pieces.u8()? != 0);
            Ok(Node::Value {
                text: text(pieces)?,
                weights,
                prefix,
            })
        }
        2 => {
            let operator = pieces.u8()?;
            if operator == NOT {
                return Ok(Node::Not(Box::new(node(pieces, depth + 1)?)));
            }
            let distance = if operator == PHRASE { pieces.u16()? } else { 0 };
            let right = Box::new(node(pieces, depth + 1)?);
            let left = Box::new(node(pieces, depth + 1)?);
            Ok(Node::Binary {
                operator,
                distance,
                left,
                right,
            })
        }
        _ => Err(DAMAGED),
    }
}

/// Writes a node as the server does, with brackets where a parent binds more tightly.
fn infix(node: &Node<'_>, parent: u8, right_phrase: bool, out: &mut Vec<u8>) {
    match node {
        Node::Value {
            text,
            weights,
            prefix,
        } => {
            lexeme(text, out);
            if *prefix || *weights != 0 {
                out.push(b':');
            }
            if *prefix {
                out.push(b'*');
            }
            for (bit, letter) in [(3, b'A'), (2, b'B'), (1, b'C'), (0, b'D')] {
                if weights & (1 << bit) != 0 {
                    out.push(letter);
                }
            }
        }
        Node::Not(operand) => {
            out.push(b'!');
            bracketed(priority(NOT) < parent, out, |out| {
                infix(operand, priority(NOT), false, out)
            });
        }
        Node::Binary {
            operator,
            distance,
            left,
            right,
        } => {
            let own = priority(*operator);
            let needs = own < parent || (*operator == PHRASE && right_phrase);
            bracketed(needs, out, |out| {
                infix(left, own, false, out);
                match *operator {
                    OR => out.extend_from_slice(b" | "),
                    AND => out.extend_from_slice(b" & "),
                    _ if *distance == 1 => out.extend_from_slice(b" <-> "),
                    _ => drop(write!(out, " <{distance}> ")),
                }
                infix(right, own, *operator == PHRASE, out);
            });
        }
    }
}

fn bracketed(brackets: bool, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    if brackets {
        out.extend_from_slice(b"( ");
    }
    write(out);
    if brackets {
        out.extend_from_slice(b" )");
    }
}

fn priority(operator: u8) -> u8 {
    match operator {
        NOT => 4,
        PHRASE => 3,
        AND => 2,
        _ => 1,
    }
}

const DAMAGED: ValueError = ValueError::new("a text search value is damaged");
