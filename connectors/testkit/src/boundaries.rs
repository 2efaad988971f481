//! Transactions whose ends the source itself says.

use std::collections::VecDeque;

use walbridge_connector_api::{Result, SourceRecord, TransactionContext, TransactionEnd};

use crate::source::Transaction;

/// Cuts what a source hands out where the source says that transactions end.
#[derive(Debug, Default)]
pub(crate) struct Boundaries {
    context: TransactionContext,
    open: Transaction,
    over: VecDeque<Transaction>,
}

impl Boundaries {
    /// Returns what the source says it with.
    pub(crate) fn context(&self) -> TransactionContext {
        self.context.clone()
    }

    /// Takes what one poll returned.
    ///
    /// # Errors
    /// If what the source said during that poll makes no sense.
    pub(crate) fn take(&mut self, polled: Vec<SourceRecord>) -> Result<()> {
        let ends = self.context.take(polled.len())?;
        let mut taken = 0;
        let mut polled = polled.into_iter();
        for (count, end) in ends {
            for record in polled.by_ref().take(count - taken) {
                self.open.push(record);
            }
            taken = count;
            let mut over = std::mem::take(&mut self.open);
            if end == TransactionEnd::Abort {
                over.aborted = std::mem::take(&mut over.records);
            }
            if !over.is_empty() {
                self.over.push_back(over);
            }
        }
        polled.for_each(|record| self.open.push(record));
        Ok(())
    }

    /// Returns the next transaction that is over.
    pub(crate) fn next(&mut self) -> Option<Transaction> {
        self.over.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;
    use std::time::Duration;

    use serde_json::json;
    use walbridge_connector_api::data::{ConnectRecord, SchemaAndValue};
    use walbridge_connector_api::{
        ConfigDef, ConfigKey, Connector, ConnectorKind, Form, Kind, OffsetEntry, RecordSource,
        Settings, TaskContext,
    };

    use super::*;
    use crate::SourceKit;

    /// Counts, two numbers a poll; each three are a transaction, and every other one is aborted.
    struct Threes {
        next: i64,
        transactions: Option<TransactionContext>,
    }

    impl RecordSource for Threes {
        fn define_transactions(&mut self, context: TransactionContext) {
            self.transactions = Some(context);
        }

        fn poll(&mut self, _wait: Duration) -> Result<Vec<SourceRecord>> {
            let map = |value: serde_json::Value| value.as_object().unwrap().clone();
            let mut found = Vec::new();
            for at in 0..2 {
                let number = self.next;
                self.next += 1;
                let value = SchemaAndValue::schemaless(number);
                found.push(SourceRecord {
                    record: ConnectRecord::new("numbers", value),
                    offset: Some(OffsetEntry {
                        partition: map(json!({})),
                        offset: Some(map(json!({ "next": self.next }))),
                    }),
                });
                let ends = self.transactions.as_ref().filter(|_| number % 3 == 2);
                match ends {
                    Some(transactions) if number % 6 == 5 => transactions.abort_after(at),
                    Some(transactions) => transactions.commit_after(at),
                    None => {}
                }
            }
            Ok(found)
        }
    }

    struct Counter;

    impl Connector for Counter {
        fn class(&self) -> &'static str {
            "org.example.Counter"
        }

        fn kind(&self) -> ConnectorKind {
            ConnectorKind::Source
        }

        fn form(&self) -> Form {
            Form::Records
        }

        fn version(&self) -> &'static str {
            "1"
        }

        fn config(&self) -> &ConfigDef {
            static DEF: OnceLock<ConfigDef> = OnceLock::new();
            let able = ConfigKey::new("able", Kind::Boolean, "Says where transactions end.");
            DEF.get_or_init(|| ConfigDef::new(vec![able.default("true")]))
        }

        fn can_define_boundaries(&self, settings: &Settings) -> bool {
            settings.flag("able")
        }

        fn record_source(
            &self,
            _settings: &Settings,
            context: TaskContext,
        ) -> Result<Box<dyn RecordSource>> {
            let known = context.offsets.first();
            let next = known.and_then(|entry| entry.offset.as_ref()?["next"].as_i64());
            Ok(Box::new(Threes {
                next: next.unwrap_or_default(),
                transactions: None,
            }))
        }
    }

    fn kit() -> Result<SourceKit> {
        SourceKit::new(Counter, &[])?.define_transactions()
    }

    fn numbers(records: &[ConnectRecord]) -> Vec<SchemaAndValue> {
        records.iter().map(|record| record.value.clone()).collect()
    }

    fn wanted(numbers: &[i64]) -> Vec<SchemaAndValue> {
        (numbers.iter().copied())
            .map(SchemaAndValue::schemaless)
            .collect()
    }

    #[test]
    fn transactions_end_where_the_source_says() -> Result<()> {
        let mut kit = kit()?;
        let mut run = kit.start()?;
        let first = run.next()?;
        assert_eq!(numbers(&first.records), wanted(&[0, 1, 2]));
        run.commit(first)?;
        let aborted = run.next()?;
        assert_eq!(numbers(&aborted.records), []);
        assert_eq!(numbers(&aborted.aborted), wanted(&[3, 4, 5]));
        run.commit(aborted)?;
        // Polled in part, and gone with the task.
        assert!(run.poll()?.is_none());
        run.crash();
        let mut run = kit.start()?;
        let next = run.next()?;
        assert_eq!(numbers(&next.records), wanted(&[6, 7, 8]));
        run.commit(next)?;
        run.stop();
        assert_eq!(numbers(kit.written()), wanted(&[0, 1, 2, 6, 7, 8]));
        Ok(())
    }

    #[test]
    fn crashes_lose_and_repeat_nothing() {
        SourceKit::survives_crashes(kit, 30).unwrap();
    }

    #[test]
    fn a_source_that_cannot_say_is_refused() -> Result<()> {
        let unable = SourceKit::new(Counter, &[("able", "false")])?;
        let refused = unable.define_transactions().err();
        assert!(refused.is_some_and(|error| error.to_string().contains("where transactions end")));
        Ok(())
    }
}
