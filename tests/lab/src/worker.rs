//! A walbridge worker as a child process.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::deadline::wait_for;
use crate::http::Http;
use crate::process::Signal;
use crate::server::{Program, Server};

/// Describes a worker before it starts.
#[derive(Debug, Clone)]
pub struct Worker {
    dir: PathBuf,
    name: String,
    binary: Option<PathBuf>,
    file: PathBuf,
    url: Option<String>,
    env: Vec<(String, String)>,
    limits: Vec<String>,
}

impl Worker {
    /// Describes the worker `name` of the lab in `dir` with its worker file.
    pub fn new(dir: &Path, name: &str, file: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            name: name.to_owned(),
            binary: None,
            file: file.to_owned(),
            url: None,
            env: Vec::new(),
            limits: Vec::new(),
        }
    }

    /// Names another executable than [`binary`]'s.
    pub fn binary(mut self, path: &Path) -> Self {
        self.binary = Some(path.to_owned());
        self
    }

    /// Names the URL of its REST API; readiness is then that `GET /` answers 200.
    pub fn url(mut self, url: &str) -> Self {
        self.url = Some(url.trim_end_matches('/').to_owned());
        self
    }

    /// Adds a variable to its environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds variables to its environment.
    pub fn envs(mut self, pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        self.env.extend(pairs);
        self
    }

    /// Makes it abort when it passes a failpoint: `name`, or `name:n` for the n-th pass.
    pub fn crash_at(self, point: &str) -> Self {
        self.env("WALBRIDGE_CRASH", point)
    }

    /// Limits its address space, in bytes (`prlimit --as`).
    pub fn limit_memory(mut self, bytes: u64) -> Self {
        self.limits.push(format!("--as={bytes}"));
        self
    }

    /// Starts it and waits until its REST API answers.
    pub fn start(self) -> Result<RunningWorker> {
        let running = self.describe()?;
        running.start()?;
        Ok(running)
    }

    /// Starts it without waiting.
    pub fn spawn(self) -> Result<RunningWorker> {
        let running = self.describe()?;
        running.spawn()?;
        Ok(running)
    }

    /// Returns the handle of a worker without starting it.
    pub fn describe(self) -> Result<RunningWorker> {
        let binary = match self.binary {
            Some(path) => path,
            None => binary()?,
        };
        let mut args = vec!["worker".to_owned(), self.file.display().to_string()];
        let path = if self.limits.is_empty() {
            binary
        } else {
            // prlimit sets the limit and becomes the worker: the process id stays.
            args.insert(0, binary.display().to_string());
            args.splice(0..0, self.limits);
            PathBuf::from("prlimit")
        };
        let program = Program {
            name: self.name,
            path,
            args,
            env: self.env,
            user: None,
            stop: Signal::Term,
        };
        let http = Http::new()?;
        let url = self.url;
        let root = url.as_ref().map(|url| format!("{url}/"));
        let probe = http.clone();
        let ready = move || match &root {
            None => Ok(()),
            Some(root) => match probe.status(root)? {
                200 => Ok(()),
                status => bail!("{root} answers {status}"),
            },
        };
        Ok(RunningWorker {
            server: Server::new(program, &self.dir, ready),
            url,
            http,
            owned: true,
        })
    }
}

/// A worker's process, killed when this goes out of scope unless it was [`detached`].
///
/// [`detached`]: RunningWorker::detach
#[derive(Debug)]
pub struct RunningWorker {
    server: Server,
    url: Option<String>,
    http: Http,
    owned: bool,
}

impl RunningWorker {
    /// Lets the process go on after this value.
    pub fn detach(&mut self) {
        self.owned = false;
    }

    /// Creates or changes a connector and returns the answer.
    pub fn put_connector(&self, name: &str, config: &Value) -> Result<Value> {
        self.http.put(
            &format!("{}/connectors/{name}/config", self.rest()?),
            config,
        )
    }

    /// Returns the answer of a GET below the REST API's root, such as `/connectors`.
    pub fn get(&self, path: &str) -> Result<Value> {
        self.http.get(&format!("{}{path}", self.rest()?))
    }

    /// Returns what the worker says of how it is, whether that is well or not.
    pub fn health(&self) -> Result<Value> {
        self.http.any(&format!("{}/health", self.rest()?))
    }

    /// Returns the worker's metrics as Prometheus reads them.
    pub fn metrics(&self) -> Result<String> {
        self.http.text(&format!("{}/metrics", self.rest()?))
    }

    /// Waits until a connector and its tasks are in this state, such as `RUNNING` or `FAILED`,
    /// and returns the status.
    pub fn wait_state(&self, connector: &str, state: &str, limit: Duration) -> Result<Value> {
        wait_for(&format!("{connector} to be {state}"), limit, || {
            let status = self.get(&format!("/connectors/{connector}/status"))?;
            let tasks = status.pointer("/tasks").and_then(Value::as_array);
            let reached = tasks.is_some_and(|tasks| {
                !tasks.is_empty() && tasks.iter().all(|task| task["state"] == state)
            });
            if reached {
                Ok(Some(status))
            } else {
                bail!("its status is {status}")
            }
        })
    }

    fn rest(&self) -> Result<&str> {
        self.url
            .as_deref()
            .context("this worker was described without a URL")
    }
}

impl Deref for RunningWorker {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Drop for RunningWorker {
    fn drop(&mut self) {
        if self.owned {
            // The lab's reaper ends what this could not.
            let _ = self.server.kill();
        }
    }
}

/// Returns the walbridge executable: `$WALBRIDGE_LAB_BIN`, else the one that stands beside this test
/// or program in Cargo's target folder. The first call from a test builds it if it is missing.
pub fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("WALBRIDGE_LAB_BIN") {
        return Ok(path.into());
    }
    let me = std::env::current_exe()?;
    let dir = me.ancestors().skip(1).find(|dir| !dir.ends_with("deps"));
    let path = dir.context("this program has no folder")?.join("walbridge");
    if !path.exists() {
        bail!(
            "{} is not there: cargo build -p walbridge --features failpoints",
            path.display()
        );
    }
    Ok(path)
}

/// Runs `walbridge` with these arguments to its end and returns its exit code and output.
pub fn run(args: &[&str], env: &[(&str, &str)]) -> Result<(Option<i32>, String)> {
    let output = Command::new(binary()?)
        .args(args)
        .envs(env.iter().copied())
        .output()?;
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Ok((output.status.code(), text))
}
