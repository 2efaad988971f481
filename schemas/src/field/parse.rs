//! Fields read from registered schema JSON, ours or anybody else's.

use serde_json::Value;

use super::{Field, FieldDefault, FieldType, Items, Nulls};
use crate::SchemaError;
use crate::shape::ShapeParser;

/// Reads one field of a record.
pub(crate) fn parse_field(
    json: &Value,
    namespace: &str,
    known: &ShapeParser,
) -> Result<Field, SchemaError> {
    let name = json["name"]
        .as_str()
        .ok_or_else(|| SchemaError::Avro("a field without a name".to_owned()))?;
    let (nulls, ty) = without_null(&json["type"]);
    let ty = ty.map_or(FieldType::Opaque, |ty| parse_type(ty, namespace, known));
    // The Avro form of a default is only needed by writers.
    let default = json.get("default").filter(|d| !d.is_null());
    let default = default.map(|d| FieldDefault {
        json: d.to_string(),
        avro: Vec::new(),
    });
    Ok(Field {
        name: name.to_owned(),
        ty,
        nulls,
        default,
    })
}

/// Splits a union of `null` and one type; any other union has no meaning here.
fn without_null(json: &Value) -> (Nulls, Option<&Value>) {
    let Some(branches) = json.as_array() else {
        return (Nulls::Never, Some(json));
    };
    match branches.as_slice() {
        [null, ty] if null == "null" => (Nulls::First, Some(ty)),
        [ty, null] if null == "null" => (Nulls::Last, Some(ty)),
        _ => (Nulls::Never, None),
    }
}

fn parse_type(json: &Value, namespace: &str, known: &ShapeParser) -> FieldType {
    let by_name = json
        .as_str()
        .and_then(|name| known.definition(name, namespace));
    let json = by_name.unwrap_or(json);
    let avro = json
        .as_str()
        .or_else(|| json["type"].as_str())
        .unwrap_or_default();
    let semantic = json["connect.name"].as_str().unwrap_or_default();
    if let Some(ty) = parse_semantic(semantic, json)
        && ty.avro_type() == avro
    {
        return ty;
    }
    match avro {
        "boolean" => FieldType::Boolean,
        "int" if json["connect.type"] == "int16" => FieldType::Int16,
        "int" => FieldType::Int32,
        "long" => FieldType::Int64,
        "float" => FieldType::Float,
        "double" => FieldType::Double,
        "string" => FieldType::String,
        "bytes" => FieldType::Bytes,
        "array" => parse_array(&json["items"], namespace, known),
        _ => FieldType::Opaque,
    }
}

fn parse_array(items: &Value, namespace: &str, known: &ShapeParser) -> FieldType {
    match without_null(items) {
        // Only the order that every writer of nullable items uses is known to the codecs.
        (Nulls::Last, _) | (_, None) => FieldType::Opaque,
        (nulls, Some(ty)) => match parse_type(ty, namespace, known) {
            FieldType::Opaque => FieldType::Opaque,
            ty => FieldType::Array(Box::new(Items {
                ty,
                nullable: nulls == Nulls::First,
            })),
        },
    }
}

fn parse_semantic(name: &str, json: &Value) -> Option<FieldType> {
    let parameter = |key: &str| json["connect.parameters"][key].as_str();
    let number = |key: &str| parameter(key).and_then(|n| n.parse().ok());
    Some(match name {
        "org.apache.kafka.connect.data.Decimal" => FieldType::Decimal {
            precision: number("connect.decimal.precision"),
            scale: number("scale")?,
        },
        "io.debezium.data.VariableScaleDecimal" => FieldType::VariableScaleDecimal,
        "io.debezium.data.Uuid" => FieldType::Uuid,
        "io.debezium.data.Json" => FieldType::Json,
        "io.debezium.data.Xml" => FieldType::Xml,
        "io.debezium.data.Ltree" => FieldType::Ltree,
        "io.debezium.data.Tsvector" => FieldType::Tsvector,
        "io.debezium.data.Enum" => {
            let allowed = parameter("allowed").unwrap_or_default();
            FieldType::Enum {
                allowed: allowed.split(',').map(str::to_owned).collect(),
            }
        }
        "io.debezium.time.Date" => FieldType::Date,
        "io.debezium.time.Time" => FieldType::Time,
        "io.debezium.time.MicroTime" => FieldType::MicroTime,
        "io.debezium.time.Timestamp" => FieldType::Timestamp,
        "io.debezium.time.MicroTimestamp" => FieldType::MicroTimestamp,
        "io.debezium.time.ZonedTimestamp" => FieldType::ZonedTimestamp,
        "io.debezium.time.ZonedTime" => FieldType::ZonedTime,
        "io.debezium.time.MicroDuration" => FieldType::MicroDuration,
        "io.debezium.time.Interval" => FieldType::Interval,
        "io.debezium.data.Bits" => FieldType::Bits {
            length: number("length")?,
        },
        "io.debezium.data.geometry.Point" => FieldType::Point,
        _ => return None,
    })
}
