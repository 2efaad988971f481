//! One of the two that are asked, and what it answers.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use reqwest::blocking::Client;
use reqwest::header::{ALLOW, CONTENT_TYPE, HeaderMap, LOCATION};
use serde_json::Value;
use walbridge_lab::wait_for;

use crate::normal;
use crate::script::{Request, Step};

/// How long a connector may take to get into a state.
const SOON: Duration = Duration::from_secs(30);

/// Words by which Connect asks to be asked again.
const BUSY: [&str; 2] = ["a rebalance is expected", "conflicting operation"];

/// One who is asked.
pub(crate) struct Side {
    /// Stands for `SIDE` in the script.
    name: String,
    url: String,
    dir: PathBuf,
    http: Client,
}

/// An answer in the form in which the two are compared.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) allow: Option<String>,
    pub(crate) body: Value,
}

impl Side {
    /// Describes the side that answers at `url`, and makes its folder below `dir`.
    pub(crate) fn new(name: &str, url: &str, dir: &Path) -> Result<Self> {
        let dir = dir.join(name);
        std::fs::create_dir_all(&dir)?;
        std::fs::write(dir.join("in.txt"), "one\ntwo\nthree\n")?;
        let http = Client::builder()
            .no_proxy()
            // Connect closes a connection after a path that it refuses, without a word.
            .pool_max_idle_per_host(0)
            .timeout(SOON * 2)
            .build()?;
        let (name, url) = (name.to_owned(), url.to_owned());
        Ok(Self {
            name,
            url,
            dir,
            http,
        })
    }

    /// Takes all steps and returns what each request was answered with.
    pub(crate) fn run(&self, steps: &[Step]) -> Result<Vec<Answer>> {
        let mut answers = Vec::new();
        for step in steps {
            match step {
                Step::Ask(request) => {
                    let started = Instant::now();
                    let answer = self.ask(request);
                    let answer =
                        answer.with_context(|| format!("{}: {}", self.name, request.line()))?;
                    if started.elapsed() > Duration::from_secs(1) {
                        eprintln!(
                            "{}: {:?} for {}",
                            self.name,
                            started.elapsed(),
                            request.line()
                        );
                    }
                    answers.push(answer);
                }
                Step::Wait(path, pointer, value) => self.wait(path, pointer, value)?,
                Step::Settle => self.settle()?,
            }
        }
        Ok(answers)
    }

    /// Sends a request, again if it is only not the moment for it.
    fn ask(&self, request: &Request) -> Result<Answer> {
        let until = Instant::now() + SOON;
        loop {
            let (status, headers, text) = self.send(request)?;
            let busy = matches!(status, 409 | 500) && BUSY.iter().any(|words| text.contains(words));
            if !busy || Instant::now() > until {
                return Ok(self.normal(request, status, &headers, &text));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn send(&self, request: &Request) -> Result<(u16, HeaderMap, String)> {
        let url = format!("{}{}", self.url, self.own(&request.path));
        let mut asked = self.http.request(request.method.parse()?, url);
        let own_type = request
            .headers
            .iter()
            .find(|(name, _)| name == "Content-Type");
        if request.body.is_some() && own_type.is_none() {
            asked = asked.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in request
            .headers
            .iter()
            .filter(|(_, value)| !value.is_empty())
        {
            asked = asked.header(name, value);
        }
        if let Some(body) = &request.body {
            asked = asked.body(self.own(body));
        }
        let answer = asked.send()?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Ok((status, headers, answer.text()?))
    }

    /// Returns text of the script as this side is to see it.
    fn own(&self, text: &str) -> String {
        text.replace("SIDE", &self.name)
            .replace("DIR", &self.dir.display().to_string())
    }

    fn normal(&self, request: &Request, status: u16, headers: &HeaderMap, text: &str) -> Answer {
        let plain = |text: &str| {
            let host = self.url.trim_start_matches("http://");
            text.replace(&self.dir.display().to_string(), "DIR")
                .replace(host, "<worker>")
                .replace(&self.name, "SIDE")
        };
        let header = |name| {
            let value = headers.get(name)?;
            Some(plain(&String::from_utf8_lossy(value.as_bytes())))
        };
        let text = normal::columns(&plain(text));
        let body = match serde_json::from_str(&text) {
            Ok(json) => normal::body(json),
            Err(_) if request.method == "OPTIONS" => normal::verbs(&text).into(),
            Err(_) => Value::String(text),
        };
        Answer {
            status,
            content_type: header(CONTENT_TYPE),
            location: header(LOCATION),
            allow: header(ALLOW).map(|verbs| normal::verbs(&verbs)),
            body,
        }
    }

    fn get(&self, path: &str) -> Result<Value> {
        let answer = self.http.get(format!("{}{path}", self.url)).send()?;
        let (status, text) = (answer.status(), answer.text()?);
        ensure!(status.is_success(), "{status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    fn wait(&self, path: &str, pointer: &str, value: &str) -> Result<()> {
        let (path, pointer, value) = (self.own(path), self.own(pointer), self.own(value));
        wait_for(&format!("{path}: {pointer} to be {value}"), SOON, || {
            let answer = self.get(&path)?;
            let found = answer.pointer(&pointer).map(|found| match found {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            if found.as_ref() == Some(&value) {
                Ok(Some(()))
            } else {
                bail!("it is {answer}")
            }
        })
    }

    /// Waits until no connector and no task is on its way into another state.
    fn settle(&self) -> Result<()> {
        let mut before = String::new();
        let mut since = Instant::now();
        wait_for("everything to settle", SOON, || {
            let mut all = self.get("/connectors?expand=status")?;
            // What a task counts goes on all the time.
            for connector in all
                .as_object_mut()
                .into_iter()
                .flat_map(|all| all.values_mut())
            {
                let tasks = connector["status"]["tasks"].as_array_mut();
                for task in tasks.into_iter().flatten() {
                    task.as_object_mut().map(|task| task.remove("details"));
                }
            }
            let all = all.to_string();
            let moving = ["RESTARTING", "UNASSIGNED"]
                .iter()
                .any(|state| all.contains(state));
            if moving || all != before {
                (before, since) = (all, Instant::now());
            }
            let still = since.elapsed() > Duration::from_millis(300);
            ensure!(still, "it has just been {before}");
            Ok(Some(()))
        })
    }
}
