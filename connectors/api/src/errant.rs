//! Single records that a sink cannot write.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::data::ConnectRecord;
use crate::{ConnectorError, Result};

/// A record that a sink cannot write, and why.
#[derive(Debug)]
pub struct ErrantRecord {
    /// The record as the sink was given it.
    pub record: ConnectRecord,
    /// Why it cannot be written.
    pub error: ConnectorError,
}

#[derive(Default)]
struct Reported {
    tolerant: bool,
    records: Mutex<Vec<ErrantRecord>>,
}

/// Takes the records that a sink cannot write, one by one, so that the others go on.
///
/// Where errors are tolerated (`errors.tolerance=all`), a record reported here counts as done: it is written
/// to the dead letter topic, if there is one, before its offset is committed. Report a record before
/// the `put` that brought it returns, and it gets there with the bytes it was read with; one that is
/// reported later, as the converters write it.
#[derive(Clone, Default)]
pub struct ErrantRecordReporter(Arc<Reported>);

impl fmt::Debug for ErrantRecordReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrantRecordReporter")
            .field("tolerant", &self.0.tolerant)
            .finish_non_exhaustive()
    }
}

impl ErrantRecordReporter {
    /// Creates a reporter that tolerates errors or does not.
    pub fn new(tolerant: bool) -> Self {
        Self(Arc::new(Reported {
            tolerant,
            records: Mutex::default(),
        }))
    }

    /// Hands over a record that cannot be written.
    ///
    /// # Errors
    /// If errors are not tolerated, so that the sink can end at once; the task fails either way.
    pub fn report(&self, record: &ConnectRecord, error: ConnectorError) -> Result<()> {
        let refusal = (!self.0.tolerant).then(|| {
            ConnectorError::stop(
                "RecordRefused",
                format!("a record cannot be written: {error}"),
            )
        });
        let record = record.clone();
        let mut records = self
            .0
            .records
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        records.push(ErrantRecord { record, error });
        refusal.map_or(Ok(()), Err)
    }

    /// Returns what was reported since the last call.
    pub fn take(&self) -> Vec<ErrantRecord> {
        let mut records = self
            .0
            .records
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::SchemaAndValue;

    #[test]
    fn keeps_what_is_reported_and_refuses_it_unless_told_to_tolerate() {
        let record = ConnectRecord::new("t", SchemaAndValue::schemaless("x"));
        for tolerant in [false, true] {
            let reporter = ErrantRecordReporter::new(tolerant);
            let error = ConnectorError::stop("Wrong", "it is wrong");
            let answer = reporter.clone().report(&record, error);
            assert_eq!(answer.is_ok(), tolerant);
            let found = reporter.take();
            assert_eq!((found.len(), found[0].error.name()), (1, "Wrong"));
            assert!(reporter.take().is_empty());
        }
    }
}
