//! The worker's topics: opened, read, followed and written.

mod apply;
mod status_writer;

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::thread::{JoinHandle, ScopedJoinHandle};
use std::time::{Duration, Instant};

use walbridge_connector_api::{ConnectorError, OffsetEntry, Result, StopToken, TopicSpec};
use walbridge_kafka::{Admin, ClientConfig, CompactedLog, Follower, LogRecord};

use crate::clients;
use crate::config::{StorageTopic, WorkerConfig};
use crate::group::{self, GroupRecord, Member};
use crate::state::{Answer, Configs, Offsets, Statuses};

/// How long reading a topic to its end may take.
const READ: Duration = Duration::from_secs(60);

/// How long reading back what was just written may take.
const READ_BACK: Duration = Duration::from_secs(30);

/// How long the last records may take.
const CLOSE: Duration = Duration::from_millis(1500);

/// How long one task keeps others from reading theirs.
const SLICE: Duration = Duration::from_millis(500);

/// How many bytes of offsets are fetched at once, unless they have waited long enough.
const OFFSETS_AT_ONCE: &str = "65536";

/// How the group's topic is created: its records are replaced again and again.
const GROUP_SETTINGS: [(&str, &str); 3] = [
    ("segment.bytes", "1048576"),
    ("min.cleanable.dirty.ratio", "0.1"),
    ("delete.retention.ms", "600000"),
];

/// A restart that somebody has asked for.
#[derive(Debug, Clone)]
pub(crate) struct Restart {
    /// The connector.
    pub(crate) connector: String,
    /// Whether its tasks restart, not only the connector itself.
    pub(crate) tasks: bool,
    /// Whether only what has failed restarts.
    pub(crate) only_failed: bool,
    /// The only task that restarts.
    pub(crate) task: Option<u32>,
}

/// Whether a record was there before the worker looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    Old,
    New,
}

/// A status record on its way: its key and its value.
type StatusRecord = (String, Option<Vec<u8>>);

/// What the status thread is told.
enum StatusJob {
    Write(StatusRecord),
    /// Answer when everything before has been written.
    Flush(Sender<()>),
}

/// What those who open the stores want to hear.
pub(crate) trait Listener: Clone + Send + 'static {
    /// A connector has changed in the config topic.
    fn changed(&self, connector: String);
    /// Somebody has asked for a restart.
    fn restarted(&self, restart: Restart);
    /// A worker's request has an answer.
    fn answered(&self, worker: String, answer: Answer);
    /// The group has changed.
    fn group(&self);
    /// A topic cannot be read any more; holds the whole story.
    fn broken(&self, trace: String);
}

/// The state that the topics are read into.
#[derive(Clone, Default)]
pub(crate) struct Views {
    pub(crate) configs: Arc<RwLock<Configs>>,
    pub(crate) statuses: Arc<RwLock<Statuses>>,
    pub(crate) offsets: Arc<RwLock<Offsets>>,
}

/// The topics, once they are open.
#[derive(Default)]
pub(crate) struct Stores {
    open: OnceLock<Open>,
}

struct Open {
    cluster_id: String,
    configs: Mutex<Follower>,
    offsets: Mutex<Follower>,
    group: Mutex<Follower>,
    /// Kept for its thread.
    _statuses: Mutex<Follower>,
    views: Views,
    statuses: Mutex<Sender<StatusJob>>,
    closing: StopToken,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Stores {
    /// Opens the topics, creating those that are missing, and reads them to their ends.
    pub(crate) fn open(
        &self,
        config: &WorkerConfig,
        views: &Views,
        member: &Arc<Member>,
        listener: &impl Listener,
        stop: &StopToken,
    ) -> Result<()> {
        let client =
            clients::admin(config)?.or("client.id", &format!("walbridge-{}", config.group));
        let cluster_id = Admin::new(&client)?.cluster_id()?;
        let open = |client: &ClientConfig, topic: &StorageTopic, kind: &str, purpose: &str| {
            let property = format!("{kind}.storage.topic");
            CompactedLog::open(client, &spec(topic, kind), &property, purpose, stop)
        };
        // Every transaction of every source ends here, but nobody needs to know at once.
        let bundled = client.clone().or("fetch.min.bytes", OFFSETS_AT_ONCE);
        // All at once: each takes some turns of asking and answering.
        let (configs, offsets, statuses, group) = std::thread::scope(|scope| {
            let begin = |client, topic, kind, purpose, apply: Apply| {
                let open = &open;
                scope.spawn(move || read(open(client, topic, kind, purpose)?, apply))
            };
            let configs = begin(
                &client,
                &config.config_topic,
                "config",
                "connector configurations",
                Box::new(apply::config(views, listener.clone())),
            );
            let offsets = begin(
                &bundled,
                &config.offset_topic,
                "offset",
                "source connector offsets",
                Box::new(apply::offset(views)),
            );
            let statuses = begin(
                &client,
                &config.status_topic,
                "status",
                "connector and task statuses",
                Box::new(apply::status(views, member.worker())),
            );
            let group = begin(
                &client,
                &config.group_topic,
                "group",
                "the group's tasks",
                Box::new(apply::group(Arc::clone(member), listener.clone())),
            );
            (
                opened(configs),
                opened(offsets),
                opened(statuses),
                opened(group),
            )
        });
        // In this order: what is new of a connector's state is held against its configuration.
        let configs = follow(configs?, listener)?;
        let offsets = follow(offsets?, listener)?;
        let (sender, jobs) = channel();
        let closing = StopToken::new();
        let statuses = follow(statuses?, listener)?;
        let group = follow(group?, listener)?;
        let no_thread =
            |error| ConnectorError::stop("NoThread", "no thread to be had").because(error);
        let threads = vec![
            status_writer::start(statuses.writer(), jobs, closing.clone()).map_err(no_thread)?,
            member
                .start(group.writer(), closing.clone())
                .map_err(no_thread)?,
        ];
        let open = Open {
            cluster_id,
            configs: Mutex::new(configs),
            offsets: Mutex::new(offsets),
            group: Mutex::new(group),
            _statuses: Mutex::new(statuses),
            views: views.clone(),
            statuses: Mutex::new(sender),
            closing,
            threads: Mutex::new(threads),
        };
        self.open
            .set(open)
            .map_err(|_| ConnectorError::stop("OpenedTwice", "the topics are open"))
    }

    fn opened(&self) -> Result<&Open> {
        let not_yet = || ConnectorError::retry("Starting", "the worker's topics are not open yet");
        self.open.get().ok_or_else(not_yet)
    }

    /// Returns the id of the Kafka cluster; empty until it is known.
    pub(crate) fn cluster_id(&self) -> &str {
        self.open.get().map_or("", |open| &open.cluster_id)
    }

    /// Returns when every change of a configuration that was committed before this call has been read.
    ///
    /// Kafka answers a commit before what was committed can be read, so this waits for all that was
    /// written.
    pub(crate) fn configs_to_end(&self) -> Result<()> {
        Ok(locked(&self.opened()?.configs).read_to_written_end(READ_BACK)?)
    }

    /// Returns when the configuration record at this offset has been read.
    pub(crate) fn configs_past(&self, offset: i64) -> Result<()> {
        Ok(locked(&self.opened()?.configs).read_past(0, offset, READ_BACK)?)
    }

    /// Writes records to the group's topic and returns when they have been read back.
    pub(crate) fn write_group(&self, records: &[GroupRecord]) -> Result<()> {
        let group = locked(&self.opened()?.group);
        group::write(&group.writer(), records)?;
        Ok(group.read_to_end(READ_BACK)?)
    }

    /// Writes source offsets, or forgets them, and returns when they have been read back.
    pub(crate) fn write_offsets(&self, connector: &str, entries: &[OffsetEntry]) -> Result<()> {
        let open = self.opened()?;
        let records: Vec<_> = {
            let view = open
                .views
                .offsets
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            entries
                .iter()
                .map(|entry| view.record(connector, entry))
                .collect()
        };
        let all: Vec<_> = records
            .iter()
            .map(|(key, value)| (key.as_slice(), value.as_deref()))
            .collect();
        let offsets = locked(&open.offsets);
        offsets.writer().put_all(&all)?;
        Ok(offsets.read_to_written_end(READ_BACK)?)
    }

    /// Writes one record of the offset topic.
    pub(crate) fn put_offset(&self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        let writer = locked(&self.opened()?.offsets).writer();
        Ok(writer.put(key, value)?)
    }

    /// Returns when every offset committed before this call has been read.
    ///
    /// An offset that was committed behind another connector's open transaction cannot be read until
    /// that one ends: to go on without it would write everything after an older offset again. So this
    /// waits for whatever was written, committed or not.
    pub(crate) fn offsets_to_end(&self, stop: &StopToken) -> Result<()> {
        to_written_end(&self.opened()?.offsets, stop)
    }

    /// Returns when every change of a configuration that was written before this call has been read, however
    /// long that takes others who wait for the same.
    pub(crate) fn configs_seen(&self, stop: &StopToken) -> Result<()> {
        to_written_end(&self.opened()?.configs, stop)
    }

    /// Writes a status soon; newer ones of the same key may overtake it.
    pub(crate) fn write_status(&self, key: String, value: Option<Vec<u8>>) {
        self.send(StatusJob::Write((key, value)));
    }

    /// Returns when all statuses are written, or when the time is up.
    pub(crate) fn flush(&self, wait: Duration) {
        let (done, waiting) = channel();
        self.send(StatusJob::Flush(done));
        let _ = waiting.recv_timeout(wait);
    }

    fn send(&self, job: StatusJob) {
        if let Some(open) = self.open.get() {
            // The thread lives as long as the stores are open.
            let _ = locked(&open.statuses).send(job);
        }
    }

    /// Ends the threads.
    pub(crate) fn close(&self) {
        let Some(open) = self.open.get() else { return };
        open.closing.stop();
        let threads = std::mem::take(&mut *locked(&open.threads));
        let until = Instant::now() + CLOSE;
        for thread in threads {
            // One that waits for a Kafka that is away ends with the process.
            while !thread.is_finished() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// Reads on to what was written so far, in slices, so that nobody keeps others from reading theirs.
fn to_written_end(log: &Mutex<Follower>, stop: &StopToken) -> Result<()> {
    let until = Instant::now() + READ_BACK;
    loop {
        let read = locked(log).read_to_written_end(SLICE);
        match read {
            Err(error) if error.is_retriable() && !stop.is_stopped() && Instant::now() < until => {}
            read => return Ok(read?),
        }
    }
}

/// Takes a topic's records in.
type Apply = Box<dyn FnMut(&LogRecord, Age) + Send>;

/// Waits for a topic that is being read.
fn opened(
    thread: ScopedJoinHandle<'_, Result<(CompactedLog, Apply)>>,
) -> Result<(CompactedLog, Apply)> {
    let panicked = |_| ConnectorError::stop("Bug", "a thread that read a topic panicked");
    thread.join().map_err(panicked)?
}

/// Takes a lock; what it guards is whole even after a panic elsewhere.
fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

fn spec(topic: &StorageTopic, kind: &str) -> TopicSpec {
    let settings: &[_] = match kind {
        "group" => &GROUP_SETTINGS,
        _ => &[],
    };
    TopicSpec {
        name: topic.name.clone(),
        partitions: Some(topic.partitions),
        replication_factor: (topic.replication_factor > 0).then_some(topic.replication_factor),
        config: settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

/// Reads a log to its end.
fn read(mut log: CompactedLog, mut apply: Apply) -> Result<(CompactedLog, Apply)> {
    log.read_to_end(READ, &mut |record| apply(&record, Age::Old))?;
    Ok((log, apply))
}

/// Goes on reading a log on a thread.
fn follow((log, mut apply): (CompactedLog, Apply), listener: &impl Listener) -> Result<Follower> {
    let topic = log.topic().to_owned();
    let listener = listener.clone();
    let follower = log.follow(
        move |record: walbridge_kafka::Result<LogRecord>| match record {
            Ok(record) => apply(&record, Age::New),
            Err(error) => {
                let error = ConnectorError::from(error);
                listener.broken(format!(
                    "topic {topic} cannot be read any more: {}",
                    error.trace()
                ));
            }
        },
    )?;
    Ok(follower)
}
