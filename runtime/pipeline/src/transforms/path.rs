//! Paths to fields: one name (V1), or names with dots between them (V2).

use walbridge_connector_api::data::{Schema, SchemaAndValue, Struct, Type, Value};
use walbridge_connector_api::{ConfigKey, Importance, Kind};

use super::options::Options;
use super::{TransformError, structs};

/// The option that says how paths are written.
pub(super) const SYNTAX: ConfigKey = ConfigKey::new(
    "field.syntax.version",
    Kind::String,
    "V1 takes a field's name as it is; V2 reaches into nested fields by dots, with names that have dots themselves between backticks.",
)
.default("V1")
.allowed(&["V1", "V2"])
.importance(Importance::High);

/// A path to a field.
#[derive(Debug)]
pub(super) struct FieldPath {
    /// The path as it was given.
    pub(super) text: String,
    steps: Vec<String>,
    last: String,
}

impl FieldPath {
    /// Reads the path in option `key`.
    pub(super) fn read(options: &mut Options<'_>, key: &str) -> Self {
        let text = options.required(key).to_owned();
        let version = options.required(SYNTAX.name);
        let mut steps = match version.to_ascii_uppercase().as_str() {
            "V2" => split(&text).unwrap_or_else(|problem| {
                options.problem(key, problem);
                Vec::new()
            }),
            "V1" => vec![text.clone()],
            _ => {
                let why = "String must be one of (case insensitive): V1, V2";
                options.invalid(SYNTAX.name, version, why);
                Vec::new()
            }
        };
        let last = steps.pop().unwrap_or_default();
        if text.is_empty() && version.eq_ignore_ascii_case("V2") {
            options.problem(key, "The path has no field: name one");
        }
        Self { text, steps, last }
    }

    /// Returns the schema of the field; `None` if there is no such field.
    pub(super) fn schema<'a>(
        &self,
        root: &'a Schema,
    ) -> Result<Option<&'a Schema>, TransformError> {
        let mut schema = root;
        for step in self.steps.iter().chain([&self.last]) {
            if schema.kind() != Type::Struct {
                return Err(TransformError::data(
                    "Cannot look up fields on non-struct type",
                ));
            }
            match schema.field(step) {
                Some(field) => schema = &field.schema,
                None => return Ok(None),
            }
        }
        Ok(Some(schema))
    }

    /// Takes the field out of a struct.
    pub(super) fn of_struct(
        &self,
        mut fields: Struct,
        defaults: bool,
    ) -> Result<Value, TransformError> {
        for step in &self.steps {
            let value = field_of(fields, step, defaults);
            fields = match value {
                Value::Null => return Ok(Value::Null),
                Value::Struct(inner) => inner,
                other => {
                    return Err(structs::not_a_struct(&other, None, "nested field access"));
                }
            };
        }
        Ok(field_of(fields, &self.last, defaults))
    }

    /// Takes the value out of a map.
    pub(super) fn of_map(&self, mut pairs: Vec<(Value, Value)>) -> Result<Value, TransformError> {
        for step in &self.steps {
            pairs = match structs::take_entry(&mut pairs, step) {
                Value::Null => return Ok(Value::Null),
                other => structs::require_map(other, "nested field access")?,
            };
        }
        Ok(structs::take_entry(&mut pairs, &self.last))
    }

    /// Takes the field out of a half of a record, and its schema.
    pub(super) fn extract(
        &self,
        half: SchemaAndValue,
        defaults: bool,
        purpose: &str,
    ) -> Result<SchemaAndValue, TransformError> {
        let SchemaAndValue { schema, value } = half;
        let Some(schema) = schema else {
            return Ok(SchemaAndValue::schemaless(match value {
                Value::Null => Value::Null,
                value => self.of_map(structs::require_map(value, purpose)?)?,
            }));
        };
        let fields = match value {
            Value::Null => None,
            value => Some(structs::require_struct(value, Some(&schema), purpose)?),
        };
        let Some(of) = self.schema(&schema)?.cloned() else {
            let text = &self.text;
            return Err(TransformError::argument(format!("Unknown field: {text}")));
        };
        let value = fields.map_or(Ok(Value::Null), |fields| self.of_struct(fields, defaults))?;
        Ok(SchemaAndValue::new(of, value))
    }
}

/// Takes one field's value; null if there is no such field.
fn field_of(fields: Struct, name: &str, defaults: bool) -> Value {
    let schema = fields.schema().clone();
    let Some(index) = schema.index_of(name) else {
        return Value::Null;
    };
    let value = fields.into_values().swap_remove(index);
    match (&value, schema.fields()[index].schema.default()) {
        (Value::Null, Some(default)) if defaults => default.clone(),
        _ => value,
    }
}

/// Splits a path of the second version.
fn split(path: &str) -> Result<Vec<String>, String> {
    let chars: Vec<char> = path.chars().collect();
    let mut steps = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        if chars[at] != '`' {
            let end = chars[at..].iter().position(|c| *c == '.').map(|i| at + i);
            steps.push(chars[at..end.unwrap_or(chars.len())].iter().collect());
            at = end.map_or(chars.len(), |end| end + 1);
        } else {
            let (step, next) = quoted(&chars, at).ok_or_else(|| {
                format!("Incomplete backtick pair in path: [{path}], consider adding a backslash before backtick at position {at} to escape it")
            })?;
            steps.push(step);
            at = next;
        }
    }
    if chars.last() == Some(&'.') {
        steps.push(String::new());
    }
    Ok(steps)
}

/// Reads a step between backticks; one that neither a dot nor the end follows belongs to the name.
fn quoted(chars: &[char], open: usize) -> Option<(String, usize)> {
    let mut step = String::new();
    let mut start = open + 1;
    let mut at = start;
    loop {
        at += chars.get(at..)?.iter().position(|c| *c == '`')?;
        let escaped = chars[at - 1] == '\\';
        if at + 1 >= chars.len() {
            if escaped {
                return None;
            }
            step.extend(&chars[start..at]);
            return Some((step, at + 1));
        }
        if chars[at + 1] != '.' {
            at += 1;
        } else if escaped {
            step.extend(&chars[start..at - 1]);
            step.push('`');
            at += 1;
            start = at;
        } else {
            step.extend(&chars[start..at]);
            return Some((step, at + 2));
        }
    }
}
