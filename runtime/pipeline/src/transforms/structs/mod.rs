//! Structs, maps and schemas with Kafka Connect's checks and its words for what is wrong.

pub(crate) mod envelope;

use walbridge_connector_api::data::{Field, Schema, SchemaBuilder, Struct, Type, Value, logical};

use super::TransformError;

/// Returns the Java class of a value, as Kafka Connect's messages name it.
pub(crate) fn class_name(value: &Value, schema: Option<&Schema>) -> &'static str {
    match schema.and_then(Schema::name) {
        Some(logical::DATE | logical::TIME | logical::TIMESTAMP) if !value.is_null() => {
            return "java.util.Date";
        }
        Some(logical::DECIMAL) if !value.is_null() => return "java.math.BigDecimal",
        _ => {}
    }
    match value {
        Value::Null => "null",
        Value::Boolean(_) => "java.lang.Boolean",
        Value::Int8(_) => "java.lang.Byte",
        Value::Int16(_) => "java.lang.Short",
        Value::Int32(_) => "java.lang.Integer",
        Value::Int64(_) => "java.lang.Long",
        Value::Float32(_) => "java.lang.Float",
        Value::Float64(_) => "java.lang.Double",
        Value::String(_) => "java.lang.String",
        Value::Bytes(_) => "[B",
        Value::Array(_) => "java.util.ArrayList",
        Value::Map(_) => "java.util.HashMap",
        Value::Struct(_) => "org.apache.kafka.connect.data.Struct",
    }
}

/// Takes the pairs of a map.
pub(crate) fn require_map(
    value: Value,
    purpose: &str,
) -> Result<Vec<(Value, Value)>, TransformError> {
    match value {
        Value::Map(pairs) => Ok(pairs),
        other => Err(TransformError::data(format!(
            "Only Map objects supported in absence of schema for [{purpose}], found: {}",
            class_name(&other, None)
        ))),
    }
}

/// Takes a struct.
pub(crate) fn require_struct(
    value: Value,
    schema: Option<&Schema>,
    purpose: &str,
) -> Result<Struct, TransformError> {
    match value {
        Value::Struct(fields) => Ok(fields),
        other => Err(not_a_struct(&other, schema, purpose)),
    }
}

/// Returns what is said of a value that is no struct.
pub(crate) fn not_a_struct(
    value: &Value,
    schema: Option<&Schema>,
    purpose: &str,
) -> TransformError {
    TransformError::data(format!(
        "Only Struct objects supported for [{purpose}], found: {}",
        class_name(value, schema)
    ))
}

/// Returns the fields of a struct's schema.
pub(crate) fn fields(schema: &Schema) -> Result<&[Field], TransformError> {
    match schema.kind() {
        Type::Struct => Ok(schema.fields()),
        _ => Err(TransformError::data(
            "Cannot list fields on non-struct type",
        )),
    }
}

/// Returns the position of a field that must be there.
pub(crate) fn index_of(schema: &Schema, field: &str) -> Result<usize, TransformError> {
    schema
        .index_of(field)
        .ok_or_else(|| TransformError::data(format!("{field} is not a valid field name")))
}

/// Starts a schema with the name, version, description and parameters of another.
pub(crate) fn basics(of: &Schema, kind: Type) -> SchemaBuilder {
    let mut builder = SchemaBuilder::new(kind)
        .with_name(of.name())
        .with_version(of.version());
    if let Some(doc) = of.doc() {
        builder = builder.doc(doc);
    }
    for (name, value) in of.parameters() {
        builder = builder.parameter(name, value);
    }
    builder
}

/// Adds a field, whose name must not be empty.
pub(crate) fn add_field(
    builder: SchemaBuilder,
    name: &str,
    schema: Schema,
) -> Result<SchemaBuilder, TransformError> {
    if name.is_empty() {
        return Err(TransformError::schema("fieldName cannot be null."));
    }
    Ok(builder.field(name, schema))
}

/// Returns the values of a struct, with defaults in the place of nulls if that is wanted.
pub(crate) fn values_of(fields: Struct, defaults: bool) -> Vec<Value> {
    let schema = fields.schema().clone();
    let mut values = fields.into_values();
    if defaults {
        for (value, field) in values.iter_mut().zip(schema.fields()) {
            if let (true, Some(default)) = (value.is_null(), field.schema.default()) {
                *value = default.clone();
            }
        }
    }
    values
}

/// Makes a struct of values that came from fields of the same schemas, where only a null can be wrong.
pub(crate) fn moved(schema: Schema, values: Vec<Value>) -> Result<Struct, TransformError> {
    for (field, value) in schema.fields().iter().zip(&values) {
        check_null(field, value)?;
    }
    Ok(Struct::from_values(schema, values)?)
}

fn check_null(field: &Field, value: &Value) -> Result<(), TransformError> {
    if value.is_null() && !field.schema.is_optional() {
        return Err(null(&at(&field.name), &field.schema));
    }
    Ok(())
}

fn at(field: &str) -> String {
    format!("field: \"{field}\"")
}

fn null(at: &str, schema: &Schema) -> TransformError {
    TransformError::data(format!(
        "Invalid value: null used for required {at}, schema type: {}",
        schema.kind()
    ))
}

/// Checks that a new value fits a field, all the way down.
pub(crate) fn check(field: &str, schema: &Schema, value: &Value) -> Result<(), TransformError> {
    check_at(&at(field), schema, value)
}

fn check_at(at: &str, schema: &Schema, value: &Value) -> Result<(), TransformError> {
    if value.is_null() {
        return if schema.is_optional() {
            Ok(())
        } else {
            Err(null(at, schema))
        };
    }
    if value.kind() != Some(schema.kind()) {
        let name = schema.name().map(|name| format!(" \"{name}\""));
        return Err(TransformError::data(format!(
            "Invalid Java object for schema{} with type {}: class {} for {at}",
            name.unwrap_or_default(),
            schema.kind(),
            class_name(value, None)
        )));
    }
    match value {
        Value::Struct(fields) => check_struct(schema, fields),
        Value::Array(elements) => match schema.value_schema() {
            Some(inner) => {
                let at = format!("element of array {at}");
                elements.iter().try_for_each(|v| check_at(&at, inner, v))
            }
            None => Ok(()),
        },
        Value::Map(pairs) => match (schema.key_schema(), schema.value_schema()) {
            (Some(key), Some(inner)) => pairs.iter().try_for_each(|(k, v)| {
                check_at(&format!("key of map {at}"), key, k)?;
                check_at(&format!("value of map {at}"), inner, v)
            }),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

fn check_struct(schema: &Schema, fields: &Struct) -> Result<(), TransformError> {
    if fields.schema() != schema {
        return Err(TransformError::data("Struct schemas do not match."));
    }
    for (field, value) in schema.fields().iter().zip(fields.values()) {
        if !(value.is_null() && field.schema.default().is_some()) {
            check(&field.name, &field.schema, value)?;
        }
    }
    Ok(())
}

/// Puts a value under a text key, in the place of one that is there.
pub(crate) fn put_entry(pairs: &mut Vec<(Value, Value)>, key: &str, value: Value) {
    match pairs.iter_mut().find(|(k, _)| k.as_str() == Some(key)) {
        Some((_, old)) => *old = value,
        None => pairs.push((key.into(), value)),
    }
}

/// Takes the value under a text key; null if there is none.
pub(crate) fn take_entry(pairs: &mut [(Value, Value)], key: &str) -> Value {
    pairs
        .iter_mut()
        .find(|(k, _)| k.as_str() == Some(key))
        .map(|(_, value)| std::mem::take(value))
        .unwrap_or_default()
}
