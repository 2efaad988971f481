//! The schema of a row (or of a key) and the split of its bytes into fields.

use serde_json::Value;

use crate::avro::Reader;
use crate::field::parse_field;
use crate::shape::{Shape, ShapeParser, Shapes, names_of};
use crate::{AvroError, Field, SchemaError};

/// The fields of a row or key, with what it takes to find them in bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct RowSchema {
    name: String,
    fields: Vec<Field>,
    layout: Vec<Shape>,
    shapes: Shapes,
}

impl RowSchema {
    /// Reads a key's registered schema.
    pub fn parse(json: &str) -> Result<Self, SchemaError> {
        let json: Value =
            serde_json::from_str(json).map_err(|e| SchemaError::Json(e.to_string()))?;
        let mut parser = ShapeParser::default();
        parser.parse(&json, "")?;
        Self::of_record(&json, "", &parser)
    }

    pub(crate) fn of_record(
        json: &Value,
        namespace: &str,
        parser: &ShapeParser,
    ) -> Result<Self, SchemaError> {
        let not_a_row = || SchemaError::NotAnEvent("a row must be a record".to_owned());
        let (name, inner) = names_of(json, namespace).ok_or_else(not_a_row)?;
        let fields = json["fields"].as_array().ok_or_else(not_a_row)?;
        let fields = fields
            .iter()
            .map(|f| parse_field(f, &inner, parser))
            .collect::<Result<Vec<_>, _>>()?;
        let record = parser.shape_of(&name).ok_or_else(not_a_row)?;
        let layout = parser.shapes.records[record].clone();
        Ok(Self {
            name,
            fields,
            layout,
            shapes: parser.shapes.clone(),
        })
    }

    /// Returns the record's full name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the fields in the order of their bytes.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Splits a row into one slice per field, each with its union branch; `fields` is emptied first.
    #[inline]
    pub fn split<'a>(&self, row: &'a [u8], fields: &mut Vec<&'a [u8]>) -> Result<(), AvroError> {
        fields.clear();
        let mut reader = Reader::new(row);
        for shape in &self.layout {
            let start = reader.rest();
            self.shapes.skip(shape, &mut reader)?;
            fields.push(&start[..start.len() - reader.rest().len()]);
        }
        reader.finish()
    }
}
