//! Making schemas step by step.

use std::sync::Arc;

use super::schema::Parts;
use super::{DataError, Field, Schema, Type, Value, validate};

/// Collects the parts of a schema.
#[derive(Clone)]
pub struct SchemaBuilder {
    parts: Parts,
}

impl SchemaBuilder {
    /// Starts a required schema of a type.
    pub fn new(kind: Type) -> Self {
        Self::from_parts(Parts::plain(kind))
    }

    /// Starts a struct without fields.
    pub fn structure() -> Self {
        Self::new(Type::Struct)
    }

    pub(super) fn from_parts(parts: Parts) -> Self {
        Self { parts }
    }

    /// Allows nulls.
    #[must_use]
    pub fn optional(self) -> Self {
        self.with_optional(true)
    }

    /// Allows or refuses nulls.
    #[must_use]
    pub fn with_optional(mut self, optional: bool) -> Self {
        self.parts.optional = optional;
        self
    }

    /// Sets the value that stands for null or for a field that is not there.
    #[must_use]
    pub fn default(mut self, value: Value) -> Self {
        self.parts.default = Some(value);
        self
    }

    /// Takes the default away.
    #[must_use]
    pub fn without_default(mut self) -> Self {
        self.parts.default = None;
        self
    }

    /// Sets the name.
    #[must_use]
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.parts.name = Some(name.into());
        self
    }

    /// Sets or takes away the name.
    #[must_use]
    pub fn with_name(mut self, name: Option<&str>) -> Self {
        self.parts.name = name.map(Into::into);
        self
    }

    /// Sets the version.
    #[must_use]
    pub fn version(mut self, version: i32) -> Self {
        self.parts.version = Some(version);
        self
    }

    /// Sets or takes away the version.
    #[must_use]
    pub fn with_version(mut self, version: Option<i32>) -> Self {
        self.parts.version = version;
        self
    }

    /// Sets the description.
    #[must_use]
    pub fn doc(mut self, doc: impl Into<Arc<str>>) -> Self {
        self.parts.doc = Some(doc.into());
        self
    }

    /// Adds a parameter or replaces it.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parts.parameters.insert(name.into(), value.into());
        self
    }

    /// Adds a field to a struct.
    #[must_use]
    pub fn field(mut self, name: impl Into<Arc<str>>, schema: Schema) -> Self {
        let name = name.into();
        self.parts.fields.push(Field { name, schema });
        self
    }

    /// Leaves a struct only the fields that `keep` accepts.
    #[must_use]
    pub fn retain(mut self, keep: impl FnMut(&Field) -> bool) -> Self {
        self.parts.fields.retain(keep);
        self
    }

    /// Sets what an array holds.
    #[must_use]
    pub fn element(mut self, schema: Schema) -> Self {
        self.parts.value = Some(schema);
        self
    }

    /// Sets what a map holds.
    #[must_use]
    pub fn pairs(mut self, key: Schema, value: Schema) -> Self {
        self.parts.key = Some(key);
        self.parts.value = Some(value);
        self
    }

    /// Makes the schema.
    ///
    /// # Errors
    /// If a field is there twice, an array or map does not say what it holds, a type has parts that
    /// belong to another, or the default is not a value of the schema.
    pub fn build(self) -> Result<Schema, DataError> {
        let parts = &self.parts;
        let kind = parts.kind;
        let wrong = |text: &str| Err(DataError::Schema(format!("{kind}: {text}")));
        if kind != Type::Struct && !parts.fields.is_empty() {
            return wrong("only a struct has fields");
        }
        if matches!(kind, Type::Array | Type::Map) != parts.value.is_some()
            || (kind == Type::Map) != parts.key.is_some()
        {
            return wrong(
                "an array needs the schema of its elements, a map those of keys and values, nothing else has them",
            );
        }
        for (i, field) in parts.fields.iter().enumerate() {
            if parts.fields[..i].iter().any(|f| f.name == field.name) {
                let field = field.name.to_string();
                return Err(DataError::DuplicateField { field });
            }
        }
        let schema = self.parts.seal();
        if let Some(default) = schema.default() {
            validate(&schema, default).map_err(|error| error.inside("default"))?;
        }
        Ok(schema)
    }
}
