//! What is wrong with a schema or a value.

/// Data that does not fit: a schema that contradicts itself, or a value that is not of its schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A value that is not of the type its schema names.
    #[error("{at}: {found} where the schema wants {wanted}")]
    WrongType {
        /// Where in the record, such as `after.id`.
        at: String,
        /// What the schema wants.
        wanted: String,
        /// What is there.
        found: &'static str,
    },
    /// A null where the schema allows none.
    #[error("{at}: null, but the {wanted} there is not optional")]
    NullNotAllowed {
        /// Where in the record.
        at: String,
        /// What the schema wants.
        wanted: String,
    },
    /// A struct made with another schema than the one it stands under.
    #[error(
        "{at}: the struct has another schema ({found}) than the one that belongs there ({wanted})"
    )]
    OtherStruct {
        /// Where in the record.
        at: String,
        /// The name of the schema that belongs there.
        wanted: String,
        /// The name of the schema it has.
        found: String,
    },
    /// A field that the struct's schema does not have.
    #[error("\"{field}\" is not a field of {schema}")]
    NoSuchField {
        /// The field.
        field: String,
        /// The schema's name, or its type.
        schema: String,
    },
    /// Two fields of one struct with the same name.
    #[error("the field \"{field}\" is there twice")]
    DuplicateField {
        /// The field.
        field: String,
    },
    /// A schema that contradicts itself.
    #[error("{0}")]
    Schema(String),
    /// Text that is no decimal number.
    #[error("\"{0}\" is not a decimal number")]
    NotADecimal(String),
}

impl DataError {
    /// Puts the place where this happened in front of the place it names.
    #[must_use]
    pub fn inside(mut self, outer: &str) -> Self {
        if let Self::WrongType { at, .. }
        | Self::NullNotAllowed { at, .. }
        | Self::OtherStruct { at, .. } = &mut self
        {
            *at = match at.as_str() {
                "" => outer.to_owned(),
                inner if inner.starts_with('[') => format!("{outer}{inner}"),
                inner => format!("{outer}.{inner}"),
            };
        }
        self
    }
}
