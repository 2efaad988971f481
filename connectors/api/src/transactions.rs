//! Where the transactions of a source of records end, if the source itself is to say so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::{ConnectorError, Result};

/// Whether a source delivers each record exactly once, if the runtime does its part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExactlyOnce {
    /// It does: from a stored offset it goes on with exactly what came after.
    Supported,
    /// It does not, with these settings.
    Unsupported,
    /// It does not say.
    Unknown,
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionEnd {
    /// Its records can be read from then on.
    Commit,
    /// Its records are never seen. The offsets that came with them are kept all the same: they are not read
    /// again.
    Abort,
}

/// Takes from a source of records where its transactions end.
///
/// What is asked for during a poll counts for the records which that poll returns. What it does not end
/// stays open until a later poll ends it; a transaction that is open when the task ends is thrown away
/// with its offsets, and its records are read again.
#[derive(Debug, Clone, Default)]
pub struct TransactionContext {
    asked: Arc<Mutex<Asked>>,
}

#[derive(Debug, Default)]
struct Asked {
    /// What comes after a record, by the record's place in what the poll returns.
    after: BTreeMap<usize, TransactionEnd>,
    last: Option<TransactionEnd>,
    contradiction: bool,
}

impl TransactionContext {
    /// Creates one that nobody has asked anything of.
    pub fn new() -> Self {
        Self::default()
    }

    /// Commits after the last of the records that this poll returns.
    pub fn commit(&self) {
        self.at_end(TransactionEnd::Commit);
    }

    /// Aborts after the last of the records that this poll returns.
    pub fn abort(&self) {
        self.at_end(TransactionEnd::Abort);
    }

    /// Commits after one of the records that this poll returns; the first has the number 0.
    pub fn commit_after(&self, record: usize) {
        self.after(record, TransactionEnd::Commit);
    }

    /// Aborts after one of the records that this poll returns; the first has the number 0.
    pub fn abort_after(&self, record: usize) {
        self.after(record, TransactionEnd::Abort);
    }

    fn at_end(&self, end: TransactionEnd) {
        self.change(|asked| {
            let before = asked.last.replace(end);
            asked.contradiction |= before.is_some_and(|before| before != end);
        });
    }

    fn after(&self, record: usize, end: TransactionEnd) {
        self.change(|asked| {
            let before = asked.after.insert(record, end);
            asked.contradiction |= before.is_some_and(|before| before != end);
        });
    }

    fn change(&self, change: impl FnOnce(&mut Asked)) {
        change(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Returns and forgets what was asked for during a poll that returned so many records: how many of them
    /// lie before each end, and which end it is. For whoever runs the source.
    ///
    /// # Errors
    /// If a transaction is to be committed and aborted, or to end after a record that is not there.
    pub fn take(&self, records: usize) -> Result<Vec<(usize, TransactionEnd)>> {
        let mut asked = Asked::default();
        self.change(|current| std::mem::swap(current, &mut asked));
        let mistake = |message: String| {
            Err(ConnectorError::stop("ContradictoryBoundaries", message)
                .remedy("this is a mistake in the connector: report it to whoever makes it"))
        };
        if let Some(record) = asked.after.keys().find(|record| **record >= records) {
            return mistake(format!(
                "a transaction is to end after record {record} of a poll that returned {records}"
            ));
        }
        let mut ends: Vec<_> = asked
            .after
            .into_iter()
            .map(|(record, end)| (record + 1, end))
            .collect();
        if let Some(last) = asked.last {
            match ends.last() {
                Some((count, end)) if *count == records => asked.contradiction |= *end != last,
                _ => ends.push((records, last)),
            }
        }
        if asked.contradiction {
            return mistake("one transaction is to be committed and aborted".into());
        }
        Ok(ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TransactionEnd::{Abort, Commit};

    #[test]
    fn ends_come_in_order_and_are_forgotten() {
        let context = TransactionContext::new();
        let asking = context.clone();
        asking.abort_after(3);
        asking.commit_after(0);
        asking.commit();
        assert_eq!(
            context.take(6).unwrap(),
            [(1, Commit), (4, Abort), (6, Commit)]
        );
        assert_eq!(context.take(6).unwrap(), []);
        // Said twice is said once.
        asking.commit_after(1);
        asking.commit();
        assert_eq!(context.take(2).unwrap(), [(2, Commit)]);
        // Of an open transaction, by a poll without records.
        asking.abort();
        assert_eq!(context.take(0).unwrap(), [(0, Abort)]);
    }

    #[test]
    fn contradictions_are_errors() {
        let context = TransactionContext::new();
        context.commit();
        context.abort();
        assert!(context.take(1).is_err());
        context.commit_after(1);
        context.abort();
        assert!(context.take(2).is_err());
        context.commit_after(2);
        assert!(context.take(2).is_err());
        assert_eq!(context.take(2).unwrap(), []);
    }
}
