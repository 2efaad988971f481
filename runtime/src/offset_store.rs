//! Where a source's offsets are: the worker's topic, and the connector's own beside it if it has one.

use std::time::{Duration, Instant};

use walbridge_connector_api::{
    ConnectorError, OffsetEntry, Result, Settings, StopToken, TopicSpec,
};
use walbridge_kafka::{Admin, CompactedLog, LogWriter, TopicRecord};

use crate::clients;
use crate::connector::delivery::OFFSETS_TOPIC;
use crate::connector::load_task;
use crate::state::Offsets;
use crate::worker::Shared;

/// How long reading a connector's own topic may take in one go.
const SLICE: Duration = Duration::from_secs(1);
/// How long it may take in all.
const READ: Duration = Duration::from_secs(30);

/// Where the offsets of one source go.
pub(crate) struct OffsetStore {
    connector: String,
    worker_topic: String,
    own: Option<Own>,
}

/// A connector's own topic, as it was when it was read.
struct Own {
    topic: String,
    offsets: Offsets,
}

impl OffsetStore {
    /// Opens what a task writes to, creating the connector's own topic if there is none, and reads both
    /// to their ends; returns where the source is, too.
    ///
    /// # Errors
    /// If the connector's own topic is not compacted, or something cannot be read.
    pub(crate) fn open(
        shared: &Shared,
        settings: &Settings,
        connector: &str,
        stop: &StopToken,
    ) -> Result<(Self, Vec<OffsetEntry>)> {
        let own = match settings.optional(OFFSETS_TOPIC) {
            // Then there is only one.
            Some(topic) if topic != shared.config.offset_topic.name => {
                let (mut log, topic) = (open_log(shared, settings, connector, topic, stop)?, topic);
                Some(Own {
                    topic: topic.to_owned(),
                    offsets: read(&mut log, stop)?,
                })
            }
            _ => None,
        };
        shared.stores.offsets_to_end(stop)?;
        let store = Self {
            connector: connector.to_owned(),
            worker_topic: shared.config.offset_topic.name.clone(),
            own,
        };
        let entries = store.entries(shared);
        Ok((store, entries))
    }

    fn entries(&self, shared: &Shared) -> Vec<OffsetEntry> {
        match &self.own {
            None => shared.offsets_of(&self.connector),
            Some(own) => own.offsets.over(&shared.offsets(), &self.connector),
        }
    }

    /// Returns the topic that the source's offsets are read from first.
    pub(crate) fn primary(&self) -> &str {
        let own = self.own.as_ref().map(|own| own.topic.as_str());
        own.unwrap_or(&self.worker_topic)
    }

    /// Hands out the records that store these offsets, in the order in which they are to be written.
    ///
    /// A reset goes into the worker's topic first and everything else there last, as in Kafka Connect since
    /// KAFKA-15018: ended in between, no reset is undone by what the other topic has.
    ///
    /// # Errors
    /// Those of `write`.
    pub(crate) fn each<'s, E>(
        &'s self,
        shared: &Shared,
        entries: &[OffsetEntry],
        mut write: impl FnMut(TopicRecord<'s>) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let theirs = |entry: &OffsetEntry| {
            let (key, value) = shared.offsets().record(&self.connector, entry);
            (self.worker_topic.as_str(), key, value)
        };
        let Some(own) = &self.own else {
            return entries.iter().try_for_each(|entry| write(theirs(entry)));
        };
        let resets = entries.iter().filter(|entry| entry.offset.is_none());
        resets.map(theirs).try_for_each(&mut write)?;
        for entry in entries {
            let (key, value) = own.offsets.record(&self.connector, entry);
            write((&own.topic, key, value))?;
        }
        let others = entries.iter().filter(|entry| entry.offset.is_some());
        others.map(theirs).try_for_each(write)
    }
}

fn open_log(
    shared: &Shared,
    settings: &Settings,
    connector: &str,
    topic: &str,
    stop: &StopToken,
) -> Result<CompactedLog> {
    let client = clients::admin_of(&shared.config, settings, &format!("{connector}-offsets"))?;
    let like = &shared.config.offset_topic;
    let spec = TopicSpec {
        name: topic.to_owned(),
        partitions: Some(like.partitions),
        replication_factor: (like.replication_factor > 0).then_some(like.replication_factor),
        config: Vec::new(),
    };
    let purpose = "source connector offsets";
    Ok(CompactedLog::open(
        &client,
        &spec,
        OFFSETS_TOPIC,
        purpose,
        stop,
    )?)
}

/// Reads a topic to its end, whatever transactions are open in it.
fn read(log: &mut CompactedLog, stop: &StopToken) -> Result<Offsets> {
    let mut offsets = Offsets::default();
    let until = Instant::now() + READ;
    loop {
        let mut visit = |record: walbridge_kafka::LogRecord| {
            offsets.apply_at(&record.key, record.value.as_deref(), record.timestamp);
        };
        match log.read_to_written_end(SLICE, &mut visit) {
            Err(error) if error.is_retriable() && !stop.is_stopped() && Instant::now() < until => {}
            read => return Ok(read.map(|()| offsets)?),
        }
    }
}

/// The offsets of a connector that may have a topic of its own, for those who look at them and change them.
pub(crate) struct StoredOffsets {
    store: OffsetStore,
    writer: Option<std::sync::Arc<LogWriter>>,
}

impl StoredOffsets {
    /// Reads them as they are; a topic that does not exist is not created.
    ///
    /// # Errors
    /// If the configuration cannot be loaded or a topic cannot be read.
    pub(crate) fn read(shared: &Shared, connector: &str) -> Result<Self> {
        let config = shared
            .configs()
            .get(connector)
            .map(|entry| entry.config.clone());
        let config = config.unwrap_or_default();
        let mut found = Self {
            store: OffsetStore {
                connector: connector.to_owned(),
                worker_topic: shared.config.offset_topic.name.clone(),
                own: None,
            },
            writer: None,
        };
        if !config.contains_key(OFFSETS_TOPIC) {
            return Ok(found);
        }
        let settings = load_task(&shared.catalog, &shared.resolver, &config)?.settings;
        let Some(topic) = settings.optional(OFFSETS_TOPIC) else {
            return Ok(found);
        };
        if topic == found.store.worker_topic {
            return Ok(found);
        }
        let client = clients::admin_of(&shared.config, &settings, &format!("{connector}-offsets"))?;
        if Admin::new(&client)?.describe(&[topic])?.is_empty() {
            return Ok(found);
        }
        let stop = StopToken::new();
        let mut log = open_log(shared, &settings, connector, topic, &stop)?;
        found.store.own = Some(Own {
            topic: topic.to_owned(),
            offsets: read(&mut log, &stop)?,
        });
        found.writer = Some(log.writer());
        Ok(found)
    }

    /// Returns where the source is.
    pub(crate) fn entries(&self, shared: &Shared) -> Vec<OffsetEntry> {
        self.store.entries(shared)
    }

    /// Stores offsets, or forgets them, and returns when the worker has read its own back.
    ///
    /// # Errors
    /// If they cannot be written; some may be.
    pub(crate) fn write(&self, shared: &Shared, entries: &[OffsetEntry]) -> Result<()> {
        let Some(own) = &self.writer else {
            return shared.stores.write_offsets(&self.store.connector, entries);
        };
        self.store
            .each(shared, entries, |(topic, key, value)| -> Result<()> {
                if topic == self.store.worker_topic {
                    return shared.stores.put_offset(&key, value.as_deref());
                }
                own.put(&key, value.as_deref())
                    .map_err(ConnectorError::from)
            })?;
        shared.stores.offsets_to_end(&StopToken::new())
    }
}
