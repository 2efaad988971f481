//! Changes a stopped source's offsets.

use walbridge_connector_api::{ConnectorError, ConnectorKind, OffsetEntry};

use super::flat;
use super::group_offsets::{change_group, group_of};
use super::{Loop, OffsetChange, Outcome, Refusal};
use crate::connector::load_task;
use crate::offset_store::StoredOffsets;

impl Loop {
    /// Writes new offsets, or forgets old ones, for a connector that is stopped.
    pub(super) fn change_offsets(&self, name: &str, change: &OffsetChange) -> Outcome {
        self.known(name, || format!("Connector {name} not found"))?;
        if !self.is_stopped(name) {
            return Err(Refusal::new(
                400,
                format!(
                    "Connectors must be in the STOPPED state before their offsets can be modified. \
                     This can be done for the specified connector by issuing a 'PUT' request to the \
                     '/connectors/{name}/stop' endpoint"
                ),
            ));
        }
        if !self.shared.member.is_free(name) {
            return Err(Refusal::new(
                409,
                "Cannot complete request because of a conflicting operation (e.g. worker rebalance): \
                 the connector's tasks have not ended yet",
            ));
        }
        let class = self
            .entry(name)
            .and_then(|e| e.config.get("connector.class").cloned());
        let kind = class.and_then(|class| self.shared.catalog.find(&class).map(|c| c.kind()));
        if kind == Some(ConnectorKind::Sink) {
            if let Some(group) = group_of(&self.shared, name)? {
                return change_group(&group, change);
            }
            return Err(Refusal::new(
                400,
                "This sink keeps its position in the target, in the same transactions as the data; \
                 the consumer group's offsets have no effect on it",
            ));
        }
        let failed = |error: &ConnectorError| {
            Refusal::new(500, format!("Could not write the offsets: {error}"))
        };
        let stored = StoredOffsets::read(&self.shared, name).map_err(|error| failed(&error))?;
        let entries: Vec<OffsetEntry> = match change {
            OffsetChange::Alter(entries) => {
                let entry = |(partition, offset): &(_, _)| OffsetEntry {
                    partition: Clone::clone(partition),
                    offset: Clone::clone(offset),
                };
                let entries = flat::last_of_each(entries.iter().map(entry).collect());
                flat::check(&entries).map_err(|message| Refusal::new(400, message))?;
                self.check_offsets(name, &entries)?;
                entries
            }
            OffsetChange::Reset => {
                let all = stored.entries(&self.shared);
                all.into_iter()
                    .map(|e| OffsetEntry { offset: None, ..e })
                    .collect()
            }
        };
        self.fence_all(name).map_err(|error| failed(&error))?;
        stored
            .write(&self.shared, &entries)
            .map_err(|error| failed(&error))?;
        Ok(false)
    }

    /// Makes sure that no former task of a source has an older offset on its way.
    fn fence_all(&self, name: &str) -> Result<(), ConnectorError> {
        let tasks: Vec<usize> = (0..self.shared.configs().fenced(name)).collect();
        let config = self.entry(name).unwrap_or_default().config;
        let loaded = load_task(&self.shared.catalog, &self.shared.resolver, &config)?;
        self.fence(name, &loaded.settings, &tasks)
    }

    /// Asks the connector whether it could start from these offsets.
    fn check_offsets(&self, name: &str, entries: &[OffsetEntry]) -> Result<(), Refusal> {
        let Some(entry) = self.entry(name) else {
            return Ok(());
        };
        let shared = &self.shared;
        let loaded = load_task(&shared.catalog, &shared.resolver, &entry.config)
            .map_err(|error| Refusal::new(400, error.to_string()))?;
        let checked = loaded.connector.check_offsets(&loaded.settings, entries);
        checked.map_err(|message| Refusal::new(400, message))
    }
}
