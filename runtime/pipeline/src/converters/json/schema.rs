//! Schemas as JSON, in the order of members that Kafka Connect writes.

use walbridge_connector_api::data::{Schema, SchemaBuilder, Type};

use super::tree::Json;
use super::{ConvertError, Options, read as reading, write as writing};

fn name_of(kind: Type) -> &'static str {
    match kind {
        Type::Int8 => "int8",
        Type::Int16 => "int16",
        Type::Int32 => "int32",
        Type::Int64 => "int64",
        Type::Float32 => "float",
        Type::Float64 => "double",
        Type::Boolean => "boolean",
        Type::String => "string",
        Type::Bytes => "bytes",
        Type::Array => "array",
        Type::Map => "map",
        Type::Struct => "struct",
    }
}

/// Appends a schema; in a struct's list, with the name of its field at the end.
pub(super) fn write(
    out: &mut Vec<u8>,
    schema: &Schema,
    field: Option<&str>,
    options: Options,
) -> Result<(), ConvertError> {
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(name_of(schema.kind()).as_bytes());
    out.push(b'"');
    let member = |out: &mut Vec<u8>, name: &str| {
        out.extend_from_slice(format!(",\"{name}\":").as_bytes());
    };
    if let Some(key) = schema.key_schema() {
        member(out, "keys");
        write(out, key, None, options)?;
    }
    if let Some(value) = schema.value_schema() {
        let name = if schema.kind() == Type::Map {
            "values"
        } else {
            "items"
        };
        member(out, name);
        write(out, value, None, options)?;
    }
    if schema.kind() == Type::Struct {
        member(out, "fields");
        out.push(b'[');
        for (i, field) in schema.fields().iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            write(out, &field.schema, Some(&field.name), options)?;
        }
        out.push(b']');
    }
    member(out, "optional");
    writing::plain(out, &schema.is_optional());
    if let Some(name) = schema.name() {
        member(out, "name");
        writing::string(out, name);
    }
    if let Some(version) = schema.version() {
        member(out, "version");
        writing::plain(out, &version);
    }
    if let Some(doc) = schema.doc() {
        member(out, "doc");
        writing::string(out, doc);
    }
    if !schema.parameters().is_empty() {
        member(out, "parameters");
        for (i, (name, value)) in schema.parameters().iter().enumerate() {
            out.push(if i == 0 { b'{' } else { b',' });
            writing::string(out, name);
            out.push(b':');
            writing::string(out, value);
        }
        out.push(b'}');
    }
    if let Some(default) = schema.default() {
        member(out, "default");
        writing::value(out, Some(schema), default, options)?;
    }
    if let Some(field) = field {
        member(out, "field");
        writing::string(out, field);
    }
    out.push(b'}');
    Ok(())
}

/// Reads a schema; null is none.
pub(super) fn read(json: &Json, options: Options) -> Result<Option<Schema>, ConvertError> {
    match json {
        Json::Null => Ok(None),
        json => required(json, options).map(Some),
    }
}

fn required(json: &Json, options: Options) -> Result<Schema, ConvertError> {
    let wrong = |text: &str| ConvertError::data(text);
    let kind = json
        .get("type")
        .and_then(Json::as_str)
        .ok_or_else(|| wrong("Schema must contain 'type' field"))?;
    let kind = Type::ALL
        .into_iter()
        .find(|known| name_of(*known) == kind)
        .ok_or_else(|| ConvertError::data(format!("Unknown schema type: {kind}")))?;
    let mut builder = SchemaBuilder::new(kind);
    let inner = |name: &str| {
        let found = json.get(name).filter(|found| **found != Json::Null);
        let found = found.ok_or_else(|| {
            ConvertError::data(format!("the schema of type {kind} has no '{name}'"))
        })?;
        required(found, options)
    };
    match kind {
        Type::Array => builder = builder.element(inner("items")?),
        Type::Map => builder = builder.pairs(inner("keys")?, inner("values")?),
        Type::Struct => {
            let Some(Json::Array(fields)) = json.get("fields") else {
                return Err(wrong(
                    "Struct schema's \"fields\" argument is not an array.",
                ));
            };
            for field in fields {
                let name = field
                    .get("field")
                    .and_then(Json::as_str)
                    .ok_or_else(|| wrong("Struct schema's field name not specified properly"))?;
                builder = builder.field(name, required(field, options)?);
            }
        }
        _ => {}
    }
    builder = builder.with_optional(json.get("optional") == Some(&Json::Boolean(true)));
    if let Some(name) = present(json, "name") {
        let name = name.as_str();
        builder = builder.name(name.ok_or_else(|| wrong("Invalid schema name"))?);
    }
    if let Some(version) = present(json, "version") {
        let number = match version {
            Json::Number(text) => text.parse().ok(),
            _ => None,
        };
        builder = builder.version(number.ok_or_else(|| wrong("Invalid schema version"))?);
    }
    if let Some(doc) = present(json, "doc") {
        let doc = doc.as_str();
        builder = builder.doc(doc.ok_or_else(|| wrong("Invalid schema documentation"))?);
    }
    if let Some(parameters) = present(json, "parameters") {
        let Json::Object(parameters) = parameters else {
            return Err(wrong("Invalid schema parameters: they must be an object"));
        };
        for (name, value) in parameters {
            let value = value.as_str();
            let value =
                value.ok_or_else(|| wrong("Invalid schema parameters: they must be texts"))?;
            builder = builder.parameter(name.as_str(), value);
        }
    }
    if let Some(default) = json.get("default") {
        let without = builder.clone().build()?;
        builder = builder.default(reading::value(Some(&without), default, options)?);
    }
    Ok(builder.build()?)
}

fn present<'a>(json: &'a Json, name: &str) -> Option<&'a Json> {
    json.get(name).filter(|value| **value != Json::Null)
}
