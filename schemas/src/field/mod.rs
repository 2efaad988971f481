//! Fields of a row: their types, whether they may be null, their defaults.

mod json;
mod parse;
mod types;

pub(crate) use json::SchemaText;
pub(crate) use parse::parse_field;
pub use types::{FieldType, Items};

/// Where `null` stands among a field's union branches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// The field is no union: it cannot be null.
    Never,
    /// `["null", T]`: optional without a default.
    First,
    /// `[T, "null"]`: optional with a default, which Avro wants to be of the first branch.
    Last,
}

impl Nulls {
    /// Returns the bytes that come before a value.
    #[inline]
    pub fn value_branch(self) -> &'static [u8] {
        match self {
            Nulls::Never => &[],
            Nulls::First => &[2],
            Nulls::Last => &[0],
        }
    }

    /// Returns the bytes that are a null.
    #[inline]
    pub fn null_branch(self) -> Option<&'static [u8]> {
        match self {
            Nulls::Never => None,
            Nulls::First => Some(&[0]),
            Nulls::Last => Some(&[2]),
        }
    }
}

/// A default of a field, in both of its forms.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldDefault {
    /// As it stands in the schema: JSON text, bytes being a string of the characters 0 to 255.
    pub json: String,
    /// As it stands in a row: Avro, without a union's branch.
    pub avro: Vec<u8>,
}

/// One field of a row's schema.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The field's name, legal in Avro.
    pub name: String,
    /// What it holds.
    pub ty: FieldType,
    /// Whether, and where in the union, it may be null.
    pub nulls: Nulls,
    /// The default, if its schema has one.
    pub default: Option<FieldDefault>,
}

impl Field {
    /// Creates a field; the order of its union follows from `optional` and `default`.
    pub fn new(
        name: impl Into<String>,
        ty: FieldType,
        optional: bool,
        default: Option<FieldDefault>,
    ) -> Self {
        let nulls = match (optional, &default) {
            (false, _) => Nulls::Never,
            (true, None) => Nulls::First,
            (true, Some(_)) => Nulls::Last,
        };
        Self {
            name: name.into(),
            ty,
            nulls,
            default,
        }
    }

    /// Returns whether the field may be null.
    pub fn optional(&self) -> bool {
        self.nulls != Nulls::Never
    }

    /// Splits a field's bytes into its value's bytes, or `None` for a null.
    #[inline]
    pub fn value<'a>(&self, bytes: &'a [u8]) -> Result<Option<&'a [u8]>, crate::AvroError> {
        let null = match self.nulls {
            Nulls::Never => return Ok(Some(bytes)),
            Nulls::First => 0,
            Nulls::Last => 2,
        };
        match bytes.split_first() {
            Some((&branch, _)) if branch == null => Ok(None),
            Some((&branch, rest)) if branch == 2 - null => Ok(Some(rest)),
            Some((&branch, _)) => Err(crate::AvroError::Branch(i64::from(branch >> 1))),
            None => Err(crate::AvroError::End),
        }
    }
}
