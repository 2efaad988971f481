//! The connectors there are: those this binary holds, which only this file names, and those of libraries.

use std::path::PathBuf;
use std::sync::Arc;

use walbridge_connector_api::Connector;
use walbridge_file::{FileStreamSink, FileStreamSource};
use walbridge_mirror::{HeartbeatConnector, MirrorConnector};
use walbridge_postgres_sink::PostgresSink;
use walbridge_postgres_source::PostgresSource;

use crate::library::{self, LibraryProblem, LibraryProblems};

/// The kinds of connectors that can be created.
#[derive(Clone, Default)]
pub struct Catalog {
    connectors: Vec<Arc<dyn Connector>>,
    /// The library that each came out of, if it did.
    files: Vec<Option<PathBuf>>,
}

/// Where a connector comes from that this binary holds.
pub const BUILT_IN: &str = "built-in";

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set()
            .entries(self.connectors.iter().map(|c| c.class()))
            .finish()
    }
}

impl Catalog {
    /// Returns the catalog of the connectors compiled in.
    pub fn built_in() -> Self {
        Self::new(vec![
            Arc::new(PostgresSource),
            Arc::new(PostgresSink::new()),
            Arc::new(MirrorConnector),
            Arc::new(HeartbeatConnector),
            Arc::new(FileStreamSource),
            Arc::new(FileStreamSink),
        ])
    }

    /// Creates a catalog of these connectors.
    pub fn new(connectors: Vec<Arc<dyn Connector>>) -> Self {
        Self {
            files: vec![None; connectors.len()],
            connectors,
        }
    }

    /// Adds the connectors of the libraries in these files and folders.
    ///
    /// A name that is taken is a problem of the file that brings it: nobody shall wonder which of two runs.
    ///
    /// # Errors
    /// Everything that is wrong, file by file.
    pub fn with_libraries(mut self, paths: &[PathBuf]) -> Result<Self, LibraryProblems> {
        let (found, mut problems) = library::load(paths);
        for (connector, file) in found {
            let class = connector.class();
            let mut names = names(connector.as_ref());
            if let Some((name, at)) = names.find_map(|name| Some((name, self.position(name)?))) {
                let (other, whose) = (self.connectors[at].class(), self.location(at));
                let what = format!("its {class} goes by {name}, which {other} has ({whose})");
                problems.push(LibraryProblem::new(&file, what));
                continue;
            }
            self.connectors.push(connector);
            self.files.push(Some(file));
        }
        if problems.is_empty() {
            Ok(self)
        } else {
            Err(LibraryProblems(problems))
        }
    }

    /// Returns where the connector at a place of the list comes from: a file, or [`BUILT_IN`].
    pub fn location(&self, place: usize) -> String {
        let file = self.files.get(place).and_then(Option::as_ref);
        file.map_or_else(|| BUILT_IN.to_owned(), |file| file.display().to_string())
    }

    /// Returns all connectors.
    pub fn all(&self) -> &[Arc<dyn Connector>] {
        &self.connectors
    }

    /// Finds a connector by its class, its simple name, that name without `Connector`, or an alias.
    pub fn find(&self, class: &str) -> Option<&Arc<dyn Connector>> {
        self.position(class).map(|place| &self.connectors[place])
    }

    fn position(&self, class: &str) -> Option<usize> {
        let class = class.trim();
        let mut all = self.connectors.iter();
        all.position(|connector| names(connector.as_ref()).any(|name| name == class))
    }

    /// Returns Kafka Connect's words for a class that is not there.
    pub fn unknown(&self, class: &str) -> String {
        let known: Vec<_> = self.connectors.iter().map(|c| c.class()).collect();
        format!(
            "Failed to find any class that implements Connector and which name matches {class}, \
             available connectors are: {}",
            known.join(", ")
        )
    }
}

/// Returns everything that a connector can be called: its class and its aliases, each whole, without its
/// package, and without `Connector` behind that.
fn names(connector: &dyn Connector) -> impl Iterator<Item = &'static str> + use<> {
    let all = [connector.class()].into_iter();
    let all = all.chain(connector.aliases().iter().copied());
    all.flat_map(|name| {
        let simple = name.rsplit('.').next().unwrap_or(name);
        [Some(name), Some(simple), simple.strip_suffix("Connector")]
            .into_iter()
            .flatten()
    })
}
