//! What a table's rows are turned into: schema ids, encoders, key. Made once per definition.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use walbridge_connector_api::{ConnectorError, Result, TopicSpec};
use walbridge_postgres::encode::ColumnEncoder;
use walbridge_schemas::postgresql::{SOURCE_SCHEMA, TableBlock};
use walbridge_schemas::{TableSchema, fingerprint, marks, name};

use crate::canonical::Canonical;
use crate::catalog::{Catalog, LiveColumn, LiveTable};
use crate::columns::{self, Described};
use crate::names;
use crate::pgoutput::{Identity, Relation};
use crate::registry::register;
use crate::shared::Shared;

/// A table's definition as of a position in the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Definition {
    pub(crate) oid: u32,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) identity: Identity,
    pub(crate) columns: Vec<DefinedColumn>,
}

/// A column of a [`Definition`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DefinedColumn {
    pub(crate) name: String,
    pub(crate) identity: bool,
    pub(crate) type_oid: u32,
    pub(crate) typmod: i32,
}

impl Definition {
    /// Takes over what the stream says.
    pub(crate) fn new(relation: &Relation<'_>) -> Self {
        // The protocol leaves out the schema's name for the system's own.
        let schema = if relation.schema.is_empty() {
            "pg_catalog"
        } else {
            relation.schema
        };
        Self {
            oid: relation.oid,
            schema: schema.to_owned(),
            name: relation.name.to_owned(),
            identity: relation.identity,
            columns: relation
                .columns()
                .map(|column| DefinedColumn {
                    name: column.name.to_owned(),
                    identity: column.key,
                    type_oid: column.type_oid,
                    typmod: column.typmod,
                })
                .collect(),
        }
    }

    /// Returns the columns that identify a row, in their order; none if nothing does.
    ///
    /// What the stream says is of its own time; the live catalog only gives the order, as long as
    /// both speak of the same columns.
    fn key(&self, live: &LiveTable) -> Vec<usize> {
        let index = |name: &String| self.columns.iter().position(|column| column.name == *name);
        let all = |names: &[String]| -> Option<Vec<usize>> {
            let found: Option<Vec<_>> = names.iter().map(index).collect();
            found.filter(|found| !found.is_empty())
        };
        let flagged: BTreeSet<_> = (0..self.columns.len())
            .filter(|i| self.columns[*i].identity)
            .collect();
        match self.identity {
            Identity::Default | Identity::Index if !flagged.is_empty() => {
                let names = match self.identity {
                    Identity::Index => &live.identity_index,
                    _ => &live.primary_key,
                };
                all(names)
                    .filter(|key| key.iter().copied().collect::<BTreeSet<_>>() == flagged)
                    .unwrap_or_else(|| flagged.into_iter().collect())
            }
            _ => all(&live.primary_key)
                .or_else(|| all(&live.unique))
                .unwrap_or_default(),
        }
    }
}

/// One column of a plan.
#[derive(Debug)]
pub(crate) struct ColumnPlan {
    pub(crate) encoder: ColumnEncoder,
    pub(crate) reads_binary: bool,
    /// Whether a copy can have its binary form.
    pub(crate) copies_binary: bool,
    /// Whether it is part of what old rows are identified by.
    pub(crate) identity: bool,
    /// Whether it is part of the record's key.
    pub(crate) key: bool,
    /// How it is written in the key.
    pub(crate) canonical: Canonical,
}

/// What a table's rows are turned into.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) definition: Definition,
    pub(crate) topic: Arc<TopicSpec>,
    pub(crate) table: TableBlock,
    pub(crate) schema: TableSchema,
    pub(crate) columns: Vec<ColumnPlan>,
    pub(crate) key: Vec<usize>,
    /// Whether no key tells its rows apart: in a snapshot they are numbered.
    pub(crate) numbered: bool,
    pub(crate) key_schema: u32,
    pub(crate) value_schema: u32,
    /// The value of `wb.relation`.
    pub(crate) relation: String,
    /// Whether the next row must carry it.
    pub(crate) announce: bool,
    /// The value of `wb.unknown` for an old row that has the identity alone.
    pub(crate) unknown: Vec<u8>,
}

impl Plan {
    /// Makes the plan for a definition and registers its schemas.
    ///
    /// `nullable` names columns that have been seen null although the catalog says otherwise.
    pub(crate) fn new(
        definition: Definition,
        live: &LiveTable,
        nullable: &BTreeSet<String>,
        catalog: &mut Catalog,
        shared: &Shared,
    ) -> Result<Self> {
        let options = &shared.options;
        let full = names::full(options, &definition.schema, &definition.name);
        let topic = name::topic(&full);
        let described = columns::describe(&definition, live, nullable, catalog, options)?;
        let key = definition.key(live);
        let fields: Vec<_> = described
            .iter()
            .map(|column| column.field.clone())
            .collect();
        let schema = TableSchema::new(&full, fields, &key);
        let value_schema = register(
            &shared.registry,
            &format!("{topic}-value"),
            &schema.value_json(SOURCE_SCHEMA),
        )?;
        let key_schema = match schema.key_json() {
            Some(json) => register(&shared.registry, &format!("{topic}-key"), &json)?,
            None => 0,
        };
        // Nulls are unlike each other: a key that may have them makes records of one row meet, but
        // does not tell rows apart.
        let tells_apart = key.iter().all(|index| !described[*index].field.optional());
        let row_key = if tells_apart { &key[..] } else { &[] };
        let layout = fingerprint(schema.fields());
        let numbered = row_key.is_empty();
        let relation = relation_json(&definition, &described, live, row_key, &layout);
        let mut unknown = Vec::new();
        for (index, column) in definition.columns.iter().enumerate() {
            if !column.identity {
                marks::push_field(&mut unknown, index as u16);
            }
        }
        let columns = described
            .into_iter()
            .zip(&definition.columns)
            .enumerate()
            .map(|(index, (described, defined))| ColumnPlan {
                canonical: Canonical::of(&described.field),
                encoder: described.encoder,
                reads_binary: described.reads_binary,
                copies_binary: described.reads_binary && described.sends,
                identity: defined.identity,
                key: key.contains(&index),
            })
            .collect();
        Ok(Self {
            table: TableBlock::new(&definition.schema, &definition.name),
            topic: Arc::new(TopicSpec {
                name: topic,
                ..TopicSpec::default()
            }),
            schema,
            columns,
            key,
            numbered,
            key_schema,
            value_schema,
            relation: relation.to_string(),
            announce: true,
            unknown,
            definition,
        })
    }

    /// Returns the table's name as transactions count it.
    pub(crate) fn collection(&self) -> String {
        format!("{}.{}", self.definition.schema, self.definition.name)
    }

    /// Returns the name of a column, for messages.
    pub(crate) fn column(&self, index: usize) -> &str {
        self.definition
            .columns
            .get(index)
            .map_or("?", |column| &column.name)
    }

    /// Creates the error for a change that names no row.
    pub(crate) fn no_identity(&self, lsn: walbridge_postgres::Lsn) -> ConnectorError {
        let table =
            walbridge_postgres::ident::qualified(&self.definition.schema, &self.definition.name);
        ConnectorError::stop(
            "NoReplicaIdentity",
            format!("an update or delete of {table} at {lsn} does not say which row it means"),
        )
        .remedy(format!(
            "ALTER TABLE {table} REPLICA IDENTITY FULL (or add a primary key), then take a new snapshot"
        ))
    }
}

fn relation_json(
    definition: &Definition,
    described: &[Described],
    live: &LiveTable,
    key: &[usize],
    layout: &str,
) -> Value {
    let columns: Vec<_> = definition
        .columns
        .iter()
        .zip(described)
        .map(|(column, described)| {
            let mut value = json!({
                "name": column.name,
                "type": described.type_text,
                "nullable": described.field.optional(),
            });
            if let Some(map) = value.as_object_mut() {
                if let Some(labels) = &described.labels {
                    map.insert("enum".to_owned(), json!(labels));
                }
                let now = live_column(live, &column.name);
                if let Some(missing) = now.and_then(|now| now.missing.as_deref()) {
                    map.insert("missing".to_owned(), json!(missing));
                }
                if let Some(default) = now.and_then(default_of) {
                    map.insert("default".to_owned(), json!(default));
                }
            }
            value
        })
        .collect();
    let key: Vec<_> = key
        .iter()
        .map(|index| &definition.columns[*index].name)
        .collect();
    json!({
        "schema": definition.schema,
        "table": definition.name,
        "columns": columns,
        "key": key,
        "identity": definition.identity.as_str(),
        "layout": layout,
    })
}

/// Returns what new rows get in a column that is not given.
fn default_of(column: &LiveColumn) -> Option<&str> {
    let identity = column.identity.then_some("GENERATED AS IDENTITY");
    column.default.as_deref().or(identity)
}

/// Finds what the catalog now says of a column of the stream.
pub(crate) fn live_column<'a>(live: &'a LiveTable, name: &str) -> Option<&'a LiveColumn> {
    live.columns.iter().find(|column| column.name == name)
}
