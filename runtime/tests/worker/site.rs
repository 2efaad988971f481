//! A broker, workers of our own group on it, and what is in its topics.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use reqwest::blocking::{Client, ClientBuilder};
use serde_json::Value;
use walbridge::Worker;
use walbridge::config::WorkerConfig;
use walbridge::secrets::Resolver;
use walbridge_connector_api::{Batch, StartAt, TopicPartition};
use walbridge_kafka::{ClientConfig, Consumer};

use crate::connectors::catalog;
use crate::contract::Contract;

pub(crate) const SOON: Duration = Duration::from_secs(30);

pub(crate) fn kafka() -> String {
    std::env::var("WALBRIDGE_TEST_KAFKA").unwrap_or_else(|_| {
        walbridge_lab::Lab::shared()
            .unwrap()
            .east()
            .kafka()
            .bootstrap()
    })
}

pub(crate) fn client() -> ClientConfig {
    ClientConfig::new(kafka())
}

/// Returns a name that no other test uses.
pub(crate) fn name(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let since = std::time::UNIX_EPOCH.elapsed().unwrap().as_micros();
    format!("{what}-{since}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Waits until `holds` answers something.
pub(crate) fn wait<T>(what: &str, mut holds: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + SOON;
    loop {
        if let Some(value) = holds() {
            return value;
        }
        assert!(Instant::now() < until, "{what}: not in time");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A worker in this process.
pub(crate) struct Running {
    worker: Option<Worker>,
    pub(crate) group: String,
    pub(crate) url: String,
    http: Client,
}

/// What a request was answered with.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    pub(crate) fn message(&self) -> String {
        let body = self.json();
        assert_eq!(body["error_code"], self.status, "{body}");
        body["message"].as_str().unwrap().to_owned()
    }
}

/// Returns the text of a worker file of this group.
pub(crate) fn worker_file(group: &str) -> String {
    format!(
        "group.id = \"{group}\"\nbootstrap.servers = \"{}\"\nlisteners = \"http://127.0.0.1:0\"\n\
         config.storage.topic = \"{group}-configs\"\noffset.storage.topic = \"{group}-offsets\"\n\
         status.storage.topic = \"{group}-status\"\noffset.storage.partitions = 3\n\
         config.storage.replication.factor = 1\noffset.storage.replication.factor = 1\n\
         status.storage.replication.factor = 1\n",
        kafka()
    )
}

/// Reads the worker file of this group.
pub(crate) fn config(group: &str) -> WorkerConfig {
    config_with(group, &[])
}

/// Reads the worker file of this group with these keys laid over it.
pub(crate) fn config_with(group: &str, keys: &[(&str, &str)]) -> WorkerConfig {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("worker.toml");
    std::fs::write(&file, worker_file(group)).unwrap();
    let env: BTreeMap<String, String> = keys
        .iter()
        .map(|(key, value)| {
            let name = format!("WALBRIDGE_{}", key.to_uppercase().replace('.', "_"));
            (name, (*value).to_owned())
        })
        .collect();
    WorkerConfig::load(&file, &env).unwrap()
}

pub(crate) fn start(group: &str) -> Running {
    start_with(group, &[])
}

/// Starts a worker with these keys besides the usual ones.
pub(crate) fn start_with(group: &str, keys: &[(&str, &str)]) -> Running {
    start_for(group, keys, anybody())
}

/// Begins a client.
pub(crate) fn http() -> ClientBuilder {
    // Fails only if the process has one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().timeout(SOON)
}

/// Returns a client that says nothing of who it is.
pub(crate) fn anybody() -> Client {
    http().build().unwrap()
}

/// Starts a worker that is talked to through this client.
pub(crate) fn start_for(group: &str, keys: &[(&str, &str)], http: Client) -> Running {
    let config = config_with(group, keys);
    let scheme = if config.listeners[0].tls {
        "https"
    } else {
        "http"
    };
    let resolver = Resolver::with_env(|name| match name {
        "TOPIC_SECRET" => Some("swordfish".into()),
        "GATE" => Some(crate::apart::gate()),
        _ => None,
    });
    let worker = Worker::start(config, catalog(), resolver).unwrap();
    let url = format!("{scheme}://127.0.0.1:{}", worker.addresses()[0].port());
    let running = Running {
        worker: Some(worker),
        group: group.into(),
        url,
        http,
    };
    wait("the worker to be ready", || {
        // Its API answers before the group has heard of it.
        let ready = running.get("/").status == 200 && running.get("/health").status == 200;
        ready.then_some(())
    });
    running
}

impl Running {
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<&str>) -> Answer {
        let json: &[(&str, &str)] = &[("content-type", "application/json")];
        let headers = if body.is_some() { json } else { &[] };
        self.request(method, path, headers, body)
    }

    /// Sends a request with these headers and no others.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Answer {
        self.request_by(&self.http, method, path, headers, body)
            .unwrap()
    }

    /// Sends a request through another client.
    pub(crate) fn request_by(
        &self,
        http: &Client,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> reqwest::Result<Answer> {
        let verb = method.to_owned();
        let method = method.parse().unwrap();
        let mut request = http.request(method, format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body.to_owned());
        }
        let response = request.send()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let answer = Answer {
            status,
            headers,
            text: response.text()?,
        };
        self.contract().check(&verb, path, &answer);
        Ok(answer)
    }

    /// Returns what the API says of itself.
    pub(crate) fn contract(&self) -> &'static Contract {
        Contract::of(|| {
            let url = format!("{}/openapi.json", self.url);
            self.http.get(url).send().unwrap().text().unwrap()
        })
    }

    /// Returns where it listens.
    pub(crate) fn address(&self) -> &str {
        self.url.split_once("://").unwrap().1
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None)
    }

    pub(crate) fn create(&self, name: &str, config: &Value) -> Answer {
        let body = serde_json::json!({ "name": name, "config": config }).to_string();
        self.send("POST", "/connectors", Some(&body))
    }

    pub(crate) fn status(&self, name: &str) -> Value {
        self.get(&format!("/connectors/{name}/status")).json()
    }

    /// Waits until task 0 is in this state, and returns it.
    pub(crate) fn task(&self, name: &str, state: &str) -> Value {
        wait(&format!("task of {name} to be {state}"), || {
            let task = self.status(name)["tasks"][0].clone();
            (task["state"] == state).then_some(task)
        })
    }

    /// Ends the worker in good order and returns how long that took.
    pub(crate) fn stop(mut self) -> Duration {
        self.end()
    }

    fn end(&mut self) -> Duration {
        let Some(worker) = self.worker.take() else {
            return Duration::ZERO;
        };
        let began = Instant::now();
        worker.stopper().stop();
        worker.join().unwrap();
        began.elapsed()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.end();
        }
    }
}

/// Reads a topic at read_committed until `enough`, as (key, value) texts.
pub(crate) fn read(
    topic: &str,
    partitions: i32,
    enough: impl Fn(&[(String, Option<String>)]) -> bool,
) -> Vec<(String, Option<String>)> {
    let mut consumer = Consumer::new(&client()).unwrap();
    let all: Vec<_> = (0..partitions)
        .map(|partition| {
            (
                TopicPartition {
                    topic: Arc::from(topic),
                    partition,
                },
                StartAt::Beginning,
            )
        })
        .collect();
    consumer.assign(&all).unwrap();
    let mut found = Vec::new();
    let mut batch = Batch::default();
    wait(&format!("enough in {topic}"), || {
        batch.clear();
        consumer
            .poll(&mut batch, 1 << 20, Duration::from_millis(200))
            .unwrap();
        for record in batch.records() {
            let text = |span| {
                batch
                    .bytes(span)
                    .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            };
            found.push((text(record.key).unwrap_or_default(), text(record.value)));
        }
        enough(&found).then_some(())
    });
    found
}
