//! Column defaults as schema defaults.
//!
//! The same columns have a default in the schema as in Debezium's: literals of the usual types. A
//! default that is a function's result stands there as the type's zero, for a schema cannot say
//! "the time of the insert".

use walbridge_schemas::avro::Reader;
use walbridge_schemas::{FieldDefault, FieldType};

use crate::encode::{Codec, Outcome};
use crate::types::{Kind, Known, PgType};
use crate::value::Wire;

/// Returns the default of a column whose default expression, as `pg_get_expr` shows it, is `expression`.
///
/// `None` if the schema has none. Columns `GENERATED … AS IDENTITY` have none either, but then there is
/// no expression to ask about.
pub fn field_default(ty: &PgType, field: &FieldType, expression: &str) -> Option<FieldDefault> {
    if !has_default(ty, field) {
        return None;
    }
    let avro = match literal(expression) {
        Literal::Text(text) => value(ty, field, text.as_bytes())?,
        Literal::Function => zero(ty, field)?,
        Literal::Bare(text) => value(ty, field, text.as_bytes())?,
        Literal::Null => return None,
    };
    let json = json(field, &avro)?;
    Some(FieldDefault { json, avro })
}

/// Returns whether columns of this type have their defaults in the schema.
fn has_default(ty: &PgType, field: &FieldType) -> bool {
    let plain_text = ty.kind == Kind::Base
        && ty.schema == "pg_catalog"
        && matches!(ty.name.as_str(), "text" | "varchar" | "bpchar");
    match field {
        _ if matches!(ty.kind, Kind::Domain(_)) => false,
        FieldType::String => plain_text,
        FieldType::Int64 => Known::of(ty) == Some(Known::Int8),
        FieldType::Json => Known::of(ty) != Some(Known::Hstore),
        FieldType::Decimal { precision, .. } => precision.is_some(),
        FieldType::Bytes
        | FieldType::VariableScaleDecimal
        | FieldType::Ltree
        | FieldType::Tsvector
        | FieldType::ZonedTime
        | FieldType::Point
        | FieldType::Interval
        | FieldType::Array(_)
        | FieldType::Opaque => false,
        _ => true,
    }
}

/// What an expression is, as far as a schema cares.
#[derive(Debug, PartialEq, Eq)]
enum Literal<'a> {
    /// The first text between quotes.
    Text(String),
    /// A call, or a keyword that is one.
    Function,
    /// Anything else: a number, a truth value, or something that no type will read.
    Bare(&'a str),
    Null,
}

fn literal(expression: &str) -> Literal<'_> {
    const KEYWORDS: [&str; 5] = [
        "CURRENT_DATE",
        "CURRENT_TIME",
        "CURRENT_TIMESTAMP",
        "LOCALTIME",
        "LOCALTIMESTAMP",
    ];
    let word = expression.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '"')));
    let (word, rest) = expression.split_at(word.unwrap_or(expression.len()));
    if (!word.is_empty() && rest.starts_with('(')) || KEYWORDS.contains(&word) {
        return Literal::Function;
    }
    if word == "NULL" {
        return Literal::Null;
    }
    match expression.find('\'') {
        Some(quote) => Literal::Text(unquote(expression, quote)),
        None => Literal::Bare(expression.split("::").next().unwrap_or(expression)),
    }
}

/// Returns the text between the quotes that begin at `quote`.
fn unquote(expression: &str, quote: usize) -> String {
    let escapes = expression[..quote].ends_with('E');
    let mut text = String::new();
    let mut chars = expression[quote + 1..].chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' if chars.peek() == Some(&'\'') => {
                chars.next();
                text.push('\'');
            }
            '\'' => break,
            '\\' if escapes => text.extend(chars.next()),
            _ => text.push(c),
        }
    }
    text
}

/// Encodes a literal; `None` if the type cannot read it or the field cannot hold it.
fn value(ty: &PgType, field: &FieldType, text: &[u8]) -> Option<Vec<u8>> {
    let instant = matches!(
        field,
        FieldType::ZonedTimestamp | FieldType::Timestamp | FieldType::MicroTimestamp
    );
    if instant && matches!(text, b"infinity" | b"-infinity") {
        return None;
    }
    let mut out = Vec::new();
    match Codec::new(ty, field)
        .encode(Wire::Text, text, &mut out)
        .ok()?
    {
        // Days and months of an interval: what Debezium makes of them will do for a default.
        Outcome::Exact | Outcome::Inexact => Some(out),
        Outcome::Nothing => None,
    }
}

/// Encodes what stands for a function's result.
fn zero(ty: &PgType, field: &FieldType) -> Option<Vec<u8>> {
    match field {
        FieldType::ZonedTimestamp => value(ty, field, b"1970-01-01 00:00:00+00"),
        FieldType::Uuid => value(ty, field, b"00000000-0000-0000-0000-000000000000"),
        _ => {
            let mut out = Vec::new();
            field.write_zero(&mut out);
            Some(out)
        }
    }
}

/// Returns an Avro value as it stands in a schema.
fn json(field: &FieldType, avro: &[u8]) -> Option<String> {
    let mut reader = Reader::new(avro);
    Some(match field.avro_type() {
        "boolean" => reader.bool().ok()?.to_string(),
        "int" | "long" => reader.long().ok()?.to_string(),
        // What is not finite has no JSON.
        "float" => serde_json::to_string(&reader.float().ok()?)
            .ok()
            .filter(|json| json != "null")?,
        "double" => serde_json::to_string(&reader.double().ok()?)
            .ok()
            .filter(|json| json != "null")?,
        "string" => serde_json::to_string(reader.str().ok()?).ok()?,
        // Bytes are the characters 0 to 255.
        "bytes" => {
            let text: String = reader
                .bytes()
                .ok()?
                .iter()
                .map(|&b| char::from(b))
                .collect();
            serde_json::to_string(&text).ok()?
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{TypeModes, field_type};

    fn default_of(name: &str, typmod: i32, expression: &str) -> Option<String> {
        let ty = PgType {
            oid: 0,
            schema: "pg_catalog".to_owned(),
            name: name.to_owned(),
            typmod,
            sends: true,
            kind: Kind::Base,
        };
        let field = field_type(&ty, &TypeModes::default());
        field_default(&ty, &field, expression).map(|default| default.json)
    }

    #[test]
    fn literals_are_read() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(default_of("int4", -1, "'-42'::integer"), some("-42"));
        assert_eq!(
            default_of("int8", -1, "'9000000000'::bigint"),
            some("9000000000")
        );
        assert_eq!(
            default_of("float8", -1, "'-0.125'::numeric"),
            some("-0.125")
        );
        assert_eq!(default_of("float4", -1, "2.5"), some("2.5"));
        assert_eq!(
            default_of("numeric", (5 << 16) + 2 + 4, "12.34"),
            some("\"\\u0004Ò\"")
        );
        assert_eq!(default_of("text", -1, "'it''s'::text"), some("\"it's\""));
        assert_eq!(default_of("text", -1, r"E'a\\b'::text"), some(r#""a\\b""#));
        assert_eq!(
            default_of("bit", 5, "B'10101'::\"bit\""),
            some("\"\\u0015\"")
        );
        assert_eq!(default_of("bool", -1, "true"), some("true"));
        assert_eq!(default_of("date", -1, "'2020-01-01'::date"), some("18262"));
        assert_eq!(
            default_of("interval", -1, "'1 year'::interval"),
            some("31557600000000")
        );
        assert_eq!(default_of("text", -1, "NULL::text"), None);
        assert_eq!(default_of("int4", -1, "(1 + 1)"), None);
    }

    #[test]
    fn functions_are_zeros() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            default_of("timestamptz", 3, "CURRENT_TIMESTAMP"),
            some("\"1970-01-01T00:00:00.000Z\"")
        );
        assert_eq!(default_of("int8", -1, "nextval('s'::regclass)"), some("0"));
        assert_eq!(default_of("text", -1, "md5('x'::text)"), some("\"\""));
        assert_eq!(default_of("timetz", -1, "CURRENT_TIME"), None);
        assert_eq!(default_of("oid", -1, "26"), None);
    }
}
