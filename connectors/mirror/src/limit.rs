//! Sees to it that the target's topic takes records as large as the source's does.

use std::collections::HashMap;

use walbridge_connector_api::Result;
use walbridge_kafka::{Admin, ErrorKind};

/// The setting that limits a topic's batches of records, in bytes.
pub(crate) const LIMIT: &str = "max.message.bytes";

/// Raises the limit of topic `to` at the target to that of topic `from` at the source; never lowers it.
///
/// A mirror that may not change topics goes on: what is too large for the target stops it by name.
pub(crate) fn raise(source: &Admin, from: &str, target: &Admin, to: &str) -> Result<()> {
    let (wanted, there) = match (source.configs(from), target.configs(to)) {
        (Ok(wanted), Ok(there)) => (bytes(&wanted), bytes(&there)),
        (Err(error), _) | (_, Err(error)) if *error.kind() == ErrorKind::Authorization => {
            tracing::debug!(topic = from, %error, "its largest record is not known");
            return Ok(());
        }
        (Err(error), _) | (_, Err(error)) => return Err(error.into()),
    };
    let Some(wanted) = wanted.filter(|wanted| there.is_some_and(|there| there < *wanted)) else {
        return Ok(());
    };
    match target.set_configs(to, &[(LIMIT.to_owned(), wanted.to_string())]) {
        Ok(()) => {
            tracing::info!(topic = to, bytes = wanted, "max.message.bytes raised");
            Ok(())
        }
        Err(error) if *error.kind() == ErrorKind::Authorization => {
            tracing::warn!(topic = to, bytes = wanted, %error, "max.message.bytes cannot be raised");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

fn bytes(configs: &HashMap<String, String>) -> Option<u64> {
    configs.get(LIMIT)?.parse().ok()
}
