//! JSON text as structs, with a schema made from what is in it.

use walbridge_connector_api::data::{Schema, SchemaAndValue, SchemaBuilder, Struct, Type, Value};

use super::super::structs;
use super::super::structs::basics;

mod tree;

use self::tree::Tree;

/// What becomes of nulls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nulls {
    /// They are left out.
    Ignored,
    /// They become optional bytes.
    Bytes,
}

/// Makes a struct of a JSON object; `None` if the text is none, or has no schema.
pub(super) fn expand(text: &str, name: &str, nulls: Nulls) -> Option<SchemaAndValue> {
    if !text.starts_with('{') {
        return None;
    }
    let tree = tree::read(text)?;
    let schema = schema(&tree, Some(name), nulls).ok()??;
    let value = value(&tree, &schema)?;
    Some(SchemaAndValue::new(schema, value))
}

/// Elements of a list that have no schema together.
struct Unlike;

/// Returns the schema of a value; `None` for one that is left out.
fn schema(tree: &Tree, name: Option<&str>, nulls: Nulls) -> Result<Option<Schema>, Unlike> {
    Ok(Some(match tree {
        Tree::Text(_) => Schema::optional_of(Type::String),
        Tree::Boolean(_) => Schema::optional_of(Type::Boolean),
        Tree::Whole(n) if i32::try_from(*n).is_ok() => Schema::optional_of(Type::Int32),
        Tree::Whole(_) => Schema::optional_of(Type::Int64),
        Tree::Broken(_) => Schema::optional_of(Type::Float64),
        Tree::Null if nulls == Nulls::Bytes => Schema::optional_of(Type::Bytes),
        Tree::Null => return Ok(None),
        Tree::List(list) if list.is_empty() => return Ok(None),
        Tree::List(list) => {
            let element = element(list, name, nulls)?;
            let builder = SchemaBuilder::new(Type::Array).element(element).optional();
            builder.build().map_err(|_| Unlike)?
        }
        Tree::Object(pairs) => {
            let mut builder = SchemaBuilder::structure().with_name(name).optional();
            for (key, inner) in pairs {
                let path = match name {
                    Some(name) if !name.trim().is_empty() => format!("{name}.{key}"),
                    _ => key.clone(),
                };
                if let Some(schema) = schema(inner, Some(&path), nulls)? {
                    builder = structs::add_field(builder, key, schema).map_err(|_| Unlike)?;
                }
            }
            builder.build().map_err(|_| Unlike)?
        }
    }))
}

/// Returns the schema of a list's elements, which must be of one type.
fn element(list: &[Tree], name: Option<&str>, nulls: Nulls) -> Result<Schema, Unlike> {
    let mut some = list.iter().filter(|tree| !matches!(tree, Tree::Null));
    let sample = some.next().unwrap_or(&Tree::Null);
    let plain = |tree: &Tree| schema(tree, None, nulls);
    if matches!(sample, Tree::Object(_)) {
        let mut merged: Option<Schema> = None;
        let mut seen: Vec<Schema> = Vec::new();
        for tree in list.iter().filter(|tree| !matches!(tree, Tree::Null)) {
            if !matches!(tree, Tree::Object(_)) {
                return Err(Unlike);
            }
            let Some(next) = schema(tree, name, nulls)? else {
                continue;
            };
            if seen.contains(&next) {
                continue;
            }
            seen.push(next.clone());
            merged = Some(match merged {
                None => next,
                Some(left) => merge(&left, &next)?,
            });
        }
        return merged.ok_or(Unlike);
    }
    let number = |tree: &Tree| matches!(tree, Tree::Whole(_) | Tree::Broken(_));
    for tree in some {
        let alike = std::mem::discriminant(tree) == std::mem::discriminant(sample)
            || (number(tree) && number(sample));
        if !alike || (number(tree) && plain(tree)? != plain(sample)?) {
            return Err(Unlike);
        }
    }
    plain(sample)?.ok_or(Unlike)
}

/// Adds the fields of one object's schema to another's.
fn merge(left: &Schema, right: &Schema) -> Result<Schema, Unlike> {
    let mut fields = left.fields().to_vec();
    for field in right.fields() {
        match fields.iter_mut().find(|old| old.name == field.name) {
            None => fields.push(field.clone()),
            // Bytes stand for a null, of which another object knows more.
            Some(old) if old.schema.kind() == Type::Bytes => *old = field.clone(),
            Some(_) => {}
        }
    }
    let mut builder = basics(left, Type::Struct);
    for field in fields {
        builder = builder.field(field.name, field.schema);
    }
    builder.build().map_err(|_| Unlike)
}

/// Returns a value of the schema; `None` if it does not fit.
fn value(tree: &Tree, schema: &Schema) -> Option<Value> {
    let value = match tree {
        Tree::Null => Value::Null,
        Tree::Boolean(b) => Value::Boolean(*b),
        Tree::Text(text) => Value::String(text.clone()),
        Tree::Broken(n) => Value::Float64(*n),
        Tree::Whole(n) => i32::try_from(*n).map_or(Value::Int64(*n), Value::Int32),
        Tree::List(list) => {
            let inner = schema.value_schema()?;
            let values = list.iter().map(|tree| value(tree, inner));
            Value::Array(values.collect::<Option<_>>()?)
        }
        Tree::Object(pairs) => {
            let of = |name: &str| pairs.iter().find(|(key, _)| key == name);
            let values = schema.fields().iter().map(|field| match of(&field.name) {
                Some((_, tree)) => value(tree, &field.schema),
                None => Some(Value::Null),
            });
            let values = values.collect::<Option<_>>()?;
            Struct::from_values(schema.clone(), values).ok()?.into()
        }
    };
    structs::check("payload", schema, &value).ok()?;
    Some(value)
}
