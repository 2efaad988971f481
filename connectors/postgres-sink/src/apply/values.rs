//! Images' fields become parameters and binary COPY data.

use bytes::Bytes;
use walbridge_connector_api::{ConnectorError, Result};

use super::{CHUNK_BYTES, CHUNK_ROWS, IN_FLIGHT_BYTES, Run};
use crate::binding::Binding;
use crate::params::{Array, Raw};
use crate::rows::Image;

const PIECE: usize = 64 << 10;

impl<'a> Run<'a> {
    /// Makes array parameters of as many images as a chunk takes.
    pub(super) fn arrays(
        &self,
        at: usize,
        images: &[Image],
        columns: &[usize],
    ) -> Result<(Vec<Raw>, usize, usize)> {
        let Some(binding) = &self.bindings[at] else {
            return Ok((Vec::new(), images.len(), 0));
        };
        let mut arrays: Vec<_> = columns
            .iter()
            .map(|&column| Array::new(binding.columns[column].element))
            .collect();
        let (mut fields, mut taken, mut bytes) = (Vec::new(), 0, 0);
        for image in images.iter().take(CHUNK_ROWS) {
            self.split(image, &mut fields, binding)?;
            for (array, &column) in arrays.iter_mut().zip(columns) {
                let before = array.size();
                self.element(array, image, binding, column, &fields)?;
                bytes += array.size() - before;
            }
            taken += 1;
            if bytes >= CHUNK_BYTES {
                break;
            }
        }
        let params = arrays.iter_mut().map(Array::finish).collect();
        Ok((params, taken, bytes))
    }

    fn element(
        &self,
        array: &mut Array,
        image: &Image,
        binding: &Binding,
        column: usize,
        fields: &[&[u8]],
    ) -> Result<()> {
        let decoder = &binding.columns[column].decoder;
        let bad = |e: &dyn std::fmt::Display| bad_value(binding, column, e);
        if let Some(text) = self.special(image, column) {
            return array
                .push(|out| decoder.decode_special(text, out))
                .map_err(|e| bad(&e));
        }
        if decoder.is_null(fields[column]).map_err(|e| bad(&e))? {
            array.null();
            return Ok(());
        }
        array
            .push(|out| decoder.decode(fields[column], out).map(drop))
            .map_err(|e| bad(&e))
    }

    fn special(&self, image: &Image, column: usize) -> Option<&'a [u8]> {
        let marks = self.rows.marks(image);
        if marks.special.is_empty() {
            return None;
        }
        let found = marks
            .special
            .iter()
            .find(|(field, _)| usize::from(*field) == column);
        found.map(|(_, text)| &**text)
    }

    fn split<'f>(&self, image: &Image, fields: &mut Vec<&'f [u8]>, binding: &Binding) -> Result<()>
    where
        'a: 'f,
    {
        self.rows.split(image, fields).map_err(|e| {
            ConnectorError::stop("NotAvro", format!("table {}: a row: {e}", binding.title))
        })
    }

    /// Makes one parameter per column of one image.
    pub(super) fn params(&self, at: usize, image: &Image, columns: &[usize]) -> Result<Vec<Raw>> {
        let Some(binding) = &self.bindings[at] else {
            return Ok(Vec::new());
        };
        let mut fields = Vec::new();
        self.split(image, &mut fields, binding)?;
        columns
            .iter()
            .map(|&column| {
                let decoder = &binding.columns[column].decoder;
                let mut out = Vec::new();
                let there = match self.special(image, column) {
                    Some(text) => decoder.decode_special(text, &mut out).map(|()| true),
                    None => decoder.decode(fields[column], &mut out),
                };
                let there = there.map_err(|e| bad_value(binding, column, &e))?;
                Ok(Raw(there.then_some(out)))
            })
            .collect()
    }

    /// Makes binary COPY data of as many images as may be on their way at once.
    pub(super) fn copy_data(
        &self,
        binding: &Binding,
        images: &[Image],
    ) -> Result<(Vec<Bytes>, usize, usize)> {
        let mut data = Vec::new();
        let mut out = Vec::with_capacity(PIECE + 4096);
        out.extend_from_slice(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0");
        let count = (binding.columns.len() as i16).to_be_bytes();
        let (mut fields, mut taken, mut bytes) = (Vec::new(), 0, 0);
        for image in images {
            self.split(image, &mut fields, binding)?;
            out.extend_from_slice(&count);
            for (at, column) in binding.columns.iter().enumerate() {
                let done = match self.special(image, at) {
                    Some(text) => column.decoder.copy_special(text, &mut out),
                    None => column.decoder.copy(fields[at], &mut out),
                };
                done.map_err(|e| bad_value(binding, at, &e))?;
            }
            taken += 1;
            if out.len() >= PIECE {
                bytes += out.len();
                let next = Vec::with_capacity(PIECE + 4096);
                data.push(Bytes::from(std::mem::replace(&mut out, next)));
                if bytes >= IN_FLIGHT_BYTES {
                    break;
                }
            }
        }
        out.extend_from_slice(&(-1i16).to_be_bytes());
        bytes += out.len();
        data.push(Bytes::from(out));
        Ok((data, taken, bytes))
    }
}

fn bad_value(binding: &Binding, column: usize, cause: &dyn std::fmt::Display) -> ConnectorError {
    ConnectorError::stop(
        "BadValue",
        format!("table {}: field {column}: {cause}", binding.title),
    )
}
