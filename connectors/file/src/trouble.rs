//! What becomes of a task that cannot read or write its file.

use std::io::{Error, ErrorKind};
use std::path::Path;

use walbridge_connector_api::ConnectorError;

/// Makes the error of a file that something cannot be done with.
///
/// A full disk gets room and a file server comes back: that is waited for. A folder does not become a file:
/// the task fails, as it does in Kafka Connect.
pub(crate) fn of(name: &'static str, doing: &str, path: &Path, error: Error) -> ConnectorError {
    let words = format!("cannot {doing} {}", path.display());
    if !is_for_good(&error) {
        return ConnectorError::retry(name, words).because(error);
    }
    ConnectorError::stop(name, words)
        .because(error)
        .remedy("make it a file that the worker may use, or give the connector another (file); then restart it")
}

/// Returns whether it stays so until somebody changes something.
fn is_for_good(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::IsADirectory
            | ErrorKind::NotADirectory
            | ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::InvalidFilename
            // A NUL in the path.
            | ErrorKind::InvalidInput
    )
}
