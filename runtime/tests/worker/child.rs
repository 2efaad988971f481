//! A worker with the test connectors in a process of its own, so that it can be killed: this test binary
//! run once more.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use walbridge::Worker;
use walbridge::secrets::Resolver;
use walbridge_lab::Lab;

use crate::connectors::catalog;
use crate::site::{SOON, anybody, config_with, kafka, wait};

const GROUP: &str = "WALBRIDGE_TEST_CHILD_GROUP";
const KEYS: &str = "WALBRIDGE_TEST_CHILD_KEYS";
const CRASH: &str = "WALBRIDGE_CRASH";

/// Describes a worker of a group, with these keys besides the usual ones.
pub(crate) struct ChildWorker {
    group: String,
    keys: Vec<(String, String)>,
    url: String,
    child: Option<Child>,
    /// How `ulimit` sets its file descriptors before it starts.
    limit: &'static str,
}

impl ChildWorker {
    pub(crate) fn new(group: &str, keys: &[(&str, &str)]) -> Self {
        let url = format!(
            "http://127.0.0.1:{}",
            Lab::shared().unwrap().free_port().unwrap()
        );
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let mut keys: Vec<_> = keys.iter().map(own).collect();
        keys.push(("listeners".into(), url.clone()));
        Self {
            group: group.into(),
            keys,
            url,
            child: None,
            limit: "",
        }
    }

    /// Has its file descriptors limited by `ulimit` with these arguments.
    pub(crate) fn limited(mut self, arguments: &'static str) -> Self {
        self.limit = arguments;
        self
    }

    /// Returns the soft and the hard limit of its file descriptors.
    pub(crate) fn descriptors(&self) -> (String, String) {
        let id = self.child.as_ref().unwrap().id();
        let limits = std::fs::read_to_string(format!("/proc/{id}/limits")).unwrap();
        let line = limits
            .lines()
            .find(|line| line.starts_with("Max open files"));
        let mut numbers = line.unwrap().split_whitespace().skip(3).map(str::to_owned);
        (numbers.next().unwrap(), numbers.next().unwrap())
    }

    /// Returns how many descriptors it has open.
    pub(crate) fn open_descriptors(&self) -> usize {
        let id = self.child.as_ref().unwrap().id();
        std::fs::read_dir(format!("/proc/{id}/fd")).unwrap().count()
    }

    /// Returns where it listens.
    pub(crate) fn address(&self) -> &str {
        self.url.split_once("://").unwrap().1
    }

    /// Starts it; it ends itself at the n-th pass of a point `name:n` if there is one.
    pub(crate) fn start(&mut self, crash: Option<&str>) {
        let limit = match self.limit {
            "" => String::new(),
            arguments => format!("ulimit {arguments} && "),
        };
        let child = Command::new("sh")
            .args(["-c", &format!("{limit}exec \"$@\""), "sh"])
            .arg(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "child::run_as_a_worker",
                "--ignored",
                "--nocapture",
            ])
            .env(GROUP, &self.group)
            .env(KEYS, serde_json::to_string(&self.keys).unwrap())
            .env(CRASH, crash.unwrap_or_default())
            // It is to use this lab, not to begin one.
            .env("WALBRIDGE_TEST_KAFKA", kafka())
            // It ends when this is closed, whatever becomes of this process.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.child = Some(child.unwrap());
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait_end(&mut self) {
        let until = Instant::now() + SOON;
        while self.child.as_mut().unwrap().try_wait().unwrap().is_none() {
            let all = "/connectors?expand=status";
            assert!(Instant::now() < until, "not in time: {:?}", self.get(all));
            std::thread::sleep(Duration::from_millis(20));
        }
        self.child = None;
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Puts a connector as soon as the worker is ready; one that crashes over it has taken it.
    pub(crate) fn put(&mut self, name: &str, config: &Value) {
        let url = format!("{}/connectors/{name}/config", self.url);
        wait("the connector to be taken", || {
            let ended = self.child.as_mut()?.try_wait().unwrap();
            let sent = anybody().put(&url).json(config).send();
            let taken = sent.is_ok_and(|answer| answer.status().is_success());
            (taken || ended.is_some()).then_some(())
        });
    }

    /// Returns what a path answers; `None` while nobody does.
    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        let http = crate::site::http()
            .timeout(Duration::from_secs(5))
            .build()
            .unwrap();
        let answer = http.get(format!("{}{path}", self.url)).send().ok()?;
        answer.json().ok()
    }
}

impl Drop for ChildWorker {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
#[ignore = "not a test: what ChildWorker runs"]
fn run_as_a_worker() {
    let Ok(group) = std::env::var(GROUP) else {
        return;
    };
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(1);
    });
    walbridge::crash::arm(std::env::var(CRASH).ok().as_deref());
    let keys: Vec<(String, String)> = serde_json::from_str(&std::env::var(KEYS).unwrap()).unwrap();
    let keys: Vec<_> = keys.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let worker = Worker::start(config_with(&group, &keys), catalog(), Resolver::new());
    worker.unwrap().join().unwrap();
}
