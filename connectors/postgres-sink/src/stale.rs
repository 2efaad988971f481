//! A target whose tables were changed by somebody while the task remembers them as they were.

use walbridge_connector_api::ConnectorError;
use walbridge_postgres::types::TypeCatalog;

use crate::sink::Sink;
use crate::table::TargetTable;

impl Sink {
    /// Returns what to do about an error that the target's tables may have caused by being other than
    /// they were: the task reads them anew. If the error stays, they were not the cause.
    pub(crate) fn examine_tables(&self, error: ConnectorError) -> ConnectorError {
        if !matches!(error.name(), "DatabaseError" | "StandbyDiverged") {
            return error;
        }
        let bindings = self.topics.iter().filter_map(|topic| topic.active);
        let bindings = bindings.filter_map(|plan| self.bindings[plan as usize].as_ref());
        // One that was bound in the transaction that failed was read just now, and perhaps changed there.
        for binding in bindings.filter(|binding| binding.bound_after < self.commits) {
            let (schema, name) = &binding.name;
            let mut types = TypeCatalog::new();
            let now = TargetTable::load(&self.target.session, &mut types, schema, name);
            match now {
                Ok(Some(now)) if now == binding.target => {}
                Ok(_) => {
                    return ConnectorError::rewind(
                        "CatalogChanged",
                        format!(
                            "table {} was changed at the target; reading it anew",
                            binding.title
                        ),
                    )
                    .because(error);
                }
                Err(_) => return error,
            }
        }
        error
    }
}
