//! Arrays.

use walbridge_schemas::avro::Reader;
use walbridge_schemas::{AvroError, Items};

use super::codec::Codec;
use super::set_length;
use crate::types::PgType;
use crate::value::ValueError;

/// How an array's items are written.
#[derive(Debug, Clone)]
pub(super) struct ArrayCodec {
    items: Codec,
    nullable: bool,
    item_oid: u32,
}

impl ArrayCodec {
    pub(super) fn new(items: &PgType, fields: &Items) -> Option<Self> {
        // The header names the items' declared type, a domain's own included.
        Some(Self {
            items: Codec::new(&fields.ty, items)?,
            nullable: fields.nullable,
            item_oid: items.oid,
        })
    }
}

/// Appends an array of one dimension that starts at 1.
pub(super) fn decode(
    codec: &ArrayCodec,
    reader: &mut Reader<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    let start = out.len();
    out.extend_from_slice(&[0; 20]);
    let (mut count, mut nulls) = (0i32, 0i32);
    each_item(reader, codec.nullable, |item| {
        count = count
            .checked_add(1)
            .ok_or(ValueError::new("an array has too many items"))?;
        let at = out.len();
        out.extend_from_slice(&[0xff; 4]);
        match item {
            Some(reader) => {
                codec.items.decode(reader, out)?;
                set_length(out, at);
            }
            None => nulls = 1,
        }
        Ok(())
    })?;
    if count == 0 {
        out.truncate(start + 12);
    } else {
        out[start..start + 4].copy_from_slice(&1u32.to_be_bytes());
        out[start + 12..start + 16].copy_from_slice(&count.to_be_bytes());
        out[start + 16..start + 20].copy_from_slice(&1u32.to_be_bytes());
    }
    out[start + 4..start + 8].copy_from_slice(&nulls.to_be_bytes());
    out[start + 8..start + 12].copy_from_slice(&codec.item_oid.to_be_bytes());
    Ok(())
}

/// Calls back for every item, with `None` for a null; the callback must read the item.
pub(super) fn each_item<'a>(
    reader: &mut Reader<'a>,
    nullable: bool,
    mut item: impl FnMut(Option<&mut Reader<'a>>) -> Result<(), ValueError>,
) -> Result<(), ValueError> {
    loop {
        let count = reader.block()?;
        if count == 0 {
            return Ok(());
        }
        for _ in 0..count {
            // Every item has at least one byte, so hostile counts end here.
            if reader.is_empty() {
                return Err(AvroError::End.into());
            }
            let present = if nullable { reader.long()? } else { 1 };
            match present {
                0 => item(None)?,
                1 => item(Some(reader))?,
                other => return Err(AvroError::Branch(other).into()),
            }
        }
    }
}
