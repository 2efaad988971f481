//! Runs the source connector by itself: no Kafka, its batches read back by apache-avro.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Avro;
use serde_json::Value;
use walbridge_connector_api::{
    Batch, Connector, ConnectorError, OffsetEntry, SourceTask, StopToken, TaskContext, TaskMetrics,
};
use walbridge_lab::{Lab, PASSWORD, Postgres, Session, USER};
use walbridge_postgres_source::PostgresSource;
use walbridge_schemas::registry::{Registry, RegistrySettings};

/// One record, decoded.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) topic: String,
    pub(crate) key: Value,
    /// Null for a tombstone.
    pub(crate) value: Value,
    pub(crate) headers: BTreeMap<String, Vec<u8>>,
    pub(crate) schema: u32,
}

impl Event {
    pub(crate) fn op(&self) -> &str {
        self.value["op"].as_str().unwrap_or("tombstone")
    }

    pub(crate) fn after(&self) -> &Value {
        &self.value["after"]
    }

    pub(crate) fn before(&self) -> &Value {
        &self.value["before"]
    }

    pub(crate) fn number(&self, header: &str) -> u64 {
        let bytes = self
            .headers
            .get(header)
            .and_then(|bytes| bytes.as_slice().try_into().ok());
        u64::from_be_bytes(bytes.unwrap_or_default())
    }

    pub(crate) fn text(&self, header: &str) -> String {
        let bytes = self.headers.get(header).cloned().unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The field indexes of a `wb.unknown` or `wb.unavailable` header.
    pub(crate) fn fields(&self, header: &str) -> Vec<u16> {
        let bytes = self.headers.get(header).cloned().unwrap_or_default();
        bytes
            .chunks_exact(2)
            .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
            .collect()
    }
}

/// A database of its own and what a connector on it is configured with.
pub(crate) struct Site {
    pub(crate) name: String,
    pub(crate) sql: Session,
    config: BTreeMap<String, String>,
    pub(crate) offsets: Vec<OffsetEntry>,
}

impl Site {
    pub(crate) fn create(name: &str) -> Result<Self> {
        Self::on(Lab::shared()?.east().postgres(), name)
    }

    /// Creates it on a server of the test's own.
    pub(crate) fn on(server: &Postgres, name: &str) -> Result<Self> {
        let lab = Lab::shared()?;
        let name = format!("source_{name}");
        server.create_database(&name)?;
        let port = server.port().to_string();
        let registry = lab.east().registry().url();
        let config = [
            ("connector.class", "PostgresSource"),
            ("database.hostname", "127.0.0.1"),
            ("database.port", &port),
            ("database.user", USER),
            ("database.password", PASSWORD),
            ("database.dbname", &name),
            ("topic.prefix", &name),
            ("slot.name", &name),
            ("publication.name", &name),
            ("schema.registry.url", &registry),
        ];
        let config = config
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        Ok(Self {
            sql: server.session(&name)?,
            name,
            config,
            offsets: Vec::new(),
        })
    }

    /// Makes the publication by hand: whoever does that is asked nothing about identities.
    pub(crate) fn publish(&self) -> Result<()> {
        let name = &self.name;
        self.sql
            .run(&format!("create publication {name} for all tables"))
    }

    pub(crate) fn set(&mut self, key: &str, value: &str) -> &mut Self {
        self.config.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Starts a task where the committed offsets say.
    pub(crate) fn start(&self) -> Result<Running, ConnectorError> {
        self.start_as(&self.name)
    }

    /// Starts it as the task of a connector with another name.
    pub(crate) fn start_as(&self, name: &str) -> Result<Running, ConnectorError> {
        let connector = PostgresSource;
        let mut config = self.config.clone();
        config.remove("connector.class");
        let problems = connector.config().check(&config);
        assert_eq!(problems, []);
        let settings = connector.config().settings(&config);
        let metrics = Arc::new(TaskMetrics::default());
        let context = TaskContext {
            connector: name.to_owned(),
            task: 0,
            group: "test".into(),
            offsets: self.offsets.clone(),
            kafka: BTreeMap::new(),
            metrics: Arc::clone(&metrics),
            stop: StopToken::new(),
        };
        let task = connector.source(&settings, context)?;
        let registry = Registry::new(&RegistrySettings::new(&self.config["schema.registry.url"]));
        let registry = registry.map_err(|error| ConnectorError::stop("Test", error.to_string()))?;
        Ok(Running {
            task,
            metrics,
            registry,
            schemas: BTreeMap::new(),
            open: Vec::new(),
        })
    }

    /// Starts a task that must fail, be it at once or later, and returns the error's name and text.
    pub(crate) fn fails(&self) -> Result<(String, String)> {
        let error = match self.start() {
            Err(error) => error,
            Ok(mut running) => running.error(Duration::from_secs(20))?,
        };
        Ok((error.name().to_owned(), error.trace()))
    }

    /// Starts a task, collects until `done`, commits everything, stops.
    pub(crate) fn run(&mut self, done: impl FnMut(&[Event]) -> bool) -> Result<Vec<Event>> {
        let mut running = self.start()?;
        let events = running.collect(self, done)?;
        running.task.stop();
        Ok(events)
    }

    /// Sees to it that the stream exists: takes the snapshot, commits it, and stops.
    pub(crate) fn snapshot(&mut self) -> Result<Vec<Event>> {
        self.run(|events| events.iter().any(|event| event.value["status"] == "END"))
    }

    /// Returns what the slot has been told to forget.
    pub(crate) fn confirmed(&self) -> Result<u64> {
        let sql = format!(
            "select (confirmed_flush_lsn - '0/0'::pg_lsn)::int8 from pg_replication_slots \
             where slot_name = '{}'",
            self.name
        );
        Ok(u64::try_from(self.sql.one::<i64>(&sql)?)?)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // A slot left behind would keep the shared server's log.
        let _ = self.sql.run(&format!(
            "select pg_terminate_backend(active_pid) from pg_replication_slots \
             where slot_name = '{0}' and active_pid is not null; \
             select pg_sleep(0.1); \
             select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = '{0}'",
            self.name
        ));
    }
}

/// A running task.
pub(crate) struct Running {
    pub(crate) task: Box<dyn SourceTask>,
    pub(crate) metrics: Arc<TaskMetrics>,
    registry: Registry,
    schemas: BTreeMap<u32, Schema>,
    /// Events of batches that must not end a Kafka transaction yet.
    open: Vec<Event>,
}

impl Running {
    /// Polls until the events satisfy `done`; each boundary is committed.
    pub(crate) fn collect(
        &mut self,
        site: &mut Site,
        mut done: impl FnMut(&[Event]) -> bool,
    ) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        let limit = Instant::now() + Duration::from_secs(60);
        while !done(&events) {
            ensure!(
                Instant::now() < limit,
                "nothing more came after {events:#?}"
            );
            let Some(batch) = self.task.poll(Duration::from_millis(50))? else {
                continue;
            };
            let decoded = self.decode(&batch)?;
            self.open.extend(decoded);
            if batch.boundary {
                events.append(&mut self.open);
                if !batch.offsets.is_empty() {
                    site.offsets.clone_from(&batch.offsets);
                    self.task.committed(&batch.offsets)?;
                }
            }
            self.task.recycle(batch);
        }
        Ok(events)
    }

    /// Polls, committing everything, until the task fails.
    pub(crate) fn error(&mut self, patience: Duration) -> Result<ConnectorError> {
        let limit = Instant::now() + patience;
        while Instant::now() < limit {
            match self.task.poll(Duration::from_millis(50)) {
                Err(error) => return Ok(error),
                Ok(Some(batch)) if batch.boundary => self.task.committed(&batch.offsets)?,
                Ok(_) => {}
            }
        }
        Err(anyhow!("the task does not fail"))
    }

    fn decode(&mut self, batch: &Batch) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        for record in batch.records() {
            let (key, _) = self.read(batch.bytes(record.key))?;
            let (value, schema) = self.read(batch.bytes(record.value))?;
            let headers = batch
                .headers(record)
                .map(|header| {
                    (
                        header.name.to_owned(),
                        header.value.unwrap_or_default().to_vec(),
                    )
                })
                .collect();
            let topic = batch.topic_of(record).name.clone();
            events.push(Event {
                topic,
                key,
                value,
                headers,
                schema,
            });
        }
        Ok(events)
    }

    fn read(&mut self, bytes: Option<&[u8]>) -> Result<(Value, u32)> {
        let Some(bytes) = bytes else {
            return Ok((Value::Null, 0));
        };
        let (id, mut rest) = walbridge_schemas::frame::read(bytes)?;
        if !self.schemas.contains_key(&id) {
            let text = self.registry.schema(id)?;
            self.schemas.insert(id, Schema::parse_str(&text)?);
        }
        let reader = GenericDatumReader::builder(&self.schemas[&id]).build()?;
        let value = reader
            .read_value(&mut rest)
            .with_context(|| format!("reading a record of schema {id}"))?;
        ensure!(
            rest.is_empty(),
            "{} bytes follow a record of schema {id}",
            rest.len()
        );
        Ok((Value::try_from(sayable(value))?, id))
    }
}

/// Returns the row events of a table.
pub(crate) fn of<'a>(events: &'a [Event], table: &str) -> Vec<&'a Event> {
    events
        .iter()
        .filter(|event| event.topic.ends_with(&format!(".{table}")))
        .collect()
}

/// Stops collecting after this many END records.
pub(crate) fn ends(count: usize) -> impl FnMut(&[Event]) -> bool {
    move |events| {
        events
            .iter()
            .filter(|event| event.value["status"] == "END")
            .count()
            >= count
    }
}

/// JSON has no word for NaN and the infinities: they become text.
fn sayable(value: Avro) -> Avro {
    match value {
        Avro::Float(number) if !number.is_finite() => Avro::String(number.to_string()),
        Avro::Double(number) if !number.is_finite() => Avro::String(number.to_string()),
        Avro::Union(branch, inner) => Avro::Union(branch, Box::new(sayable(*inner))),
        Avro::Array(all) => Avro::Array(all.into_iter().map(sayable).collect()),
        Avro::Record(fields) => Avro::Record(
            fields
                .into_iter()
                .map(|(name, value)| (name, sayable(value)))
                .collect(),
        ),
        other => other,
    }
}
