//! What the two sides tell each other besides records.

use std::collections::BTreeMap;

use walbridge_connector_api::data::ConnectRecord;
use walbridge_connector_api::{
    ConfigDef, ConnectorError, ConnectorKind, ErrantRecord, ExactlyOnce, Form, OffsetEntry,
    TaskMetrics, TransactionEnd,
};

use super::{
    Reader, Result, SchemasIn, SchemasOut, Wire, choices, fields, interned, read_records,
    write_records,
};

choices! {
    ConnectorKind [ConnectorKind::Source, ConnectorKind::Sink]
    Form [Form::Bytes, Form::Records]
    ExactlyOnce [ExactlyOnce::Supported, ExactlyOnce::Unsupported, ExactlyOnce::Unknown]
    TransactionEnd [TransactionEnd::Commit, TransactionEnd::Abort]
}

/// A connector as its library describes it.
#[derive(Debug, Clone)]
pub struct Described {
    /// The class name that `connector.class` gives.
    pub class: String,
    /// The class of its tasks.
    pub task_class: String,
    /// Further names.
    pub aliases: Vec<String>,
    /// Which way it moves data.
    pub kind: ConnectorKind,
    /// What its tasks hand out or take.
    pub form: Form,
    /// Its version.
    pub version: String,
    /// Its configuration keys.
    pub config: ConfigDef,
}

/// What a library says of itself at the beginning.
#[derive(Debug, Clone)]
pub struct Description {
    /// Its connectors; their places are their indexes.
    pub connectors: Vec<Described>,
}

/// How a source can deliver with its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// Whether each record exactly once.
    pub exactly_once: ExactlyOnce,
    /// Whether it can say where transactions end.
    pub defines_transactions: bool,
}

/// Where a transaction ends: after so many records of a poll, and how.
pub type End = (u64, TransactionEnd);

/// What a task is started with besides its settings.
#[derive(Debug, Clone)]
pub struct Start {
    /// The connector's name.
    pub connector: String,
    /// The task's number in it.
    pub task: u32,
    /// The worker group's id.
    pub group: String,
    /// Where a source was.
    pub offsets: Vec<OffsetEntry>,
    /// The worker's client settings for Kafka.
    pub kafka: BTreeMap<String, String>,
    /// Whether a sink's records in error are tolerated.
    pub tolerant: bool,
}

fields! {
    Described { class, task_class, aliases, kind, form, version, config }
    Description { connectors }
    Delivery { exactly_once, defines_transactions }
    Start { connector, task, group, offsets, kafka, tolerant }
    Counted { counters, gauges, facts }
}

/// What a task has counted since the last call: counters by how much, the others if they changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// What was added to counters, by name.
    pub counters: Vec<(String, u64)>,
    /// All gauges that are set, if any changed.
    pub gauges: Option<Vec<(String, i64)>>,
    /// All facts, if any changed.
    pub facts: Option<BTreeMap<String, String>>,
}

impl Counted {
    /// Returns what is in `metrics` that `before` did not know of, which then does.
    pub fn since(before: &mut Self, metrics: &TaskMetrics) -> Self {
        let named = |(name, value): (&str, u64)| (name.to_owned(), value);
        let counters: Vec<_> = metrics.counters().into_iter().map(named).collect();
        let gauges: Vec<_> = metrics
            .gauges()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let facts: BTreeMap<_, _> = metrics
            .facts()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let mut more = Vec::new();
        for (place, (name, value)) in counters.iter().enumerate() {
            let old = before.counters.get(place).map_or(0, |old| old.1);
            if *value > old {
                more.push((name.clone(), value - old));
            }
        }
        let counted = Self {
            counters: more,
            gauges: (before.gauges.as_ref() != Some(&gauges)).then(|| gauges.clone()),
            facts: (before.facts.as_ref() != Some(&facts)).then(|| facts.clone()),
        };
        *before = Self {
            counters,
            gauges: Some(gauges),
            facts: Some(facts),
        };
        counted
    }

    /// Lays this over `metrics`; `seen` remembers the gauges and facts of before, to take back what is gone.
    /// Names that this side does not know are left out.
    pub fn apply(self, metrics: &TaskMetrics, seen: &mut Self) {
        for (name, more) in &self.counters {
            metrics.add(name, *more);
        }
        if let Some(gauges) = self.gauges {
            let gone = seen.gauges.take().unwrap_or_default();
            for (name, _) in gone {
                metrics.set(&name, -1);
            }
            for (name, value) in &gauges {
                metrics.set(name, *value);
            }
            seen.gauges = Some(gauges);
        }
        if let Some(facts) = self.facts {
            let gone = seen.facts.take().unwrap_or_default();
            for name in gone.keys().filter(|name| !facts.contains_key(*name)) {
                metrics.fact(interned(name), "");
            }
            for (name, value) in &facts {
                metrics.fact(interned(name), value.clone());
            }
            seen.facts = Some(facts);
        }
    }
}

/// A record that a sink could not write, as it crosses.
pub type Errant = (ConnectRecord, ConnectorError);

/// What a task's answer begins with.
#[derive(Debug, Default)]
pub struct Aside {
    /// What was counted.
    pub counted: Counted,
    /// Records that could not be written.
    pub errant: Vec<ErrantRecord>,
}

impl Aside {
    /// Appends it.
    ///
    /// # Errors
    /// If a record is nested too deep.
    pub fn write(&self, schemas: &mut SchemasOut, out: &mut Vec<u8>) -> Result<()> {
        self.counted.write(out);
        let records: Vec<_> = self.errant.iter().map(|e| e.record.clone()).collect();
        write_records(&records, schemas, out)?;
        self.errant
            .iter()
            .for_each(|errant| errant.error.write(out));
        Ok(())
    }

    /// Reads it.
    ///
    /// # Errors
    /// If the bytes are not those of one.
    pub fn read(from: &mut Reader<'_>, schemas: &mut SchemasIn) -> Result<Self> {
        let counted = Counted::read(from)?;
        let mut errant = Vec::new();
        for record in read_records(from, schemas)? {
            let error = ConnectorError::read(from)?;
            errant.push(ErrantRecord { record, error });
        }
        Ok(Self { counted, errant })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn counters_add_up_and_what_is_gone_is_taken_back() {
        let (there, here) = (TaskMetrics::default(), TaskMetrics::default());
        let (mut before, mut seen) = (Counted::default(), Counted::default());
        let mut cross = || Counted::since(&mut before, &there).apply(&here, &mut seen);
        // What the runtime counts itself stays.
        here.rows.store(100, Ordering::Relaxed);
        there.rows.store(5, Ordering::Relaxed);
        there.lag_ms.store(30, Ordering::Relaxed);
        there.fact("phase", "loading");
        there.fact("trouble", "some");
        cross();
        there.rows.store(7, Ordering::Relaxed);
        there.lag_ms.store(-1, Ordering::Relaxed);
        there.fact("trouble", "");
        cross();
        assert_eq!(here.rows.load(Ordering::Relaxed), 107);
        assert_eq!(here.gauges(), []);
        assert_eq!(here.facts(), [("phase", "loading".to_owned())].into());
    }

    #[test]
    fn nothing_new_is_next_to_nothing() {
        let metrics = TaskMetrics::default();
        let mut before = Counted::default();
        Counted::since(&mut before, &metrics);
        let none = Counted::since(&mut before, &metrics);
        assert_eq!(none, Counted::default());
    }
}
