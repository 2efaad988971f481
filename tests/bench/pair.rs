//! Two sites with a worker each, and the connectors under test.

use std::cell::RefCell;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use walbridge_lab::{Http, Lab, Options, RunningWorker, Session, Site, wait_for};

use crate::Arguments;
use crate::backlog::TABLE;

/// How long a connector may take to start, stop or catch up with a small step.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// PostgreSQL's settings on top of the lab's: room for the backlog, and nothing that starts by
/// itself in the middle of a run. It keeps `fsync`.
const POSTGRES: [(&str, &str); 5] = [
    ("shared_buffers", "512MB"),
    ("max_wal_size", "20GB"),
    ("checkpoint_timeout", "1h"),
    ("autovacuum", "off"),
    ("track_commit_timestamp", "off"),
];

/// The servers and workers.
#[derive(Debug)]
pub(crate) struct Pair {
    lab: Lab,
    http: Http,
    workers: RefCell<Vec<(&'static str, RunningWorker)>>,
    settings: Vec<(String, String, String)>,
}

impl Pair {
    /// Starts two sites whose Java compiles fully, and no worker.
    pub(crate) fn start(arguments: &Arguments) -> Result<Self> {
        let mut options = Options::throwaway()?;
        if let Some(dir) = &arguments.dir {
            options.dir = std::path::absolute(dir)?;
        }
        options.fast = true;
        options.postgres = POSTGRES
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
        let lab = Lab::start(options, &|text| eprintln!("lab: {text}"))?;
        let settings: Result<Vec<_>> = arguments
            .settings
            .iter()
            .map(|text| setting(text))
            .collect();
        Ok(Self {
            lab,
            http: Http::new()?,
            workers: RefCell::default(),
            settings: settings?,
        })
    }

    /// Returns the site of the primary.
    pub(crate) fn east(&self) -> &Site {
        self.lab.east()
    }

    /// Returns the site of the standby.
    pub(crate) fn west(&self) -> &Site {
        self.lab.west()
    }

    /// Starts the worker of a site, unless it runs.
    pub(crate) fn start_worker(&self, site: &'static str) -> Result<()> {
        if self.workers.borrow().iter().any(|(name, _)| *name == site) {
            return Ok(());
        }
        let here = self.lab.site(site)?;
        let file = self.lab.dir().join(format!("{site}-worker.toml"));
        std::fs::write(&file, worker_file(here, &format!("bench-{site}")))?;
        let worker = self
            .lab
            .worker(&format!("{site}-worker"), &file)
            .url(&here.connect_url())
            .start()?;
        self.workers.borrow_mut().push((site, worker));
        Ok(())
    }

    /// Describes a worker of a group of its own at east's place, which is not started yet.
    pub(crate) fn worker(&self, group: &str) -> Result<RunningWorker> {
        let here = self.lab.east();
        let file = self.lab.dir().join(format!("{group}.toml"));
        std::fs::write(&file, worker_file(here, group))?;
        self.lab
            .worker(group, &file)
            .url(&here.connect_url())
            .describe()
    }

    /// Makes a folder.
    pub(crate) fn folder(&self, name: &str) -> Result<std::path::PathBuf> {
        let folder = self.lab.dir().join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Creates a connector or changes its configuration, and waits until its tasks run.
    pub(crate) fn configure(&self, site: &str, connector: &str, config: &Value) -> Result<()> {
        let mut config: Map<String, Value> = config.as_object().cloned().unwrap_or_default();
        for (name, key, value) in &self.settings {
            if name == connector {
                config.insert(key.clone(), Value::from(value.as_str()));
            }
        }
        self.asking(site, |http, url| {
            http.put(
                &format!("{url}/{connector}/config"),
                &Value::Object(config.clone()),
            )?;
            wait_for(&format!("{connector} to run"), SOON, || {
                let status = http.get(&format!("{url}/{connector}/status"))?;
                let state = status["tasks"][0]["state"].as_str();
                ensure!(state != Some("FAILED"), "it has failed: {status}");
                Ok((state == Some("RUNNING")).then_some(()))
            })
        })
    }

    /// Lets a stopped connector run; returns at once.
    pub(crate) fn resume(&self, site: &str, connector: &str) -> Result<()> {
        self.asking(site, |http, url| {
            http.put(&format!("{url}/{connector}/resume"), &json!({}))
                .map(drop)
        })
    }

    /// Stops a connector and waits until it has no tasks.
    pub(crate) fn stop(&self, site: &str, connector: &str) -> Result<()> {
        self.asking(site, |http, url| {
            http.put(&format!("{url}/{connector}/stop"), &json!({}))?;
            wait_for(&format!("{connector} to stop"), SOON, || {
                let status = http.get(&format!("{url}/{connector}/status"))?;
                let idle = status["tasks"].as_array().is_none_or(Vec::is_empty);
                Ok((idle && status["connector"]["state"] == "STOPPED").then_some(()))
            })
        })
    }

    /// Deletes a connector.
    pub(crate) fn delete(&self, site: &str, connector: &str) -> Result<()> {
        self.asking(site, |http, url| http.delete(&format!("{url}/{connector}")))
    }

    /// Fails with the cause if a connector's task has failed.
    pub(crate) fn check(&self, site: &str, connector: &str) -> Result<()> {
        self.asking(site, |http, url| {
            let status = http.get(&format!("{url}/{connector}/status"))?;
            let mut tasks = status["tasks"].as_array().into_iter().flatten();
            let failed = tasks.any(|task| task["state"] == "FAILED");
            ensure!(!failed, "{connector} has failed: {status}");
            Ok(())
        })
    }

    fn asking<T>(&self, site: &str, ask: impl FnOnce(&Http, &str) -> Result<T>) -> Result<T> {
        let url = format!("{}/connectors", self.lab.site(site)?.connect_url());
        ask(&self.http, &url).with_context(|| {
            let workers = self.workers.borrow();
            let worker = workers.iter().find(|(name, _)| *name == site);
            worker.map_or_else(
                || format!("{site}'s worker does not run"),
                |(_, worker)| format!("{site}'s log ends with:\n{}", worker.log_tail(20)),
            )
        })
    }

    /// Lists the processes that take part, with names that begin with their site.
    pub(crate) fn processes(&self) -> Vec<(String, u32)> {
        let mut found = Vec::new();
        for site in [self.east(), self.west()] {
            let name = site.name();
            found.extend(
                site.postgres()
                    .pid()
                    .map(|pid| (format!("{name} postgres, rest"), pid)),
            );
            found.extend(site.kafka().pid().map(|pid| (format!("{name} Kafka"), pid)));
            found.extend(
                site.registry()
                    .pid()
                    .map(|pid| (format!("{name} registry"), pid)),
            );
        }
        for (site, worker) in self.workers.borrow().iter() {
            found.extend(worker.pid().map(|pid| (format!("{site} worker"), pid)));
        }
        found
    }

    /// Returns the largest resident memory so far of every process but PostgreSQL's, whose shared
    /// buffers count in each.
    pub(crate) fn peaks(&self) -> Vec<(String, u64)> {
        let processes = self.processes().into_iter();
        let others = processes.filter(|(name, _)| !name.contains("postgres"));
        others
            .map(|(name, pid)| (name, walbridge_lab::usage(pid).peak))
            .collect()
    }

    /// Describes the source of a database in east.
    pub(crate) fn source(&self, database: &str, arguments: &Arguments) -> Value {
        let east = self.east();
        json!({
            "connector.class": "PostgresSource",
            "database.hostname": "127.0.0.1",
            "database.port": east.postgres().port().to_string(),
            "database.user": walbridge_lab::USER,
            "database.password": walbridge_lab::PASSWORD,
            "database.dbname": database,
            "topic.prefix": database,
            "slot.name": format!("walbridge_{database}"),
            "publication.name": format!("walbridge_{database}"),
            "table.include.list": format!("public.{TABLE}"),
            "topic.creation.default.partitions": arguments.partitions.to_string(),
            "topic.creation.default.replication.factor": "1",
            "schema.registry.url": east.registry().url(),
        })
    }

    /// Opens a session in a new, empty database.
    pub(crate) fn database(site: &Site, name: &str) -> Result<Session> {
        site.postgres().create_database(name)?;
        site.postgres().session(name)
    }
}

fn setting(text: &str) -> Result<(String, String, String)> {
    let (name, value) = text
        .split_once('=')
        .with_context(|| format!("{text:?}: wanted CONNECTOR.KEY=VALUE"))?;
    let (connector, key) = name
        .split_once('.')
        .with_context(|| format!("{text:?}: wanted CONNECTOR.KEY=VALUE"))?;
    Ok((connector.to_owned(), key.to_owned(), value.to_owned()))
}

fn worker_file(site: &Site, group: &str) -> String {
    format!(
        "group.id = \"{group}\"\n\
         bootstrap.servers = \"{kafka}\"\n\
         listeners = \"http://127.0.0.1:{port}\"\n\
         config.storage.topic = \"{group}-configs\"\n\
         config.storage.replication.factor = 1\n\
         offset.storage.topic = \"{group}-offsets\"\n\
         offset.storage.replication.factor = 1\n\
         offset.storage.partitions = 1\n\
         status.storage.topic = \"{group}-status\"\n\
         status.storage.replication.factor = 1\n\
         status.storage.partitions = 1\n",
        kafka = site.kafka().bootstrap(),
        port = site.ports().connect,
    )
}
