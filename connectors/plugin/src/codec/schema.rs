//! Schemas cross once: from then on a number stands for each.

use std::collections::HashMap;
use std::sync::Arc;

use walbridge_connector_api::data::{Schema, SchemaBuilder, Type};

use super::value::{DEEPEST, get, put};
use super::{Malformed, Reader, Result, Wire};

/// How many schemas are remembered; one more, and both sides forget all of them.
const MOST: usize = 1000;

/// The schemas that one side has told the other of, in one direction of one task.
#[derive(Debug, Default)]
pub struct SchemasOut {
    known: HashMap<Schema, u32>,
    /// Definitions that have not been told yet.
    fresh: Vec<u8>,
    count: u32,
    forget: bool,
}

/// The schemas that one side has been told of.
#[derive(Debug, Default)]
pub struct SchemasIn(Vec<Schema>);

impl SchemasOut {
    /// Begins a message. One that was begun and not finished is no harm if no other follows.
    pub(super) fn begin(&mut self) {
        self.forget = self.known.len() >= MOST;
        if self.forget {
            self.known.clear();
        }
        self.fresh.clear();
        self.count = 0;
    }

    /// Returns the number of a schema, which is told of in this message if it has not been before.
    pub(super) fn number(&mut self, schema: &Schema) -> Result<u32> {
        self.number_at(schema, 0)
    }

    fn number_at(&mut self, schema: &Schema, depth: usize) -> Result<u32> {
        if let Some(number) = self.known.get(schema) {
            return Ok(*number);
        }
        if depth > DEEPEST {
            return Err(Malformed("a schema is nested too deep"));
        }
        // What it is made of is told of first.
        let mut own = Vec::new();
        (schema.kind() as u8, schema.is_optional()).write(&mut own);
        schema.name().map(str::to_owned).write(&mut own);
        schema.version().write(&mut own);
        schema.doc().map(str::to_owned).write(&mut own);
        let parameters = schema.parameters().iter();
        let parameters: Vec<(String, String)> =
            parameters.map(|(k, v)| (k.clone(), v.clone())).collect();
        parameters.write(&mut own);
        (schema.fields().len() as u32).write(&mut own);
        for field in schema.fields() {
            field.name.write(&mut own);
            self.number_at(&field.schema, depth + 1)?.write(&mut own);
        }
        for inner in [schema.key_schema(), schema.value_schema()] {
            let number = inner.map(|inner| self.number_at(inner, depth + 1));
            number.transpose()?.write(&mut own);
        }
        schema.default().is_some().write(&mut own);
        if let Some(default) = schema.default() {
            put(default, self, &mut own, depth + 1)?;
        }
        self.fresh.append(&mut own);
        self.count += 1;
        let number = self.known.len() as u32;
        self.known.insert(schema.clone(), number);
        Ok(number)
    }

    /// Appends what the other side has to know before it reads this message.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        (self.forget, self.count).write(out);
        out.append(&mut self.fresh);
    }
}

impl SchemasIn {
    pub(super) fn learn(&mut self, from: &mut Reader<'_>) -> Result<()> {
        let (forget, count) = <(bool, u32)>::read(from)?;
        if forget {
            self.0.clear();
        }
        for _ in 0..count {
            let schema = self.read(from)?;
            self.0.push(schema);
        }
        Ok(())
    }

    pub(super) fn get(&self, number: u32) -> Result<&Schema> {
        let found = self.0.get(number as usize);
        found.ok_or(Malformed("a schema that was never told of"))
    }

    fn read(&self, from: &mut Reader<'_>) -> Result<Schema> {
        let kind = usize::from(u8::read(from)?);
        let kind = *Type::ALL.get(kind).ok_or(Malformed("no such type"))?;
        let optional = bool::read(from)?;
        let mut builder = SchemaBuilder::new(kind).with_optional(optional);
        builder = builder.with_name(Option::<String>::read(from)?.as_deref());
        builder = builder.with_version(Wire::read(from)?);
        if let Some(doc) = Option::<String>::read(from)? {
            builder = builder.doc(doc);
        }
        for (name, value) in Vec::<(String, String)>::read(from)? {
            builder = builder.parameter(name, value);
        }
        for _ in 0..u32::read(from)? {
            let name = Arc::<str>::read(from)?;
            builder = builder.field(name, self.get(u32::read(from)?)?.clone());
        }
        let mut inner = || -> Result<Option<Schema>> {
            let number = Option::<u32>::read(from)?;
            number.map(|number| self.get(number).cloned()).transpose()
        };
        let (key, value) = (inner()?, inner()?);
        let bare = matches!(kind, Type::Array | Type::Map) && value.is_none();
        if let Some(value) = value {
            builder = match key {
                Some(key) => builder.pairs(key, value),
                None => builder.element(value),
            };
        }
        if bool::read(from)? {
            builder = builder.default(get(from, self, 0)?);
        }
        if bare {
            // One that does not say what it holds has nothing else either.
            return Ok(Schema::of(kind).with_optional(optional));
        }
        builder
            .build()
            .map_err(|_| Malformed("a schema contradicts itself"))
    }
}
