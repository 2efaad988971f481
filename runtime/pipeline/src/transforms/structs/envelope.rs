//! Debezium's envelope: the row before and after a change, and what is known of the change.

use walbridge_connector_api::data::{ConnectRecord, SchemaAndValue, Struct, Type, Value};

use super::super::TransformError;

/// Returns whether a record's value is an envelope, by the name of its schema.
pub(crate) fn is(record: &ConnectRecord) -> bool {
    let name = record
        .value
        .schema
        .as_ref()
        .and_then(|schema| schema.name());
    name.is_some_and(|name| name.ends_with(".Envelope"))
}

/// Returns a part of an envelope with its schema.
pub(crate) fn part(event: &Struct, name: &str) -> Result<SchemaAndValue, TransformError> {
    let Some(field) = event.schema().field(name) else {
        return Err(TransformError::argument(format!("Unknown field: {name}")));
    };
    let value = event.get(name).cloned().unwrap_or_default();
    Ok(SchemaAndValue::new(field.schema.clone(), value))
}

/// Returns a field, which must be there and of a type; its default for null.
pub(crate) fn typed<'a>(
    row: &'a Struct,
    name: &str,
    kind: Type,
) -> Result<&'a Value, TransformError> {
    let index = super::index_of(row.schema(), name)?;
    if row.schema().fields()[index].schema.kind() != kind {
        return Err(TransformError::data(format!(
            "Field '{name}' is not of type {kind}"
        )));
    }
    Ok(row.get_at(index).unwrap_or(&Value::Null))
}

/// Returns the text of a field, which must be there.
pub(crate) fn text<'a>(row: &'a Struct, name: &str) -> Result<Option<&'a str>, TransformError> {
    Ok(typed(row, name, Type::String)?.as_str())
}
