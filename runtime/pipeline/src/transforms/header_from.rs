//! `HeaderFrom`: fields into headers.

use walbridge_connector_api::data::{
    ConnectHeader, ConnectRecord, Schema, SchemaAndValue, Type, Value,
};
use walbridge_connector_api::{ConfigDef, ConfigKey, Importance, Kind};

use super::cache::SchemaCache;
use super::kind::{Built, Plan, REPLACE_NULL};
use super::{Side, Transform, TransformError, structs};

/// Returns the options.
pub(super) fn config() -> ConfigDef {
    let key = |name, kind, doc| {
        ConfigKey::new(name, kind, doc)
            .required()
            .importance(Importance::High)
    };
    ConfigDef::new(vec![
        key("fields", Kind::List, "The fields to move or copy."),
        key(
            "headers",
            Kind::List,
            "The names of their headers, in the same order.",
        ),
        key(
            "operation",
            Kind::String,
            "move takes the fields away, copy leaves them.",
        )
        .allowed(&["move", "copy"]),
        REPLACE_NULL,
    ])
}

/// Moves or copies fields into headers.
struct HeaderFrom {
    side: Side,
    /// Fields and the headers they go to.
    pairs: Vec<(String, String)>,
    moves: bool,
    purpose: String,
    defaults: bool,
    schemas: SchemaCache,
}

/// Makes the transform.
pub(super) fn build(plan: &Plan<'_>) -> Built {
    let mut options = plan.options(config());
    let (fields, headers) = (options.list("fields"), options.list("headers"));
    for (key, list) in [("fields", &fields), ("headers", &headers)] {
        if options.text(key).is_some() && list.is_empty() {
            options.invalid(key, "[]", "Empty list");
        }
    }
    if fields.len() != headers.len() {
        options.problem(
            "headers",
            "'fields' config must have the same number of elements as 'headers' config.",
        );
    }
    let operation = options.choice("operation", &["move", "copy"]);
    let defaults = options.flag("replace.null.with.default");
    options.finish()?;
    let owned = |(field, header): (&str, &str)| (field.to_owned(), header.to_owned());
    Ok(Box::new(HeaderFrom {
        side: plan.side,
        pairs: fields.into_iter().zip(headers).map(owned).collect(),
        moves: operation == "move",
        purpose: format!("header {operation}"),
        defaults,
        schemas: SchemaCache::new(),
    }))
}

impl Transform for HeaderFrom {
    fn apply(&self, mut record: ConnectRecord) -> Result<Option<ConnectRecord>, TransformError> {
        let SchemaAndValue { schema, value } = self.side.take(&mut record);
        let half = match schema {
            None => self.schemaless(value, &mut record.headers)?,
            Some(schema) => self.with_schema(&schema, value, &mut record.headers)?,
        };
        self.side.put(&mut record, half);
        Ok(Some(record))
    }
}

impl HeaderFrom {
    fn schemaless(
        &self,
        value: Value,
        headers: &mut Vec<ConnectHeader>,
    ) -> Result<SchemaAndValue, TransformError> {
        let mut pairs = structs::require_map(value, &self.purpose)?;
        for (field, header) in &self.pairs {
            let found = pairs.iter().find(|(k, _)| k.as_str() == Some(field));
            let value = found.map(|(_, value)| value.clone()).unwrap_or_default();
            headers.push(ConnectHeader::new(
                header.as_str(),
                SchemaAndValue::schemaless(value),
            ));
        }
        if self.moves {
            pairs.retain(|(key, _)| !self.pairs.iter().any(|(f, _)| key.as_str() == Some(f)));
        }
        Ok(SchemaAndValue::schemaless(Value::Map(pairs)))
    }

    fn with_schema(
        &self,
        schema: &Schema,
        value: Value,
        headers: &mut Vec<ConnectHeader>,
    ) -> Result<SchemaAndValue, TransformError> {
        let fields = structs::require_struct(value, Some(schema), &self.purpose)?;
        let half = if self.moves {
            let less = self
                .schemas
                .get_or(schema.clone(), |schema| self.without(schema))?;
            let values = structs::values_of(fields.clone(), self.defaults);
            let kept = schema.fields().iter().zip(values);
            let kept = kept.filter(|(field, _)| !self.takes(&field.name));
            let values = kept.map(|(_, value)| value).collect();
            let fields = structs::moved(less.clone(), values)?;
            SchemaAndValue::new(less, fields)
        } else {
            SchemaAndValue::new(schema.clone(), fields.clone())
        };
        let values = structs::values_of(fields, self.defaults);
        let mut added = Vec::with_capacity(self.pairs.len());
        for (field, header) in &self.pairs {
            let index = structs::index_of(schema, field)?;
            let of = schema.fields()[index].schema.clone();
            if values[index].is_null() && !of.is_optional() {
                return Err(TransformError::data(format!(
                    "A null value requires an optional schema but was Schema{{{}}}",
                    describe(&of)
                )));
            }
            added.push(ConnectHeader::new(
                header.as_str(),
                SchemaAndValue::new(of, values[index].clone()),
            ));
        }
        headers.append(&mut added);
        Ok(half)
    }

    fn takes(&self, name: &str) -> bool {
        self.pairs.iter().any(|(field, _)| field == name)
    }

    fn without(&self, schema: &Schema) -> Result<Schema, TransformError> {
        let mut builder = structs::basics(schema, Type::Struct);
        for field in structs::fields(schema)? {
            if !self.takes(&field.name) {
                builder = builder.field(&*field.name, field.schema.clone());
            }
        }
        Ok(builder.build()?)
    }
}

/// Writes a schema as Kafka Connect's messages do: its name, if it has one, and its type.
fn describe(schema: &Schema) -> String {
    match schema.name() {
        Some(name) => format!("{name}:{}", schema.kind()),
        None => schema.kind().to_string(),
    }
}
