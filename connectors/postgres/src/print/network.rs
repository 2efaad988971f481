//! Network addresses.

use std::io::Write;

use crate::value::{Pieces, ValueError};

/// Appends `inet` or `cidr`; an inet of a single host is shown without its length.
pub(super) fn inet(cidr: bool, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut pieces = Pieces::new(bytes);
    let (_family, bits, _is_cidr, len) = (pieces.u8()?, pieces.u8()?, pieces.u8()?, pieces.u8()?);
    let host_bits = match (len, pieces.rest()) {
        (4, [a, b, c, d]) => {
            let _ = write!(out, "{a}.{b}.{c}.{d}");
            32
        }
        (16, address) if address.len() == 16 => {
            v6(address, out);
            128
        }
        _ => return Err(ValueError::new("a network address has an unknown length")),
    };
    if cidr || bits != host_bits {
        let _ = write!(out, "/{bits}");
    }
    Ok(())
}

/// Appends an IPv6 address, its longest run of zero words left out.
fn v6(address: &[u8], out: &mut Vec<u8>) {
    let words: Vec<u16> = address
        .chunks_exact(2)
        .map(|w| u16::from_be_bytes([w[0], w[1]]))
        .collect();
    let (mut best_start, mut best_len) = (0, 0);
    let mut start = 0;
    for end in 0..=words.len() {
        if end == words.len() || words[end] != 0 {
            if end - start > best_len {
                (best_start, best_len) = (start, end - start);
            }
            start = end + 1;
        }
    }
    if best_len < 2 {
        best_len = 0;
    }
    // The server shows the last four bytes as an IPv4 address in these cases.
    let mapped =
        best_len > 0 && best_start == 0 && (best_len == 6 || (best_len == 5 && words[5] == 0xffff));
    let shown = if mapped { 6 } else { 8 };
    let mut index = 0;
    while index < shown {
        if best_len > 0 && index == best_start {
            out.push(b':');
            index += best_len;
            continue;
        }
        if index > 0 {
            out.push(b':');
        }
        let _ = write!(out, "{:x}", words[index]);
        index += 1;
    }
    if mapped {
        let [.., a, b, c, d] = address else { return };
        let _ = write!(out, ":{a}.{b}.{c}.{d}");
    } else if best_len > 0 && best_start + best_len == 8 {
        out.push(b':');
    }
}

/// Appends a hardware address of six or eight bytes.
pub(super) fn macaddr(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    if !matches!(bytes.len(), 6 | 8) {
        return Err(ValueError::new("a hardware address has an unknown length"));
    }
    for (i, byte) in bytes.iter().enumerate() {
        let _ = write!(out, "{}{byte:02x}", if i > 0 { ":" } else { "" });
    }
    Ok(())
}
