//! One sink task on a database of its own, fed from a written stream.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use walbridge_connector_api::{
    Applied, Batch, Connector, ConnectorError, PartitionInfo, Result, SinkControl, SinkTask,
    StartAt, StopToken, TaskContext, TaskMetrics, TopicPartition,
};
use walbridge_lab::{Lab, Session, wait_until};
use walbridge_postgres_sink::PostgresSink;

use crate::stream::{Stream, batch_of};

/// A database of the west's server, named after the test.
pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) sql: Session,
    admin: Session,
}

impl Drop for Database {
    /// Gives back what a server has few of: the database, its connections, its origin.
    fn drop(&mut self) {
        let name = self.url.rsplit('/').next().unwrap_or_default();
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        let origin = format!(
            "SELECT pg_replication_origin_drop(roname) FROM pg_replication_origin \
             WHERE roname LIKE 'walbridge\\_%\\_west-{name}'"
        );
        let gone = || {
            self.admin
                .run(&drop)
                .and_then(|()| self.admin.run(&origin))
                .is_ok()
        };
        let waited = wait_until("the database is gone", Duration::from_secs(10), gone);
        if let Err(error) = waited {
            eprintln!("{error:#}");
        }
    }
}

impl Database {
    /// Creates it. `WALBRIDGE_TEST_PG` names a server to use instead of the lab's.
    pub(crate) fn create(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sink_{name}_{}_{n}", std::process::id());
        let server = match std::env::var("WALBRIDGE_TEST_PG") {
            Ok(server) => server,
            Err(_) => {
                let url = Lab::shared().unwrap().west().postgres().url("postgres");
                url.rsplit_once('/').unwrap().0.to_owned()
            }
        };
        let admin = Session::open(&format!("{server}/postgres")).unwrap();
        admin.run(&format!("CREATE DATABASE {name}")).unwrap();
        let url = format!("{server}/{name}");
        let sql = Session::open(&url).unwrap();
        Self { url, sql, admin }
    }

    /// Returns a query's rows, columns joined by `|`.
    pub(crate) fn rows(&self, query: &str) -> Vec<String> {
        let wrapped = format!(
            "SELECT (SELECT string_agg(coalesce(v.value, 'NULL'), '|' ORDER BY v.n) \
             FROM json_each_text(row_to_json(q)) WITH ORDINALITY AS v(key, value, n)) \
             FROM ({query}) AS q"
        );
        let rows = self.sql.query(&wrapped, &[]).unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }
}

/// What the runtime would do.
#[derive(Default)]
pub(crate) struct Control {
    pub(crate) paused: Vec<TopicPartition>,
    pub(crate) pauses: usize,
    pub(crate) unreachable: bool,
    /// Where partitions end.
    pub(crate) ends: HashMap<TopicPartition, i64>,
}

impl SinkControl for Control {
    fn pause(&mut self, partitions: &[TopicPartition]) {
        self.pauses += partitions.len();
        self.paused.extend_from_slice(partitions);
    }

    fn resume(&mut self, partitions: &[TopicPartition]) {
        self.paused.retain(|known| !partitions.contains(known));
    }

    fn inspect(&mut self, partitions: &[TopicPartition]) -> Result<Vec<PartitionInfo>> {
        if self.unreachable {
            return Err(ConnectorError::retry("Unreachable", "the cluster is away"));
        }
        Ok(partitions
            .iter()
            .map(|partition| PartitionInfo {
                partition: partition.clone(),
                topic_id: String::new(),
                first: 0,
                end: self.ends.get(partition).copied().unwrap_or_default(),
            })
            .collect())
    }

    fn recycle(&mut self, _: Batch) {}
}

/// A running task.
pub(crate) struct Rig {
    pub(crate) task: Box<dyn SinkTask>,
    pub(crate) control: Control,
    pub(crate) metrics: Arc<TaskMetrics>,
    next: HashMap<(String, i32), i64>,
}

impl Rig {
    /// Starts a task on a database.
    pub(crate) fn open(
        database: &Database,
        stream: &Stream,
        more: &[(&str, &str)],
    ) -> Result<Self> {
        Self::open_with(database, stream, &stream.partitions(), more)
    }

    pub(crate) fn open_with(
        database: &Database,
        stream: &Stream,
        partitions: &[PartitionInfo],
        more: &[(&str, &str)],
    ) -> Result<Self> {
        let mut values = BTreeMap::new();
        for (key, value) in [
            ("topics.regex", "east\\..*"),
            ("connection.url", database.url.as_str()),
            ("schema.registry.url", "http://127.0.0.1:1"),
        ]
        .iter()
        .chain(more)
        {
            values.insert((*key).to_owned(), (*value).to_owned());
        }
        let connector = PostgresSink::new();
        let problems = connector.config().check(&values);
        assert!(problems.is_empty(), "{problems:?}");
        let settings = connector.config().settings(&values);
        assert_eq!(connector.validate(&settings), []);
        let metrics = Arc::new(TaskMetrics::default());
        let context = TaskContext {
            connector: format!("west-{}", database.url.rsplit('/').next().unwrap()),
            task: 0,
            group: "west".to_owned(),
            offsets: Vec::new(),
            kafka: BTreeMap::new(),
            metrics: Arc::clone(&metrics),
            stop: StopToken::new(),
        };
        let schemas = Box::new(stream.schemas.clone());
        let mut task = PostgresSink::task(&settings, context, schemas)?;
        let starts = task.open(partitions)?;
        let next = partitions
            .iter()
            .zip(starts)
            .map(|(info, start)| {
                let at = match start {
                    StartAt::Beginning => info.first,
                    StartAt::Offset(offset) => offset,
                };
                (
                    (info.partition.topic.to_string(), info.partition.partition),
                    at,
                )
            })
            .collect();
        Ok(Self {
            task,
            control: Control {
                ends: (partitions.iter())
                    .map(|info| (info.partition.clone(), info.end))
                    .collect(),
                ..Control::default()
            },
            metrics,
            next,
        })
    }

    /// Puts one batch and works until nothing is pending.
    pub(crate) fn put(&mut self, batch: Option<Batch>) -> Result<Applied> {
        let mut all = self.task.put(batch, &mut self.control)?;
        while all.pending {
            let more = self.task.put(None, &mut self.control)?;
            all.offsets.extend(more.offsets);
            all.pending = more.pending;
        }
        Ok(all)
    }

    /// Feeds everything of the stream that was not fed, `chunk` records at a time.
    pub(crate) fn feed(&mut self, stream: &Stream, chunk: usize) -> Result<()> {
        let due: Vec<_> = stream
            .log
            .iter()
            .filter(|record| {
                let at = self
                    .next
                    .get(&(record.topic.name.clone(), record.partition));
                at.is_some_and(|next| record.offset >= *next)
            })
            .collect();
        for records in due.chunks(chunk) {
            for record in records {
                self.next.insert(
                    (record.topic.name.clone(), record.partition),
                    record.offset + 1,
                );
            }
            self.put(Some(batch_of(records.iter().copied())))?;
        }
        self.put(None).map(drop)
    }

    /// Feeds all at once.
    pub(crate) fn feed_all(&mut self, stream: &Stream) -> Result<()> {
        self.feed(stream, usize::MAX)
    }
}
