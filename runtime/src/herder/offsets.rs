//! Changes a stopped source's offsets.

use walbridge_connector_api::{ConnectorKind, OffsetEntry};

use super::{Loop, OffsetChange, Refusal};

impl Loop {
    /// Writes new offsets, or forgets old ones, for a connector that is stopped.
    pub(super) fn change_offsets(&self, name: &str, change: OffsetChange) -> Result<(), Refusal> {
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
        if self.has_threads(name) {
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
            return Err(Refusal::new(
                400,
                "This sink keeps its position in the target, in the same transactions as the data; \
                 the consumer group's offsets have no effect on it",
            ));
        }
        let entries = match change {
            OffsetChange::Alter(entries) => entries,
            OffsetChange::Reset => {
                let all = self.shared.offsets_of(name);
                all.into_iter()
                    .map(|e| OffsetEntry { offset: None, ..e })
                    .collect()
            }
        };
        self.shared
            .stores
            .write_offsets(name, &entries)
            .map_err(|error| Refusal::new(500, format!("Could not write the offsets: {error}")))
    }
}
