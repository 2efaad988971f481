//! The tables the stream has spoken of, by oid.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use walbridge_connector_api::{ConnectorError, Result};

use crate::catalog::Catalog;
use crate::columns;
use crate::names::Names;
use crate::pgoutput::Relation;
use crate::plan::{Definition, Plan};
use crate::shared::Shared;

/// How long a commit that the stream tells of may be hidden by the server: meanwhile nothing is read,
/// and the server ends a connection that is silent for longer than its `wal_sender_timeout`.
const SEEN_WITHIN: Duration = Duration::from_secs(15);
/// How long that goes without saying.
const TELL_AFTER: Duration = Duration::from_millis(500);

/// A table that is captured: its plan, and the number transactions count it by.
#[derive(Debug)]
pub(crate) struct Captured {
    pub(crate) plan: Plan,
    pub(crate) collection: usize,
    nullable: BTreeSet<String>,
}

/// All tables the stream has spoken of.
#[derive(Debug)]
pub(crate) struct Relations {
    catalog: Catalog,
    /// `None` for tables that are not captured.
    tables: Vec<Option<Box<Captured>>>,
    by_oid: HashMap<u32, usize>,
    /// Changes come in runs of one table.
    last: (u32, usize),
    names: Names,
    pub(crate) binary: bool,
}

impl Relations {
    /// Creates an empty cache; `names` are taken already, and `binary` says in which form the stream's values come.
    pub(crate) fn new(catalog: Catalog, names: Names, binary: bool) -> Self {
        Self {
            binary,
            catalog,
            names,
            tables: Vec::new(),
            by_oid: HashMap::new(),
            last: (0, usize::MAX),
        }
    }

    /// Returns the table with this oid; `None` if it is not captured.
    #[inline]
    pub(crate) fn get(&mut self, oid: u32) -> Result<Option<&mut Captured>> {
        if self.last.0 != oid || self.last.1 == usize::MAX {
            let index = self.by_oid.get(&oid).copied().ok_or_else(|| {
                ConnectorError::rewind(
                    "ProtocolBroken",
                    format!("the server sent a change of table {oid} without its definition"),
                )
            })?;
            self.last = (oid, index);
        }
        Ok(self.tables[self.last.1].as_deref_mut())
    }

    /// Takes over a definition that came inside the transaction `xid`; `collection` numbers the
    /// table's name.
    pub(crate) fn define(
        &mut self,
        relation: &Relation<'_>,
        xid: Option<u32>,
        shared: &Shared,
        collection: impl FnOnce(&str) -> usize,
    ) -> Result<()> {
        let definition = Definition::new(relation);
        if !shared
            .options
            .filter
            .captures(&definition.schema, &definition.name)
        {
            self.put(definition.oid, None);
            return Ok(());
        }
        // The transaction may have defined the table, and the catalog is asked about the rest.
        if let Some(xid) = xid {
            self.wait_until_seen(xid, shared)?;
        }
        let (schema, name) = (definition.schema.as_str(), definition.name.as_str());
        self.names
            .take(&shared.options, &mut self.catalog, (schema, name))?;
        let live = self.catalog.table(definition.oid)?;
        let known = self
            .by_oid
            .get(&definition.oid)
            .and_then(|i| self.tables[*i].as_deref());
        // Columns keep what was learnt about their nulls; a column made anew under an old name only
        // stays nullable, which is never wrong.
        let nullable = known
            .map(|table| table.nullable.clone())
            .unwrap_or_default();
        let plan = Plan::new(definition, &live, &nullable, &mut self.catalog, shared)?;
        let oid = plan.definition.oid;
        if let Some(known) = known
            && known.plan.relation == plan.relation
            && known.plan.value_schema == plan.value_schema
            && known.plan.key_schema == plan.key_schema
            && known.plan.definition == plan.definition
        {
            // Said again, as the server does after many a change that is none of ours.
            return Ok(());
        }
        if self.binary && plan.columns.iter().any(|column| !column.reads_binary) {
            columns::ask_for_text(&shared.options);
            return Err(ConnectorError::rewind(
                "TextNeeded",
                format!(
                    "{} has a type whose binary form is not known",
                    plan.collection()
                ),
            ));
        }
        let collection = collection(&plan.collection());
        tracing::info!(table = %plan.collection(), schema = plan.value_schema, "table defined");
        self.put(
            oid,
            Some(Box::new(Captured {
                plan,
                collection,
                nullable,
            })),
        );
        Ok(())
    }

    /// Waits until the server shows what a transaction did.
    fn wait_until_seen(&mut self, xid: u32, shared: &Shared) -> Result<()> {
        let begun = Instant::now();
        let mut pause = Duration::from_millis(1);
        let mut told = false;
        while !self.catalog.sees(xid)? {
            shared.check_stop()?;
            if begun.elapsed() >= SEEN_WITHIN {
                return Err(ConnectorError::retry(
                    "CommitNotShown",
                    format!(
                        "transaction {xid} of {} is in its write-ahead log, but nobody may see yet what it \
                         did: its commit waits for a synchronous standby",
                        shared.options.database.target()
                    ),
                )
                .remedy("see to the standbys of synchronous_standby_names; this is tried again until then"));
            }
            if !told && begun.elapsed() >= TELL_AFTER {
                told = true;
                let what = format!("transaction {xid} to be shown by the server");
                shared.metrics.fact("waiting for", what);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
        if told {
            shared.metrics.fact("waiting for", "");
        }
        Ok(())
    }

    fn put(&mut self, oid: u32, table: Option<Box<Captured>>) {
        match self.by_oid.get(&oid) {
            Some(index) => self.tables[*index] = table,
            None => {
                self.by_oid.insert(oid, self.tables.len());
                self.tables.push(table);
            }
        }
        self.last = (0, usize::MAX);
    }

    /// Makes a column nullable that the catalog, ahead of the stream, says is not.
    pub(crate) fn make_nullable(&mut self, oid: u32, column: usize, shared: &Shared) -> Result<()> {
        let live = self.catalog.table(oid)?;
        let Some(table) = self
            .by_oid
            .get(&oid)
            .and_then(|i| self.tables[*i].as_deref_mut())
        else {
            return Ok(());
        };
        table.nullable.insert(table.plan.column(column).to_owned());
        let definition = table.plan.definition.clone();
        table.plan = Plan::new(
            definition,
            &live,
            &table.nullable,
            &mut self.catalog,
            shared,
        )?;
        Ok(())
    }
}
