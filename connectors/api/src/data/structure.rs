//! Structs: one value per field of a schema.

use super::{DataError, Schema, Type, Value, validate};

/// Values of the fields of a struct schema, in the schema's order.
#[derive(Debug, Clone, PartialEq)]
pub struct Struct {
    schema: Schema,
    values: Vec<Value>,
}

impl Struct {
    /// Creates a struct with all fields null.
    ///
    /// # Errors
    /// If the schema is not that of a struct.
    pub fn new(schema: Schema) -> Result<Self, DataError> {
        let values = vec![Value::Null; schema.fields().len()];
        Self::from_values(schema, values)
    }

    /// Creates a struct of values that stand in the order of the fields.
    ///
    /// # Errors
    /// If the schema is not that of a struct, or has another number of fields.
    pub fn from_values(schema: Schema, values: Vec<Value>) -> Result<Self, DataError> {
        if schema.kind() != Type::Struct {
            let title = schema.title();
            return Err(DataError::Schema(format!(
                "{title} is not a struct's schema"
            )));
        }
        let (fields, given) = (schema.fields().len(), values.len());
        if fields != given {
            let title = schema.title();
            return Err(DataError::Schema(format!(
                "{title} has {fields} fields, and there are {given} values"
            )));
        }
        Ok(Self { schema, values })
    }

    /// Returns the schema.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Returns the values in the order of the fields; null where nothing was put in.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// Returns the values in the order of the fields.
    pub fn into_values(self) -> Vec<Value> {
        self.values
    }

    /// Returns the value of a field as it is, null included; `None` if there is no such field.
    pub fn get_exact(&self, field: &str) -> Option<&Value> {
        self.values.get(self.schema.index_of(field)?)
    }

    /// Returns the value of a field, its default if it is null; `None` if there is no such field.
    pub fn get(&self, field: &str) -> Option<&Value> {
        let index = self.schema.index_of(field)?;
        self.get_at(index)
    }

    /// Returns the value of the field at a position, its default if it is null.
    pub fn get_at(&self, index: usize) -> Option<&Value> {
        let value = self.values.get(index)?;
        let default = || self.schema.fields()[index].schema.default();
        Some(if value.is_null() {
            default().unwrap_or(value)
        } else {
            value
        })
    }

    /// Puts a value in a field.
    ///
    /// # Errors
    /// If there is no such field or the value does not fit its schema.
    pub fn put(&mut self, field: &str, value: impl Into<Value>) -> Result<(), DataError> {
        let value = value.into();
        let Some(index) = self.schema.index_of(field) else {
            return Err(DataError::NoSuchField {
                field: field.to_owned(),
                schema: self.schema.title(),
            });
        };
        let wanted = &self.schema.fields()[index].schema;
        if !(value.is_null() && wanted.default().is_some()) {
            validate(wanted, &value).map_err(|error| error.inside(field))?;
        }
        self.values[index] = value;
        Ok(())
    }

    /// Puts a value in a field and returns the struct, for writing one in a single expression.
    ///
    /// # Errors
    /// As [`Struct::put`].
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Result<Self, DataError> {
        self.put(field, value)?;
        Ok(self)
    }
}
