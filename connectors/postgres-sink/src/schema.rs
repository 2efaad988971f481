//! Where value schemas come from.

use std::sync::Arc;

use walbridge_connector_api::{ConnectorError, Result};
use walbridge_schemas::registry::{Registry, RegistryError};

/// Gives the schema behind an id. Blocks, and is never called inside a tokio context.
pub trait Schemas: Send {
    /// Returns the schema's JSON text; `place` says which record needs it.
    ///
    /// # Errors
    /// `RegistryUnavailable` when it may answer later, `SchemaUnknown` when it has no such schema.
    fn json(&self, id: u32, place: &str) -> Result<Arc<str>>;
}

impl Schemas for Registry {
    fn json(&self, id: u32, place: &str) -> Result<Arc<str>> {
        self.schema(id).map_err(|error| {
            let text = format!("{place}: {error}");
            match error {
                _ if error.is_retriable() => ConnectorError::retry("RegistryUnavailable", text),
                RegistryError::Unknown { .. } => ConnectorError::stop("SchemaUnknown", text).remedy(
                    "register the schema under this id, or point the sink to the registry that the \
                     topics were written with",
                ),
                RegistryError::NotAvro { .. } => ConnectorError::stop("NotAvro", text),
                _ => ConnectorError::stop("RegistryRefused", text)
                    .remedy("check the registry's URL and credentials"),
            }
        })
    }
}
