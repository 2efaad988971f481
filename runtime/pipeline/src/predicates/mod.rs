//! Predicates, which say of which records a transform is for.

mod has_header_key;
mod record_is_tombstone;
mod topic_name_matches;

use std::collections::BTreeMap;

use walbridge_connector_api::data::ConnectRecord;
use walbridge_connector_api::{ConfigDef, ConfigProblem};

use crate::transforms::TransformError;
use crate::transforms::options::Options;

/// Tells records apart.
pub trait Predicate: Send + Sync {
    /// Returns whether it is true of a record.
    ///
    /// # Errors
    /// If it cannot be said, as when a regular expression takes too long.
    fn test(&self, record: &ConnectRecord) -> Result<bool, TransformError>;
}

type Built = Result<Box<dyn Predicate>, Vec<ConfigProblem>>;

/// One kind of predicate.
pub struct PredicateKind {
    /// The Java class.
    pub class: &'static str,
    config: fn() -> ConfigDef,
    build: fn(Options<'_>) -> Built,
}

impl PredicateKind {
    /// Returns the options it takes.
    pub fn config(&self) -> ConfigDef {
        (self.config)()
    }

    /// Returns the name without its packages.
    pub fn simple_name(&self) -> &'static str {
        self.class.rsplit('.').next().unwrap_or(self.class)
    }

    /// Makes a predicate from options whose keys stand under `prefix` in the connector's settings.
    ///
    /// # Errors
    /// Every option that cannot be used, by its key with the prefix.
    pub fn build(
        &self,
        values: &BTreeMap<String, String>,
        prefix: &str,
    ) -> Result<Box<dyn Predicate>, Vec<ConfigProblem>> {
        (self.build)(Options::new(self.config(), values, prefix))
    }
}

/// All kinds, by class.
pub const KINDS: &[PredicateKind] = &[
    PredicateKind {
        class: "org.apache.kafka.connect.transforms.predicates.HasHeaderKey",
        config: has_header_key::config,
        build: has_header_key::build,
    },
    PredicateKind {
        class: "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone",
        config: record_is_tombstone::config,
        build: record_is_tombstone::build,
    },
    PredicateKind {
        class: "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
        config: topic_name_matches::config,
        build: topic_name_matches::build,
    },
];

/// Returns the kind with this Java class or simple name.
pub fn find(name: &str) -> Option<&'static PredicateKind> {
    KINDS
        .iter()
        .find(|kind| kind.class == name || kind.simple_name() == name)
}
