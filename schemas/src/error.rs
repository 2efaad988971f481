//! What can be wrong with bytes and with schemas.

/// Why bytes cannot be read as the Avro they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AvroError {
    /// The bytes end inside a value.
    #[error("the bytes end inside a value")]
    End,
    /// A variable-length number has more than ten bytes or does not fit.
    #[error("a number is longer than it can be")]
    Varint,
    /// A length is negative or larger than what follows.
    #[error("a length is impossible")]
    Length,
    /// A union names a branch that its schema does not have.
    #[error("a union names branch {0}, which its schema does not have")]
    Branch(i64),
    /// A string is not UTF-8.
    #[error("a string is not UTF-8")]
    Utf8,
    /// A boolean is neither 0 nor 1.
    #[error("a boolean is neither 0 nor 1")]
    Boolean,
    /// Values are nested deeper than any real row.
    #[error("values are nested too deeply")]
    Depth,
    /// Bytes follow the value.
    #[error("{0} bytes follow the value")]
    Trailing(usize),
    /// The record does not start with Confluent's magic byte and a schema id.
    #[error("the record does not start with byte 0 and a schema id")]
    NotFramed,
    /// An operation code is none of `r`, `c`, `u`, `d`, `t`, `m`.
    #[error("the operation is none of r, c, u, d, t, m")]
    Op,
    /// A value is legal Avro but not what its field's meaning allows.
    #[error("{0}")]
    Value(&'static str),
}

/// Why a schema cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// The text is not JSON.
    #[error("the schema is not JSON: {0}")]
    Json(String),
    /// The JSON is not an Avro schema.
    #[error("the schema is not Avro: {0}")]
    Avro(String),
    /// The schema is Avro, but not a change event's.
    #[error("the schema is not a change event's: {0}")]
    NotAnEvent(String),
}
