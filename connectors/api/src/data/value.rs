//! Values, with their schemas or without.

use super::{DataError, Schema, Struct, Type, text_of};

/// A value. Logical types are in their base form (see [`super::logical`]).
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// True or false.
    Boolean(bool),
    /// A signed 8-bit number.
    Int8(i8),
    /// A signed 16-bit number.
    Int16(i16),
    /// A signed 32-bit number.
    Int32(i32),
    /// A signed 64-bit number.
    Int64(i64),
    /// A 32-bit floating point number.
    Float32(f32),
    /// A 64-bit floating point number.
    Float64(f64),
    /// Text.
    String(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Values in order.
    Array(Vec<Value>),
    /// Pairs in the order in which they were put in.
    Map(Vec<(Value, Value)>),
    /// Named fields.
    Struct(Struct),
}

impl Value {
    /// Returns the type; null has none.
    pub fn kind(&self) -> Option<Type> {
        Some(match self {
            Self::Null => return None,
            Self::Boolean(_) => Type::Boolean,
            Self::Int8(_) => Type::Int8,
            Self::Int16(_) => Type::Int16,
            Self::Int32(_) => Type::Int32,
            Self::Int64(_) => Type::Int64,
            Self::Float32(_) => Type::Float32,
            Self::Float64(_) => Type::Float64,
            Self::String(_) => Type::String,
            Self::Bytes(_) => Type::Bytes,
            Self::Array(_) => Type::Array,
            Self::Map(_) => Type::Map,
            Self::Struct(_) => Type::Struct,
        })
    }

    /// Returns the name of the type, or `null`.
    pub fn kind_name(&self) -> &'static str {
        self.kind().map_or("null", Type::as_str)
    }

    /// Returns whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Returns the text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns a whole number of any width.
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Self::Int8(n) => Some(n.into()),
            Self::Int16(n) => Some(n.into()),
            Self::Int32(n) => Some(n.into()),
            Self::Int64(n) => Some(n),
            _ => None,
        }
    }

    /// Returns the struct.
    pub fn as_struct(&self) -> Option<&Struct> {
        match self {
            Self::Struct(fields) => Some(fields),
            _ => None,
        }
    }

    /// Returns the value of a map under a text key.
    pub fn entry(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Map(pairs) => pairs
                .iter()
                .find(|(k, _)| k.as_str() == Some(key))
                .map(|(_, value)| value),
            _ => None,
        }
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident),*) => {
        $(impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$variant(value.into())
            }
        })*
    };
}

from! {
    bool => Boolean, i8 => Int8, i16 => Int16, i32 => Int32, i64 => Int64, f32 => Float32,
    f64 => Float64, &str => String, String => String, Vec<u8> => Bytes, Struct => Struct
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A value with its schema; without one it is schemaless, as JSON without schemas is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SchemaAndValue {
    /// What the value is; `None` for schemaless.
    pub schema: Option<Schema>,
    /// The value.
    pub value: Value,
}

impl SchemaAndValue {
    /// Neither a schema nor a value: an absent key, a tombstone's value.
    pub const NULL: Self = Self {
        schema: None,
        value: Value::Null,
    };

    /// Creates a value with a schema.
    pub fn new(schema: Schema, value: impl Into<Value>) -> Self {
        Self {
            schema: Some(schema),
            value: value.into(),
        }
    }

    /// Creates a schemaless value.
    pub fn schemaless(value: impl Into<Value>) -> Self {
        Self {
            schema: None,
            value: value.into(),
        }
    }

    /// Returns whether the value is null.
    pub fn is_null(&self) -> bool {
        self.value.is_null()
    }

    /// Returns the value as Java prints it; see [`text_of`].
    ///
    /// # Errors
    /// If it has no text.
    pub fn text(&self) -> Result<String, DataError> {
        text_of(self.schema.as_ref(), &self.value)
    }
}
