//! Values written as text, whose types Kafka Connect guesses: numbers, booleans, moments, lists, maps.

mod merge;
mod number;
mod tokens;

use walbridge_connector_api::data::{Schema, SchemaAndValue, Type, Value, logical, validate};

use self::merge::Common;
use self::tokens::Tokens;
use super::dates::{DAY, Pattern};
use super::numbers::digit;

/// The parts of a literal that cannot be read as a list or map: it is a text then.
struct NotStructured;

/// How deep lists and maps may be nested.
const DEPTH: usize = 64;

/// Reads a text as Kafka Connect does.
///
/// # Errors
/// If its parts have types that go into no schema together.
pub(super) fn parse(text: &str) -> Result<SchemaAndValue, String> {
    if text.is_empty() {
        return Ok(string(text));
    }
    let mut reader = Reader {
        tokens: Tokens::new(text),
        text,
        depth: 0,
    };
    let found = reader
        .value(false)
        .unwrap_or_else(|NotStructured| Some(string(text)));
    let found = found.unwrap_or_default();
    if let Some(schema) = &found.schema {
        validate(schema, &found.value)
            .map_err(|error| format!("its parts are of types that do not go together: {error}"))?;
    }
    Ok(found)
}

fn string(text: &str) -> SchemaAndValue {
    SchemaAndValue::new(Schema::of(Type::String), text)
}

struct Reader<'a> {
    tokens: Tokens,
    text: &'a str,
    depth: usize,
}

type Parsed = Result<Option<SchemaAndValue>, NotStructured>;

impl Reader<'_> {
    /// Reads a value; inside a list or map it must be one that needs no guessing.
    fn value(&mut self, inside: bool) -> Parsed {
        if !self.tokens.has_next() {
            return Ok(None);
        }
        if inside && self.tokens.take("\"") {
            return Ok(Some(self.quoted()));
        }
        if self.word("null", inside) {
            return Ok(None);
        }
        for (text, value) in [("true", true), ("false", false)] {
            if self.word(text, inside) {
                return Ok(Some(SchemaAndValue::new(Schema::of(Type::Boolean), value)));
            }
        }
        let start = self.tokens.mark();
        self.depth += 1;
        let structured = if self.depth > DEPTH {
            Err(NotStructured)
        } else if self.tokens.take("[") {
            self.list().map(Some)
        } else if self.tokens.take("{") {
            self.map().map(Some)
        } else {
            Ok(None)
        };
        self.depth -= 1;
        match structured {
            Ok(Some(found)) => return Ok(Some(found)),
            Ok(None) => {}
            Err(NotStructured) => self.tokens.rewind(start),
        }
        let token = self.tokens.next();
        if token.trim().is_empty() {
            return Ok(Some(string(&token)));
        }
        self.plain(token.trim(), inside)
    }

    /// Takes a word that is a value by itself; at the top nothing may follow it.
    fn word(&mut self, word: &str, inside: bool) -> bool {
        let start = self.tokens.mark();
        if self.tokens.take(word) && (inside || !self.tokens.has_next()) {
            return true;
        }
        self.tokens.rewind(start);
        false
    }

    fn plain(&mut self, token: &str, inside: bool) -> Parsed {
        let first = token.chars().next().unwrap_or(' ');
        let number = digit(first).is_some();
        if number && let Some(moment) = self.moment_of_tokens(token) {
            return Ok(Some(moment));
        }
        if (number || first == '+' || first == '-')
            && let Some(found) = number::parse(token)
        {
            return Ok(Some(found));
        }
        if inside {
            return Err(NotStructured);
        }
        Ok(Some(string(self.text)))
    }

    fn quoted(&mut self) -> SchemaAndValue {
        let mut content = String::new();
        while self.tokens.has_next() {
            if self.tokens.take("\"") {
                break;
            }
            content.push_str(&self.tokens.next());
        }
        moment(&content).unwrap_or_else(|| string(&content))
    }

    /// Times have colons, which end tokens: five of them make a time.
    fn moment_of_tokens(&mut self, token: &str) -> Option<SchemaAndValue> {
        let start = self.tokens.mark();
        if let Some(rest) = self.tokens.next_four()
            && let Some(found) = moment(&format!("{token}{rest}"))
        {
            return Some(found);
        }
        self.tokens.rewind(start);
        moment(token)
    }

    fn list(&mut self) -> Result<SchemaAndValue, NotStructured> {
        let mut elements = Vec::new();
        let mut common = Common::default();
        while self.tokens.has_next() {
            if self.tokens.take("]") {
                let Some(element) = common.schema() else {
                    // Nothing says what it holds: it goes without a schema.
                    return Ok(SchemaAndValue::schemaless(Value::Array(elements)));
                };
                let elements = elements.into_iter().map(|e| align(e, &element));
                let elements = Value::Array(elements.collect::<Result<_, _>>()?);
                return Ok(SchemaAndValue::new(Schema::array(element), elements));
            }
            if self.tokens.take(",") {
                return Err(NotStructured);
            }
            let element = self.value(true)?;
            common.add(element.as_ref());
            elements.push(element.unwrap_or_default().value);
            let here = self.tokens.mark();
            if self.tokens.take("]") {
                self.tokens.rewind(here);
            } else if !self.tokens.take(",") {
                return Err(NotStructured);
            }
        }
        Err(NotStructured)
    }

    fn map(&mut self) -> Result<SchemaAndValue, NotStructured> {
        let mut pairs: Vec<(Value, Value)> = Vec::new();
        let (mut keys, mut values) = (Common::default(), Common::default());
        while self.tokens.has_next() {
            if self.tokens.take("}") {
                let (Some(key), Some(value)) = (keys.schema(), values.schema()) else {
                    return Ok(SchemaAndValue::schemaless(Value::Map(pairs)));
                };
                let aligned = |(k, v)| Ok((align(k, &key)?, align(v, &value)?));
                let pairs = pairs.into_iter().map(aligned);
                let pairs = Value::Map(pairs.collect::<Result<_, _>>()?);
                return Ok(SchemaAndValue::new(Schema::map(key, value), pairs));
            }
            if self.tokens.take(",") {
                return Err(NotStructured);
            }
            let key = self.value(true)?.filter(|key| !key.is_null());
            let Some(key) = key.filter(|_| self.tokens.take(":")) else {
                return Err(NotStructured);
            };
            let value = self.value(true)?;
            self.tokens.take(",");
            keys.add(Some(&key));
            values.add(value.as_ref());
            let value = value.unwrap_or_default().value;
            match pairs.iter_mut().find(|(k, _)| *k == key.value) {
                Some((_, old)) => *old = value,
                None => pairs.push((key.value, value)),
            }
        }
        Err(NotStructured)
    }
}

/// Makes an element one of the schema that all have together, which no null is.
fn align(element: Value, to: &Schema) -> Result<Value, NotStructured> {
    if element.is_null() {
        return Err(NotStructured);
    }
    Ok(merge::align(element, to))
}

/// Reads a date, time or timestamp in the one form of each that is known.
fn moment(text: &str) -> Option<SchemaAndValue> {
    let text = text.replace("\\:", ":");
    let read = |pattern: &str| Pattern::new(pattern).ok()?.parse(&text);
    match text.encode_utf16().count() {
        13 => {
            let millis = i32::try_from(read("HH:mm:ss.SSS'Z'")?).ok()?;
            Some(SchemaAndValue::new(logical::time(), millis))
        }
        24 => {
            let millis = read("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'")?;
            Some(SchemaAndValue::new(logical::timestamp(), millis))
        }
        10 => {
            let days = i32::try_from(read("yyyy-MM-dd")?.div_euclid(DAY)).ok()?;
            Some(SchemaAndValue::new(logical::date(), days))
        }
        _ => None,
    }
}
