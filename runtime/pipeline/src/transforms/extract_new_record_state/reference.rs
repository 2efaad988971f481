//! Parts of the envelope that are added to the row or to the headers.

use walbridge_connector_api::data::{ConnectHeader, Field, Schema, SchemaAndValue, Struct, Value};

use super::{TransformError, structs};

/// A part of the envelope, and the name it is given.
pub(super) struct Reference {
    /// The struct it lies in; `None` for the envelope itself.
    part: Option<String>,
    pub(super) field: String,
    pub(super) name: String,
}

impl Reference {
    /// Reads `field`, `struct.field`, or either with `:name` behind it.
    pub(super) fn new(prefix: &str, text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.trim_end_matches(':').split(':').collect();
        let path: Vec<&str> = parts[0].trim_end_matches('.').split('.').collect();
        let (part, field) = match path.as_slice() {
            [part, field, ..] => (Some((*part).to_owned()), (*field).to_owned()),
            _ => (part_of(path[0]).map(str::to_owned), path[0].to_owned()),
        };
        let name = match parts.as_slice() {
            [_] if path.len() == 1 => format!("{prefix}{field}"),
            [_] => format!("{prefix}{}_{field}", part.as_deref().unwrap_or_default()),
            [_, name] => format!("{prefix}{name}"),
            _ => return Err(format!("Unexpected field name: {text}")),
        };
        Ok(Self { part, field, name })
    }

    /// Returns the field it names; `None` if neither the struct nor the envelope has it.
    fn find<'a>(&self, event: &'a Schema) -> Result<Option<&'a Field>, TransformError> {
        let parent = match &self.part {
            None => event,
            Some(part) => match event.field(part) {
                Some(field) => &field.schema,
                None => {
                    return Err(TransformError::data(format!(
                        "The event has no part \"{part}\" to take \"{}\" from",
                        self.field
                    )));
                }
            },
        };
        Ok(parent
            .field(&self.field)
            .or_else(|| event.field(&self.field)))
    }

    /// Returns the schema of the added field or header: always optional.
    pub(super) fn schema(&self, event: &Schema) -> Result<Option<Schema>, TransformError> {
        let Some(field) = self.find(event)? else {
            return Ok(None);
        };
        let of = &field.schema;
        let mut builder = structs::basics(of, of.kind()).optional();
        if let Some(element) = of.value_schema() {
            builder = match of.key_schema() {
                Some(key) => builder.pairs(key.clone(), element.clone()),
                None => builder.element(element.clone()),
            };
        }
        for field in of.fields() {
            builder = builder.field(&*field.name, field.schema.clone());
        }
        Ok(Some(builder.build()?))
    }

    /// Returns the value, as it is in the event.
    pub(super) fn value(&self, event: &Struct) -> Result<Value, TransformError> {
        let parent = match &self.part {
            None => event,
            Some(part) => match event.get_exact(part) {
                Some(Value::Struct(parent)) => parent,
                // A snapshot's events have no transaction.
                _ => return Ok(Value::Null),
            },
        };
        let value = parent
            .get_exact(&self.field)
            .or_else(|| event.get_exact(&self.field));
        let value = value.cloned().unwrap_or_default();
        match (value, self.schema(event.schema())?) {
            // A struct goes under the schema that allows null.
            (Value::Struct(inner), Some(schema)) => {
                Ok(Struct::from_values(schema, inner.into_values())?.into())
            }
            (value, _) => Ok(value),
        }
    }

    /// Returns the header; `None` if the event has no such part.
    pub(super) fn header(&self, event: &Struct) -> Result<Option<ConnectHeader>, TransformError> {
        let Some(schema) = self.schema(event.schema())? else {
            return Ok(None);
        };
        let value = SchemaAndValue::new(schema, self.value(event)?);
        Ok(Some(ConnectHeader::new(self.name.as_str(), value)))
    }
}

/// Returns the struct in which a field without one is looked for.
fn part_of(field: &str) -> Option<&'static str> {
    match field {
        "id" | "total_order" | "data_collection_order" => Some("transaction"),
        "op" | "ts_ms" | "ts_us" | "ts_ns" => None,
        "updateDescription" => Some("updateDescription"),
        _ => Some("source"),
    }
}
