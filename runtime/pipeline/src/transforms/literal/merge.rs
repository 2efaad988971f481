//! The schema that the elements of a list have together.

use walbridge_connector_api::data::{Schema, SchemaAndValue, Type, Value};

/// Finds a common schema, one value after the other.
#[derive(Default)]
pub(super) struct Common {
    schema: Option<Schema>,
    contradicted: bool,
}

impl Common {
    /// Adds a value; null goes with everything.
    pub(super) fn add(&mut self, value: Option<&SchemaAndValue>) {
        let Some(new) = value.and_then(|value| value.schema.as_ref()) else {
            return;
        };
        if self.contradicted {
            return;
        }
        self.schema = match self.schema.take() {
            None => Some(new.clone()),
            Some(old) => merge(old, new.clone()),
        };
        self.contradicted = self.schema.is_none();
    }

    /// Returns the common schema, if there is one.
    pub(super) fn schema(&self) -> Option<Schema> {
        self.schema.clone()
    }
}

/// Returns the wider of two numbers' schemas, or the newer of two of one type.
fn merge(old: Schema, new: Schema) -> Option<Schema> {
    let rank = |schema: &Schema| {
        use Type::{Float32, Float64, Int8, Int16, Int32, Int64};
        let order = [Int8, Int16, Int32, Int64, Float32, Float64];
        order.iter().position(|kind| *kind == schema.kind())
    };
    if old.kind() == new.kind() {
        return Some(new);
    }
    Some(if rank(&old)? > rank(&new)? { old } else { new })
}

/// Makes a number one of a wider type.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
pub(super) fn align(value: Value, to: &Schema) -> Value {
    if let Some(n) = value.as_i64() {
        return match to.kind() {
            Type::Int16 => i16::try_from(n).map_or(value, Value::Int16),
            Type::Int32 => i32::try_from(n).map_or(value, Value::Int32),
            Type::Int64 => Value::Int64(n),
            Type::Float32 => Value::Float32(n as f32),
            Type::Float64 => Value::Float64(n as f64),
            _ => value,
        };
    }
    match (value, to.kind()) {
        (Value::Float32(n), Type::Float64) => Value::Float64(n.into()),
        (value, _) => value,
    }
}
