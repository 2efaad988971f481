//! What a refused step means, in words.

use tokio_postgres::error::SqlState;
use walbridge_connector_api::ConnectorError;
use walbridge_postgres::sqlstate;

use super::{Refused, Run};
use crate::rows::Image;
use crate::stopped::REMEDY;
use crate::target::Failure;

/// What a step does, for the message should it fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Insert,
    Update,
    Delete,
    Other,
}

/// Whose rows a step is about.
pub(super) struct Blame {
    pub(super) verb: Verb,
    pub(super) binding: usize,
    pub(super) images: Vec<Image>,
}

impl Run<'_> {
    /// Says why a step was refused.
    pub(super) fn explain(&mut self, failure: Failure, blames: &[Blame]) -> Refused {
        let blame = |step: usize| blames.get(step).filter(|blame| blame.verb != Verb::Other);
        match failure {
            Failure::Miscounted {
                step,
                expected,
                found,
            } => Refused::Error(match blame(step) {
                Some(blame) => self.diverged(blame, expected, found),
                None => ConnectorError::stop(
                    "Fenced",
                    format!(
                        "another task has taken over link {}: its fence has moved",
                        self.link
                    ),
                )
                .remedy("run only one sink per link; if this is the right one, restart it"),
            }),
            Failure::Refused { step, error } => {
                let what = match blame(step) {
                    Some(blame) => format!("applying to {}", self.title(blame.binding)),
                    None => format!("applying link {}", self.link),
                };
                let unique = error.code().is_some_and(|code| {
                    *code == SqlState::UNIQUE_VIOLATION || *code == SqlState::EXCLUSION_VIOLATION
                });
                let constraint = error
                    .code()
                    .is_some_and(|code| code.code().starts_with("23"));
                let error = sqlstate::from_client(error, &what);
                if unique {
                    Refused::Unique(standby_diverged(&error))
                } else if constraint {
                    Refused::Error(standby_diverged(&error))
                } else {
                    Refused::Error(error)
                }
            }
        }
    }

    fn title(&self, binding: usize) -> &str {
        let binding = self.bindings.get(binding).and_then(Option::as_ref);
        binding.map_or("", |binding| binding.title.as_str())
    }

    /// Finds out which key was missing, and says so.
    fn diverged(&mut self, blame: &Blame, expected: u64, found: u64) -> ConnectorError {
        self.target.rollback();
        let key = self.missing_key(blame).unwrap_or_default();
        let verb = match blame.verb {
            Verb::Update => "update",
            Verb::Delete => "delete",
            _ => "insert",
        };
        let table = self.title(blame.binding);
        let which = if key.is_empty() {
            String::new()
        } else {
            format!(" with key ({key})")
        };
        standby_diverged(&format!(
            "table {table}: {verb} of {expected} rows found {found}; the row{which} is not there"
        ))
    }

    fn missing_key(&mut self, blame: &Blame) -> Option<String> {
        let binding = self.bindings.get(blame.binding)?.as_ref()?;
        if binding.key.is_empty() || !blame.images.iter().all(|i| self.knows_key(i, binding)) {
            return None;
        }
        let (params, _, _) = self
            .arrays(blame.binding, &blame.images, &binding.key)
            .ok()?;
        let statement = self.target.prepare(&binding.missing_sql()).ok()?;
        let session = &self.target.session;
        let rows = session.block_on(async {
            let params: Vec<_> = params
                .iter()
                .map(|p| p as &(dyn tokio_postgres::types::ToSql + Sync))
                .collect();
            session.client().query(&statement, &params).await.ok()
        })?;
        rows.first().map(|row| row.get(0))
    }
}

fn standby_diverged(cause: &dyn std::fmt::Display) -> ConnectorError {
    ConnectorError::stop("StandbyDiverged", cause.to_string()).remedy(format!(
        "something else has written to the target, or a constraint there is stricter than the \
         source's: put the row right, or {REMEDY}"
    ))
}
