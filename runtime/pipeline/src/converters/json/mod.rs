//! JSON, with each value's schema beside it or without, as Kafka Connect's `JsonConverter` writes it.

mod read;
mod schema;
mod tree;
mod write;

use std::collections::HashMap;
use std::sync::Arc;

use walbridge_connector_api::data::{Schema, SchemaAndValue, Value};

use self::tree::Json;
use super::{ConvertError, Converter};

/// How a JSON converter is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Options {
    /// Whether each value lies in an envelope with its schema.
    pub(super) schemas: bool,
    /// How many schemas are remembered each way.
    pub(super) cache: usize,
    /// Whether a decimal is a number instead of its bytes in base64.
    pub(super) numeric: bool,
    /// Whether a null becomes its schema's default.
    pub(super) defaults: bool,
}

/// Writes and reads JSON.
pub(super) struct JsonConverter {
    options: Options,
    /// The schema of all that is read, in place of one beside each value.
    content: Option<Schema>,
    /// What a schema looks like as JSON.
    written: HashMap<Schema, Arc<[u8]>>,
    /// Which schema a piece of JSON stands for.
    read: HashMap<String, Schema>,
}

impl JsonConverter {
    /// Creates a converter; `content` is the schema that all values have that are read without one.
    ///
    /// # Errors
    /// If the schema is none.
    pub(super) fn new(options: Options, content: Option<&str>) -> Result<Self, ConvertError> {
        let content = content.map(|text| schema::read(&Json::parse(text)?, options));
        Ok(Self {
            options,
            content: content.transpose()?.flatten(),
            written: HashMap::new(),
            read: HashMap::new(),
        })
    }

    fn schema_text(&mut self, schema: &Schema) -> Result<Arc<[u8]>, ConvertError> {
        if let Some(text) = self.written.get(schema) {
            return Ok(Arc::clone(text));
        }
        let mut text = Vec::new();
        schema::write(&mut text, schema, None, self.options)?;
        let text: Arc<[u8]> = text.into();
        if self.written.len() >= self.options.cache {
            self.written.clear();
        }
        self.written.insert(schema.clone(), Arc::clone(&text));
        Ok(text)
    }

    fn schema_of(&mut self, text: &str) -> Result<Option<Schema>, ConvertError> {
        if let Some(schema) = self.read.get(text) {
            return Ok(Some(schema.clone()));
        }
        let Some(schema) = schema::read(&Json::parse(text)?, self.options)? else {
            return Ok(None);
        };
        if self.read.len() >= self.options.cache {
            self.read.clear();
        }
        self.read.insert(text.to_owned(), schema.clone());
        Ok(Some(schema))
    }

    /// Splits an envelope into the texts of its schema and its payload.
    fn envelope(text: &str) -> Result<(&str, &str), ConvertError> {
        let parts = tree::parts(text)?;
        let find = |name: &str| {
            let found = parts.iter().flatten().find(|(key, _)| key == name);
            found.map(|(_, raw)| raw.get())
        };
        match (
            parts.as_ref().map(Vec::len),
            find("schema"),
            find("payload"),
        ) {
            (Some(2), Some(schema), Some(payload)) => Ok((schema, payload)),
            _ => Err(ConvertError::data(
                "JsonConverter with schemas.enable requires \"schema\" and \"payload\" fields and may \
                 not contain additional fields. If you are trying to deserialize plain JSON data, set \
                 schemas.enable=false in your converter configuration.",
            )),
        }
    }
}

impl Converter for JsonConverter {
    fn encode(&mut self, _: &str, data: &SchemaAndValue) -> Result<Option<Vec<u8>>, ConvertError> {
        if data.schema.is_none() && data.value.is_null() {
            return Ok(None);
        }
        let mut out = Vec::with_capacity(256);
        if !self.options.schemas {
            // A null with a schema is the text `null`, as in Java: only one without is a Kafka null.
            write::value(&mut out, data.schema.as_ref(), &data.value, self.options)?;
            return Ok(Some(out));
        }
        out.extend_from_slice(b"{\"schema\":");
        match &data.schema {
            Some(schema) => out.extend_from_slice(&self.schema_text(schema)?),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"payload\":");
        write::value(&mut out, data.schema.as_ref(), &data.value, self.options)?;
        out.push(b'}');
        Ok(Some(out))
    }

    fn decode(&mut self, _: &str, bytes: Option<&[u8]>) -> Result<SchemaAndValue, ConvertError> {
        let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else {
            return Ok(SchemaAndValue::NULL);
        };
        let text = std::str::from_utf8(bytes)
            .map_err(|error| ConvertError::data(format!("this is no JSON: {error}")))?;
        if !self.options.schemas {
            let value = read::value(None, &Json::parse(text)?, self.options)?;
            return Ok(SchemaAndValue::schemaless(value));
        }
        if let Some(schema) = &self.content {
            // The schema is not beside it: this is all of it.
            let value = read::value(Some(schema), &Json::parse(text)?, self.options)?;
            let schema = Some(schema.clone());
            return Ok(SchemaAndValue { schema, value });
        }
        let (schema, payload) = Self::envelope(text)?;
        let schema = self.schema_of(schema)?;
        let payload = Json::parse(payload)?;
        let value = match (&schema, &payload) {
            (None, Json::Null) => Value::Null,
            _ => read::value(schema.as_ref(), &payload, self.options)?,
        };
        Ok(SchemaAndValue { schema, value })
    }
}
