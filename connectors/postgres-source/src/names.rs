//! Which table each topic belongs to: what would be mixed there is refused by name.
//!
//! Kafka and Avro allow fewer characters than PostgreSQL does, and two names may become one.

use std::collections::HashMap;

use walbridge_connector_api::{ConnectorError, Result};
use walbridge_postgres::ident::{literal, qualified, quote};
use walbridge_schemas::name;

use crate::catalog::{Catalog, Published, number, text};
use crate::config::Options;

/// What has taken a name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Owner {
    /// The connector itself, for this.
    Connector(&'static str),
    /// A table, and whether the stream has spoken of it.
    Table {
        schema: String,
        name: String,
        streamed: bool,
    },
}

/// The topics, and the names that transactions count by, with the tables they belong to.
#[derive(Debug, Default)]
pub(crate) struct Names {
    topics: HashMap<String, Owner>,
    collections: HashMap<String, Owner>,
}

/// Returns a table's name before it is made legal for a topic.
pub(crate) fn full(options: &Options, schema: &str, table: &str) -> String {
    [options.server.as_str(), schema, table].join(&options.topic_delimiter)
}

/// Returns the name of the transaction topic.
pub(crate) fn transaction_topic(options: &Options) -> String {
    let full = [options.server.as_str(), &options.transaction_topic].join(&options.topic_delimiter);
    name::topic(&full)
}

/// Returns the name of the heartbeat topic.
pub(crate) fn heartbeat_topic(options: &Options) -> String {
    name::topic(&[options.heartbeat_prefix.as_str(), &options.server].join("."))
}

impl Names {
    /// Takes the connector's own topics.
    pub(crate) fn new(options: &Options) -> Self {
        let own = [
            (transaction_topic(options), "transactions"),
            (heartbeat_topic(options), "heartbeats"),
        ];
        let topics = own.map(|(topic, what)| (topic, Owner::Connector(what)));
        Self {
            topics: topics.into(),
            collections: HashMap::new(),
        }
    }

    /// Takes the names of tables that exist side by side.
    ///
    /// # Errors
    /// `TopicTaken` if two of them would come to lie in one topic.
    pub(crate) fn take_all<'a>(
        options: &Options,
        tables: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self> {
        let mut names = Self::new(options);
        for (schema, table) in tables {
            if let Some(owner) = names.other(options, schema, table) {
                return Err(taken(options, schema, table, &owner));
            }
            names.give(options, schema, table, false);
        }
        Ok(names)
    }

    /// Takes the names of a table that the stream speaks of.
    ///
    /// The catalog is ahead of the stream: who had the name before and is gone has left it, and a
    /// table that is gone itself was there before one that the stream has not come to yet.
    ///
    /// # Errors
    /// `TopicTaken` if another table has its topic.
    pub(crate) fn take(
        &mut self,
        options: &Options,
        catalog: &mut Catalog,
        (schema, table): (&str, &str),
    ) -> Result<()> {
        if let Some(owner) = self.other(options, schema, table) {
            let free = match &owner {
                Owner::Connector(_) => false,
                Owner::Table {
                    schema: other,
                    name,
                    streamed,
                } => {
                    !exists(catalog, other, name)? || !streamed && !exists(catalog, schema, table)?
                }
            };
            if !free {
                return Err(taken(options, schema, table, &owner));
            }
        }
        self.give(options, schema, table, true);
        Ok(())
    }

    /// Returns what else has one of a table's names.
    fn other(&self, options: &Options, schema: &str, table: &str) -> Option<Owner> {
        let topic = name::topic(&full(options, schema, table));
        let by_topic = self.topics.get(&topic);
        let by_collection = self.collections.get(&format!("{schema}.{table}"));
        let mut owners = by_topic.into_iter().chain(by_collection);
        let found = owners.find(|owner| {
            !matches!(owner, Owner::Table { schema: other, name, .. }
                if other == schema && name == table)
        });
        found.cloned()
    }

    fn give(&mut self, options: &Options, schema: &str, table: &str, streamed: bool) {
        let owner = Owner::Table {
            schema: schema.to_owned(),
            name: table.to_owned(),
            streamed,
        };
        let topic = name::topic(&full(options, schema, table));
        self.topics.insert(topic, owner.clone());
        self.collections.insert(format!("{schema}.{table}"), owner);
    }
}

fn taken(options: &Options, schema: &str, table: &str, owner: &Owner) -> ConnectorError {
    let (this, topic) = (
        qualified(schema, table),
        name::topic(&full(options, schema, table)),
    );
    let (whose, remedy) = match owner {
        Owner::Connector(what) => (
            format!("the connector's own for {what}"),
            "set topic.transaction or topic.heartbeat.prefix to another name, or leave the table out \
             with table.exclude.list"
                .to_owned(),
        ),
        Owner::Table { schema, name, .. } => {
            let other = qualified(schema, name);
            let remedy = format!(
                "leave one of {this} and {other} out (table.exclude.list, schema.exclude.list); or give one \
                 another name and begin anew with a snapshot: rows that are written already keep the old name"
            );
            (format!("that of {other}"), remedy)
        }
    };
    ConnectorError::stop(
        "TopicTaken",
        format!("the topic of {this} would be \"{topic}\", which is {whose}"),
    )
    .remedy(remedy)
}

fn exists(catalog: &mut Catalog, schema: &str, table: &str) -> Result<bool> {
    let sql = format!(
        "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = {} AND c.relname = {} AND c.relkind IN ('r', 'p')",
        literal(schema),
        literal(table)
    );
    Ok(!catalog.query(&sql)?.is_empty())
}

/// Checks that no two columns of a table would be one field.
///
/// # Errors
/// `FieldNameTaken` if two would, as Debezium stops there too.
pub(crate) fn check_columns<'a>(
    schema: &str,
    table: &str,
    columns: impl Iterator<Item = &'a str>,
) -> Result<()> {
    let Some((first, second)) = name::colliding(columns) else {
        return Ok(());
    };
    let table = qualified(schema, table);
    Err(ConnectorError::stop(
        "FieldNameTaken",
        format!(
            "columns {} and {} of {table} would both be the field \"{}\"",
            quote(first),
            quote(second),
            name::simple(first)
        ),
    )
    .remedy(format!(
        "leave {table} out with table.exclude.list; or give one of the columns another name and begin anew with \
         a snapshot: rows that are written already keep the old name"
    )))
}

/// Checks tables that exist side by side, their columns too, and takes their names.
///
/// # Errors
/// `TopicTaken` or `FieldNameTaken`.
pub(crate) fn check(
    catalog: &mut Catalog,
    options: &Options,
    tables: &[Published],
) -> Result<Names> {
    let pairs = tables.iter().map(|t| (t.schema.as_str(), t.name.as_str()));
    let names = Names::take_all(options, pairs)?;
    if tables.is_empty() {
        return Ok(names);
    }
    let oids: Vec<_> = tables.iter().map(|table| table.oid.to_string()).collect();
    // Only tables with a column that needs another name as a field.
    let rows = catalog.query(&format!(
        "SELECT a.attrelid::bigint, a.attname FROM pg_attribute a WHERE a.attrelid IN (\
             SELECT attrelid FROM pg_attribute WHERE attrelid = ANY ('{{{}}}'::oid[]) \
             AND attnum > 0 AND NOT attisdropped AND attname !~ '^[A-Za-z_][A-Za-z0-9_]*$') \
         AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY 1, a.attnum",
        oids.join(",")
    ))?;
    let mut columns: HashMap<u32, Vec<String>> = HashMap::new();
    for row in &rows {
        columns
            .entry(number(row, 0))
            .or_default()
            .push(text(row, 1));
    }
    for table in tables {
        let all = columns.get(&table.oid).into_iter().flatten();
        let sent = all.filter(|name| {
            let list = table.columns.as_ref();
            list.is_none_or(|list| list.contains(name))
        });
        check_columns(&table.schema, &table.name, sent.map(String::as_str))?;
    }
    Ok(names)
}
