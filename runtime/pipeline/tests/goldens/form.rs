//! The JSON form of records: exact types, and schemas with all they have.

use base64::Engine as _;
use serde_json::Value as Json;
use walbridge_connector_api::data::{
    ConnectHeader, ConnectRecord, Decimal, Origin, Schema, SchemaAndValue, SchemaBuilder, Struct,
    Type, Value, logical,
};

/// What Java holds and this model does not, such as a date without a schema.
pub(crate) type NoForm = String;

pub(crate) fn record(json: &Json) -> Result<ConnectRecord, NoForm> {
    let topic = json["topic"].as_str().unwrap();
    let partition = json["partition"]
        .as_i64()
        .map(|n| i32::try_from(n).unwrap());
    let mut record = ConnectRecord::new(topic, pair(&json["value"])?);
    record.partition = partition;
    record.key = pair(&json["key"])?;
    record.timestamp = json["timestamp"].as_i64();
    record.headers = headers(&json["headers"])?;
    record.origin = json["offset"].as_i64().map(|offset| Origin {
        topic: topic.into(),
        partition: partition.unwrap_or_default(),
        offset,
    });
    Ok(record)
}

/// Returns the record that Java's transform made of another; `None` if it dropped it.
pub(crate) fn output(input: &ConnectRecord, json: &Json) -> Result<Option<ConnectRecord>, NoForm> {
    let Some(changed) = json.as_object() else {
        return Ok(None);
    };
    let mut record = input.clone();
    for (part, json) in changed {
        match part.as_str() {
            "topic" => record.topic = json.as_str().unwrap().into(),
            "partition" => record.partition = json.as_i64().map(|n| i32::try_from(n).unwrap()),
            "timestamp" => record.timestamp = json.as_i64(),
            "key" => record.key = pair(json)?,
            "value" => record.value = pair(json)?,
            "headers" => record.headers = headers(json)?,
            other => panic!("{other}"),
        }
    }
    Ok(Some(record))
}

fn headers(json: &Json) -> Result<Vec<ConnectHeader>, NoForm> {
    let empty = Vec::new();
    let all = json.as_array().unwrap_or(&empty).iter();
    all.map(|h| Ok(ConnectHeader::new(h[0].as_str().unwrap(), pair(&h[1])?)))
        .collect()
}

fn pair(json: &Json) -> Result<SchemaAndValue, NoForm> {
    // An empty list of a header's text has no schema for its elements: here it has none at all.
    let bare = matches!(json["schema"]["values"], Json::Null)
        && ["array", "map"].contains(
            &json["schema"]["type"]
                .as_str()
                .or(json["schema"].as_str())
                .unwrap_or_default(),
        );
    if bare || (json["schema"]["type"] == "map" && json["schema"]["keys"].is_null()) {
        return Ok(SchemaAndValue::schemaless(value(&json["value"], None)?));
    }
    let schema = schema(&json["schema"])?;
    let value = value(&json["value"], schema.as_ref())?;
    Ok(SchemaAndValue { schema, value })
}

fn kind(text: &str) -> (Type, bool) {
    let (name, optional) = match text.strip_suffix('?') {
        Some(name) => (name, true),
        None => (text, false),
    };
    let upper = name.to_uppercase();
    let kind = Type::ALL.into_iter().find(|kind| kind.as_str() == upper);
    (kind.unwrap(), optional)
}

fn schema(json: &Json) -> Result<Option<Schema>, NoForm> {
    let text = match json {
        Json::Null => return Ok(None),
        Json::String(text) => text,
        other => other["type"].as_str().unwrap(),
    };
    let (kind, optional) = kind(text);
    let mut builder = SchemaBuilder::new(kind)
        .with_optional(optional)
        .with_name(json["name"].as_str())
        .with_version(json["version"].as_i64().map(|n| i32::try_from(n).unwrap()));
    if let Some(doc) = json["doc"].as_str() {
        builder = builder.doc(doc);
    }
    for (name, value) in json["parameters"].as_object().into_iter().flatten() {
        builder = builder.parameter(name, value.as_str().unwrap());
    }
    let inner = |json| Ok::<_, NoForm>(schema(json)?.unwrap());
    match kind {
        Type::Array => builder = builder.element(inner(&json["values"])?),
        Type::Map => builder = builder.pairs(inner(&json["keys"])?, inner(&json["values"])?),
        _ => {}
    }
    for field in json["fields"].as_array().into_iter().flatten() {
        builder = builder.field(field[0].as_str().unwrap(), inner(&field[1])?);
    }
    let bare = builder.clone().build().map_err(|error| error.to_string())?;
    if !json["default"].is_null() {
        builder = builder.default(value(&json["default"], Some(&bare))?);
    }
    Ok(Some(builder.build().map_err(|error| error.to_string())?))
}

fn value(json: &Json, of: Option<&Schema>) -> Result<Value, NoForm> {
    let Some((kind, v)) = json
        .as_object()
        .and_then(|map| map.iter().find(|(k, _)| *k != "schema"))
    else {
        return Ok(Value::Null);
    };
    let whole = || v.as_i64().unwrap();
    let inner = of.and_then(Schema::value_schema);
    Ok(match kind.as_str() {
        "int8" => Value::Int8(i8::try_from(whole()).unwrap()),
        "int16" => Value::Int16(i16::try_from(whole()).unwrap()),
        "int32" => Value::Int32(i32::try_from(whole()).unwrap()),
        "int64" => Value::Int64(whole()),
        "float32" => Value::Float32(v.as_str().unwrap().parse().unwrap()),
        "float64" => Value::Float64(v.as_str().unwrap().parse().unwrap()),
        "boolean" => Value::Boolean(v.as_bool().unwrap()),
        "string" => v.as_str().unwrap().into(),
        "bytes" => {
            let standard = base64::engine::general_purpose::STANDARD;
            Value::Bytes(standard.decode(v.as_str().unwrap()).unwrap())
        }
        "decimal" => decimal(v, of)?,
        "date" => date(whole(), of)?,
        "array" => {
            let all = v.as_array().unwrap().iter().map(|v| value(v, inner));
            Value::Array(all.collect::<Result<_, _>>()?)
        }
        "map" => {
            let keys = of.and_then(Schema::key_schema);
            let all = v.as_array().unwrap().iter();
            let all = all.map(|pair| Ok((value(&pair[0], keys)?, value(&pair[1], inner)?)));
            Value::Map(all.collect::<Result<_, NoForm>>()?)
        }
        "struct" => {
            let own = schema(&json["schema"])?;
            let schema = own
                .as_ref()
                .or(of)
                .ok_or("a struct without a schema")?
                .clone();
            let fields = schema.fields().iter();
            let values = fields.map(|f| value(&v[&*f.name], Some(&f.schema)));
            let values = values.collect::<Result<_, _>>()?;
            Value::Struct(Struct::from_values(schema, values).map_err(|e| e.to_string())?)
        }
        other => return Err(format!("no {other} here")),
    })
}

/// Java keeps a decimal's scale with its value; here the schema has it.
fn decimal(json: &Json, of: Option<&Schema>) -> Result<Value, NoForm> {
    let scale = of
        .and_then(logical::scale)
        .ok_or("a decimal without a schema")?;
    let mut number = Decimal {
        unscaled: json[0].as_str().unwrap().parse().unwrap(),
        scale: i32::try_from(json[1].as_i64().unwrap()).unwrap(),
    };
    while number.scale < scale {
        number.unscaled *= 10;
        number.scale += 1;
    }
    if number.scale > scale {
        return Err("more digits than the schema has".into());
    }
    Ok(Value::Bytes(number.to_bytes()))
}

fn date(millis: i64, of: Option<&Schema>) -> Result<Value, NoForm> {
    const DAY: i64 = 86_400_000;
    match of.and_then(Schema::name) {
        Some(logical::TIMESTAMP) => Ok(Value::Int64(millis)),
        Some(logical::TIME) => Ok(Value::Int32(
            i32::try_from(millis).map_err(|e| e.to_string())?,
        )),
        Some(logical::DATE) if millis % DAY == 0 => {
            let days = i32::try_from(millis / DAY).map_err(|e| e.to_string())?;
            Ok(Value::Int32(days))
        }
        other => Err(format!("a Java date under {other:?}")),
    }
}
