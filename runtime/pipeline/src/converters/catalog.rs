//! The converters there are: their names and their settings.

use std::collections::BTreeMap;

use walbridge_connector_api::data::Type;
use walbridge_connector_api::{ConfigDef, ConfigKey, ConfigProblem, Importance, Kind, Settings};

use super::Converter;
use super::header::SimpleHeader;
use super::json::{JsonConverter, Options};
use super::number::Primitive;
use super::registry;
use super::text::{Encoding, Text};

/// The JSON converter's schema of all values.
const CONTENT: &str = "schema.content";

/// Which part of a record a converter is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The key.
    Key,
    /// The value.
    Value,
    /// Each header's value.
    Header,
}

impl Role {
    /// Returns the configuration key that names the converter, such as `key.converter`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Key => "key.converter",
            Self::Value => "value.converter",
            Self::Header => "header.converter",
        }
    }

    /// Returns the prefix of the converter's own settings, such as `key.converter.`.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Key => "key.converter.",
            Self::Value => "value.converter.",
            Self::Header => "header.converter.",
        }
    }
}

/// A kind of converter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConverterKind {
    /// Avro with a schema registry.
    Avro,
    /// JSON with or without schemas.
    Json,
    /// Text.
    String,
    /// Bytes as they are.
    ByteArray,
    /// One byte, 0 or 1.
    Boolean,
    /// Two bytes, big endian.
    Short,
    /// Four bytes, big endian.
    Integer,
    /// Eight bytes, big endian.
    Long,
    /// Four bytes, IEEE 754.
    Float,
    /// Eight bytes, IEEE 754.
    Double,
    /// Header values as text whose type is guessed.
    Simple,
}

impl ConverterKind {
    /// All kinds.
    pub const ALL: [Self; 11] = [
        Self::Avro,
        Self::Json,
        Self::String,
        Self::ByteArray,
        Self::Boolean,
        Self::Short,
        Self::Integer,
        Self::Long,
        Self::Float,
        Self::Double,
        Self::Simple,
    ];

    /// Returns the class name in Java.
    pub fn class(self) -> &'static str {
        match self {
            Self::Avro => "io.confluent.connect.avro.AvroConverter",
            Self::Json => "org.apache.kafka.connect.json.JsonConverter",
            Self::String => "org.apache.kafka.connect.storage.StringConverter",
            Self::ByteArray => "org.apache.kafka.connect.converters.ByteArrayConverter",
            Self::Boolean => "org.apache.kafka.connect.converters.BooleanConverter",
            Self::Short => "org.apache.kafka.connect.converters.ShortConverter",
            Self::Integer => "org.apache.kafka.connect.converters.IntegerConverter",
            Self::Long => "org.apache.kafka.connect.converters.LongConverter",
            Self::Float => "org.apache.kafka.connect.converters.FloatConverter",
            Self::Double => "org.apache.kafka.connect.converters.DoubleConverter",
            Self::Simple => "org.apache.kafka.connect.storage.SimpleHeaderConverter",
        }
    }

    /// Finds a kind by its class, its simple name, or that name without `Converter` in any case.
    pub fn find(name: &str) -> Option<Self> {
        let name = name.trim();
        Self::ALL.into_iter().find(|kind| {
            let simple = kind.class().rsplit('.').next().unwrap_or_default();
            let short = simple.strip_suffix("Converter").unwrap_or(simple);
            name == kind.class() || name == simple || name.eq_ignore_ascii_case(short)
        })
    }

    /// Returns whether it may stand for this part of a record.
    pub fn serves(self, role: Role) -> bool {
        match self {
            Self::Simple => role == Role::Header,
            Self::Avro => role != Role::Header,
            _ => true,
        }
    }

    /// Returns the settings it has, without a prefix.
    pub fn config(self) -> ConfigDef {
        use Kind::{Boolean, Int, String as Text};
        let key = |name, kind, default, doc| {
            ConfigKey::new(name, kind, doc)
                .default(default)
                .importance(Importance::Low)
        };
        match self {
            Self::Avro => ConfigDef::new(registry::keys()),
            Self::Json => ConfigDef::new(vec![
                key(
                    "schemas.enable",
                    Boolean,
                    "true",
                    "Whether each value lies in an envelope together with its schema.",
                )
                .importance(Importance::High),
                key(
                    "schemas.cache.size",
                    Int,
                    "1000",
                    "How many schemas are remembered.",
                )
                .importance(Importance::High)
                .min(0),
                key(
                    "decimal.format",
                    Text,
                    "BASE64",
                    "Whether decimals are their bytes in base64 or numbers.",
                )
                .allowed(&["BASE64", "NUMERIC"]),
                key(
                    "replace.null.with.default",
                    Boolean,
                    "true",
                    "Whether a null becomes its schema's default.",
                ),
                ConfigKey::new(
                    CONTENT,
                    Text,
                    "With schemas.enable, for sinks: the schema of all values, as JSON, which then come without \
                     one beside them.",
                )
                .importance(Importance::High),
            ]),
            Self::String => ConfigDef::new(vec![
                key(
                    "converter.encoding",
                    Text,
                    "UTF-8",
                    "The character set: UTF-8, US-ASCII or ISO-8859-1.",
                )
                .importance(Importance::High),
            ]),
            _ => ConfigDef::default(),
        }
    }

    /// Returns what is wrong with its settings, given without a prefix.
    ///
    /// A setting of another converter is no problem, as it is none in Kafka Connect: files keep
    /// `schemas.enable` beside a converter that knows no schemas.
    pub fn problems(self, values: &BTreeMap<String, String>) -> Vec<ConfigProblem> {
        let def = self.config();
        let known = |name: &str| def.get(name).is_some();
        let mut own = values.clone();
        own.retain(|name, _| known(name));
        let mut found = def.check(&own);
        for name in values.keys().filter(|name| !known(name)) {
            if def.nearest(name).is_some() {
                found.push(ConfigProblem::new(name, def.unknown(name)));
            }
        }
        let settings = def.settings(&own);
        if self == Self::Avro {
            found.extend(registry::problems(&settings));
        }
        if self == Self::Json {
            found.extend(json(&settings).err());
        }
        if self == Self::String {
            let name = settings.text("converter.encoding");
            if Encoding::find(name).is_none() {
                found.push(ConfigProblem::invalid(
                    "converter.encoding",
                    name,
                    "the character sets are UTF-8, US-ASCII and ISO-8859-1",
                ));
            }
        }
        found
    }

    /// Creates a converter from settings without a prefix; check their [`problems`](Self::problems)
    /// first.
    ///
    /// # Errors
    /// If the settings cannot be used after all.
    pub fn create(
        self,
        role: Role,
        values: &BTreeMap<String, String>,
    ) -> Result<Box<dyn Converter>, ConfigProblem> {
        let settings = self.config().settings(values);
        Ok(match self {
            Self::Avro => Box::new(registry::open(role, &settings)?),
            Self::Json => Box::new(json(&settings)?),
            Self::String => {
                let name = settings.text("converter.encoding");
                let encoding = Encoding::find(name).unwrap_or(Encoding::Utf8);
                Box::new(Text { encoding })
            }
            Self::ByteArray => Box::new(Primitive::new(Type::Bytes)),
            Self::Boolean => Box::new(Primitive::new(Type::Boolean)),
            Self::Short => Box::new(Primitive::new(Type::Int16)),
            Self::Integer => Box::new(Primitive::new(Type::Int32)),
            Self::Long => Box::new(Primitive::new(Type::Int64)),
            Self::Float => Box::new(Primitive::new(Type::Float32)),
            Self::Double => Box::new(Primitive::new(Type::Float64)),
            Self::Simple => Box::new(SimpleHeader),
        })
    }
}

fn json(settings: &Settings) -> Result<JsonConverter, ConfigProblem> {
    let content = settings.optional(CONTENT);
    JsonConverter::new(options(settings), content).map_err(|error| {
        let shown = content.unwrap_or_default();
        ConfigProblem::invalid(CONTENT, shown, &error.to_string())
    })
}

fn options(settings: &Settings) -> Options {
    Options {
        schemas: settings.flag("schemas.enable"),
        cache: settings.size("schemas.cache.size"),
        numeric: settings
            .text("decimal.format")
            .eq_ignore_ascii_case("NUMERIC"),
        defaults: settings.flag("replace.null.with.default"),
    }
}
