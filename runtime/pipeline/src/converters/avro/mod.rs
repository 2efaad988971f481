//! Avro with a schema registry, as Confluent's `AvroConverter` writes and reads it.
//!
//! ```text
//!  Schema ── text ──▶ Avro schema ── store ──▶ id ─┐
//!  Value ─── write ─────────────────▶ Avro bytes ──┴─▶ frame
//!  frame ── id ── store ──▶ Avro schema ── plan ──▶ Node ── read ──▶ Schema, Value
//! ```
//!
//! Where this differs from Java:
//! * a schema without `connect.version` has no version; Java sets the number that its subject counts
//!   it by, which takes a further call of the registry;
//! * schemaless bytes can be written, and so can two maps of unlike entries in one schema;
//! * a decimal in a fixed number of bytes can be read;
//! * enums, fixed bytes and unions of several types are read as Java reads them, but what was read
//!   from them is written as text, bytes and structs;
//! * the default of a field that may be null is its own where its type has a `connect.default`; Java takes
//!   that of the type, whatever the field says;
//! * a recursive schema is refused, but for the one that schemaless values have.

mod anything;
mod defaults;
mod fit;
mod name;
mod plan;
mod read;
mod text;
mod write;

use std::collections::HashMap;
use std::sync::Arc;

use walbridge_connector_api::data::{Schema, SchemaAndValue, Type, Value};
use walbridge_schemas::avro::Reader;
use walbridge_schemas::frame;
use walbridge_schemas::registry::{Registry, RegistryError};

use self::plan::{Node, Shape};
use super::{ConvertError, Converter};

/// Under which subject a schema is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SubjectNames {
    /// The topic's name with `-key` or `-value`.
    #[default]
    Topic,
    /// The record's full name.
    Record,
    /// The topic's name, a hyphen and the record's full name.
    TopicRecord,
}

impl SubjectNames {
    /// Finds a strategy by its class in Java or that class's simple name.
    pub fn find(name: &str) -> Option<Self> {
        Some(match name.trim().rsplit('.').next()? {
            "TopicNameStrategy" => Self::Topic,
            "RecordNameStrategy" => Self::Record,
            "TopicRecordNameStrategy" => Self::TopicRecord,
            _ => return None,
        })
    }
}

/// Which registered schema a value is written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Writing {
    /// Its own, registered if its subject does not have it.
    #[default]
    Register,
    /// Its own, which its subject must have.
    Find,
    /// The newest of its subject, whose fields the value must fit.
    Latest {
        /// Whether a field that the newest schema does not have is an error, and not left out.
        strict: bool,
    },
}

/// How an Avro converter is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AvroOptions {
    /// Whether it stands for keys.
    pub key: bool,
    /// Under which subjects schemas are registered.
    pub subjects: SubjectNames,
    /// Which of their schemas values are written with.
    pub writing: Writing,
    /// Whether what Avro has no words for is written as `connect.…` members of the schema.
    pub metadata: bool,
    /// Whether the members of a union are read under their full names.
    pub enhanced: bool,
    /// How many schemas are remembered each way.
    pub cache: usize,
}

/// Keeps Avro schemas by id.
pub trait SchemaStore: Send {
    /// Returns the id of a schema under a subject, registering it if it is new there.
    ///
    /// # Errors
    /// If it is out of reach or refuses the schema.
    fn register(&self, subject: &str, schema: &str) -> Result<u32, RegistryError>;

    /// Returns the id of a schema under a subject that has it.
    ///
    /// # Errors
    /// If it is out of reach or the subject has no such schema.
    fn find(&self, subject: &str, schema: &str) -> Result<u32, RegistryError>;

    /// Returns the newest schema of a subject with its id.
    ///
    /// # Errors
    /// If it is out of reach or the subject has none.
    fn latest(&self, subject: &str) -> Result<(u32, Arc<str>), RegistryError>;

    /// Returns the schema with this id.
    ///
    /// # Errors
    /// If it is out of reach or has none.
    fn schema(&self, id: u32) -> Result<Arc<str>, RegistryError>;
}

impl SchemaStore for Registry {
    fn register(&self, subject: &str, schema: &str) -> Result<u32, RegistryError> {
        Self::register(self, subject, schema)
    }

    fn find(&self, subject: &str, schema: &str) -> Result<u32, RegistryError> {
        Self::find(self, subject, schema)
    }

    fn latest(&self, subject: &str) -> Result<(u32, Arc<str>), RegistryError> {
        Self::latest(self, subject)
    }

    fn schema(&self, id: u32) -> Result<Arc<str>, RegistryError> {
        Self::schema(self, id)
    }
}

/// The schema that values of another one are written with.
#[derive(Clone)]
struct Written {
    id: u32,
    /// How its values lie, if it is not the value's own.
    latest: Option<Arc<Node>>,
}

/// Writes and reads Avro.
pub struct AvroConverter {
    store: Box<dyn SchemaStore>,
    options: AvroOptions,
    /// What schemas are written as, by topic; `None` is that of values without a schema.
    written: HashMap<Option<Schema>, HashMap<String, Written>>,
    read: HashMap<u32, Arc<Node>>,
}

impl AvroConverter {
    /// Creates a converter; the store is not asked yet.
    pub fn new(store: Box<dyn SchemaStore>, options: AvroOptions) -> Self {
        Self {
            store,
            options,
            written: HashMap::new(),
            read: HashMap::new(),
        }
    }

    fn registered(
        &mut self,
        topic: &str,
        schema: &Option<Schema>,
    ) -> Result<Written, ConvertError> {
        if let Some(found) = self.written.get(schema).and_then(|all| all.get(topic)) {
            return Ok(found.clone());
        }
        let text = || match schema {
            Some(schema) => text::of(schema, self.options.metadata),
            None => Ok(anything::SCHEMA.to_owned()),
        };
        let subject = self.subject(topic, schema)?;
        let own = |id| Written { id, latest: None };
        let found = match self.options.writing {
            Writing::Register => own(self.store.register(&subject, &text()?)?),
            Writing::Find => own(self.store.find(&subject, &text()?)?),
            Writing::Latest { .. } => {
                let (id, text) = self.store.latest(&subject)?;
                let node = self.plan(id, &text)?;
                let latest = Some(Arc::new(node));
                Written { id, latest }
            }
        };
        if self.written.len() >= self.options.cache {
            self.written.clear();
        }
        let all = self.written.entry(schema.clone()).or_default();
        all.insert(topic.to_owned(), found.clone());
        Ok(found)
    }

    fn subject(&self, topic: &str, schema: &Option<Schema>) -> Result<String, ConvertError> {
        if self.options.subjects == SubjectNames::Topic {
            let part = if self.options.key { "key" } else { "value" };
            return Ok(format!("{topic}-{part}"));
        }
        let name = match schema {
            Some(schema) => text::record_name(schema),
            None => Some(anything::NAME),
        };
        let name = name.ok_or_else(|| {
            ConvertError::data(
                "its subject is named after a record, and this is none: choose TopicNameStrategy",
            )
        })?;
        Ok(match self.options.subjects {
            SubjectNames::TopicRecord => format!("{topic}-{name}"),
            _ => name.to_owned(),
        })
    }

    fn node(&mut self, id: u32) -> Result<Arc<Node>, ConvertError> {
        if let Some(node) = self.read.get(&id) {
            return Ok(Arc::clone(node));
        }
        let text = self.store.schema(id)?;
        let node = Arc::new(self.plan(id, &text)?);
        if self.read.len() >= self.options.cache {
            self.read.clear();
        }
        self.read.insert(id, Arc::clone(&node));
        Ok(node)
    }

    fn plan(&self, id: u32, text: &str) -> Result<Node, ConvertError> {
        plan::of(text, self.options).map_err(|error| {
            ConvertError::data(format!(
                "schema {id} of the registry cannot be used: {error}"
            ))
        })
    }
}

fn is_bare(schema: &Schema) -> bool {
    schema.kind() == Type::Bytes && !schema.is_optional()
}

impl Converter for AvroConverter {
    fn encode(
        &mut self,
        topic: &str,
        data: &SchemaAndValue,
    ) -> Result<Option<Vec<u8>>, ConvertError> {
        if data.value.is_null() {
            return Ok(None);
        }
        let Written { id, latest } = self.registered(topic, &data.schema)?;
        let mut out = Vec::with_capacity(128);
        frame::write(&mut out, id);
        if let Some(node) = latest {
            let strict = self.options.writing == Writing::Latest { strict: true };
            if let (Shape::Bytes, Value::Bytes(bytes)) = (&*node.shape, &data.value) {
                out.extend_from_slice(bytes);
            } else {
                fit::value(&mut out, &node, &data.value, strict)?;
            }
            return Ok(Some(out));
        }
        match (&data.schema, &data.value) {
            // Bytes that are all of the record have no length of their own.
            (Some(schema), Value::Bytes(bytes)) if is_bare(schema) => out.extend_from_slice(bytes),
            (Some(schema), value) => write::value(&mut out, schema, value)?,
            (None, _) => anything::write(&mut out, &data.value)?,
        }
        Ok(Some(out))
    }

    fn decode(&mut self, _: &str, bytes: Option<&[u8]>) -> Result<SchemaAndValue, ConvertError> {
        let Some(bytes) = bytes else {
            return Ok(SchemaAndValue::NULL);
        };
        let (id, bytes) = frame::read(bytes)?;
        let node = self.node(id)?;
        let value = if matches!(*node.shape, Shape::Bytes) {
            bytes.to_vec().into()
        } else {
            let mut reader = Reader::new(bytes);
            let value = read::value(&node, &mut reader)?;
            reader.finish()?;
            value
        };
        // As in Java, a null at the top has no schema either.
        Ok(match value {
            Value::Null => SchemaAndValue::NULL,
            value => SchemaAndValue {
                schema: node.schema.clone(),
                value,
            },
        })
    }
}
