//! Avro schemas as Kafka Connect's, with what it takes to read their values.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json};
use walbridge_connector_api::data::{Schema, SchemaBuilder, Type, logical};

use super::super::ConvertError;
use super::text::{ENTRY, MANY, PRECISION};
use super::{AvroOptions, anything, defaults, name};

/// How values lie in the bytes.
#[derive(Debug)]
pub(super) enum Shape {
    Boolean,
    /// A number of at most 32 bits, by its type in Kafka Connect.
    Int(Type),
    Long,
    Float,
    Double,
    String,
    Bytes,
    Fixed(usize),
    Enum(Vec<String>),
    Array(Node),
    Map(Node),
    /// Pairs of a map whose keys are no plain texts.
    Entries(Node, Node),
    Record(Vec<Node>),
    /// A value or null, which is the branch of this number.
    Optional {
        null: i64,
        inner: Node,
    },
    /// One of several: a struct with a field for each but null.
    Union(Vec<Option<(usize, Node)>>),
    /// A value without a schema.
    Anything,
}

/// A schema, and how its values lie in the bytes. A clone shares both.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// `None` for values without one.
    pub(super) schema: Option<Schema>,
    pub(super) shape: Arc<Shape>,
}

/// Reads an Avro schema.
///
/// # Errors
/// If it is none, or recursive.
pub(super) fn of(text: &str, options: AvroOptions) -> Result<Node, ConvertError> {
    // A registry may give the name of a primitive type without quotes.
    let json = serde_json::from_str(text).unwrap_or_else(|_| Json::from(text));
    let mut plans = Plans {
        options,
        named: HashMap::new(),
    };
    plans.node(&json, "")
}

struct Plans {
    options: AvroOptions,
    /// The named types so far; `None` while one is being read.
    named: HashMap<String, Option<Node>>,
}

type Members = Map<String, Json>;

fn wrong(message: impl Into<String>) -> ConvertError {
    ConvertError::data(message)
}

fn text<'a>(members: &'a Members, key: &str) -> Option<&'a str> {
    members.get(key)?.as_str()
}

fn need<'a>(members: &'a Members, key: &str) -> Result<&'a Json, ConvertError> {
    members
        .get(key)
        .ok_or_else(|| wrong(format!("a type has no \"{key}\"")))
}

impl Plans {
    fn node(&mut self, json: &Json, space: &str) -> Result<Node, ConvertError> {
        match json {
            Json::String(kind) => self.named_type(kind, &Members::new(), space),
            Json::Array(branches) => self.union(branches, space),
            Json::Object(members) => match need(members, "type")? {
                Json::String(kind) => self.named_type(kind, members, space),
                inner => self.node(inner, space),
            },
            other => Err(wrong(format!("{other} is no type"))),
        }
    }

    fn named_type(
        &mut self,
        kind: &str,
        members: &Members,
        space: &str,
    ) -> Result<Node, ConvertError> {
        match kind {
            "record" | "error" => self.record(members, space),
            "enum" => self.symbols(members, space),
            "fixed" => self.fixed(members, space),
            "array" => self.array(members, space),
            "map" => {
                let inner = self.node(need(members, "values")?, space)?;
                let held = held(&inner)?;
                let builder = SchemaBuilder::new(Type::Map).pairs(Schema::of(Type::String), held);
                node(builder, members, None, Shape::Map(inner))
            }
            "null" => Err(wrong("null stands alone")),
            kind => match primitive(kind, members) {
                Some((builder, shape)) => node(builder, members, None, shape),
                None => self.known(kind, space),
            },
        }
    }

    fn known(&self, kind: &str, space: &str) -> Result<Node, ConvertError> {
        let found = self.named.get(&name::join(space, kind));
        match found.or_else(|| self.named.get(kind)) {
            Some(Some(node)) => Ok(node.clone()),
            Some(None) => Err(wrong(format!(
                "{kind} holds itself: Kafka Connect's schemas are not recursive"
            ))),
            None => Err(wrong(format!("there is no type {kind}"))),
        }
    }

    /// Returns the full name of a type that is being defined.
    fn define(&mut self, members: &Members, space: &str) -> Result<String, ConvertError> {
        let own = text(members, "namespace").unwrap_or(space);
        let name = text(members, "name").ok_or_else(|| wrong("a type has no \"name\""))?;
        let full = name::join(own, name);
        self.named.insert(full.clone(), None);
        Ok(full)
    }

    fn record(&mut self, members: &Members, space: &str) -> Result<Node, ConvertError> {
        let full = self.define(members, space)?;
        let fields = need(members, "fields")?.as_array();
        let fields = fields.ok_or_else(|| wrong(format!("the fields of {full} are no list")))?;
        let titles = fields.iter().map(|field| field["name"].as_str());
        if full == anything::NAME && titles.eq(anything::FIELDS.map(Some)) {
            let made = Node {
                schema: None,
                shape: Arc::new(Shape::Anything),
            };
            self.named.insert(full, Some(made.clone()));
            return Ok(made);
        }
        let (own, _) = name::split(&full);
        let own = own.to_owned();
        let title = (!name::is_stand_in(&full)).then_some(full.as_str());
        let mut builder = SchemaBuilder::structure();
        if let Some(doc) = text(members, "doc") {
            builder = builder.parameter("io.confluent.connect.avro.record.doc", doc);
        }
        let mut nodes = Vec::new();
        for field in fields {
            let field = field.as_object();
            let field = field.ok_or_else(|| wrong(format!("a field of {full} is none")))?;
            let title = text(field, "name");
            let title = title.ok_or_else(|| wrong(format!("a field of {full} has no name")))?;
            let at = |error: ConvertError| wrong(format!("field {title} of {full}: {error}"));
            let read = need(field, "type").and_then(|kind| self.node(kind, &own));
            let node = read
                .and_then(|node| self.with_default(node, field))
                .map_err(at)?;
            if let Some(doc) = text(field, "doc") {
                let key = format!("io.confluent.connect.avro.field.doc.{title}");
                builder = builder.parameter(key, doc);
            }
            builder = builder.field(title, held(&node).map_err(at)?);
            nodes.push(node);
        }
        let made = node(builder, members, title, Shape::Record(nodes))?;
        self.named.insert(full, Some(made.clone()));
        Ok(made)
    }

    /// Gives a field the default that Avro has for it.
    fn with_default(&self, node: Node, field: &Members) -> Result<Node, ConvertError> {
        let schema = match (&node.schema, field.get("default")) {
            (Some(schema), Some(own)) if matches!(*node.shape, Shape::Optional { .. }) => {
                defaults::of_nullable(schema, own)?
            }
            (Some(schema), Some(own)) if !field["type"].is_array() && !own.is_null() => {
                defaults::of_field(schema, own, self.options.metadata)?
            }
            _ => return Ok(node),
        };
        Ok(Node {
            schema: Some(schema),
            shape: node.shape,
        })
    }

    fn symbols(&mut self, members: &Members, space: &str) -> Result<Node, ConvertError> {
        const KEY: &str = "io.confluent.connect.avro.Enum";
        let full = self.define(members, space)?;
        let all = need(members, "symbols")?.as_array();
        let all = all.ok_or_else(|| wrong(format!("the symbols of {full} are no list")))?;
        let symbols = all.iter().map(|symbol| symbol.as_str().unwrap_or_default());
        let symbols: Vec<String> = symbols.map(str::to_owned).collect();
        let mut builder = SchemaBuilder::new(Type::String).parameter(KEY, &full);
        for symbol in &symbols {
            builder = builder.parameter(format!("{KEY}.{symbol}"), symbol);
        }
        let made = node(builder, members, Some(&full), Shape::Enum(symbols))?;
        self.named.insert(full, Some(made.clone()));
        Ok(made)
    }

    fn fixed(&mut self, members: &Members, space: &str) -> Result<Node, ConvertError> {
        let full = self.define(members, space)?;
        let size = need(members, "size")?.as_u64();
        let size = size.and_then(|size| usize::try_from(size).ok());
        let size = size.ok_or_else(|| wrong(format!("the size of {full} is none")))?;
        let (builder, title) = match decimal(members) {
            Some(builder) => (builder, None),
            None => (SchemaBuilder::new(Type::Bytes), Some(full.as_str())),
        };
        let builder = builder.parameter("connect.fixed.size", size.to_string());
        let made = node(builder, members, title, Shape::Fixed(size))?;
        self.named.insert(full, Some(made.clone()));
        Ok(made)
    }

    fn array(&mut self, members: &Members, space: &str) -> Result<Node, ConvertError> {
        let items = need(members, "items")?;
        let inner = self.node(items, space)?;
        if let (Some((key, value)), Some(pair)) = (entry(&inner), &inner.schema)
            && (is_entry(items) || pair.name() == Some("io.confluent.connect.avro.MapEntry"))
        {
            let (key, value) = (key.clone(), value.clone());
            let builder = SchemaBuilder::new(Type::Map).pairs(held(&key)?, held(&value)?);
            return node(builder, members, None, Shape::Entries(key, value));
        }
        let builder = SchemaBuilder::new(Type::Array).element(held(&inner)?);
        node(builder, members, None, Shape::Array(inner))
    }

    fn union(&mut self, branches: &[Json], space: &str) -> Result<Node, ConvertError> {
        let null = branches.iter().position(|branch| branch == "null");
        if let ([a, b], Some(null)) = (branches, null) {
            let inner = self.node(if null == 0 { b } else { a }, space)?;
            return Ok(Node {
                schema: inner.schema.as_ref().map(Schema::optional),
                shape: Arc::new(Shape::Optional {
                    null: i64::from(null == 1),
                    inner,
                }),
            });
        }
        let mut builder = SchemaBuilder::structure().name("io.confluent.connect.avro.Union");
        let (mut nodes, mut count) = (Vec::new(), 0);
        for branch in branches {
            if branch == "null" {
                builder = builder.optional();
                nodes.push(None);
                continue;
            }
            let inner = self.node(branch, space)?;
            builder = builder.field(self.title(branch, space), held(&inner)?.optional());
            nodes.push(Some((count, inner)));
            count += 1;
        }
        Ok(Node {
            schema: Some(builder.build()?),
            shape: Arc::new(Shape::Union(nodes)),
        })
    }

    /// Returns the name of the field that stands for a branch of a union.
    fn title(&self, branch: &Json, space: &str) -> String {
        let (kind, own) = match branch {
            Json::Object(members) => match (text(members, "type"), text(members, "name")) {
                (Some("record" | "error" | "enum" | "fixed"), Some(name)) => {
                    (name, text(members, "namespace").unwrap_or(space))
                }
                (kind, _) => (kind.unwrap_or_default(), space),
            },
            branch => (branch.as_str().unwrap_or_default(), space),
        };
        let full = name::join(own, kind);
        if !self.named.contains_key(&full) {
            kind.to_owned()
        } else if self.options.enhanced {
            full
        } else {
            name::split(&full).1.to_owned()
        }
    }
}

/// Returns the schema of what an array, map, struct or union holds.
fn held(node: &Node) -> Result<Schema, ConvertError> {
    node.schema
        .clone()
        .ok_or_else(|| wrong("a value without a schema lies inside one that has one"))
}

/// Returns the pair of a record with a key and a value.
fn entry(node: &Node) -> Option<(&Node, &Node)> {
    let Shape::Record(fields) = &*node.shape else {
        return None;
    };
    let titles = node.schema.as_ref()?.fields().iter();
    match &fields[..] {
        [key, value] if titles.map(|field| &*field.name).eq(["key", "value"]) => Some((key, value)),
        _ => None,
    }
}

fn is_entry(items: &Json) -> bool {
    items["connect.internal.type"] == ENTRY
}

fn decimal(members: &Members) -> Option<SchemaBuilder> {
    if text(members, "logicalType") != Some("decimal") {
        return None;
    }
    let number = |key: &str| members.get(key).and_then(Json::as_i64);
    let scale = number("scale").unwrap_or_default();
    let mut builder = SchemaBuilder::new(Type::Bytes)
        .name(logical::DECIMAL)
        .version(1)
        .parameter(logical::SCALE, scale.to_string());
    if let Some(digits) = number("precision").filter(|digits| *digits != MANY) {
        builder = builder.parameter(PRECISION, digits.to_string());
    }
    Some(builder)
}

fn primitive(kind: &str, members: &Members) -> Option<(SchemaBuilder, Shape)> {
    let logical = text(members, "logicalType");
    let narrow = match text(members, "connect.type") {
        Some("int8") => Type::Int8,
        Some("int16") => Type::Int16,
        _ => Type::Int32,
    };
    let (kind, shape) = match kind {
        "boolean" => (Type::Boolean, Shape::Boolean),
        "int" => (narrow, Shape::Int(narrow)),
        "long" => (Type::Int64, Shape::Long),
        "float" => (Type::Float32, Shape::Float),
        "double" => (Type::Float64, Shape::Double),
        "string" => (Type::String, Shape::String),
        "bytes" => (Type::Bytes, Shape::Bytes),
        _ => return None,
    };
    let meaning = match (kind, logical) {
        (Type::Int32, Some("date")) => Some(logical::DATE),
        (Type::Int32, Some("time-millis")) => Some(logical::TIME),
        (Type::Int64, Some("timestamp-millis")) => Some(logical::TIMESTAMP),
        _ => None,
    };
    let builder = match (kind, meaning) {
        (Type::Bytes, _) => decimal(members).unwrap_or_else(|| SchemaBuilder::new(kind)),
        (_, Some(name)) => SchemaBuilder::new(kind).name(name).version(1),
        _ => SchemaBuilder::new(kind),
    };
    Some((builder, shape))
}

/// Adds what only Kafka Connect knows, and the default last, which must fit all the rest.
fn node(
    mut builder: SchemaBuilder,
    members: &Members,
    title: Option<&str>,
    shape: Shape,
) -> Result<Node, ConvertError> {
    if let Some(name) = text(members, "connect.name").or(title) {
        builder = builder.name(name);
    }
    if let Some(version) = members.get("connect.version").and_then(Json::as_i64) {
        builder = builder.with_version(i32::try_from(version).ok());
    }
    if let Some(doc) = text(members, "connect.doc") {
        builder = builder.doc(doc);
    }
    let parameters = members.get("connect.parameters").and_then(Json::as_object);
    for (key, value) in parameters.into_iter().flatten() {
        if let Some(value) = value.as_str() {
            builder = builder.parameter(key, value);
        }
    }
    let mut schema = builder.build()?;
    if let Some(default) = members
        .get("connect.default")
        .filter(|json| !json.is_null())
    {
        let value = defaults::read(&schema, default)?;
        schema = schema.to_builder().default(value).build()?;
    }
    Ok(Node {
        schema: Some(schema),
        shape: Arc::new(shape),
    })
}
