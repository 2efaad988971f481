//! Schemas: what a value is, shared between all values that have it.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock};

use indexmap::IndexMap;

use super::{SchemaBuilder, Value};

/// The type of a value, by Kafka Connect's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Type {
    /// A signed 8-bit number.
    Int8,
    /// A signed 16-bit number.
    Int16,
    /// A signed 32-bit number.
    Int32,
    /// A signed 64-bit number.
    Int64,
    /// A 32-bit floating point number.
    Float32,
    /// A 64-bit floating point number.
    Float64,
    /// True or false.
    Boolean,
    /// Text.
    String,
    /// Bytes.
    Bytes,
    /// Values of one schema in order.
    Array,
    /// Pairs of a key and a value, each of one schema.
    Map,
    /// Named fields, each with its own schema.
    Struct,
}

impl Type {
    /// All types, in the order in which Kafka Connect names them.
    pub const ALL: [Self; 12] = [
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::Float32,
        Self::Float64,
        Self::Boolean,
        Self::String,
        Self::Bytes,
        Self::Array,
        Self::Map,
        Self::Struct,
    ];

    /// Returns Kafka Connect's name of the type, such as `INT32`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Float32 => "FLOAT32",
            Self::Float64 => "FLOAT64",
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Bytes => "BYTES",
            Self::Array => "ARRAY",
            Self::Map => "MAP",
            Self::Struct => "STRUCT",
        }
    }

    /// Returns whether a value of it holds no further values.
    pub fn is_primitive(self) -> bool {
        !matches!(self, Self::Array | Self::Map | Self::Struct)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A field of a struct.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The field's name.
    pub name: Arc<str>,
    /// What its values are.
    pub schema: Schema,
}

/// What a value is: its type, whether it may be null, and what it means. A clone shares it.
///
/// Two schemas are compared by address first and by a fingerprint next, so that comparing is cheap
/// both when they are the same and when they differ.
#[derive(Clone)]
pub struct Schema(pub(super) Arc<Parts>);

/// Everything a schema consists of.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) kind: Type,
    pub(super) optional: bool,
    pub(super) default: Option<Value>,
    pub(super) name: Option<Arc<str>>,
    pub(super) version: Option<i32>,
    pub(super) doc: Option<Arc<str>>,
    pub(super) parameters: IndexMap<String, String>,
    pub(super) fields: Vec<Field>,
    pub(super) key: Option<Schema>,
    pub(super) value: Option<Schema>,
    pub(super) fingerprint: u64,
}

impl Parts {
    pub(super) fn plain(kind: Type) -> Self {
        Self {
            kind,
            optional: false,
            default: None,
            name: None,
            version: None,
            doc: None,
            parameters: IndexMap::new(),
            fields: Vec::new(),
            key: None,
            value: None,
            fingerprint: 0,
        }
    }

    /// Turns the parts into a schema; from here on nobody changes them.
    pub(super) fn seal(mut self) -> Schema {
        // The default is left out: floats have no hash, and few schemas differ by it alone.
        let mut hasher = DefaultHasher::new();
        (self.kind, self.optional, &self.name, self.version).hash(&mut hasher);
        self.doc.hash(&mut hasher);
        // Their order means nothing, so only their number goes in.
        self.parameters.len().hash(&mut hasher);
        for field in &self.fields {
            (&field.name, field.schema.0.fingerprint).hash(&mut hasher);
        }
        for inner in [&self.key, &self.value].into_iter().flatten() {
            inner.0.fingerprint.hash(&mut hasher);
        }
        self.fingerprint = hasher.finish();
        Schema(Arc::new(self))
    }
}

/// The schemas without anything but a type, made once: most fields share them.
static PLAIN: LazyLock<[[Schema; 2]; 12]> = LazyLock::new(|| {
    Type::ALL.map(|kind| {
        [false, true].map(|optional| {
            let mut parts = Parts::plain(kind);
            parts.optional = optional;
            parts.seal()
        })
    })
});

impl Schema {
    /// Returns the schema of required values of a type, without a name or anything else.
    ///
    /// An array or map made this way has no schema for what it holds: use [`Schema::array`] and
    /// [`Schema::map`], and a [`SchemaBuilder`] for structs.
    pub fn of(kind: Type) -> Self {
        PLAIN[kind as usize][0].clone()
    }

    /// Returns the schema of optional values of a type, without a name or anything else.
    pub fn optional_of(kind: Type) -> Self {
        PLAIN[kind as usize][1].clone()
    }

    /// Creates the schema of required arrays of `element`.
    pub fn array(element: Self) -> Self {
        let mut parts = Parts::plain(Type::Array);
        parts.value = Some(element);
        parts.seal()
    }

    /// Creates the schema of required maps from `key` to `value`.
    pub fn map(key: Self, value: Self) -> Self {
        let mut parts = Parts::plain(Type::Map);
        parts.key = Some(key);
        parts.value = Some(value);
        parts.seal()
    }

    /// Starts a schema that is like this one but for what the builder changes.
    pub fn to_builder(&self) -> SchemaBuilder {
        SchemaBuilder::from_parts(Parts::clone(&self.0))
    }

    /// Returns this schema with nulls allowed.
    #[must_use]
    pub fn optional(&self) -> Self {
        self.with_optional(true)
    }

    /// Returns this schema with nulls allowed or refused.
    #[must_use]
    pub fn with_optional(&self, optional: bool) -> Self {
        if self.0.optional == optional {
            return self.clone();
        }
        let mut parts = Parts::clone(&self.0);
        parts.optional = optional;
        parts.seal()
    }

    /// Returns the type.
    pub fn kind(&self) -> Type {
        self.0.kind
    }

    /// Returns whether null is a value of it.
    pub fn is_optional(&self) -> bool {
        self.0.optional
    }

    /// Returns the value that stands for null or for a field that is not there.
    pub fn default(&self) -> Option<&Value> {
        self.0.default.as_ref()
    }

    /// Returns the schema's name; for a logical type, what it means (see [`super::logical`]).
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Returns the schema's version.
    pub fn version(&self) -> Option<i32> {
        self.0.version
    }

    /// Returns the schema's description.
    pub fn doc(&self) -> Option<&str> {
        self.0.doc.as_deref()
    }

    /// Returns the parameters, such as the scale of a decimal, in the order they were
    /// set.
    pub fn parameters(&self) -> &IndexMap<String, String> {
        &self.0.parameters
    }

    /// Returns the fields of a struct in order; nothing for any other type.
    pub fn fields(&self) -> &[Field] {
        &self.0.fields
    }

    /// Returns the position of a field in a struct.
    pub fn index_of(&self, field: &str) -> Option<usize> {
        self.0.fields.iter().position(|f| &*f.name == field)
    }

    /// Returns a field of a struct.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.0.fields.iter().find(|f| &*f.name == name)
    }

    /// Returns the schema of a map's keys.
    pub fn key_schema(&self) -> Option<&Schema> {
        self.0.key.as_ref()
    }

    /// Returns the schema of a map's values or of an array's elements.
    pub fn value_schema(&self) -> Option<&Schema> {
        self.0.value.as_ref()
    }

    /// Returns whether both are the very same schema in memory: a cache may use it as a key.
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns the name, or the type if it has none: what messages call it.
    pub fn title(&self) -> String {
        self.name()
            .map_or_else(|| self.kind().to_string(), str::to_owned)
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (&*self.0, &*other.0);
        self.same(other)
            || (a.fingerprint == b.fingerprint
                && a.kind == b.kind
                && a.optional == b.optional
                && a.name == b.name
                && a.version == b.version
                && a.doc == b.doc
                && a.parameters == b.parameters
                && a.fields == b.fields
                && a.key == b.key
                && a.value == b.value
                && a.default == b.default)
    }
}

impl Eq for Schema {}

impl Hash for Schema {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.fingerprint.hash(state);
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let optional = if self.0.optional { "?" } else { "" };
        write!(f, "{}{optional}", self.0.kind)?;
        if let Some(name) = &self.0.name {
            write!(f, " {name}")?;
        }
        if !self.0.fields.is_empty() {
            let fields = self.0.fields.iter().map(|f| (&f.name, &f.schema));
            f.debug_map().entries(fields).finish()?;
        }
        Ok(())
    }
}
