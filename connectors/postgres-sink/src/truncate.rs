//! Tables that are emptied.
//!
//! A TRUNCATE ends all that its own table has gone through, and says nothing of other tables. So it
//! waits for the next flush, goes before everything else there, and what was folded of its table is
//! forgotten: also rows whose place may not be free yet, which the fold would hold back.

use std::collections::BTreeSet;

use walbridge_connector_api::Result;

use crate::apply::{Refused, Run};
use crate::sink::Sink;

/// A table to be emptied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Emptied {
    /// Its quoted name.
    pub(crate) name: String,
    /// Its own rows, as a statement addresses them.
    pub(crate) rows: String,
}

/// Those of the given tables that a foreign key of a table not among them refers to.
const REFERRED: &str = "\
SELECT DISTINCT t.name FROM unnest($1::text[]) AS t(name)
JOIN pg_constraint c ON c.contype = 'f' AND c.confrelid = t.name::regclass
WHERE c.conrelid <> ALL (SELECT other::regclass FROM unnest($1::text[]) AS o(other))";

impl Sink {
    /// Takes a TRUNCATE whose turn has come.
    pub(crate) fn truncate(&mut self, topic: usize) {
        let emptied = &mut self.topics[topic];
        emptied.fold.clear();
        emptied.leaving = None;
        emptied.held = false;
        self.log.retain(|(of, _)| *of != topic);
        if !self.truncates.contains(&topic) {
            self.truncates.push(topic);
        }
        self.pending.rows += 1;
    }

    /// Empties the tables whose turn it was since the last flush.
    pub(crate) fn run_truncates(&mut self) -> Result<()> {
        let topics = std::mem::take(&mut self.truncates);
        let tables: Vec<Emptied> = (topics.iter())
            .filter_map(|topic| self.topics[*topic].active)
            .filter_map(|plan| self.bindings[plan as usize].as_ref())
            .map(|binding| Emptied {
                name: binding.table.clone(),
                rows: binding.rows.clone(),
            })
            .collect();
        self.empty(&tables)
    }

    /// Empties tables in the open transaction.
    ///
    /// They go in one statement, for they may refer to each other. PostgreSQL refuses to truncate a
    /// table that others refer to, even while foreign keys are not enforced: its rows are deleted.
    pub(crate) fn empty(&mut self, tables: &[Emptied]) -> Result<()> {
        if tables.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        let found = self.target.session.query(REFERRED, &[&names])?;
        let referred: BTreeSet<&str> = found.iter().map(|row| row.get(0)).collect();
        let mut statements = Vec::new();
        let mut truncated = Vec::new();
        for table in tables {
            match referred.contains(table.name.as_str()) {
                true => statements.push(format!("DELETE FROM {}", table.rows)),
                false => truncated.push(table.rows.as_str()),
            }
        }
        if !truncated.is_empty() {
            statements.push(format!("TRUNCATE {}", truncated.join(", ")));
        }
        let link = &self.config.link;
        let mut run = Run::new(&mut self.target, &self.rows, &self.bindings, link);
        run.sql(statements.join("; "));
        run.send().map_err(Refused::error)
    }
}
