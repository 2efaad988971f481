//! `InsertField`: where a record stands in Kafka, or a fixed text, as fields.

use walbridge_connector_api::data::{
    ConnectRecord, Schema, SchemaAndValue, Struct, Type, Value, logical,
};
use walbridge_connector_api::{ConfigDef, ConfigKey, Kind};

use super::cache::SchemaCache;
use super::kind::{Built, Plan, REPLACE_NULL};
use super::{Side, Transform, TransformError, structs};

const PURPOSE: &str = "field insertion";

/// Returns the options.
pub(super) fn config() -> ConfigDef {
    let key = |name, doc| ConfigKey::new(name, Kind::String, doc);
    ConfigDef::new(vec![
        key(
            "topic.field",
            "The field for the topic; a ! after its name makes it required, a ? optional.",
        ),
        key(
            "partition.field",
            "The field for the partition, as topic.field.",
        ),
        key(
            "offset.field",
            "The field for the offset, as topic.field; for sinks only.",
        ),
        key(
            "timestamp.field",
            "The field for the record's timestamp, as topic.field.",
        ),
        key(
            "static.field",
            "The field for a fixed text, as topic.field.",
        ),
        key("static.value", "The fixed text."),
        REPLACE_NULL,
    ])
}

/// What a field is filled with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Topic,
    Partition,
    Offset,
    Timestamp,
    Static,
}

struct Insertion {
    source: Source,
    name: String,
    schema: Schema,
}

/// Adds fields about the record.
pub(super) struct InsertField {
    side: Side,
    insertions: Vec<Insertion>,
    text: String,
    defaults: bool,
    schemas: SchemaCache,
}

/// Makes the transform.
pub(super) fn build(plan: &Plan<'_>) -> Built {
    let mut options = plan.options(config());
    let all = [
        ("topic.field", Source::Topic, Schema::of(Type::String)),
        (
            "partition.field",
            Source::Partition,
            Schema::of(Type::Int32),
        ),
        ("offset.field", Source::Offset, Schema::of(Type::Int64)),
        ("timestamp.field", Source::Timestamp, logical::timestamp()),
        ("static.field", Source::Static, Schema::of(Type::String)),
    ];
    let mut insertions = Vec::new();
    for (key, source, schema) in all {
        if let Some(spec) = options.text(key) {
            let required = spec.strip_suffix('!');
            let name = required.or_else(|| spec.strip_suffix('?')).unwrap_or(spec);
            insertions.push(Insertion {
                source,
                name: name.to_owned(),
                schema: schema.with_optional(required.is_none()),
            });
        }
    }
    let text = options.text("static.value");
    if insertions.is_empty() {
        options.problem("topic.field", "No field insertion configured");
    }
    if let (Some(field), None) = (options.text("static.field"), text) {
        options.invalid(
            "static.value",
            "null",
            &format!("No value specified for static field: {field}"),
        );
    }
    let defaults = options.flag("replace.null.with.default");
    options.finish()?;
    Ok(Box::new(InsertField {
        side: plan.side,
        insertions,
        text: text.unwrap_or_default().to_owned(),
        defaults,
        schemas: SchemaCache::new(),
    }))
}

impl InsertField {
    /// Makes one that adds a fixed text to values.
    pub(super) fn text(field: &str, text: &str, defaults: bool) -> Self {
        Self {
            side: Side::Value,
            insertions: vec![Insertion {
                source: Source::Static,
                name: field.to_owned(),
                schema: Schema::optional_of(Type::String),
            }],
            text: text.to_owned(),
            defaults,
            schemas: SchemaCache::new(),
        }
    }

    /// Returns what goes into a field; `None` leaves it alone.
    fn value(&self, of: Source, record: &ConnectRecord) -> Result<Option<Value>, TransformError> {
        Ok(match of {
            Source::Topic => Some(Value::from(&*record.topic)),
            Source::Partition => record.partition.map(Value::from),
            Source::Offset => match &record.origin {
                Some(origin) => Some(Value::from(origin.offset)),
                None => {
                    return Err(TransformError::data(format!(
                        "Only SinkRecord supported for [{PURPOSE}], found: org.apache.kafka.connect.source.SourceRecord"
                    )));
                }
            },
            Source::Timestamp => record.timestamp.map(Value::from),
            Source::Static => Some(Value::from(self.text.as_str())),
        })
    }

    fn schemaless(
        &self,
        value: Value,
        record: &ConnectRecord,
    ) -> Result<SchemaAndValue, TransformError> {
        let mut pairs = structs::require_map(value, PURPOSE)?;
        for insertion in &self.insertions {
            if let Some(value) = self.value(insertion.source, record)? {
                structs::put_entry(&mut pairs, &insertion.name, value);
            }
        }
        Ok(SchemaAndValue::schemaless(Value::Map(pairs)))
    }

    fn with_schema(
        &self,
        schema: &Schema,
        value: Value,
        record: &ConnectRecord,
    ) -> Result<SchemaAndValue, TransformError> {
        let fields = structs::require_struct(value, Some(schema), PURPOSE)?;
        let from = fields.schema().clone();
        let updated = self.schemas.get_or(from, |schema| self.update(schema))?;
        let old = fields.values().len();
        let mut values = structs::values_of(fields, self.defaults);
        for insertion in &self.insertions {
            values.push(self.value(insertion.source, record)?.unwrap_or_default());
        }
        // What was not put in, Kafka Connect does not check.
        for (field, value) in updated.fields().iter().zip(&values).take(old) {
            if value.is_null() {
                structs::check(&field.name, &field.schema, value)?;
            }
        }
        let fields = Struct::from_values(updated.clone(), values)?;
        Ok(SchemaAndValue::new(updated, fields))
    }

    fn update(&self, schema: &Schema) -> Result<Schema, TransformError> {
        let mut builder = structs::basics(schema, Type::Struct);
        for field in schema.fields() {
            builder = builder.field(&*field.name, field.schema.clone());
        }
        for insertion in &self.insertions {
            builder = structs::add_field(builder, &insertion.name, insertion.schema.clone())?;
        }
        Ok(builder.build()?)
    }

    /// Adds the fields.
    pub(super) fn insert(
        &self,
        mut record: ConnectRecord,
    ) -> Result<ConnectRecord, TransformError> {
        if self.side.of(&record).is_null() {
            return Ok(record);
        }
        let SchemaAndValue { schema, value } = self.side.take(&mut record);
        let half = match schema {
            None => self.schemaless(value, &record)?,
            Some(schema) => self.with_schema(&schema, value, &record)?,
        };
        self.side.put(&mut record, half);
        Ok(record)
    }
}

impl Transform for InsertField {
    fn apply(&self, record: ConnectRecord) -> Result<Option<ConnectRecord>, TransformError> {
        self.insert(record).map(Some)
    }
}
