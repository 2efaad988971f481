//! A chain made for one test: databases, workers and connectors of its own on the shared lab.

mod configs;
mod peers;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rdkafka::Message;
use serde_json::{Value, json};
use walbridge_lab::{Hopeless, Http, Lab, RunningWorker, Site, Worker, wait_for};

use crate::sql::Sql;
use crate::topic::{self, Decoder, text};

use peers::Peer;

/// How long servers and workers may take to get going on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Which way the events take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// There is a source and nothing behind east's Kafka.
    SourceOnly,
    /// Source and sink are in one worker and share east's Kafka.
    OneSite,
    /// The source is in east's worker; the mirror and the sink are in west's.
    TwoSites,
}

/// What a chain is to be.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Names databases, topics, groups, slot and connectors; unique in the lab.
    pub name: String,
    /// Which way the events take.
    pub shape: Shape,
    /// Keys of the source connector on top of the usual ones; null takes one away.
    pub source: Value,
    /// Keys of the mirror on top of the usual ones.
    pub mirror: Value,
    /// Keys of the sink on top of the usual ones.
    pub sink: Value,
    /// Keys of the worker files on top of the usual ones.
    pub worker: Vec<(String, String)>,
}

impl Plan {
    /// Plans a chain with nothing unusual about it.
    pub fn new(name: &str, shape: Shape) -> Self {
        Self {
            name: name.to_owned(),
            shape,
            source: json!({}),
            mirror: json!({}),
            sink: json!({}),
            worker: Vec::new(),
        }
    }
}

/// One of the chain's connectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// PostgreSQL to Kafka.
    Source,
    /// Kafka to Kafka.
    Mirror,
    /// Kafka to PostgreSQL.
    Sink,
}

/// One of the two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The primary's site.
    East,
    /// The standby's site.
    West,
}

/// A chain and its workers, which are killed when it goes out of scope.
#[derive(Debug)]
pub struct Chain {
    lab: &'static Lab,
    plan: Plan,
    dir: PathBuf,
    ports: [u16; 2],
    workers: BTreeMap<&'static str, RunningWorker>,
    peers: Vec<Peer>,
    /// The worker of east's group that is asked, if not the first.
    speaker: Option<String>,
    http: Http,
}

impl Chain {
    /// Creates both databases, empty, and the worker files; starts nothing.
    ///
    /// # Errors
    /// If a server refuses.
    pub fn prepare(lab: &'static Lab, plan: Plan) -> Result<Self> {
        for site in [lab.east(), lab.west()] {
            site.postgres().create_database(&plan.name)?;
        }
        let dir = lab.dir().join("chains").join(&plan.name);
        std::fs::create_dir_all(&dir)?;
        let ports = [lab.free_port()?, lab.free_port()?];
        let http = Http::new()?;
        let chain = Self {
            lab,
            plan,
            dir,
            ports,
            workers: BTreeMap::new(),
            peers: Vec::new(),
            speaker: None,
            http,
        };
        for end in chain.ends() {
            let (url, kafka) = (chain.own_url(end), chain.site(end).kafka().bootstrap());
            std::fs::write(chain.worker_path(end), chain.worker_file(end, &url, &kafka))?;
        }
        Ok(chain)
    }

    /// Starts the workers and creates the connectors, and waits until all tasks run.
    ///
    /// # Errors
    /// If one does not.
    pub fn start(&mut self) -> Result<()> {
        for end in self.ends() {
            self.start_worker(end, None)?;
        }
        for part in self.parts() {
            self.create(part)?;
        }
        self.wait_running()
    }

    /// Starts a worker (again), to abort at a failpoint if one is named.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn start_worker(&mut self, end: End, crash_at: Option<&str>) -> Result<()> {
        let name = format!("{}-{}", self.plan.name, name_of(end));
        let mut worker =
            Worker::new(self.lab.dir(), &name, &self.worker_path(end)).url(&self.own_url(end));
        if let Some(point) = crash_at {
            worker = worker.crash_at(point);
        }
        self.workers.remove(name_of(end));
        let running = worker.describe()?;
        // One that is to crash may do so before it ever answers.
        if crash_at.is_some() {
            running.spawn()?
        } else {
            running.start()?
        }
        self.workers.insert(name_of(end), running);
        Ok(())
    }

    /// Returns the worker of an end.
    ///
    /// # Errors
    /// If it was never started.
    pub fn worker(&self, end: End) -> Result<&RunningWorker> {
        self.workers
            .get(name_of(end))
            .with_context(|| format!("no worker {end:?} was started"))
    }

    /// Creates or changes one of the connectors.
    ///
    /// # Errors
    /// If the worker refuses.
    pub fn create(&self, part: Part) -> Result<()> {
        self.put(part, &self.config(part))
    }

    /// Gives one of the connectors this configuration.
    ///
    /// # Errors
    /// If the worker refuses.
    pub fn put(&self, part: Part, config: &Value) -> Result<()> {
        let url = format!(
            "{}/connectors/{}/config",
            self.url_of(part),
            self.connector(part)
        );
        self.http.put(&url, config).map(drop)
    }

    /// Sends a command such as `PUT pause` or `POST restart` about a connector.
    ///
    /// # Errors
    /// If the worker refuses.
    pub fn tell(&self, part: Part, verb: &str, command: &str) -> Result<Value> {
        let url = format!(
            "{}/connectors/{}/{command}",
            self.url_of(part),
            self.connector(part)
        );
        match verb {
            "PUT" => self.http.put(&url, &json!({})),
            "POST" => self.http.post(&url, &json!({})),
            "DELETE" => self.http.delete(&url).map(|()| Value::Null),
            other => bail!("no verb {other}"),
        }
    }

    /// Moves a stopped connector's offsets as `body` says.
    ///
    /// # Errors
    /// If the worker refuses.
    pub fn patch_offsets(&self, part: Part, body: &Value) -> Result<()> {
        let name = self.connector(part);
        let url = format!("{}/connectors/{name}/offsets", self.url_of(part));
        self.http.patch(&url, body).map(drop)
    }

    /// Deletes a connector.
    ///
    /// # Errors
    /// If the worker refuses.
    pub fn delete(&self, part: Part) -> Result<()> {
        self.http.delete(&format!(
            "{}/connectors/{}",
            self.url_of(part),
            self.connector(part)
        ))
    }

    /// Returns a connector's status.
    ///
    /// # Errors
    /// If the worker does not answer.
    pub fn status(&self, part: Part) -> Result<Value> {
        self.http.get(&format!(
            "{}/connectors/{}/status",
            self.url_of(part),
            self.connector(part)
        ))
    }

    /// Waits until every task of every connector runs.
    ///
    /// # Errors
    /// If one does not in time, with its status.
    pub fn wait_running(&self) -> Result<()> {
        self.parts()
            .into_iter()
            .try_for_each(|part| self.wait_state(part, "RUNNING").map(drop))
    }

    /// Waits until all tasks of a connector are in a state, and returns the status.
    ///
    /// # Errors
    /// If they are not in time.
    pub fn wait_state(&self, part: Part, state: &str) -> Result<Value> {
        wait_for(&format!("{part:?} to be {state}"), PATIENCE, || {
            let status = self.status(part)?;
            let tasks = status["tasks"]
                .as_array()
                .map(Vec::as_slice)
                .unwrap_or_default();
            ensure!(
                !tasks.is_empty() && tasks.iter().all(|task| task["state"] == state),
                "its status is {status}"
            );
            Ok(Some(status))
        })
    }

    /// Waits until a connector's task has failed with the error `name`, returns its message, and
    /// makes sure that the tasks of the other connectors still run.
    ///
    /// # Errors
    /// If it does not fail so in time, or another one fails too.
    pub fn wait_failed(&self, part: Part, name: &str) -> Result<String> {
        let status = self.wait_state(part, "FAILED")?;
        let trace = status["tasks"][0]["trace"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        ensure!(
            trace.contains(name),
            "{part:?} failed, but not with {name}: {trace}"
        );
        for other in self.parts().into_iter().filter(|other| *other != part) {
            let status = self.status(other)?;
            ensure!(
                status["tasks"][0]["state"] == "RUNNING",
                "{other:?} was disturbed by the failure of {part:?}: {status}"
            );
        }
        Ok(trace)
    }

    /// Returns the URL of the primary's database.
    pub fn east(&self) -> String {
        self.lab.east().postgres().url(&self.plan.name)
    }

    /// Returns the URL of the standby's database.
    pub fn west(&self) -> String {
        self.lab.west().postgres().url(&self.plan.name)
    }

    /// Waits until the standby is streaming.
    ///
    /// # Errors
    /// If it is not in time.
    pub fn wait_streaming(&self) -> Result<()> {
        self.wait_alive(
            "select count(*) from walbridge.position where phase = 'streaming'",
            1,
        )
    }

    /// Does as [`wait_row`](Self::wait_row), but not beyond the failure of a task.
    ///
    /// # Errors
    /// If it does not in time or a task fails, with the states of all connectors.
    pub fn wait_alive(&self, query: &str, wanted: i64) -> Result<()> {
        self.wait_number(query, wanted, || self.check_alive())
    }

    fn wait_number(&self, query: &str, wanted: i64, check: impl Fn() -> Result<()>) -> Result<()> {
        let waited = wait_for(&format!("{query} to yield {wanted}"), 2 * PATIENCE, || {
            check()?;
            let found = Sql::connect(&self.west())?.number(query)?;
            ensure!(found >= wanted, "it yields {found}");
            Ok(Some(()))
        });
        waited.with_context(|| self.describe())
    }

    /// Fails if a task has failed for good; a worker that does not answer has not.
    ///
    /// # Errors
    /// [`Hopeless`] with the task's trace.
    pub fn check_alive(&self) -> Result<()> {
        for part in self.parts() {
            let Ok(status) = self.status(part) else {
                continue;
            };
            let task = &status["tasks"][0];
            if task["state"] == "FAILED" {
                bail!(Hopeless(format!("{part:?} failed: {}", task["trace"])));
            }
        }
        Ok(())
    }

    /// Waits until a query at the standby yields at least this number.
    ///
    /// # Errors
    /// If it does not in time, with the states of all connectors.
    pub fn wait_row(&self, query: &str, wanted: i64) -> Result<()> {
        self.wait_number(query, wanted, || Ok(()))
    }

    /// Waits until the whole snapshot is in east's Kafka.
    ///
    /// # Errors
    /// If it is not in time, with the states of all connectors.
    pub fn wait_snapshot(&self) -> Result<()> {
        let site = self.lab.east();
        let topic = format!("{}.transaction", self.plan.name);
        let waited = wait_for("the END of a snapshot", PATIENCE, || {
            let mut decoder = Decoder::new(&site.registry().url())?;
            let mut done = false;
            topic::read(&site.kafka().bootstrap(), &topic, |message| {
                let value = decoder.decode(message.payload().context("no value")?)?;
                let is_snapshot = text(&value, "id").is_some_and(|id| id.starts_with("snapshot:"));
                done |= is_snapshot && text(&value, "status") == Some("END");
                Ok(())
            })?;
            Ok(done.then_some(()))
        });
        waited.with_context(|| self.describe())
    }

    /// Waits until the source, past its snapshot, has confirmed everything that the primary has written by now, so that
    /// all of it is in east's Kafka.
    ///
    /// # Errors
    /// If it has not in time, with the states of all connectors.
    pub fn wait_confirmed(&self) -> Result<()> {
        self.wait_confirmed_at(&self.east())
    }

    /// Does as [`wait_confirmed`](Self::wait_confirmed) with the database at `url`.
    ///
    /// # Errors
    /// If it has not in time, with the states of all connectors.
    pub fn wait_confirmed_at(&self, url: &str) -> Result<()> {
        let sql = Sql::connect(url)?;
        let written: String = sql.one("select pg_current_wal_lsn()::text")?;
        let query = format!(
            "select count(*) from pg_replication_slots where slot_name = '{}' \
             and confirmed_flush_lsn >= '{written}'",
            self.plan.name
        );
        let waited = wait_for(&format!("the slot to be at {written}"), PATIENCE, || {
            Ok((sql.number(&query)? == 1).then_some(()))
        });
        waited.with_context(|| self.describe())
    }

    /// Waits until the standby has transaction `seq` of the recorder of truth.
    ///
    /// # Errors
    /// If it has not in time, with the states of all connectors.
    pub fn wait_seq(&self, seq: i64) -> Result<()> {
        self.wait_alive("select coalesce(max(seq), -1) from truth", seq)
    }

    /// Says in which state everything is.
    pub fn describe(&self) -> String {
        let mut words = String::new();
        for part in self.parts() {
            let status = self
                .status(part)
                .map_or_else(|e| format!("{e:#}"), |s| s.to_string());
            let _ = writeln!(words, "{part:?}: {status}");
        }
        for (name, worker) in &self.workers {
            let _ = writeln!(words, "worker {name}: …\n{}", worker.log_tail(15));
        }
        for peer in &self.peers {
            let _ = writeln!(
                words,
                "{}: …\n{}",
                peer.worker.name(),
                peer.worker.log_tail(15)
            );
        }
        for end in self.ends() {
            let kafka = self.site(end).kafka();
            let _ = writeln!(words, "{}: …\n{}", kafka.name(), kafka.trouble());
        }
        words
    }

    /// Returns the chain's name, the prefix of its topics.
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// Returns the connectors of this chain, in the order the events take.
    pub fn parts(&self) -> Vec<Part> {
        match self.plan.shape {
            Shape::SourceOnly => vec![Part::Source],
            Shape::OneSite => vec![Part::Source, Part::Sink],
            Shape::TwoSites => vec![Part::Source, Part::Mirror, Part::Sink],
        }
    }

    /// Returns the ends that have a worker.
    pub fn ends(&self) -> Vec<End> {
        match self.plan.shape {
            Shape::SourceOnly | Shape::OneSite => vec![End::East],
            Shape::TwoSites => vec![End::East, End::West],
        }
    }

    /// Returns the end whose worker runs a connector.
    pub fn end_of(&self, part: Part) -> End {
        match (self.plan.shape, part) {
            (Shape::SourceOnly | Shape::OneSite, _) | (_, Part::Source) => End::East,
            _ => End::West,
        }
    }

    /// Returns the site of an end.
    pub fn site(&self, end: End) -> &'static Site {
        match end {
            End::East => self.lab.east(),
            End::West => self.lab.west(),
        }
    }

    /// Returns the name of a connector.
    pub fn connector(&self, part: Part) -> String {
        let part = match part {
            Part::Source => "source",
            Part::Mirror => "mirror",
            Part::Sink => "sink",
        };
        format!("{}-{part}", self.plan.name)
    }

    fn own_url(&self, end: End) -> String {
        format!(
            "http://127.0.0.1:{}",
            self.ports[usize::from(end == End::West)]
        )
    }

    fn url_of(&self, part: Part) -> String {
        match (self.end_of(part), &self.speaker) {
            (End::East, Some(url)) => url.clone(),
            (end, _) => self.own_url(end),
        }
    }

    fn worker_path(&self, end: End) -> PathBuf {
        self.dir.join(format!("{}.toml", name_of(end)))
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        self.workers.clear();
        self.peers.clear();
        for site in [self.lab.east(), self.lab.west()] {
            // A server that a fault left dead is repaired, and its database forgotten, by the lab.
            let _ = site.postgres().drop_database(&self.plan.name);
        }
    }
}

fn name_of(end: End) -> &'static str {
    match end {
        End::East => "east",
        End::West => "west",
    }
}
