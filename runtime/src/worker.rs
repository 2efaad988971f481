//! The worker: everything it shares, how it starts and how it ends.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use walbridge_connector_api::{Disposition, OffsetEntry, StopToken};

use crate::catalog::Catalog;
use crate::config::WorkerConfig;
use crate::descriptors;
use crate::group::{Lease, Member};
use crate::herder::{Event, Herder, Loop, WorkerCounts};
use crate::logging;
use crate::rest;
use crate::secrets::Resolver;
use crate::state::{Answer, Configs, Offsets, Statuses};
use crate::stores::{Listener, Restart, Stores, Views};
use crate::task::{LiveTask, install_hook};

/// How long to wait before asking a Kafka again that is out of reach at the start.
const START_RETRY: Duration = Duration::from_secs(1);

/// Why a worker could not start or had to end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// A listener could not be opened.
    #[error("cannot listen on {listener}: {source}")]
    Listen {
        /// The listener.
        listener: String,
        /// Why not.
        source: std::io::Error,
    },
    /// Users, keys or certificates of the listeners are not as they must be.
    #[error("{0}")]
    Access(String),
    /// Kafka or one of the worker's topics is not as it must be; holds the whole story.
    #[error("{0}")]
    Kafka(String),
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
    /// The worker's loop ended by a defect.
    #[error("the worker's loop panicked")]
    Panicked,
}

/// What all parts of a worker share.
pub(crate) struct Shared {
    pub(crate) config: WorkerConfig,
    pub(crate) catalog: Catalog,
    pub(crate) resolver: Resolver,
    pub(crate) stores: Stores,
    /// This worker's place in its group.
    pub(crate) member: Arc<Member>,
    /// The right to run tasks.
    pub(crate) lease: Lease,
    /// What its loop counts.
    pub(crate) counts: WorkerCounts,
    views: Views,
    live: RwLock<BTreeMap<(String, u32), Arc<LiveTask>>>,
    resting: RwLock<BTreeMap<(String, u32), Arc<LiveTask>>>,
    worker_id: String,
    startup: RwLock<Startup>,
}

/// How far the worker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Startup {
    /// Not ready yet; says what it is about.
    Starting(String),
    /// Ready for requests.
    Ready,
}

/// Takes a lock for reading; state behind it is whole even after a panic elsewhere.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// Takes a lock for changing.
fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// Tells the worker's loop what the topics have to say.
#[derive(Clone)]
struct Notify(Sender<Event>);

impl Listener for Notify {
    fn changed(&self, connector: String) {
        // An error means that the loop has ended.
        let _ = self.0.send(Event::Config(connector));
    }

    fn restarted(&self, restart: Restart) {
        let _ = self.0.send(Event::Restart(restart));
    }

    fn answered(&self, worker: String, answer: Answer) {
        let _ = self.0.send(Event::Answer(worker, answer));
    }

    fn group(&self) {
        let _ = self.0.send(Event::Group);
    }

    fn broken(&self, trace: String) {
        let _ = self.0.send(Event::Broken(trace));
    }
}

impl Shared {
    fn new(config: WorkerConfig, catalog: Catalog, resolver: Resolver, worker_id: String) -> Self {
        let lease = Lease::new();
        let (session, heartbeat) = (config.session, config.heartbeat);
        let member = Member::new(&worker_id, lease.clone(), session, heartbeat);
        Self {
            member: Arc::new(member),
            lease,
            config,
            catalog,
            resolver,
            stores: Stores::default(),
            counts: WorkerCounts::default(),
            views: Views::default(),
            live: RwLock::default(),
            resting: RwLock::default(),
            worker_id,
            startup: RwLock::new(Startup::Starting("opening the REST listeners".into())),
        }
    }

    /// Returns all connectors.
    pub(crate) fn configs(&self) -> RwLockReadGuard<'_, Configs> {
        read(&self.views.configs)
    }

    /// Returns all states.
    pub(crate) fn statuses(&self) -> RwLockReadGuard<'_, Statuses> {
        read(&self.views.statuses)
    }

    /// Returns all states for changing.
    pub(crate) fn statuses_mut(&self) -> RwLockWriteGuard<'_, Statuses> {
        write(&self.views.statuses)
    }

    /// Returns all source offsets.
    pub(crate) fn offsets(&self) -> RwLockReadGuard<'_, Offsets> {
        read(&self.views.offsets)
    }

    /// Returns the tasks on this worker.
    pub(crate) fn live(&self) -> RwLockReadGuard<'_, BTreeMap<(String, u32), Arc<LiveTask>>> {
        read(&self.live)
    }

    /// Returns how far the worker is.
    pub(crate) fn startup(&self) -> RwLockReadGuard<'_, Startup> {
        read(&self.startup)
    }

    /// Returns a source's offsets.
    pub(crate) fn offsets_of(&self, connector: &str) -> Vec<OffsetEntry> {
        self.offsets().of(connector)
    }

    /// Returns `host:port` under which this worker is known.
    pub(crate) fn worker_id(&self) -> &str {
        &self.worker_id
    }

    pub(crate) fn add_live(&self, live: &Arc<LiveTask>) {
        let key = (live.connector.clone(), live.task);
        write(&self.resting).remove(&key);
        write(&self.live).insert(key, Arc::clone(live));
    }

    pub(crate) fn remove_live(&self, connector: &str, task: u32) {
        let key = (connector.to_owned(), task);
        let ended = write(&self.live).remove(&key);
        if let Some(ended) = ended {
            self.rest(ended);
        }
    }

    /// Returns the tasks of this worker that do not run: they were at work here, or are paused.
    pub(crate) fn resting(&self) -> RwLockReadGuard<'_, BTreeMap<(String, u32), Arc<LiveTask>>> {
        read(&self.resting)
    }

    /// Keeps what is known of a task that does not run.
    pub(crate) fn rest(&self, task: Arc<LiveTask>) {
        task.end();
        let key = (task.connector.clone(), task.task);
        write(&self.resting).insert(key, task);
    }

    /// Forgets the resting tasks that are no more, or are others' by now.
    pub(crate) fn forget_resting(&self, keep: impl Fn(&(String, u32)) -> bool) {
        write(&self.resting).retain(|task, _| keep(task));
    }

    fn set_startup(&self, startup: Startup) {
        *write(&self.startup) = startup;
    }

    /// Opens the worker's topics and reads them, for as long as Kafka is out of reach again and again.
    fn open_stores(&self, stop: &StopToken, events: &Sender<Event>) -> Result<bool, WorkerError> {
        let servers = &self.config.client("admin").expose()["bootstrap.servers"];
        let notify = Notify(events.clone());
        while !stop.is_stopped() {
            self.set_startup(Startup::Starting(format!(
                "reading its topics from Kafka at {servers}"
            )));
            let opened = self
                .stores
                .open(&self.config, &self.views, &self.member, &notify, stop);
            match opened {
                Ok(()) => return Ok(true),
                Err(error) if error.disposition() == Disposition::Stop => {
                    return Err(WorkerError::Kafka(error.trace()));
                }
                Err(error) => {
                    tracing::warn!(error = %error.trace(), "Kafka is not ready; trying again");
                    self.set_startup(Startup::Starting(format!("waiting for Kafka: {error}")));
                    stop.sleep(START_RETRY);
                }
            }
        }
        Ok(false)
    }
}

/// A worker that has been started.
#[derive(Debug)]
pub struct Worker {
    addresses: Vec<SocketAddr>,
    stopper: Stopper,
    thread: JoinHandle<Result<(), WorkerError>>,
}

/// Ends a worker from anywhere.
#[derive(Debug, Clone)]
pub struct Stopper {
    token: StopToken,
    herder: Herder,
}

impl Stopper {
    /// Tells the worker to end in good order.
    pub fn stop(&self) {
        self.token.stop();
        self.herder.stop();
    }
}

impl Worker {
    /// Starts a worker: opens its listeners at once, then its topics, then runs what they say.
    ///
    /// # Errors
    /// If a listener cannot be opened.
    pub fn start(
        config: WorkerConfig,
        catalog: Catalog,
        resolver: Resolver,
    ) -> Result<Self, WorkerError> {
        install_hook();
        descriptors::raise();
        // One for all TLS of the process; an error means that there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let door = rest::Door::open(&config)?;
        let listeners = rest::bind(&config.listeners)?;
        let addresses: Vec<_> = listeners
            .iter()
            .filter_map(|l| l.local_addr().ok())
            .collect();
        let worker_id = worker_id(&config, &addresses);
        logging::name_worker(&worker_id);
        let shared = Arc::new(Shared::new(config, catalog, resolver, worker_id));
        let (events, inbox) = channel();
        let herder = Herder::new(events.clone());
        let token = StopToken::new();
        let server = rest::serve(
            listeners,
            door,
            Arc::clone(&shared),
            herder.clone(),
            token.clone(),
        )?;
        let stop = token.clone();
        let thread = std::thread::Builder::new()
            .name("worker".into())
            .spawn(move || {
                let ended = shared.open_stores(&stop, &events).and_then(|opened| {
                    if !opened {
                        return Ok(());
                    }
                    let (worker, group) = (shared.worker_id(), &shared.config.group);
                    tracing::info!(worker, group, "worker ready");
                    // Nothing runs here yet, whatever was so when this worker ended.
                    shared.statuses_mut().begin_anew(worker);
                    shared.set_startup(Startup::Ready);
                    Loop::new(Arc::clone(&shared), events, inbox)
                        .run()
                        .map_err(WorkerError::Kafka)
                });
                stop.stop();
                shared.stores.close();
                let _ = server.join();
                ended
            })?;
        Ok(Self {
            addresses,
            stopper: Stopper { token, herder },
            thread,
        })
    }

    /// Returns the addresses it listens on.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Returns what ends it.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// Why it ended, if nobody asked it to.
    pub fn join(self) -> Result<(), WorkerError> {
        self.thread.join().unwrap_or(Err(WorkerError::Panicked))
    }
}

fn worker_id(config: &WorkerConfig, addresses: &[SocketAddr]) -> String {
    let listener = config.listeners.first();
    let host = config
        .advertised_host
        .clone()
        .or_else(|| {
            let host = listener.map(|l| l.host.clone());
            host.filter(|host| !is_every_interface(host))
        })
        .unwrap_or_else(hostname);
    let port = config
        .advertised_port
        .or_else(|| addresses.first().map(SocketAddr::port));
    format!("{host}:{}", port.unwrap_or_default())
}

/// Returns whether a listener's host names no host that others could reach.
fn is_every_interface(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    host.is_empty() || address.is_ok_and(|address| address.is_unspecified())
}

/// Returns this machine's name, as Kafka Connect advertises it: two workers must not have one address.
fn hostname() -> String {
    let named = rustix::system::uname();
    let name = named.nodename().to_string_lossy();
    match name.is_empty() {
        true => "localhost".to_owned(),
        false => name.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_every_machine_has_is_not_advertised() {
        for host in ["", "0.0.0.0", "::"] {
            assert!(is_every_interface(host), "{host}");
        }
        for host in ["127.0.0.1", "10.0.0.1", "::1", "localhost", "a.example"] {
            assert!(!is_every_interface(host), "{host}");
        }
        assert!(!hostname().is_empty());
    }
}
