//! Connectors out of shared libraries: the worker key `plugin.path`.
//!
//! ```text
//!  plugin.path ─▶ files ─▶ raw::Library::open (header checked, nothing called) ─▶ description ─▶ PluginConnector
//!                                                                                               │
//!  the task loops, as with what is compiled in ◀── PluginSource, PluginRecordSink, … ◀──────────┘
//! ```
//!
//! `walbridge-plugin` says what crosses and how. A library stays loaded until the process ends: what it has
//! handed out may be in use anywhere. All `unsafe` of this crate is in the module `raw`.

mod connector;
mod find;
mod raw;
mod sink;
mod source;
mod task;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use walbridge_connector_api::Connector;
use walbridge_plugin::codec::{Description, whole};

use connector::PluginConnector;
use raw::Library;

/// A connector of a library, and the file it came from.
pub(crate) type Found = (Arc<dyn Connector>, PathBuf);

/// A file or folder of `plugin.path` that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryProblem {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong with it.
    pub message: String,
}

impl LibraryProblem {
    pub(crate) fn new(path: &Path, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            message: message.into(),
        }
    }
}

impl fmt::Display for LibraryProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plugin.path: {}: {}", self.path.display(), self.message)
    }
}

/// Every problem with `plugin.path` at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct LibraryProblems(pub Vec<LibraryProblem>);

impl fmt::Display for LibraryProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        let noun = if count == 1 { "mistake" } else { "mistakes" };
        write!(f, "{count} {noun}")?;
        for problem in &self.0 {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

/// Loads the libraries of these files and folders; returns the connectors and all that is wrong.
pub(crate) fn load(paths: &[PathBuf]) -> (Vec<Found>, Vec<LibraryProblem>) {
    let (files, mut problems) = find::libraries(paths);
    let mut found = Vec::new();
    for file in files {
        match open(&file) {
            Ok(connectors) => {
                let own = connectors.into_iter();
                found.extend(own.map(|connector| (connector, file.clone())));
            }
            Err(message) => problems.push(LibraryProblem::new(&file, message)),
        }
    }
    (found, problems)
}

fn open(file: &Path) -> Result<Vec<Arc<dyn Connector>>, String> {
    let (library, described) = Library::open(file)?;
    let described: Description = whole(&described)
        .map_err(|error| format!("its description cannot be read ({error}); build it again"))?;
    if described.connectors.is_empty() {
        return Err("it has no connectors".into());
    }
    let mut all: Vec<Arc<dyn Connector>> = Vec::new();
    for (index, described) in described.connectors.into_iter().enumerate() {
        if described.class.trim().is_empty() {
            return Err(format!("connector {index} of it has no class"));
        }
        all.push(Arc::new(PluginConnector::new(
            library,
            index as u32,
            described,
        )));
    }
    Ok(all)
}
