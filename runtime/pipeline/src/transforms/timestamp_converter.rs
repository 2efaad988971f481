//! `TimestampConverter`: moments as texts, numbers, dates, times or timestamps.

use walbridge_connector_api::data::{
    ConnectRecord, Schema, SchemaAndValue, Struct, Type, Value, logical,
};
use walbridge_connector_api::{ConfigDef, ConfigKey, Importance, Kind};

use super::cache::SchemaCache;
use super::dates::{DAY, Pattern};
use super::kind::{Built, Plan, REPLACE_NULL};
use super::{Side, Transform, TransformError, structs};

const PURPOSE: &str = "converting timestamp formats";
const TYPES: &[&str] = &["string", "unix", "Date", "Time", "Timestamp"];
const PRECISIONS: &[&str] = &["nanoseconds", "microseconds", "milliseconds", "seconds"];

/// Returns the options.
pub(super) fn config() -> ConfigDef {
    ConfigDef::new(vec![
        ConfigKey::new(
            "field",
            Kind::String,
            "The field with the moment; empty for the whole key or value.",
        )
        .default("")
        .importance(Importance::High),
        ConfigKey::new("target.type", Kind::String, "What it becomes.")
            .required()
            .allowed(TYPES),
        ConfigKey::new(
            "format",
            Kind::String,
            "How texts are written or read, as Java's SimpleDateFormat has it; UTC.",
        )
        .default(""),
        ConfigKey::new("unix.precision", Kind::String, "The unit of numbers.")
            .default("milliseconds")
            .allowed(PRECISIONS)
            .importance(Importance::Low),
        REPLACE_NULL,
    ])
}

/// The forms that a moment has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Unix,
    Date,
    Time,
    Timestamp,
}

/// Converts moments.
struct TimestampConverter {
    side: Side,
    field: String,
    target: Form,
    pattern: Option<Pattern>,
    precision: &'static str,
    defaults: bool,
    schemas: SchemaCache,
}

/// Makes the transform.
pub(super) fn build(plan: &Plan<'_>) -> Built {
    let mut options = plan.options(config());
    let target = match options.choice("target.type", TYPES) {
        "string" => Form::Text,
        "unix" => Form::Unix,
        "Date" => Form::Date,
        "Time" => Form::Time,
        _ => Form::Timestamp,
    };
    let precision = options.choice("unix.precision", PRECISIONS);
    let text = options.required("format");
    let mut pattern = None;
    if !text.trim().is_empty() {
        match Pattern::new(text) {
            Ok(found) => pattern = Some(found),
            Err(why) => options.problem("format", format!("Invalid value java.lang.IllegalArgumentException: {why} for configuration TimestampConverter requires a SimpleDateFormat-compatible pattern for string timestamps: {text}")),
        }
    } else if target == Form::Text {
        options.problem("format", "TimestampConverter requires format option to be specified when using string timestamps");
    }
    // A pattern that is there for reading alone must be one that can be read.
    if let (Some(letter), true) = (
        pattern.as_ref().and_then(Pattern::unreadable),
        target != Form::Text,
    ) {
        options.invalid("format", text, &format!("the letter '{letter}' can be written but not read; use a pattern of year, month and day"));
    }
    let field = options.required("field").to_owned();
    let defaults = options.flag("replace.null.with.default");
    options.finish()?;
    Ok(Box::new(TimestampConverter {
        side: plan.side,
        field,
        target,
        pattern,
        precision,
        defaults,
        schemas: SchemaCache::new(),
    }))
}

impl Transform for TimestampConverter {
    fn apply(&self, mut record: ConnectRecord) -> Result<Option<ConnectRecord>, TransformError> {
        let SchemaAndValue { schema, value } = self.side.take(&mut record);
        let half = match schema {
            None => self.schemaless(value)?,
            Some(schema) => self.with_schema(&schema, value)?,
        };
        self.side.put(&mut record, half);
        Ok(Some(record))
    }
}

impl TimestampConverter {
    fn schemaless(&self, value: Value) -> Result<SchemaAndValue, TransformError> {
        if value.is_null() || self.field.is_empty() {
            return Ok(SchemaAndValue::schemaless(self.bare(&value)?));
        }
        let mut pairs = structs::require_map(value, PURPOSE)?;
        let old = structs::take_entry(&mut pairs, &self.field);
        structs::put_entry(&mut pairs, &self.field, self.bare(&old)?);
        Ok(SchemaAndValue::schemaless(Value::Map(pairs)))
    }

    /// Converts a value without a schema.
    fn bare(&self, value: &Value) -> Result<Value, TransformError> {
        let from = match value {
            Value::Null => return Ok(Value::Null),
            Value::Int64(_) => Form::Unix,
            Value::String(_) => Form::Text,
            other => {
                return Err(TransformError::data(format!(
                    "TimestampConverter does not support class {} objects as timestamps",
                    structs::class_name(other, None)
                )));
            }
        };
        let converted = self.convert(value, from)?;
        // A Date, Time or Timestamp is a number whose schema says what it means.
        if !matches!(self.target, Form::Text | Form::Unix) {
            return Err(TransformError::data(format!(
                "TimestampConverter cannot make a {:?} without a schema: set target.type to string or unix",
                self.target
            )));
        }
        Ok(converted)
    }

    fn with_schema(&self, schema: &Schema, value: Value) -> Result<SchemaAndValue, TransformError> {
        if self.field.is_empty() {
            let value = self.convert(&value, form(schema)?)?;
            let schema = self.schema().with_optional(schema.is_optional());
            return Ok(SchemaAndValue::new(schema, value));
        }
        let fields = match value {
            Value::Null => None,
            other => Some(structs::require_struct(other, Some(schema), PURPOSE)?),
        };
        let updated = self
            .schemas
            .get_or(schema.clone(), |schema| self.update(schema))?;
        let value = match fields {
            None => Value::Null,
            Some(fields) => self.fields(fields, &updated)?.into(),
        };
        Ok(SchemaAndValue::new(updated, value))
    }

    fn fields(&self, fields: Struct, updated: &Schema) -> Result<Struct, TransformError> {
        let from = fields.schema().clone();
        let mut values = structs::values_of(fields, self.defaults);
        for (field, value) in from.fields().iter().zip(&mut values) {
            if *field.name == *self.field {
                *value = self.convert(value, form(&field.schema)?)?;
            }
        }
        structs::moved(updated.clone(), values)
    }

    fn update(&self, schema: &Schema) -> Result<Schema, TransformError> {
        let mut builder = structs::basics(schema, Type::Struct);
        for field in structs::fields(schema)? {
            let updated = if *field.name == *self.field {
                self.schema().with_optional(field.schema.is_optional())
            } else {
                field.schema.clone()
            };
            builder = builder.field(&*field.name, updated);
        }
        builder = builder.with_optional(schema.is_optional());
        if let Some(default) = schema.default().and_then(Value::as_struct) {
            let bare = builder.clone().build()?;
            builder = builder.default(self.fields(default.clone(), &bare)?.into());
        }
        Ok(builder.build()?)
    }

    fn schema(&self) -> Schema {
        match self.target {
            Form::Text => Schema::of(Type::String),
            Form::Unix => Schema::of(Type::Int64),
            Form::Date => logical::date(),
            Form::Time => logical::time(),
            Form::Timestamp => logical::timestamp(),
        }
    }

    fn convert(&self, value: &Value, from: Form) -> Result<Value, TransformError> {
        let millis = match (from, value) {
            (_, Value::Null) => return Ok(Value::Null),
            (Form::Text, Value::String(text)) => self.read(text)?,
            (Form::Unix, Value::Int64(number)) => self.to_millis(*number),
            (Form::Date, Value::Int32(days)) => i64::from(*days) * DAY,
            (Form::Time, Value::Int32(millis)) => i64::from(*millis),
            (Form::Timestamp, Value::Int64(millis)) => *millis,
            (from, other) => {
                return Err(TransformError::data(format!(
                    "Expected a {from:?}, but found class {}",
                    structs::class_name(other, None)
                )));
            }
        };
        Ok(match self.target {
            Form::Text => match &self.pattern {
                Some(pattern) => Value::String(pattern.format(millis)),
                None => return Err(TransformError::data("format is not set")),
            },
            Form::Unix => Value::Int64(self.of_millis(millis)),
            Form::Timestamp => Value::Int64(millis),
            Form::Date => {
                let days = i32::try_from(millis.div_euclid(DAY));
                days.map(Value::Int32).map_err(|_| {
                    TransformError::data(format!("{millis} ms since 1970 is out of a Date's range"))
                })?
            }
            // Less than a day always fits.
            Form::Time => Value::Int32(i32::try_from(millis.rem_euclid(DAY)).unwrap_or_default()),
        })
    }

    fn read(&self, text: &str) -> Result<i64, TransformError> {
        let Some(pattern) = &self.pattern else {
            return Err(TransformError::data(format!(
                "Could not parse timestamp: value ({text}) is a text and format is not set"
            )));
        };
        if let Some(letter) = pattern.unreadable() {
            return Err(TransformError::data(format!(
                "Could not parse timestamp: value ({text}): the letter '{letter}' of the pattern ({}) can be written but not read",
                pattern.source()
            )));
        }
        pattern.parse(text).ok_or_else(|| {
            TransformError::data(format!(
                "Could not parse timestamp: value ({text}) does not match pattern ({})",
                pattern.source()
            ))
        })
    }

    fn to_millis(&self, number: i64) -> i64 {
        match self.precision {
            "seconds" => number.saturating_mul(1000),
            "microseconds" => number / 1000,
            "nanoseconds" => number / 1_000_000,
            _ => number,
        }
    }

    fn of_millis(&self, millis: i64) -> i64 {
        match self.precision {
            "seconds" => millis / 1000,
            "microseconds" => millis.saturating_mul(1000),
            "nanoseconds" => millis.saturating_mul(1_000_000),
            _ => millis,
        }
    }
}

/// Returns the form that a schema means.
fn form(schema: &Schema) -> Result<Form, TransformError> {
    match (schema.name(), schema.kind()) {
        (Some(logical::TIMESTAMP), _) => Ok(Form::Timestamp),
        (Some(logical::DATE), _) => Ok(Form::Date),
        (Some(logical::TIME), _) => Ok(Form::Time),
        (_, Type::String) => Ok(Form::Text),
        (_, Type::Int64) => Ok(Form::Unix),
        (name, kind) => {
            let name = name.map(|name| format!("{name}:")).unwrap_or_default();
            Err(TransformError::connect(format!(
                "Schema Schema{{{name}{kind}}} does not correspond to a known timestamp type format"
            )))
        }
    }
}
