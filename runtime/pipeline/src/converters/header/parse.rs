//! The simplest type that a header's text may be.

use walbridge_connector_api::data::{Decimal, Schema, SchemaAndValue, Type, Value, logical};

use super::calendar::{parse_date, parse_time, parse_timestamp};

/// How deep arrays and maps may lie in one another.
const DEPTH: usize = 100;

/// Guesses what a text is; whatever is nothing else is a string.
pub(super) fn parse(text: &str) -> SchemaAndValue {
    let trimmed = text.trim();
    if trimmed.starts_with(['[', '{']) {
        let mut parser = Parser { rest: trimmed };
        if let Some(found) = parser.container(DEPTH)
            && parser.rest.trim().is_empty()
        {
            return found;
        }
    } else if let Some(found) = scalar(trimmed) {
        return found;
    }
    SchemaAndValue::new(Schema::of(Type::String), text)
}

fn scalar(text: &str) -> Option<SchemaAndValue> {
    match text {
        "null" => return Some(SchemaAndValue::NULL),
        "true" => return Some(SchemaAndValue::new(Schema::of(Type::Boolean), true)),
        "false" => return Some(SchemaAndValue::new(Schema::of(Type::Boolean), false)),
        _ => {}
    }
    let first = text.as_bytes().first()?;
    if !(first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.')) {
        return None;
    }
    if let Some(day) = parse_date(text).and_then(|day| i32::try_from(day).ok()) {
        return Some(SchemaAndValue::new(logical::date(), day));
    }
    if let Some(millis) = parse_timestamp(text) {
        return Some(SchemaAndValue::new(logical::timestamp(), millis));
    }
    if let Some(millis) = parse_time(text).and_then(|millis| i32::try_from(millis).ok()) {
        return Some(SchemaAndValue::new(logical::time(), millis));
    }
    number(text)
}

/// Takes the narrowest whole number, else a float, else a decimal.
fn number(text: &str) -> Option<SchemaAndValue> {
    let decimal: Decimal = text.parse().ok()?;
    let whole = decimal
        .rescale(0)
        .and_then(|n| i64::try_from(n.unscaled).ok());
    let some = |kind, value: Value| Some(SchemaAndValue::new(Schema::of(kind), value));
    if let Some(n) = whole {
        if let Ok(n) = i8::try_from(n) {
            return some(Type::Int8, n.into());
        }
        if let Ok(n) = i16::try_from(n) {
            return some(Type::Int16, n.into());
        }
        if let Ok(n) = i32::try_from(n) {
            return some(Type::Int32, n.into());
        }
        return some(Type::Int64, n.into());
    }
    if decimal.scale != 0 {
        let narrow: f32 = text.parse().ok()?;
        if narrow.is_finite() {
            return some(Type::Float32, narrow.into());
        }
        let wide: f64 = text.parse().ok()?;
        if wide.is_finite() {
            return some(Type::Float64, wide.into());
        }
    }
    let bytes = decimal.to_bytes();
    Some(SchemaAndValue::new(logical::decimal(decimal.scale), bytes))
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn take(&mut self, token: char) -> bool {
        let rest = self.rest.trim_start();
        let found = rest.strip_prefix(token);
        self.rest = found.unwrap_or(rest);
        found.is_some()
    }

    fn container(&mut self, depth: usize) -> Option<SchemaAndValue> {
        let deeper = depth.checked_sub(1)?;
        if self.take('[') {
            let mut elements = Vec::new();
            if !self.take(']') {
                loop {
                    elements.push(self.element(deeper)?);
                    if self.take(']') {
                        break;
                    }
                    self.take(',').then_some(())?;
                }
            }
            let (schema, values) = align(elements);
            return Some(SchemaAndValue {
                schema: schema.map(Schema::array),
                value: Value::Array(values),
            });
        }
        self.take('{').then_some(())?;
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        if !self.take('}') {
            loop {
                keys.push(self.element(deeper)?);
                self.take(':').then_some(())?;
                values.push(self.element(deeper)?);
                if self.take('}') {
                    break;
                }
                self.take(',').then_some(())?;
            }
        }
        let ((key, keys), (value, values)) = (align(keys), align(values));
        Some(SchemaAndValue {
            schema: key.zip(value).map(|(key, value)| Schema::map(key, value)),
            value: Value::Map(keys.into_iter().zip(values).collect()),
        })
    }

    fn element(&mut self, depth: usize) -> Option<SchemaAndValue> {
        self.rest = self.rest.trim_start();
        if self.rest.starts_with(['[', '{']) {
            return self.container(depth);
        }
        if self.take('"') {
            let mut text = String::new();
            let mut chars = self.rest.char_indices();
            while let Some((at, c)) = chars.next() {
                match c {
                    '"' => {
                        self.rest = &self.rest[at + 1..];
                        return Some(SchemaAndValue::new(Schema::of(Type::String), text));
                    }
                    '\\' => text.push(chars.next()?.1),
                    c => text.push(c),
                }
            }
            return None;
        }
        // A time has colons in it, so it is looked for before the next delimiter.
        let moment = ["0000-00-00T00:00:00.000Z".len(), "00:00:00.000Z".len()];
        for len in moment {
            if let Some(head) = self.rest.get(..len)
                && let Some(found) = (parse_timestamp(head).is_some() || parse_time(head).is_some())
                    .then(|| scalar(head))
            {
                self.rest = &self.rest[len..];
                return found;
            }
        }
        let end = self.rest.find([',', ':', ']', '}'])?;
        let (token, rest) = self.rest.split_at(end);
        let token = token.trim();
        self.rest = rest;
        match scalar(token) {
            Some(found) => Some(found),
            None if token.is_empty() => None,
            None => Some(SchemaAndValue::new(Schema::of(Type::String), token)),
        }
    }
}

/// Finds the one schema of all values and widens numbers to it; none if they have nothing in common.
fn align(all: Vec<SchemaAndValue>) -> (Option<Schema>, Vec<Value>) {
    let mut common: Option<Schema> = None;
    // A value without a schema is a list or map of unlike things: nothing is like it.
    let mut mixed = all
        .iter()
        .any(|one| one.schema.is_none() && !one.value.is_null());
    for schema in all.iter().filter_map(|one| one.schema.as_ref()) {
        common = match common {
            None => Some(schema.clone()),
            Some(known) if known == *schema => Some(known),
            Some(known) => match (rank(&known), rank(schema)) {
                (Some(a), Some(b)) => Some(if a >= b { known } else { schema.clone() }),
                _ => {
                    mixed = true;
                    Some(known)
                }
            },
        };
    }
    if mixed {
        common = None;
    }
    let nulls = all.iter().any(|one| one.value.is_null());
    let values = all.into_iter().map(|one| match &common {
        Some(schema) => widen(one.value, schema.kind()),
        None => one.value,
    });
    let values = values.collect();
    (common.map(|schema| schema.with_optional(nulls)), values)
}

fn rank(schema: &Schema) -> Option<usize> {
    let plain = [
        Type::Int8,
        Type::Int16,
        Type::Int32,
        Type::Int64,
        Type::Float32,
        Type::Float64,
    ];
    if schema.name().is_some() {
        return None;
    }
    plain.iter().position(|kind| *kind == schema.kind())
}

fn widen(value: Value, to: Type) -> Value {
    match (to, value.as_i64(), &value) {
        (Type::Int16, Some(n), _) => i16::try_from(n).map_or(value, Value::Int16),
        (Type::Int32, Some(n), _) => i32::try_from(n).map_or(value, Value::Int32),
        (Type::Int64, Some(n), _) => Value::Int64(n),
        (Type::Float32, Some(n), _) => Value::Float32(n as f32),
        (Type::Float64, Some(n), _) => Value::Float64(n as f64),
        (Type::Float64, None, Value::Float32(n)) => Value::Float64(f64::from(*n)),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_ends_without_panic(text in "[\\[\\]{}:,\"\\\\0-9a.T Z+-]{0,40}") {
            let _ = parse(&text);
        }
    }
}
