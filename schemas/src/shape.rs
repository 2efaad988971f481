//! The shape of any Avro schema: enough to walk over its values without knowing their meaning.

use std::collections::HashMap;

use serde_json::Value;

use crate::avro::Reader;
use crate::{AvroError, SchemaError};

/// How deep values may be nested before the bytes are taken for hostile.
const MAX_DEPTH: u32 = 64;
/// How many items without bytes (nulls, empty records) an array may have.
const MAX_EMPTY_ITEMS: u64 = 65_536;

/// The shape of one type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    Null,
    Boolean,
    /// `int`, `long`, and an enum's index.
    Long,
    Float,
    Double,
    /// `bytes` and `string`.
    Bytes,
    Fixed(usize),
    Array(Box<Shape>),
    Map(Box<Shape>),
    /// Index into [`Shapes::records`].
    Record(usize),
    Union(Vec<Shape>),
}

/// All record shapes of one schema.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Shapes {
    pub(crate) records: Vec<Vec<Shape>>,
}

impl Shapes {
    /// Moves the reader over one value.
    #[inline]
    pub(crate) fn skip(&self, shape: &Shape, reader: &mut Reader<'_>) -> Result<(), AvroError> {
        self.skip_at(shape, reader, 0)
    }

    fn skip_at(&self, shape: &Shape, reader: &mut Reader<'_>, depth: u32) -> Result<(), AvroError> {
        if depth > MAX_DEPTH {
            return Err(AvroError::Depth);
        }
        match shape {
            Shape::Null => {}
            Shape::Boolean => drop(reader.bool()?),
            Shape::Long => drop(reader.long()?),
            Shape::Float => drop(reader.take(4)?),
            Shape::Double => drop(reader.take(8)?),
            Shape::Bytes => drop(reader.bytes()?),
            Shape::Fixed(len) => drop(reader.take(*len)?),
            Shape::Union(branches) => {
                let branch = reader.long()?;
                let chosen = usize::try_from(branch).ok().and_then(|i| branches.get(i));
                self.skip_at(chosen.ok_or(AvroError::Branch(branch))?, reader, depth + 1)?;
            }
            Shape::Record(index) => {
                for field in &self.records[*index] {
                    self.skip_at(field, reader, depth + 1)?;
                }
            }
            Shape::Array(items) => {
                self.skip_blocks(reader, |reader| self.skip_at(items, reader, depth + 1))?
            }
            Shape::Map(values) => self.skip_blocks(reader, |reader| {
                reader.bytes()?;
                self.skip_at(values, reader, depth + 1)
            })?,
        }
        Ok(())
    }

    fn skip_blocks(
        &self,
        reader: &mut Reader<'_>,
        mut item: impl FnMut(&mut Reader<'_>) -> Result<(), AvroError>,
    ) -> Result<(), AvroError> {
        let mut empty = 0;
        loop {
            let count = reader.block()?;
            if count == 0 {
                return Ok(());
            }
            for _ in 0..count {
                let before = reader.rest().len();
                item(reader)?;
                if reader.rest().len() == before {
                    empty += 1;
                    if empty > MAX_EMPTY_ITEMS {
                        return Err(AvroError::Length);
                    }
                }
            }
        }
    }
}

/// Reads schema JSON into shapes, resolving names as it goes.
#[derive(Debug, Default)]
pub(crate) struct ShapeParser {
    pub(crate) shapes: Shapes,
    names: HashMap<String, Shape>,
    definitions: HashMap<String, Value>,
}

impl ShapeParser {
    /// Returns the definition of a record named in full, or by its short name inside `namespace`.
    pub(crate) fn definition(&self, name: &str, namespace: &str) -> Option<&Value> {
        self.definitions.get(&full_name(name, namespace))
    }

    /// Returns the index of the record with this full name.
    pub(crate) fn shape_of(&self, full: &str) -> Option<usize> {
        match self.names.get(full) {
            Some(Shape::Record(index)) => Some(*index),
            _ => None,
        }
    }

    pub(crate) fn parse(&mut self, json: &Value, namespace: &str) -> Result<Shape, SchemaError> {
        match json {
            Value::String(name) => self.named(name, namespace),
            Value::Array(branches) => {
                let branches = branches.iter().map(|b| self.parse(b, namespace));
                Ok(Shape::Union(branches.collect::<Result<_, _>>()?))
            }
            Value::Object(object) => match object.get("type") {
                Some(Value::String(kind)) => self.object(kind, json, namespace),
                Some(inner) => self.parse(inner, namespace),
                None => Err(SchemaError::Avro("a type object without a type".to_owned())),
            },
            other => Err(SchemaError::Avro(format!("a type cannot be {other}"))),
        }
    }

    fn named(&self, name: &str, namespace: &str) -> Result<Shape, SchemaError> {
        Ok(match name {
            "null" => Shape::Null,
            "boolean" => Shape::Boolean,
            "int" | "long" => Shape::Long,
            "float" => Shape::Float,
            "double" => Shape::Double,
            "bytes" | "string" => Shape::Bytes,
            _ => {
                let known = self.names.get(&full_name(name, namespace));
                return known
                    .cloned()
                    .ok_or_else(|| SchemaError::Avro(format!("type {name} is not defined")));
            }
        })
    }

    fn object(&mut self, kind: &str, json: &Value, namespace: &str) -> Result<Shape, SchemaError> {
        let missing = |what: &str| SchemaError::Avro(format!("{kind} without {what}"));
        match kind {
            "array" => Ok(Shape::Array(Box::new(
                self.parse(&json["items"], namespace)?,
            ))),
            "map" => Ok(Shape::Map(Box::new(
                self.parse(&json["values"], namespace)?,
            ))),
            "record" | "error" => {
                let (full, inner) = names_of(json, namespace).ok_or_else(|| missing("name"))?;
                let fields = json["fields"].as_array().ok_or_else(|| missing("fields"))?;
                let index = self.shapes.records.len();
                self.shapes.records.push(Vec::new());
                self.names.insert(full.clone(), Shape::Record(index));
                self.definitions.insert(full, json.clone());
                let fields = fields
                    .iter()
                    .map(|f| self.parse(&f["type"], &inner))
                    .collect::<Result<Vec<_>, _>>()?;
                self.shapes.records[index] = fields;
                Ok(Shape::Record(index))
            }
            "enum" => {
                let (full, _) = names_of(json, namespace).ok_or_else(|| missing("name"))?;
                self.names.insert(full, Shape::Long);
                Ok(Shape::Long)
            }
            "fixed" => {
                let (full, _) = names_of(json, namespace).ok_or_else(|| missing("name"))?;
                let size = json["size"].as_u64().and_then(|n| usize::try_from(n).ok());
                let shape = Shape::Fixed(size.ok_or_else(|| missing("size"))?);
                self.names.insert(full, shape.clone());
                Ok(shape)
            }
            primitive => self.named(primitive, namespace),
        }
    }
}

/// Returns a definition's full name and the namespace of what is inside it.
pub(crate) fn names_of(json: &Value, namespace: &str) -> Option<(String, String)> {
    let name = json["name"].as_str()?;
    let namespace = json["namespace"].as_str().unwrap_or(namespace);
    let full = full_name(name, namespace);
    let inner = full
        .rsplit_once('.')
        .map_or("", |(inner, _)| inner)
        .to_owned();
    Some((full, inner))
}

fn full_name(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() {
        name.to_owned()
    } else {
        format!("{namespace}.{name}")
    }
}
