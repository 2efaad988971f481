//! Schemas as Avro's JSON, letter for letter as Confluent's converter registers them.

use walbridge_connector_api::data::{Schema, Type, logical};

use super::super::ConvertError;
use super::{defaults, name};

/// The parameter that says how many digits a decimal may have.
pub(super) const PRECISION: &str = "connect.decimal.precision";
/// How many digits a decimal may have that does not say.
pub(super) const MANY: i64 = 64;
/// The record that stands for a pair of a map whose keys are no plain texts.
pub(super) const ENTRY: &str = "MapEntry";

/// Writes a schema.
///
/// # Errors
/// If a name in it is none in Avro, or stands for two different structs.
pub(super) fn of(schema: &Schema, metadata: bool) -> Result<String, ConvertError> {
    let mut writer = Writer {
        out: String::new(),
        metadata,
        named: Vec::new(),
    };
    writer.schema(schema, "")?;
    Ok(writer.out)
}

/// Returns the full name of the record that a struct becomes.
pub(super) fn record_name(schema: &Schema) -> Option<&str> {
    (schema.kind() == Type::Struct).then(|| {
        schema
            .name()
            .unwrap_or("io.confluent.connect.avro.ConnectDefault")
    })
}

/// Returns whether a map is one in Avro, whose keys are always texts and never null.
pub(super) fn has_plain_keys(schema: &Schema) -> bool {
    schema
        .key_schema()
        .is_some_and(|key| key.kind() == Type::String && !key.is_optional())
}

struct Writer {
    out: String,
    metadata: bool,
    /// The records written so far.
    named: Vec<(String, Schema)>,
}

impl Writer {
    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// Adds a text in quotes.
    fn quote(&mut self, text: &str) {
        defaults::quote(&mut self.out, text);
    }

    fn schema(&mut self, schema: &Schema, space: &str) -> Result<(), ConvertError> {
        if !schema.is_optional() {
            return self.base(schema, space);
        }
        if schema.default().is_some() {
            self.push("[");
            self.base(schema, space)?;
            self.push(",\"null\"]");
        } else {
            self.push("[\"null\",");
            self.base(schema, space)?;
            self.push("]");
        }
        Ok(())
    }

    fn base(&mut self, schema: &Schema, space: &str) -> Result<(), ConvertError> {
        match schema.kind() {
            Type::Array => {
                self.push("{\"type\":\"array\",\"items\":");
                self.inner(schema.value_schema(), space)?;
                self.rest(schema)
            }
            Type::Map if has_plain_keys(schema) => {
                self.push("{\"type\":\"map\",\"values\":");
                self.inner(schema.value_schema(), space)?;
                self.rest(schema)
            }
            Type::Map => {
                self.push("{\"type\":\"array\",\"items\":");
                self.entry(schema, space)?;
                self.rest(schema)
            }
            Type::Struct => self.record(schema, space),
            kind => self.primitive(schema, kind),
        }
    }

    fn inner(&mut self, schema: Option<&Schema>, space: &str) -> Result<(), ConvertError> {
        match schema {
            Some(schema) => self.schema(schema, space),
            None => Err(ConvertError::data(
                "an array or map does not say what it holds",
            )),
        }
    }

    /// Ends an object that has begun with what only Kafka Connect knows.
    fn rest(&mut self, schema: &Schema) -> Result<(), ConvertError> {
        let start = self.out.len();
        self.members(schema)?;
        if self.out.len() > start {
            // Members end with a comma each, and here one stands before them.
            self.out.pop();
            self.out.insert(start, ',');
        }
        self.push("}");
        Ok(())
    }

    fn primitive(&mut self, schema: &Schema, kind: Type) -> Result<(), ConvertError> {
        let plain = match kind {
            Type::Boolean => "boolean",
            Type::Int8 | Type::Int16 | Type::Int32 => "int",
            Type::Int64 => "long",
            Type::Float32 => "float",
            Type::Float64 => "double",
            Type::String => "string",
            _ => "bytes",
        };
        let start = self.out.len();
        let logical = match schema.name() {
            Some(logical::DECIMAL) if kind == Type::Bytes => "decimal",
            Some(logical::DATE) if kind == Type::Int32 => "date",
            Some(logical::TIME) if kind == Type::Int32 => "time-millis",
            Some(logical::TIMESTAMP) if kind == Type::Int64 => "timestamp-millis",
            _ => "",
        };
        if logical == "decimal" {
            let scale = logical::scale(schema).unwrap_or_default();
            let digits = schema.parameters().get(PRECISION);
            let digits = digits.and_then(|text| text.parse().ok()).unwrap_or(MANY);
            self.push(&format!("\"scale\":{scale},\"precision\":{digits},"));
        }
        self.members(schema)?;
        if self.metadata && matches!(kind, Type::Int8 | Type::Int16) {
            let kind = kind.as_str().to_ascii_lowercase();
            self.push(&format!("\"connect.type\":\"{kind}\","));
        }
        if !logical.is_empty() {
            self.push(&format!("\"logicalType\":\"{logical}\","));
        }
        if self.out.len() == start {
            self.quote(plain);
            return Ok(());
        }
        self.out.pop();
        self.out
            .insert_str(start, &format!("{{\"type\":\"{plain}\","));
        self.push("}");
        Ok(())
    }

    /// Adds the members for what only Kafka Connect knows, each with a comma behind it.
    fn members(&mut self, schema: &Schema) -> Result<(), ConvertError> {
        if !self.metadata {
            return Ok(());
        }
        if let Some(doc) = schema.doc() {
            self.push("\"connect.doc\":");
            self.quote(doc);
            self.push(",");
        }
        if let Some(version) = schema.version() {
            self.push(&format!("\"connect.version\":{version},"));
        }
        if !schema.parameters().is_empty() {
            self.push("\"connect.parameters\":{");
            for (index, (key, value)) in schema.parameters().iter().enumerate() {
                self.push(if index == 0 { "" } else { "," });
                self.quote(key);
                self.push(":");
                self.quote(value);
            }
            self.push("},");
        }
        if let Some(default) = schema.default() {
            self.push("\"connect.default\":");
            defaults::write(&mut self.out, schema, default)?;
            self.push(",");
        }
        if let Some(name) = schema.name() {
            self.push("\"connect.name\":");
            self.quote(name);
            self.push(",");
        }
        Ok(())
    }

    fn record(&mut self, schema: &Schema, space: &str) -> Result<(), ConvertError> {
        let wanted = record_name(schema).unwrap_or_default();
        let Some((full, _)) = self.claim(schema, wanted, schema.name().is_none(), space)? else {
            return Ok(());
        };
        let (own, _) = name::split(&full);
        for (index, field) in schema.fields().iter().enumerate() {
            self.push(if index == 0 { "" } else { "," });
            self.field(&field.name, &field.schema, own)?;
        }
        self.push("]");
        self.rest(schema)
    }

    fn field(&mut self, title: &str, schema: &Schema, space: &str) -> Result<(), ConvertError> {
        self.push("{\"name\":");
        self.quote(name::check("a field", title)?);
        self.push(",\"type\":");
        self.schema(schema, space)?;
        match schema.default() {
            Some(default) => {
                self.push(",\"default\":");
                defaults::write(&mut self.out, schema, default)?;
            }
            None if schema.is_optional() => self.push(",\"default\":null"),
            None => {}
        }
        self.push("}");
        Ok(())
    }

    fn entry(&mut self, schema: &Schema, space: &str) -> Result<(), ConvertError> {
        let (Some(key), Some(value)) = (schema.key_schema(), schema.value_schema()) else {
            return Err(ConvertError::data("a map does not say what it holds"));
        };
        // Only what it holds makes it another record.
        let pair = Schema::map(key.clone(), value.clone());
        let common = name::join(name::OWN_SPACE, ENTRY);
        let wanted = schema.name().unwrap_or(&common);
        let Some((full, number)) = self.claim(&pair, wanted, schema.name().is_none(), space)?
        else {
            return Ok(());
        };
        let (own, _) = name::split(&full);
        self.field("key", key, own)?;
        self.push(",");
        self.field("value", value, own)?;
        self.push("]");
        if schema.name().is_some() || number > 1 {
            self.push(",\"connect.internal.type\":\"MapEntry\"");
        }
        self.push("}");
        Ok(())
    }

    /// Begins a record up to its fields, or names it if it has been written before. A name that was
    /// made up here is counted up until it is free.
    fn claim(
        &mut self,
        schema: &Schema,
        wanted: &str,
        made_up: bool,
        space: &str,
    ) -> Result<Option<(String, u32)>, ConvertError> {
        name::check("a struct", wanted)?;
        let schema = schema.with_optional(false);
        let mut number = 1;
        let full = loop {
            let full = match number {
                1 => wanted.to_owned(),
                _ => format!("{wanted}{number}"),
            };
            match self.named.iter().find(|(known, _)| *known == full) {
                None => break full,
                Some((_, known)) if *known == schema => {
                    let (own, simple) = name::split(&full);
                    let shown = if own == space { simple } else { &full };
                    defaults::quote(&mut self.out, shown);
                    return Ok(None);
                }
                Some(_) if made_up => number += 1,
                Some(_) => {
                    return Err(ConvertError::data(format!(
                        "two structs are named {full} and differ: Avro needs a name for each"
                    )));
                }
            }
        };
        let (own, simple) = name::split(&full);
        self.push("{\"type\":\"record\",\"name\":");
        self.quote(simple);
        if own != space {
            self.push(",\"namespace\":");
            self.quote(own);
        }
        self.push(",\"fields\":[");
        self.named.push((full.clone(), schema));
        Ok(Some((full, number)))
    }
}
